//! Which public key a name means. GnuPG 2.2 takes the first that fits; a backup for the wrong one is lost.

use crate::error::{Error, ErrorKind, Result, Stage};

/// Returns the fingerprint of the one key that `name` means, by what `--list-keys --with-colons` says of it; `None`
/// where it lists nothing, or names a subkey: GnuPG says what is wrong with it.
///
/// # Errors
///
/// `Key` if it means several keys that could be used, or only such that cannot.
pub(super) fn only(name: &str, listing: &str, always_trust: bool) -> Result<Option<String>> {
    // The user names a subkey with an exclamation mark.
    if name.ends_with('!') {
        return Ok(None);
    }
    let keys = parse(listing);
    let usable: Vec<&PublicKey> = keys.iter().filter(|key| key.trouble.is_none()).collect();
    let trusted: Vec<&PublicKey> = usable.iter().copied().filter(|key| key.is_trusted).collect();
    // Anybody can make a key with any name; GnuPG prefers those that it knows to be right, unless all count as such.
    let candidates = if always_trust || trusted.is_empty() { usable } else { trusted };
    match (candidates.as_slice(), keys.as_slice()) {
        ([key], _) => Ok(Some(key.fingerprint.clone())),
        ([], []) => Ok(None),
        ([], [key, ..]) => {
            let trouble = key.trouble.unwrap_or(Trouble::Unable);
            Err(cannot(name, &format!("its key {} {}", key.fingerprint, trouble.text()))
                .hint(trouble.advice(&key.fingerprint)))
        }
        (several, _) => {
            let several: Vec<String> = several.iter().map(ToString::to_string).collect();
            Err(cannot(name, &format!("it is ambiguous, {} keys fit: {}", several.len(), several.join(", ")))
                .hint("name the one that is meant by its fingerprint"))
        }
    }
}

/// Returns the names of groups in gpg.conf, in lower case, by what `--list-config group` says: `cfg:group:ops:A;B`.
///
/// GnuPG takes a group before any key of that name, and compares without case.
pub(super) fn groups(listing: &str) -> Vec<String> {
    let names = listing.lines().filter_map(|line| line.strip_prefix("cfg:group:")?.split(':').next());
    names.map(|name| unescaped(name).to_lowercase()).collect()
}

/// Returns an error about one recipient.
pub(super) fn cannot(name: &str, why: &str) -> Error {
    Error::new(ErrorKind::Key, format!("cannot encrypt for `{name}`: {why}")).at(Stage::Encrypt).subject(name)
}

/// A primary key with its subkeys.
#[derive(Debug, Default, PartialEq, Eq)]
struct PublicKey {
    fingerprint: String,
    user: String,
    is_trusted: bool,
    trouble: Option<Trouble>,
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.fingerprint, self.user)
    }
}

/// Why a key cannot be encrypted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Expired,
    Revoked,
    Disabled,
    Unable,
}

impl Trouble {
    fn text(self) -> &'static str {
        match self {
            Self::Expired => "has expired",
            Self::Revoked => "was revoked",
            Self::Disabled => "is disabled",
            Self::Unable => "cannot encrypt, only sign or certify",
        }
    }

    fn advice(self, fingerprint: &str) -> String {
        match self {
            Self::Expired => format!(
                "extend it where its secret half is (`gpg --quick-set-expire {fingerprint} 2y`, then the same with \
                 '*' behind), import it here anew, or name another key"
            ),
            Self::Revoked => "its owner has withdrawn it: name another key".to_owned(),
            Self::Disabled => format!("enable it (`gpg --edit-key {fingerprint} enable`), or name another key"),
            Self::Unable => {
                format!(
                    "give it a subkey that encrypts (`gpg --quick-add-key {fingerprint} default encr`), or name another key"
                )
            }
        }
    }

    /// Reads a validity: the second field of a record.
    fn of_validity(validity: &str) -> Option<Self> {
        match validity {
            "e" => Some(Self::Expired),
            "r" => Some(Self::Revoked),
            "d" => Some(Self::Disabled),
            "i" | "n" => Some(Self::Unable),
            _ => None,
        }
    }
}

/// Reads a listing. Source: GnuPG's doc/DETAILS, "Format of the colon listings".
fn parse(listing: &str) -> Vec<PublicKey> {
    let mut keys: Vec<PublicKey> = Vec::new();
    for line in listing.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let field = |index: usize| fields.get(index).copied().unwrap_or_default();
        match (field(0), keys.last_mut()) {
            ("pub", _) => {
                let (validity, abilities) = (field(1), field(11));
                let trouble = Trouble::of_validity(validity)
                    .or_else(|| abilities.contains('D').then_some(Trouble::Disabled))
                    .or_else(|| (!abilities.contains('E')).then_some(Trouble::Unable));
                let is_trusted = matches!(validity, "u" | "f" | "m");
                keys.push(PublicKey { is_trusted, trouble, ..PublicKey::default() });
            }
            ("fpr", Some(key)) if key.fingerprint.is_empty() => field(9).clone_into(&mut key.fingerprint),
            ("uid", Some(key)) if key.user.is_empty() => key.user = unescaped(field(9)),
            // What would encrypt, and no longer does, says more than that nothing does.
            ("sub", Some(key)) if key.trouble == Some(Trouble::Unable) && field(11).contains('e') => {
                key.trouble = Trouble::of_validity(field(1)).or(key.trouble);
            }
            _ => {}
        }
    }
    let mut known = std::collections::HashSet::new();
    keys.retain(|key| known.insert(key.fingerprint.clone()));
    keys
}

/// Replaces `\x3a`, which stands for a colon.
fn unescaped(text: &str) -> String {
    text.replace("\\x3a", ":").replace("\\x5c", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: &str = "pub:u:2048:1:A0ED5CAB75246622:1795418500:::u:::escaESCA::::::23::0:\n\
        fpr:::::::::03C407473825E9428FCFABE3A0ED5CAB75246622:\n\
        uid:u::::1795418500::AA::Ada <ada@example.org>::::::::::0:\n\
        sub:u:2048:1:D195580CFB9102A0:1795418500::::::e::::::23:\n\
        fpr:::::::::837F8740E1880D3C0C488C9ED195580CFB9102A0:\n";
    const OTHER: &str = "pub:u:255:22:E5F3DEC090F8628F:1795418500:::u:::scESC::::::23::0:\n\
        fpr:::::::::D6475D3C8CA409C4C1233CCAE5F3DEC090F8628F:\n\
        uid:u::::1795418500::BB::Ada\\x3a new <ada@example.org>::::::::::0:\n\
        sub:u:255:18:A2B18F1FCCF5E608:1795418500::::::e::::::23:\n";

    fn with(listing: &str, from: &str, to: &str) -> String {
        assert!(listing.contains(from));
        listing.replace(from, to)
    }

    #[test]
    fn a_name_that_means_one_key_has_its_fingerprint() {
        assert_eq!(only("ada", ADA, false).unwrap().unwrap(), "03C407473825E9428FCFABE3A0ED5CAB75246622");
        assert_eq!(
            only("ada", &[ADA, ADA].concat(), false).unwrap().unwrap(),
            "03C407473825E9428FCFABE3A0ED5CAB75246622"
        );
    }

    #[test]
    fn groups_are_read_without_case() {
        assert_eq!(groups("cfg:group:Ops:AB;CD\ncfg:version:2.2.40\ncfg:group:a\\x3ab:EF\n"), ["ops", "a:b"]);
        assert!(groups("").is_empty());
    }

    #[test]
    fn what_is_not_listed_is_left_to_gnupg() {
        assert_eq!(only("nobody", "", false).unwrap(), None);
        assert_eq!(only("A2B18F1FCCF5E608!", OTHER, false).unwrap(), None);
    }

    #[test]
    fn several_that_could_be_used_are_an_error_that_lists_them() {
        let error = only("ada", &[ADA, OTHER].concat(), false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Key);
        let text = error.to_string();
        assert!(text.contains("03C407473825E9428FCFABE3A0ED5CAB75246622 (Ada <ada@example.org>)"), "{text}");
        assert!(text.contains("D6475D3C8CA409C4C1233CCAE5F3DEC090F8628F (Ada: new <ada@example.org>)"), "{text}");
    }

    #[test]
    fn keys_that_cannot_be_used_and_strangers_do_not_make_it_ambiguous() {
        for other in [with(OTHER, "pub:u:", "pub:e:"), with(OTHER, "scESC", "scSC"), with(OTHER, "pub:u:", "pub:-:")] {
            assert_eq!(
                only("ada", &[&other, ADA].concat(), false).unwrap().unwrap(),
                "03C407473825E9428FCFABE3A0ED5CAB75246622"
            );
        }
        let stranger = with(OTHER, "pub:u:", "pub:-:");
        assert!(only("ada", &[&stranger, ADA].concat(), true).is_err(), "GnuPG would choose by itself");
    }

    #[test]
    fn what_is_wrong_with_the_only_key_is_said() {
        let no_subkey = with(&with(ADA, "escaESCA", "scaSCA"), "sub:u", "other:u");
        for (listing, expected) in [
            (with(ADA, "pub:u:", "pub:e:"), "has expired"),
            (with(&with(ADA, "escaESCA", "scaSCA"), "sub:u:", "sub:e:"), "has expired"),
            (with(ADA, "pub:u:", "pub:r:"), "was revoked"),
            (with(ADA, "escaESCA", "escaDESCA"), "is disabled"),
            (no_subkey, "cannot encrypt"),
        ] {
            let error = only("ada", &listing, false).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.advice().is_some());
        }
    }
}
