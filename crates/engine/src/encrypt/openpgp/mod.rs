//! OpenPGP through the user's own `gpg`: its key ring, trust, agent and cards are GnuPG's business.

mod keys;
mod packet;
mod status;

use std::io::{self, Read};
use std::process::{Command, Stdio};

use zeroize::Zeroizing;

use crate::child::Running;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::piped::Piped;
use crate::run::Run;
pub(super) use packet::is_message;

/// Encrypts `small` for `names`, each of which must mean exactly one key.
pub(super) fn seal<'a>(
    small: Box<dyn Read + Send + 'a>,
    names: &[String],
    always_trust: bool,
    run: &Run,
) -> Result<impl Read + Send + use<'a>> {
    let trust: &[&str] = if always_trust { &["--trust-model", "always"] } else { &[] };
    let mut command = gpg(trust);
    // `-z 0`: what is worth it was compressed before. A gpg.conf may ask for armor, which is a third larger, or for
    // other line endings, which would destroy the content.
    command.args(["--no-armor", "--no-textmode", "-z", "0", "--output", "-", "--encrypt"]);
    let groups = keys::groups(&ask(&["--list-config", "group"], run)?);
    let mut recipients = Vec::new();
    for name in names {
        let listing = || ask(&[trust, &["--fixed-list-mode", "--list-keys", "--", name]].concat(), run);
        let key =
            if groups.contains(&name.to_lowercase()) { None } else { keys::only(name, &listing()?, always_trust)? };
        // As the user wrote it: GnuPG trusts a key for a name, and any for its fingerprint.
        command.arg("--recipient").arg(name);
        recipients.push((name.clone(), key.unwrap_or_else(|| name.clone())));
    }
    start(command, small, &[], run, move |ended| status::require_encrypted(ended, &recipients))
}

/// Decrypts `sealed`, with the run's passphrase where it has one.
pub(super) fn open<'a>(sealed: Box<dyn Read + Send + 'a>, run: &Run) -> Result<impl Read + Send + use<'a>> {
    let mut command = gpg(&[]);
    let mut first = Zeroizing::new(Vec::new());
    if let Some(passphrase) = &run.passphrase {
        // It reads one line of its standard input before anything else. A descriptor of its own would be inherited
        // by every other child that is started in that moment.
        command.args(["--pinentry-mode", "loopback", "--passphrase-fd", "0"]);
        first = passphrase.line();
    }
    command.args(["--output", "-", "--decrypt"]);
    let (has_passphrase, run_again) = (run.passphrase.is_some(), run.clone());
    start(command, sealed, &first, run, move |ended| {
        let verdict = status::require_decrypted(ended, has_passphrase);
        let is_silent = ended.says_nothing() && verdict.is_err();
        // A home that cannot be made or read has no word for it either.
        if is_silent { works(&run_again).and(verdict) } else { verdict }
    })
}

/// Fails if GnuPG cannot even list its keys.
fn works(run: &Run) -> Result<()> {
    let mut command = gpg(&["--with-colons"]);
    command.arg("--list-keys");
    let mut piped = start(command, Box::new(io::empty()), &[], run, status::require_success)?;
    io::copy(&mut piped, &mut io::sink())
        .map(drop)
        .map_err(|source| Error::from_io(source, ErrorKind::Tool, "cannot list the public keys"))
}

/// Returns what GnuPG answers, as colon-separated records; nothing where it knows nothing.
fn ask(question: &[&str], run: &Run) -> Result<String> {
    let mut command = gpg(&["--with-colons"]);
    command.args(question);
    let mut listing = Vec::new();
    let mut piped = start(command, Box::new(io::empty()), &[], run, |_| Ok(()))?;
    piped
        .read_to_end(&mut listing)
        .map_err(|source| Error::from_io(source, ErrorKind::Tool, "cannot list the public keys"))?;
    Ok(String::from_utf8_lossy(&listing).into_owned())
}

/// Returns the command with what every run has. The user's gpg.conf is read.
fn gpg(options: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["--batch", "--no-tty", "--status-fd", "2", "--exit-on-status-write-error"]);
    // GnuPG 2.2 would look for a key that is not there on the network; arguments are UTF-8 whatever the locale.
    command.args(["--no-auto-key-locate", "--utf8-strings"]);
    command.args(options);
    // An agent that it starts would keep the variable for as long as it lives.
    command.env_remove("DBBACKUP_PASSPHRASE");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn start<'a>(
    command: Command,
    inner: Box<dyn Read + Send + 'a>,
    first: &[u8],
    run: &Run,
    verdict: impl FnOnce(&status::Ended) -> Result<()> + Send + 'a,
) -> Result<Piped<'a, status::Status>> {
    let running = Running::start(PROGRAM.to_owned(), command, Stage::Encrypt, run, status::listener());
    let running = running.map_err(|error| match error.kind() {
        ErrorKind::Config => Error::new(ErrorKind::Config, "cannot encrypt or decrypt: there is no `gpg` here")
            .at(Stage::Encrypt)
            .subject(PROGRAM)
            .hint("install GnuPG (Debian, Ubuntu: the package `gnupg`; Fedora: `gnupg2`; macOS: `brew install gnupg`)"),
        _ => error,
    })?;
    Piped::through(running, inner, first, Box::new(verdict))
}

const PROGRAM: &str = "gpg";
