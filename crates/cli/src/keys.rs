//! For whom backups are encrypted, and what opens them again.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use dbbackup::{Cancel, Error, ErrorKind, Passphrase, Recipients, Result, Run, Store, head};
use fs_err as fs;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::ask::wait_for_answer;

/// Reads what `--encrypt` was given, each `openpgp:KEY`.
pub(crate) fn recipients(typed: &[String]) -> Result<Recipients> {
    if typed.is_empty() {
        return Ok(Recipients::Everybody);
    }
    let keys = typed.iter().map(|recipient| match recipient.split_once(':') {
        Some(("openpgp", key)) if !key.trim().is_empty() => Ok(key.to_owned()),
        Some(("age", _)) => Err(Error::new(ErrorKind::Unsupported, "cannot encrypt with age: not in this version")
            .hint("encrypt for an OpenPGP key: --encrypt openpgp:KEY")),
        _ => Err(Error::new(ErrorKind::Config, format!("cannot encrypt for `{recipient}`")).subject(recipient).hint(
            "write --encrypt openpgp:KEY, with a fingerprint, key id, address or name that `gpg --list-keys` knows",
        )),
    });
    Ok(Recipients::Openpgp { keys: keys.collect::<Result<_>>()?, always_trust: always_trust() })
}

/// Returns the passphrase in `file`, else the one in `$DBBACKUP_PASSPHRASE`.
pub(crate) fn passphrase(file: Option<&Path>) -> Result<Option<Passphrase>> {
    let Some(path) = file else {
        let given = std::env::var("DBBACKUP_PASSPHRASE").ok().filter(|text| !text.is_empty());
        return given.map(Passphrase::new).transpose();
    };
    let text = fs::read_to_string(path).map_err(|source| {
        Error::new(ErrorKind::Config, "cannot read the passphrase").subject(path.display()).because(source)
    })?;
    // An editor ends the last line.
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() { Ok(None) } else { Passphrase::new(text).map(Some) }
}

/// Gives the run the passphrase that the backup `name` needs: on a terminal it is asked for, three times.
///
/// # Errors
///
/// What keeps the backup from being opened, but for a missing passphrase where nobody can be asked.
pub(crate) fn unlock(name: &str, store: &dyn Store, run: &mut Run) -> Result<()> {
    if run.passphrase.is_some() || !io::stdin().is_terminal() {
        return Ok(());
    }
    for _ in 0..ATTEMPTS {
        match head(name, store, run) {
            Err(error) if error.kind() == ErrorKind::Passphrase => {
                if run.passphrase.is_some() {
                    let _closed = writeln!(io::stderr(), "That is not the passphrase.");
                }
                run.passphrase = ask(name, &run.cancel)?;
            }
            result => return result.map(drop),
        }
    }
    Ok(())
}

/// Asks for a passphrase, which nobody sees; `None` for an empty line.
fn ask(name: &str, cancel: &Cancel) -> Result<Option<Passphrase>> {
    let echo = NoEcho::start()?;
    let mut error = io::stderr().lock();
    let _closed = write!(error, "Passphrase for `{name}`: ").and_then(|()| error.flush());
    let answer = wait_for_answer(cancel).map(|()| {
        let mut answer = String::new();
        let _closed = io::stdin().read_line(&mut answer);
        answer
    });
    drop(echo);
    let _closed = writeln!(error);
    let answer = answer?;
    let answer = answer.trim_end_matches(['\n', '\r']);
    if answer.is_empty() { Ok(None) } else { Passphrase::new(answer).map(Some) }
}

/// A terminal that does not show what is typed, until it is dropped.
struct NoEcho(Termios);

impl NoEcho {
    /// Fails where the terminal would show it: a passphrase is not asked for there.
    fn start() -> Result<Self> {
        let failed = |source| {
            Error::new(ErrorKind::Passphrase, "cannot ask for the passphrase: the terminal would show it")
                .because(source)
                .hint("give it with --passphrase-file FILE or in DBBACKUP_PASSPHRASE")
        };
        let before = tcgetattr(io::stdin()).map_err(failed)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent).map_err(failed)?;
        Ok(Self(before))
    }
}

impl Drop for NoEcho {
    fn drop(&mut self) {
        // A terminal that is gone has nothing to show.
        let _gone = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}

fn always_trust() -> bool {
    let given = std::env::var("DBBACKUP_GPG_ALWAYS_TRUST").unwrap_or_default();
    matches!(given.to_lowercase().as_str(), "1" | "true" | "yes" | "on")
}

/// How often a passphrase is asked for.
const ATTEMPTS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_has_its_kind_before_it() {
        let typed =
            |recipients: &[&str]| self::recipients(&recipients.iter().map(|&one| one.into()).collect::<Vec<_>>());
        let keys = |recipients: &[&str]| match typed(recipients).unwrap() {
            Recipients::Openpgp { keys, .. } => keys,
            Recipients::Everybody => Vec::new(),
        };
        assert!(keys(&[]).is_empty());
        assert_eq!(keys(&["openpgp:ada@example.org", "openpgp:0xAB"]), ["ada@example.org", "0xAB"]);
        for wrong in ["ada@example.org", "openpgp:", "openpgp: ", "gpg:ada"] {
            assert_eq!(typed(&[wrong]).unwrap_err().kind(), ErrorKind::Config, "{wrong}");
        }
        assert_eq!(typed(&["age:age1xyz"]).unwrap_err().kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn a_passphrase_file_ends_with_or_without_a_line_break() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        for text in ["geheim ä", "geheim ä\n", "geheim ä\r\n"] {
            fs::write(&path, text).unwrap();
            assert!(passphrase(Some(&path)).unwrap().is_some());
        }
        fs::write(&path, "canary\nsecond\n").unwrap();
        let error = passphrase(Some(&path)).unwrap_err();
        assert!(!error.to_string().contains("canary"));
        assert_eq!(passphrase(Some(Path::new("/nowhere"))).unwrap_err().kind(), ErrorKind::Config);
    }
}
