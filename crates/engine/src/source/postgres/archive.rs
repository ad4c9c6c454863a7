//! What a dump is, by its first bytes.

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::proof::is_recognised;

/// A dump that can be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Archive {
    /// `pg_dump --format=custom`, and the oldest major version whose `pg_restore` reads it.
    Custom {
        /// 0: any.
        needed_major: u32,
    },
    /// SQL.
    Text,
}

impl Archive {
    /// Tells the format.
    ///
    /// Source: PostgreSQL's `pg_backup_archiver.h`: `PGDMP`, the version in three bytes, sizes of int and offset, the
    /// format; 1.14 came with PostgreSQL 12, 1.15 with 16, 1.16 with 17.
    ///
    /// # Errors
    ///
    /// `Refused` for everything else.
    pub(super) fn of(head: &[u8]) -> Result<Self> {
        let refused = |what: &str, hint: &str| {
            Err(Error::new(ErrorKind::Refused, format!("cannot restore into PostgreSQL: the backup is {what}"))
                .at(Stage::Target)
                .hint(hint))
        };
        if let Some(header) = head.strip_prefix(b"PGDMP") {
            return match header {
                [1, minor, _, _, _, 1, ..] => Ok(Self::Custom { needed_major: needed_major(*minor) }),
                _ => {
                    refused("an archive of `pg_dump` that is not of its custom format", "restore it with `pg_restore`")
                }
            };
        }
        let has = |mark: &[u8]| head.windows(mark.len()).any(|window| window == mark);
        if has(b"-- PostgreSQL database dump") {
            return Ok(Self::Text);
        }
        if has(b"-- MySQL dump") || has(b"-- MariaDB dump") {
            return refused("of MySQL or MariaDB", "choose another backup, or another database");
        }
        if is_recognised(head) {
            return refused("of another kind of database, or of files", "choose another backup, or another database");
        }
        refused(
            "neither an archive of `pg_dump` nor its text",
            "SQL that something else wrote is for `psql`, which changes what it says; choose another backup",
        )
    }
}

fn needed_major(minor: u8) -> u32 {
    match minor {
        ..=13 => 0,
        14 => 12,
        15 => 16,
        16 => 17,
        // A version that is not known here: the newest there is may read it.
        _ => 19,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell() {
        let custom = |minor: u8| [b"PGDMP\x01".as_slice(), &[minor, 0, 4, 8, 1, 1]].concat();
        assert_eq!(Archive::of(&custom(14)).unwrap(), Archive::Custom { needed_major: 12 });
        assert_eq!(Archive::of(&custom(16)).unwrap(), Archive::Custom { needed_major: 17 });
        assert_eq!(Archive::of(b"--\n-- PostgreSQL database dump\n--\n").unwrap(), Archive::Text);
        for other in [
            b"SQLite format 3\0".as_slice(),
            b"-- MariaDB dump 10.19\n",
            b"[{\"model\": 1}]",
            b"-----BEGIN PGP SIGNATURE-----",
            b"PGDMP\x01\x0e\x00\x04\x08\x03",
            b"DROP TABLE t;",
            b"",
        ] {
            assert_eq!(Archive::of(other).unwrap_err().kind(), ErrorKind::Refused, "{other:?}");
        }
    }
}
