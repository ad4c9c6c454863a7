//! Percent-encoding, as in URLs.

/// Returns the bytes of `text`; `None` where a `%` stands without two hexadecimal digits, or for a zero byte.
pub fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok().filter(|&byte| byte != 0)?);
        rest = &rest[2..];
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_encoding_is_no_text() {
        assert_eq!(percent_decoded("a%20b%3F%25\u{e4}").unwrap(), "a b?%\u{e4}".as_bytes());
        for text in ["%", "%4", "%zz", "%00", "a%\u{e4}"] {
            assert_eq!(percent_decoded(text), None, "{text}");
        }
    }
}
