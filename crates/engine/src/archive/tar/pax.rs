//! Records of a pax extended header: `<length> <key>=<value>\n`.

use super::Moment;
use crate::error::{Error, ErrorKind, Result, Stage};

/// Appends a record; its length counts itself.
pub(super) fn push(records: &mut Vec<u8>, key: &str, value: &[u8]) {
    // The blank, the equals sign and the newline.
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(format!("{length} {key}=").as_bytes());
    records.extend_from_slice(value);
    records.push(b'\n');
}

/// Reads records one after another. A value may hold newlines: the length says where it ends.
///
/// # Errors
///
/// `Corrupt` for a record that is not as long as it says.
pub(super) fn read(mut records: &[u8]) -> Result<Vec<(&[u8], &[u8])>> {
    let mut read = Vec::new();
    while !records.is_empty() {
        let (record, rest) = split(records).ok_or_else(|| {
            Error::new(ErrorKind::Corrupt, "cannot read the archive: a pax header is damaged").at(Stage::Archive)
        })?;
        read.push(record);
        records = rest;
    }
    Ok(read)
}

type Record<'a> = (&'a [u8], &'a [u8]);

fn split(records: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let blank = records.iter().position(|&byte| byte == b' ')?;
    let length: usize = std::str::from_utf8(&records[..blank]).ok()?.parse().ok()?;
    let (record, rest) = records.split_at_checked(length)?;
    let pair = record.get(blank + 1..)?.strip_suffix(b"\n")?;
    let equals = pair.iter().position(|&byte| byte == b'=')?;
    Some(((&pair[..equals], &pair[equals + 1..]), rest))
}

/// Writes a moment as pax does: seconds since 1970 as a decimal fraction, negative before.
pub(super) fn moment(moment: Moment) -> String {
    let Moment { seconds, nanoseconds } = moment;
    let (sign, seconds, nanoseconds) = match (seconds, nanoseconds) {
        (0.., _) => ("", seconds.unsigned_abs(), nanoseconds),
        (_, 0) => ("-", seconds.unsigned_abs(), 0),
        // -1.25 is two seconds before, and three quarters after that.
        _ => ("-", (seconds + 1).unsigned_abs(), 1_000_000_000 - nanoseconds),
    };
    if nanoseconds == 0 {
        return format!("{sign}{seconds}");
    }
    let fraction = format!("{nanoseconds:09}");
    format!("{sign}{seconds}.{}", fraction.trim_end_matches('0'))
}

/// Reads a moment; more than nine digits of a second are cut off.
pub(super) fn read_moment(text: &[u8]) -> Option<Moment> {
    let text = std::str::from_utf8(text).ok()?;
    let (is_negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds: i64 = whole.parse().ok().filter(|&seconds| seconds >= 0)?;
    let nanoseconds: u32 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    Some(match (is_negative, nanoseconds) {
        (false, _) => Moment { seconds, nanoseconds },
        (true, 0) => Moment { seconds: -seconds, nanoseconds },
        (true, _) => Moment { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_come_back_whatever_they_hold(value in prop::collection::vec(any::<u8>(), 0..2000)) {
            let mut records = Vec::new();
            push(&mut records, "path", &value);
            push(&mut records, "size", b"7");
            prop_assert_eq!(read(&records).unwrap(), [(&b"path"[..], &value[..]), (&b"size"[..], &b"7"[..])]);
            prop_assert!(read(&records[..records.len() - 1]).is_err());
        }

        #[test]
        fn moments_come_back_to_the_nanosecond(seconds in -10_000_000_000_i64..300_000_000_000, nanoseconds in 0_u32..1_000_000_000) {
            let at = Moment { seconds, nanoseconds };
            prop_assert_eq!(read_moment(moment(at).as_bytes()), Some(at));
        }
    }

    #[test]
    fn moments_are_written_as_other_tars_write_them() {
        for (seconds, nanoseconds, text) in [
            (0, 0, "0"),
            (1_700_000_000, 5, "1700000000.000000005"),
            (-2, 750_000_000, "-1.25"),
            (-1, 0, "-1"),
            (-1, 500_000_000, "-0.5"),
        ] {
            assert_eq!(moment(Moment { seconds, nanoseconds }), text);
        }
        assert_eq!(read_moment(b"1.1234567891"), Some(Moment { seconds: 1, nanoseconds: 123_456_789 }));
        for junk in [&b""[..], b"x", b"1.x", b"--1", b"1e9", b"\xff"] {
            assert_eq!(read_moment(junk), None);
        }
    }
}
