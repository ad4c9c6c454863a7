//! Texts and arguments in another encoding than our own.

use std::collections::BTreeMap;

use memchr::memmem;

use super::literal;
use super::script::Surroundings;
use super::session::Session;
use super::spelling::{spelled, unspelled};
use crate::error::Result;

/// Returns the encoding that the beginning of a dump names, be it text or an archive, whose first entry it is.
pub(super) fn encoding_of(head: &[u8]) -> Option<String> {
    const SET: &[u8] = b"SET client_encoding = '";
    let rest = &head[memmem::find(head, SET)? + SET.len()..];
    let name = &rest[..rest.iter().position(|&byte| byte == b'\'')?];
    let is_name = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte));
    is_name.then(|| String::from_utf8_lossy(name).into_owned())
}

/// Whether names have the same bytes in it as in the session's answers.
fn is_ours(encoding: &str) -> bool {
    ["UTF8", "UTF-8", "SQL_ASCII"].into_iter().any(|ours| encoding.eq_ignore_ascii_case(ours))
}

/// Spells what the server knows, and the names that are asked for, as a text in `encoding` does.
///
/// # Errors
///
/// Those of a connection.
pub(super) fn spell(
    session: &mut Session,
    encoding: Option<&str>,
    around: &mut Surroundings,
    schemas: &mut [String],
) -> Result<()> {
    let Some(encoding) = encoding.filter(|encoding| !is_ours(encoding)) else { return Ok(()) };
    let mut names = around.names();
    names.extend(schemas.iter().cloned());
    // The bytes of a role's name may be from a database in another encoding: nobody can name it here.
    let can_be_sent = |name: &String| !name.is_ascii() && unspelled(name) == name.as_bytes();
    let names: Vec<String> = names.into_iter().filter(can_be_sent).collect();
    let bytes = converted(session, encoding, &names)?;
    let known: BTreeMap<String, Option<Vec<u8>>> = names.into_iter().zip(bytes).collect();
    let spell = |name: &str| match known.get(name) {
        Some(Some(bytes)) => spelled(bytes),
        None if name.is_ascii() => name.to_owned(),
        // A text in that encoding cannot have it.
        _ => format!("{name}\0"),
    };
    around.respell(spell);
    for schema in schemas {
        *schema = spell(schema);
    }
    Ok(())
}

/// Returns names in `encoding`; `None` for those that it has no characters for.
///
/// # Errors
///
/// Those of a connection.
pub(super) fn converted(session: &mut Session, encoding: &str, names: &[String]) -> Result<Vec<Option<Vec<u8>>>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    if is_ours(encoding) {
        return Ok(names.iter().map(|name| Some(unspelled(name))).collect());
    }
    let names: Vec<String> = names.iter().map(|name| literal(name)).collect();
    let block = CONVERT.replace("{names}", &names.join(", ")).replace("{encoding}", &literal(encoding));
    session.tell(&format!("DO {}", literal(&block)))?;
    let found: Vec<Option<String>> = session.ask("SELECT current_setting('dbbackup.converted')")?;
    Ok(found.into_iter().map(|hex| hex.map(|hex| from_hex(&hex))).collect())
}

fn from_hex(hex: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or_default();
    hex.as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// A block cannot answer, and a query cannot go on after an error.
const CONVERT: &str = "\
DECLARE
  name text;
  found jsonb := '[]';
BEGIN
  FOREACH name IN ARRAY ARRAY[{names}]::text[] LOOP
    BEGIN
      found := found || to_jsonb(encode(convert_to(name, {encoding}), 'hex'));
    EXCEPTION WHEN data_exception OR undefined_function OR invalid_parameter_value THEN
      found := found || '[null]'::jsonb;
    END;
  END LOOP;
  PERFORM set_config('dbbackup.converted', found::text, false);
END";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_says_its_encoding_at_the_beginning() {
        for (head, encoding) in [
            (b"--\nSET statement_timeout = 0;\nSET client_encoding = 'LATIN1';\n".as_slice(), Some("LATIN1")),
            (b"PGDMP\x01\x0f\x00\x1f\x00\x00\x00SET client_encoding = 'UTF8';\n\0", Some("UTF8")),
            (b"SET client_encoding = 'it s';\n", None),
            (b"SET client_encoding = 'LAT", None),
            (b"", None),
        ] {
            assert_eq!(encoding_of(head).as_deref(), encoding, "{head:?}");
        }
    }

    #[test]
    fn hexadecimal_digits_are_bytes() {
        assert_eq!(from_hex("00ff6a"), [0, 255, 106]);
    }
}
