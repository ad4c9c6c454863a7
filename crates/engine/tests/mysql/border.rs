//! A client to which something happens between two statements.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use dbbackup::Compression;
use dbbackup::source::mysql::{Connection, Mysql, Tools};
use dbbackup_testkit::mysql::{Database, Server};
use tempfile::TempDir;

use crate::world::{World, move_on, mysql, shop};

/// Looks for lines like `$AT` in what our sessions send, and runs `$ACT` before number `$LIMIT` of them is sent. The
/// count goes on over all sessions of a run, in a file.
const CLIENT: &str = r#"#!/bin/bash
case " $* " in *" --help "*) exec "$REAL" "$@";; esac
trap '' PIPE
exec 4> >(trap - PIPE; exec "$REAL" "$@" 4>&-)
real=$!
# Whoever listens hears when it has ended.
exec >&-
while IFS= read -r line; do
  case "$line" in
    $AT)
      count=$(($(cat "$COUNT") + 1))
      echo "$count" >"$COUNT.$$" && mv "$COUNT.$$" "$COUNT"
      if [ "$count" = "$LIMIT" ]; then eval "$ACT"; fi;;
  esac
  printf '%s\n' "$line" 2>/dev/null >&4 || break
done
exec 4>&-
wait "$real"
"#;

/// Before each of our statements, and behind it while the server may be at work on it.
pub(crate) const BEFORE: &str = "SELECT 'dbbackup-*-start';";
pub(crate) const BEHIND: &str = "SELECT 'dbbackup-*-end';";

/// A client of one test's own.
pub(crate) struct Client {
    folder: TempDir,
    real: PathBuf,
}

impl Client {
    pub(crate) fn of(server: &Server) -> Self {
        let client = Self { folder: tempfile::tempdir().unwrap(), real: server.bin().join("mariadb") };
        fs_err::write(client.path(), CLIENT).unwrap();
        fs_err::set_permissions(client.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        client
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("client")
    }

    /// Names a database whose client does `act` before line number `limit` that is like `at`.
    pub(crate) fn acting(&self, database: &Database, at: &str, limit: u32, act: &str) -> Mysql {
        fs_err::write(self.folder.path().join("count"), "0").unwrap();
        let variables = [
            ("REAL", self.real.clone().into_os_string()),
            ("COUNT", self.folder.path().join("count").into_os_string()),
            ("AT", at.into()),
            ("LIMIT", limit.to_string().into()),
            ("ACT", act.into()),
        ];
        let env = variables.into_iter().map(|(name, value)| (name.into(), value)).collect();
        let tools = Tools { client: vec![self.path().into()], env, ..Tools::default() };
        Mysql::new(Connection::from_url(&database.url()).unwrap()).with_tools(tools)
    }

    /// Returns how many lines there have been.
    pub(crate) fn count(&self) -> u32 {
        fs_err::read_to_string(self.folder.path().join("count")).unwrap().trim().parse().unwrap()
    }
}

/// A backup of one database, and what another one looks like before and after a restore of it.
pub(crate) struct Exchange {
    pub(crate) world: World,
    restored: String,
}

/// A database that has moved on.
pub(crate) struct Moved {
    pub(crate) database: Database,
    before: String,
    stays: String,
}

impl Exchange {
    pub(crate) fn of(server: &Server) -> Self {
        let (world, origin) = (World::default(), shop(server, 5));
        origin.query("DROP EVENT often");
        world.backup(&mut mysql(&origin), Compression::None).unwrap();
        Self { world, restored: origin.dump_text() }
    }

    /// Makes a database that the backup is to be restored into.
    pub(crate) fn moved(server: &Server) -> Moved {
        let database = shop(server, 7);
        database.query(STAYS);
        move_on(&database);
        let before = database.dump_text();
        let stays = database.query("SHOW CREATE TABLE stays; SHOW TRIGGERS LIKE 'stays'");
        Moved { database, before, stays }
    }

    /// Whether the restore has been; fails if it is neither so nor otherwise.
    pub(crate) fn has_been(&self, moved: &Moved, what: &str) -> bool {
        let Moved { database, before, stays } = moved;
        assert_eq!(database.seconds(), Vec::<String>::new(), "{what}");
        let is_new = database.query("SELECT count(*) FROM `or``der`").trim() == "5";
        if is_new {
            let now = database.query("SHOW CREATE TABLE stays; SHOW TRIGGERS LIKE 'stays'");
            assert_eq!(now, *stays, "{what}");
            database.query("DROP TABLE stays; DROP VIEW late");
            assert_eq!(database.dump_text(), self.restored, "{what}");
        } else {
            assert_eq!(database.dump_text(), *before, "{what}");
        }
        is_new
    }
}

const STAYS: &str = "\
DROP EVENT often;
CREATE TABLE stays (a bigint, CONSTRAINT into_it FOREIGN KEY (a) REFERENCES customer (id) ON DELETE SET NULL);
CREATE TRIGGER stays BEFORE INSERT ON stays FOR EACH ROW SET NEW.a = (SELECT max(id) FROM customer)";
