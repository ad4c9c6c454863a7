//! Parts of a server's URL.

use crate::percent::percent_decoded;

/// Splits `host:port`; an IPv6 address stands in brackets, which no parameter of a program has.
pub(crate) fn split_port(host: &str) -> (&str, &str) {
    if let Some((address, port)) = host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        return (address, port.strip_prefix(':').unwrap_or(port));
    }
    host.rsplit_once(':').unwrap_or((host, ""))
}

/// Returns a part without its percent-encoding; or why it has none, as the end of a sentence.
pub(crate) fn decoded(text: &str) -> Result<String, &'static str> {
    let bytes = percent_decoded(text).ok_or("a `%` stands without two hexadecimal digits: write it as `%25`")?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_brackets_has_colons_of_its_own() {
        for (host, parts) in
            [("db:1", ("db", "1")), ("db", ("db", "")), ("[::1]", ("::1", "")), ("[::1]:2", ("::1", "2"))]
        {
            assert_eq!(split_port(host), parts, "{host}");
        }
    }
}
