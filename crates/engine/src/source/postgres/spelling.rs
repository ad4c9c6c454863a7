//! Names whose bytes are no UTF-8: those of databases in other encodings, and in none.

/// Returns bytes as text; each byte that is no UTF-8 becomes a character that nobody uses.
///
/// So names are compared, answers parsed and questions asked whatever a database holds. [`unspelled`] goes back.
pub(super) fn spelled(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().filter_map(|&byte| char::from_u32(FIRST + u32::from(byte))));
    }
    text
}

/// Returns the bytes that [`spelled`] was given.
pub(super) fn unspelled(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match u32::from(character).checked_sub(FIRST).and_then(|byte| u8::try_from(byte).ok()) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// Returns a name for people to read.
pub(super) fn shown(name: &str) -> String {
    String::from_utf8_lossy(&unspelled(name)).into_owned()
}

/// The last 256 code points, for private use: `0x10FF80` stands for the byte `0x80`.
const FIRST: u32 = 0x0010_FF00;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn utf_8_is_what_it_is() {
        for text in ["", "größer 🐘", "\u{f8ff}\u{10feff}"] {
            assert_eq!(spelled(text.as_bytes()), text);
            assert_eq!(unspelled(text), text.as_bytes());
        }
        assert_eq!(spelled(b"gr\xf6\xdfer"), "gr\u{10fff6}\u{10ffdf}er");
    }

    proptest! {
        #[test]
        fn all_bytes_come_back(bytes: Vec<u8>) {
            prop_assert_eq!(unspelled(&spelled(&bytes)), bytes);
        }
    }
}
