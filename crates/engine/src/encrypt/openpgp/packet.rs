//! How an encrypted OpenPGP message begins.

/// Whether a stream begins as an encrypted message does: armored, or with a packet of a session key.
///
/// Source: RFC 9580 §4.2 (packet headers), §5.1 and §5.3 (tags 1 and 3, and the version that comes first in both),
/// §6.2 (armor).
pub(crate) fn is_message(head: &[u8]) -> bool {
    if head.starts_with(b"-----BEGIN PGP MESSAGE-----") {
        return true;
    }
    let Some((&first, rest)) = head.split_first() else { return false };
    let (tag, length_bytes) = match first {
        // The new format: the length's first octet says how many there are.
        0xc0..=0xff => match rest.first() {
            Some(0..=191) => (first & 0x3f, 1),
            Some(192..=223) => (first & 0x3f, 2),
            Some(255) => (first & 0x3f, 5),
            _ => return false,
        },
        // The old one: its last two bits say it.
        0x80..=0xbf => (first >> 2 & 0x0f, [1, 2, 4, 0][usize::from(first & 3)]),
        _ => return false,
    };
    matches!((tag, rest.get(length_bytes)), (PUBLIC_KEY_SESSION, Some(2 | 3 | 6)) | (SYMMETRIC_SESSION, Some(4..=6)))
}

/// Tag of a session key that is encrypted for a public key.
const PUBLIC_KEY_SESSION: u8 = 1;
/// Tag of a session key that is encrypted with a passphrase.
const SYMMETRIC_SESSION: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_begin_with_a_session_key() {
        for head in [
            &b"\x85\x01\x0c\x03"[..],
            b"\x84\x5e\x03",
            b"\x86\0\0\x01\x0c\x03",
            b"\x8c\x0d\x04\x09\x03",
            b"\xc1\xc0\x4c\x03",
            b"\xc1\x5e\x06",
            b"\xc3\x0d\x04",
            b"-----BEGIN PGP MESSAGE-----\n",
        ] {
            assert!(is_message(head), "{head:?}");
        }
    }

    #[test]
    fn other_files_do_not() {
        for head in [
            &b""[..],
            b"\x85",
            b"\x85\x01\x0c",
            "\u{e9}t\u{e9}.txt".as_bytes(),
            b"\x85\x01\x0c\x00",
            b"SQLite format 3\0",
            b"\x1f\x8b\x08\0",
            b"\x28\xb5\x2f\xfd",
            b"-----BEGIN PGP PUBLIC KEY BLOCK-----",
            b"-----BEGIN PGP SIGNATURE-----",
            // A signed message that is not encrypted, and a key.
            b"\xa3\x01",
            b"\x90\x0d\x03",
            b"\x99\x01\x8d\x04",
        ] {
            assert!(!is_message(head), "{head:?}");
        }
    }
}
