//! What GnuPG says of its work, line by line, and what that means.
//!
//! Source: GnuPG's doc/DETAILS, "Format of the --status-fd output", and what 2.2.40 was seen to say of damaged messages:
//! a message without its first packets decrypts to nothing with exit status 0, and a byte that was flipped in the data is
//! told only after all of it came out.

use super::keys::cannot;
use crate::child::Heard;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::piped;

/// One line of status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    keyword: String,
    arguments: Vec<String>,
}

/// How a run of GnuPG ended.
pub(super) type Ended = piped::Ended<Status>;

impl Status {
    /// Reads a line of standard error; `None` if it is text for people.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        // The name of a file in it may have any bytes.
        let line = String::from_utf8_lossy(line.strip_prefix(b"[GNUPG:] ")?);
        let mut words = line.split_whitespace().map(str::to_owned);
        Some(Self { keyword: words.next()?, arguments: words.collect() })
    }

    /// Whether it says how far the work is, or which keys were looked at: as often as it takes.
    pub(super) fn is_chatter(&self) -> bool {
        matches!(self.keyword.as_str(), "PROGRESS" | "KEY_CONSIDERED")
    }

    fn argument(&self, index: usize) -> &str {
        self.arguments.get(index).map_or("", String::as_str)
    }

    /// Returns what libgpg-error's number in an `ERROR` line says: which part of GnuPG raised it, and what it is.
    fn code(&self) -> Option<(u32, u32)> {
        let number: String = self.argument(1).chars().take_while(char::is_ascii_digit).collect();
        number.parse::<u32>().ok().map(|number| (number >> 24, number & 0xffff))
    }
}

impl Ended {
    fn all<'s>(&'s self, keyword: &'s str) -> impl Iterator<Item = &'s Status> {
        self.lines.iter().filter(move |line| line.keyword == keyword)
    }

    fn has(&self, keyword: &str) -> bool {
        self.all(keyword).next().is_some()
    }

    /// Returns what went wrong with session keys and data; other errors are of the key ring, and may not matter.
    fn decryption_errors(&self) -> impl Iterator<Item = (u32, u32)> {
        let places = ["pkdecrypt_failed", "symkey_decrypt", "get_passphrase", "proc_pkt", "decryption"];
        let is_ours = move |line: &&Status| places.iter().any(|place| line.argument(0).starts_with(place));
        self.all("ERROR").filter(is_ours).filter_map(Status::code)
    }

    fn has_error(&self, codes: &[u32]) -> bool {
        self.decryption_errors().any(|(_, code)| codes.contains(&code))
    }

    /// Whether it was not the agent, nor a card, that found a session key unusable.
    fn has_judged_itself(&self) -> bool {
        self.decryption_errors().any(|(source, _)| ITSELF.contains(&source))
    }

    /// Whether there was not one line of status.
    pub(super) fn says_nothing(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether GnuPG found something else after the message had ended.
    fn went_on(&self) -> bool {
        let end = self.lines.iter().position(|line| line.keyword == "END_DECRYPTION");
        !self.took_all || end.is_some_and(|end| end + 1 < self.lines.len())
    }

    /// Returns the error of GnuPG itself, as another kind.
    fn explained(&self, kind: ErrorKind, message: &str) -> Error {
        Error::new(kind, message.to_owned()).at(Stage::Encrypt).because(self.failed.to_string())
    }
}

/// Returns what hears GnuPG's standard error.
pub(super) fn listener() -> impl FnMut(&[u8]) -> Heard<Status> + Send + 'static {
    let mut heard = 0;
    move |line| match Status::parse(line) {
        Some(status) if status.is_chatter() => Heard::Done,
        // A message may hold more session keys than anybody has.
        Some(_) if heard == MOST_LINES => Heard::Done,
        Some(status) => {
            heard += 1;
            Heard::Line(status)
        }
        None => Heard::Text,
    }
}

/// Fails unless all of a stream was encrypted. `recipients` are what the user wrote, and the key that it means.
pub(super) fn require_encrypted(ended: &Ended, recipients: &[(String, String)]) -> Result<()> {
    if ended.status.success() && ended.took_all && ended.has("END_ENCRYPTION") {
        let mut begun = ended.all("BEGIN_ENCRYPTION");
        return if begun.all(|line| line.argument(0) != "0" || !matches!(line.argument(2), "" | "0")) {
            Ok(())
        } else {
            Err(Error::new(ErrorKind::Key, "cannot encrypt: GnuPG would leave out what shows a change (the MDC)")
                .at(Stage::Encrypt)
                .hint("take `rfc2440`, `disable-mdc` and the like out of gpg.conf; very old keys may ask for it, too"))
        };
    }
    let Some(refused) = ended.all("INV_RECP").next() else {
        return Err(ended.explained(ErrorKind::Tool, "cannot encrypt"));
    };
    let name = &refused.arguments.get(1..).unwrap_or_default().join(" ");
    let key = recipients.iter().find(|(given, _)| given == name).map_or(name, |(_, key)| key);
    Err(match refused.argument(0) {
        "10" => cannot(name, "GnuPG does not know that the key belongs to that name (it is untrusted)").hint(format!(
            "check its fingerprint and sign it (`gpg --quick-lsign-key {key}`), or set DBBACKUP_GPG_ALWAYS_TRUST"
        )),
        "2" => cannot(name, "it is ambiguous").hint("name the one that is meant by its fingerprint"),
        "3" => cannot(name, "the key cannot encrypt").hint("name another key"),
        "4" => cannot(name, "the key was revoked").hint("name another key"),
        "5" => cannot(name, "the key has expired").hint("extend it, or name another"),
        "13" => cannot(name, "the key is disabled").hint("enable it, or name another"),
        "1" => cannot(name, "there is no such public key here").hint(
            "import it (`gpg --import FILE`) for the user that this runs as, or set GNUPGHOME; `gpg --list-keys` shows what \
             there is",
        ),
        _ => cannot(name, "GnuPG cannot use the key").because(ended.failed.to_string()),
    })
}

/// Fails unless the exit status is 0.
pub(super) fn require_success(ended: &Ended) -> Result<()> {
    if ended.status.success() { Ok(()) } else { Err(ended.explained(ErrorKind::Tool, "cannot use GnuPG")) }
}

/// Fails unless all of a message was decrypted and is authentic.
pub(super) fn require_decrypted(ended: &Ended, has_passphrase: bool) -> Result<()> {
    // Very old messages, or a gpg.conf that allows it, have nothing that guards their content.
    let is_guarded =
        ended.all("DECRYPTION_INFO").all(|line| line.argument(0) != "0" || !matches!(line.argument(2), "" | "0"));
    let is_whole = ended.has("DECRYPTION_OKAY") && !ended.has("DECRYPTION_FAILED") && !ended.has("BADMDC");
    if ended.status.success() && ended.took_all && is_whole && is_guarded {
        return Ok(());
    }
    if ended.status.code().is_none() {
        return Err(ended.explained(ErrorKind::Tool, "cannot decrypt the backup"));
    }
    if !is_guarded {
        return Err(ended.explained(
            ErrorKind::Corrupt,
            "cannot use the backup: nothing in it would show whether it was changed (it has no MDC)",
        ));
    }
    if is_whole && ended.has("ERRSIG") {
        return Err(ended.explained(ErrorKind::Key, "cannot use the backup: its signature cannot be verified"));
    }
    if is_whole && !ended.went_on() {
        return Err(ended.explained(ErrorKind::Tool, "cannot decrypt the backup"));
    }
    if is_whole {
        let message = "cannot use the backup: something stands behind its encrypted content";
        return Err(ended.explained(ErrorKind::Corrupt, message));
    }
    let damaged = || Err(ended.explained(ErrorKind::Corrupt, "cannot use the backup: it is damaged or cut short"));
    if ended.has("BADMDC") {
        return damaged();
    }
    if ended.all("ERROR").any(|line| line.argument(0).starts_with("set_pinentry_mode")) {
        return Err(ended.explained(ErrorKind::Config, "cannot give GnuPG the passphrase").hint(
            "take `no-allow-loopback-pinentry` out of gpg-agent.conf, or give no passphrase and let the agent ask",
        ));
    }
    if ended.has_error(&[BAD_PASSPHRASE]) || ended.has("BAD_PASSPHRASE") {
        let message = if ended.has("NEED_PASSPHRASE_SYM") {
            "the passphrase is wrong, or the backup is damaged"
        } else {
            "the passphrase is wrong"
        };
        return Err(passphrase(message));
    }
    if ended.has("DECRYPTION_INFO") || ended.has_error(DAMAGED) || ended.has_judged_itself() {
        return damaged();
    }
    if ended.has("PINENTRY_LAUNCHED") || ended.has_error(UNASKED) {
        let message = "it needs a passphrase, and GnuPG could not ask for it";
        return Err(passphrase(if has_passphrase { "the passphrase is wrong" } else { message }));
    }
    if ended.has("NO_SECKEY") && ended.decryption_errors().next().is_none() {
        return Err(no_secret_key(ended));
    }
    // Of a message without its session key, or without its data, GnuPG may say nothing, and even end with 0.
    let says_nothing =
        matches!(ended.status.code(), Some(0 | USUAL_FAILURE)) && ended.decryption_errors().next().is_none();
    if ended.has("NODATA") || says_nothing {
        return damaged();
    }
    Err(ended.explained(ErrorKind::Tool, "cannot decrypt the backup"))
}

fn passphrase(why: &str) -> Error {
    Error::new(ErrorKind::Passphrase, format!("cannot decrypt the backup: {why}"))
        .at(Stage::Encrypt)
        .hint("give it with --passphrase-file FILE or in DBBACKUP_PASSPHRASE; on a terminal it is asked for")
}

fn no_secret_key(ended: &Ended) -> Error {
    let mut ids: Vec<&str> = ended.all("ENC_TO").map(|line| line.argument(0)).collect();
    ids.sort_unstable();
    ids.dedup();
    let whose = if ids.iter().all(|id| id.trim_matches('0').is_empty()) {
        "the backup does not say which it is for".to_owned()
    } else {
        format!("the backup is for {}", ids.join(", "))
    };
    Error::new(ErrorKind::Key, format!("cannot decrypt the backup: there is no secret key that fits ({whose})"))
        .at(Stage::Encrypt)
        .hint(
            "import the secret key (`gpg --import FILE`) for the user that this runs as, or set GNUPGHOME; `gpg \
             --list-secret-keys` shows what there is",
        )
        .because(ended.failed.to_string())
}

/// `GPG_ERR_BAD_PASSPHRASE` of libgpg-error, as those below.
const BAD_PASSPHRASE: u32 = 11;
/// Nobody could be asked: `NO_PIN_ENTRY`, `CANCELED`, `NO_PASSPHRASE`, `FULLY_CANCELED`, and what a terminal that is
/// none gives: `ENOTTY` (102) of the system.
const UNASKED: &[u32] = &[85, 99, 177, 198, 0x8000 | 0x66];
/// The exit status that says that the status lines, or the text, tell what is wrong.
const USUAL_FAILURE: i32 = 2;
/// Sources of errors: libgcrypt and gpg.
const ITSELF: &[u32] = &[1, 2];
/// A session key that makes no sense: `PUBKEY_ALGO`, `CHECKSUM`, `CIPHER_ALGO`, `INV_PACKET`, `WRONG_SECKEY`, `BAD_KEY`,
/// `BAD_MPI`, `INV_VALUE`, `INV_OBJ`, `TOO_SHORT`, `TOO_LARGE`, `INV_DATA`, `INV_SESSION_KEY`, `INV_SEXP`,
/// `UNSUPPORTED_ALGORITHM`, `BAD_DATA`, `INV_LENGTH`.
const DAMAGED: &[u32] = &[4, 10, 12, 14, 18, 19, 30, 55, 65, 66, 67, 79, 82, 83, 84, 89, 139];

/// Lines of status that are kept.
const MOST_LINES: usize = 1000;

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use super::*;

    fn ended(code: i32, text: &str) -> Ended {
        let lines = text.lines().filter_map(|line| Status::parse(format!("[GNUPG:] {line}\n").as_bytes()));
        Ended {
            status: ExitStatus::from_raw(code << 8),
            lines: lines.collect(),
            failed: Error::new(ErrorKind::Tool, "`gpg` failed"),
            took_all: true,
        }
    }

    const DECRYPTED: &str = "ENC_TO A2B18F1FCCF5E608 18 0\nDECRYPTION_INFO 2 9 0\nDECRYPTION_OKAY\nGOODMDC";

    #[test]
    fn text_for_people_is_no_status() {
        assert_eq!(Status::parse(b"gpg: [GNUPG:] DECRYPTION_OKAY\n"), None);
        assert_eq!(Status::parse(b"[GNUPG:] \n"), None);
        assert!(Status::parse(b"[GNUPG:] PLAINTEXT 62 0 \xff\n").is_some());
    }

    #[test]
    fn success_is_the_exit_status_and_the_word_for_it() {
        assert!(require_decrypted(&ended(0, DECRYPTED), false).is_ok());
        assert!(require_encrypted(&ended(0, "BEGIN_ENCRYPTION 2 9\nEND_ENCRYPTION"), &[]).is_ok());
        // Seen: a message that was cut in its first packet.
        for (code, text) in [(0, "NODATA 3"), (0, ""), (2, DECRYPTED), (0, "DECRYPTION_INFO 2 9 0")] {
            assert!(require_decrypted(&ended(code, text), false).is_err(), "{code} {text}");
        }
        for (code, text) in [(0, ""), (2, "END_ENCRYPTION"), (0, "BEGIN_ENCRYPTION 2 9")] {
            assert!(require_encrypted(&ended(code, text), &[]).is_err(), "{code} {text}");
        }
        assert!(require_decrypted(&Ended { took_all: false, ..ended(0, DECRYPTED) }, false).is_err());
    }

    #[test]
    fn content_that_nothing_guards_is_refused() {
        let unguarded = DECRYPTED.replace("DECRYPTION_INFO 2 9 0", "DECRYPTION_INFO 0 9 0").replace("GOODMDC", "");
        assert_eq!(require_decrypted(&ended(0, &unguarded), false).unwrap_err().kind(), ErrorKind::Corrupt);
        // AEAD has no MDC.
        let aead = DECRYPTED.replace("DECRYPTION_INFO 2 9 0", "DECRYPTION_INFO 0 9 2").replace("GOODMDC", "");
        assert!(require_decrypted(&ended(0, &aead), false).is_ok());
    }

    #[test]
    fn each_failure_has_its_kind() {
        let no_key = "ENC_TO E02170ADBBF51B9B 18 0\nNO_SECKEY E02170ADBBF51B9B\nDECRYPTION_FAILED";
        let asked = "ENC_TO 66E2431930953D94 18 0\nPINENTRY_LAUNCHED 7 curses\nERROR pkdecrypt_failed 83918950\nDECRYPTION_FAILED";
        for (text, has_passphrase, kind, words) in [
            (no_key, false, ErrorKind::Key, "E02170ADBBF51B9B"),
            ("ENC_TO 0000000000000000 18 0\nNO_SECKEY 0000000000000000", false, ErrorKind::Key, "does not say"),
            (asked, false, ErrorKind::Passphrase, "needs a passphrase"),
            (
                "NEED_PASSPHRASE_SYM 9 3 2\nERROR get_passphrase 32870",
                false,
                ErrorKind::Passphrase,
                "needs a passphrase",
            ),
            ("ENC_TO 66E2431930953D94 18 0\nERROR pkdecrypt_failed 67108875", true, ErrorKind::Passphrase, "wrong"),
            (
                "NEED_PASSPHRASE_SYM 9 3 2\nDECRYPTION_INFO 2 9 0\nERROR symkey_decrypt.maybe_error 11_BAD_PASSPHRASE",
                true,
                ErrorKind::Passphrase,
                "wrong",
            ),
            ("ENC_TO A 1 0\nDECRYPTION_INFO 2 9 0\nBADMDC\nDECRYPTION_FAILED", false, ErrorKind::Corrupt, "damaged"),
            ("ENC_TO A 1 0\nERROR pkdecrypt_failed 33554450\nDECRYPTION_FAILED", false, ErrorKind::Corrupt, "damaged"),
            ("NEED_PASSPHRASE_SYM 9 3 2\nDECRYPTION_INFO 2 9 0\nBADMDC", true, ErrorKind::Corrupt, "damaged"),
            ("NODATA 3", false, ErrorKind::Corrupt, "damaged"),
            // Seen: it ends behind its session key.
            ("ENC_TO A1 18 0\nKEY_CONSIDERED B 0", false, ErrorKind::Corrupt, "damaged"),
            // Seen: its second packet has an unknown version.
            ("", false, ErrorKind::Corrupt, "damaged"),
            // Seen: no folder for the key ring.
            ("ERROR keydb_search 33554445\nENC_TO A1 18 0\nNO_SECKEY A1", false, ErrorKind::Key, "A1"),
            // No agent, said by the agent's side.
            ("ENC_TO A 1 0\nERROR pkdecrypt_failed 67108941", false, ErrorKind::Tool, "cannot decrypt"),
            ("ENC_TO A 1 0\nERROR pkdecrypt_failed 33554436", false, ErrorKind::Corrupt, "damaged"),
        ] {
            let error = require_decrypted(&ended(2, text), has_passphrase).unwrap_err();
            assert_eq!(error.kind(), kind, "{text}: {error}");
            assert!(error.to_string().contains(words), "{text}: {error}");
        }
        let behind =
            require_decrypted(&ended(2, &format!("{DECRYPTED}\nEND_DECRYPTION\nNODATA 3")), false).unwrap_err();
        assert!(behind.to_string().contains("behind"), "{behind}");
        // Seen: a home that cannot be written, with the agent of another.
        let other = require_decrypted(&ended(2, &format!("{DECRYPTED}\nEND_DECRYPTION")), false).unwrap_err();
        assert_eq!(other.kind(), ErrorKind::Tool);
        let killed = Ended { status: ExitStatus::from_raw(9), ..ended(0, "DECRYPTION_INFO 2 9 0") };
        assert_eq!(require_decrypted(&killed, false).unwrap_err().kind(), ErrorKind::Tool);
        assert!(require_encrypted(&ended(0, "BEGIN_ENCRYPTION 0 9\nEND_ENCRYPTION"), &[]).is_err());
        assert!(require_encrypted(&ended(0, "BEGIN_ENCRYPTION 0 9 2\nEND_ENCRYPTION"), &[]).is_ok());
    }

    #[test]
    fn a_refused_recipient_is_called_by_the_name_that_the_user_gave() {
        let recipients = [("eve@example.org".to_owned(), "1095733F".to_owned())];
        let error =
            require_encrypted(&ended(2, "INV_RECP 10 eve@example.org\nFAILURE encrypt 53"), &recipients).unwrap_err();
        assert_eq!((error.kind(), error.about()), (ErrorKind::Key, Some("eve@example.org")));
        assert!(error.to_string().contains("untrusted"), "{error}");
        assert!(error.advice().unwrap().contains("1095733F"));
        let error = require_encrypted(&ended(2, "INV_RECP 1 Nobody At All"), &[]).unwrap_err();
        assert_eq!(error.about(), Some("Nobody At All"));
    }
}
