//! Which engine's database a backup makes.

use crate::archive::tar::is_tar;
use crate::manifest::{Kind, Manifest};
use crate::proof::SQLITE_MAGIC;

/// An engine whose databases a drill can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A file.
    Sqlite,
    /// A database on a server.
    Postgres,
    /// A database on a server, MariaDB's as well.
    Mysql,
}

/// A backup, before it is tried.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its name.
    pub name: &'a str,
    /// What its manifest says; nothing without one.
    pub manifest: &'a Manifest,
    /// How its dump begins.
    pub head: &'a [u8],
}

impl Engine {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::Mysql];

    /// Returns the word for it.
    pub fn id(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgresql",
            Self::Mysql => "mysql",
        }
    }

    /// Returns what people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::Mysql => "MySQL",
        }
    }

    /// Returns the engine that can make a database of a backup.
    ///
    /// # Errors
    ///
    /// Why none can, as the end of a sentence about the backup.
    pub fn of(candidate: &Candidate<'_>) -> Result<Self, String> {
        let Candidate { name, manifest, head } = *candidate;
        let record = manifest.dbbackup.as_ref();
        if record.is_some_and(|record| record.kind == Kind::Media) || is_tar(head) {
            return Err("it is of media files, and a drill is for databases".to_owned());
        }
        let said = manifest.engine();
        let of_it = |engine: &Self| said.is_none_or(|said| engine.is_called(said));
        // What is named as such and is none is for the restore to refuse; a manifest tells by itself what is damaged.
        let is_made = |engine: &Self| engine.begins(head) || record.is_none() && engine.ends(name);
        if let Some(engine) = Self::ALL.into_iter().find(|engine| of_it(engine) && is_made(engine)) {
            return Ok(engine);
        }
        Err(match (said, Self::ALL.into_iter().find(of_it)) {
            (Some(said), None) => format!("it is of `{said}`, and a drill makes databases of {}", names()),
            (Some(_), Some(engine)) => format!("it is no {}, which is what a drill can make", engine.dump()),
            (None, _) => format!("it is neither a {}, which is what a drill can make", dumps()),
        })
    }

    /// Whether Django's name of an engine means this one.
    pub fn is_called(self, engine: &str) -> bool {
        let words: &[&str] = match self {
            Self::Sqlite => &["sqlite", "spatialite"],
            Self::Postgres => &["postg", "psqlextra"],
            Self::Mysql => &["mysql", "mariadb"],
        };
        words.iter().any(|word| engine.contains(word))
    }

    /// Whether a dump of it begins so.
    fn begins(self, head: &[u8]) -> bool {
        let has = |mark: &[u8]| head.windows(mark.len()).any(|window| window == mark);
        match self {
            // A file without a byte is an empty database.
            Self::Sqlite => head.is_empty() || head.starts_with(SQLITE_MAGIC),
            Self::Postgres => head.starts_with(b"PGDMP") || has(b"-- PostgreSQL database dump"),
            Self::Mysql => has(b"-- MySQL dump") || has(b"-- MariaDB dump"),
        }
    }

    /// Whether the name of a file says that it is a dump of it.
    fn ends(self, name: &str) -> bool {
        name.contains(match self {
            Self::Sqlite => ".sqlite3",
            Self::Postgres => ".psql",
            // Every other connector's dumps end so, too.
            Self::Mysql => return false,
        })
    }

    fn dump(self) -> &'static str {
        match self {
            Self::Sqlite => "file of a SQLite database",
            Self::Postgres => "dump of PostgreSQL's own",
            Self::Mysql => "dump of MySQL or MariaDB",
        }
    }
}

fn names() -> String {
    Engine::ALL.map(Engine::name).join(" and ")
}

fn dumps() -> String {
    Engine::ALL.map(Engine::dump).join(" nor a ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, manifest: &Manifest, head: &[u8]) -> Result<Engine, String> {
        Engine::of(&Candidate { name, manifest, head })
    }

    fn written_for(engine: Option<&str>) -> Manifest {
        let record = r#"{"format":1,"state":"whole","kind":"database","alias":"a","database":"d","servername":"s",
            "created_at":"2026-11-22T10:15:00Z","compression":"none","encryption":"none","stored_bytes":1,
            "stored_sha256":"","plain_bytes":1,"generator":"g"}"#;
        let mut manifest = Manifest { dbbackup: Some(serde_json::from_str(record).unwrap()), ..Manifest::default() };
        manifest.top.extend(engine.map(|engine| ("engine".to_owned(), engine.into())));
        manifest
    }

    #[test]
    fn a_name_says_what_it_is_only_where_no_manifest_does() {
        let (ours, none) = (written_for(None), Manifest::default());
        for (name, manifest, head, engine) in [
            ("a.dump", &ours, &SQLITE_MAGIC[..], Some(Engine::Sqlite)),
            ("a.dump", &ours, b"", Some(Engine::Sqlite)),
            ("a.sqlite3", &ours, b"BEGIN;", None),
            ("a.sqlite3", &none, b"BEGIN;", Some(Engine::Sqlite)),
            ("a.dump", &none, b"BEGIN;", None),
            ("a.dump", &none, b"PGDMP\x01", Some(Engine::Postgres)),
            ("a.dump", &ours, b"--\n-- PostgreSQL database dump\n--\n", Some(Engine::Postgres)),
            ("a.psql.gz", &none, b"DROP", Some(Engine::Postgres)),
            ("a.psql", &ours, b"DROP", None),
            ("a.dump", &none, b"-- MySQL dump 10.13", Some(Engine::Mysql)),
        ] {
            assert_eq!(of(name, manifest, head).ok(), engine, "{name}, {head:?}");
        }
    }

    #[test]
    fn a_manifest_says_of_which_engine_it_is_and_why_it_is_only_read() {
        for (engine, head, expected) in [
            ("django.db.backends.sqlite3", &SQLITE_MAGIC[..], Ok(Engine::Sqlite)),
            ("django.contrib.gis.db.backends.postgis", b"PGDMP", Ok(Engine::Postgres)),
            ("psqlextra.backend", b"PGDMP", Ok(Engine::Postgres)),
            ("django.db.backends.postgresql", b"[{", Err("it is no dump of PostgreSQL's own, which is")),
            ("django.db.backends.sqlite3", b"PGDMP", Err("it is no file of a SQLite database, which is")),
            ("django.db.backends.mysql", b"/*M! */\n-- MariaDB dump", Ok(Engine::Mysql)),
            ("django.db.backends.mysql", b"PGDMP", Err("it is no dump of MySQL or MariaDB, which is")),
            ("django.db.backends.oracle", b"[{", Err("it is of `django.db.backends.oracle`, and a")),
        ] {
            match (of("a", &written_for(Some(engine)), head), expected) {
                (Err(why), Err(start)) => assert!(why.starts_with(start), "{why}"),
                (found, expected) => assert_eq!(found, expected.map_err(str::to_owned), "{engine}"),
            }
        }
        assert!(of("a", &Manifest::default(), b"BEGIN").unwrap_err().starts_with("it is neither a file of a SQLite"));
    }
}
