//! A restore that is killed between two statements leaves all tables old or all new, and the next run ends it.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use dbbackup::source::mysql::{Connection, Mysql, Tools};
use dbbackup::{Compression, Local, Run};
use dbbackup_testkit::mysql::{Database, Server};

use crate::world::{World, move_on, mysql, shop};

/// A client that counts what our sessions ask, and kills the restore before question number `$LIMIT` is sent. The count
/// goes on over all sessions of a run, in a file.
const CLIENT: &str = r#"#!/bin/bash
case " $* " in *" --help "*) exec "$REAL" "$@";; esac
watch() {
  while IFS= read -r line; do
    case "$line" in
      "SELECT 'dbbackup-"*"-start';")
        count=$(($(cat "$COUNT") + 1))
        echo "$count" >"$COUNT.$$" && mv "$COUNT.$$" "$COUNT"
        if [ "$count" -ge "$LIMIT" ]; then kill -9 "$VICTIM" $$; fi;;
    esac
    printf '%s\n' "$line"
  done
}
exec 4<&0
exec "$REAL" "$@" < <(watch <&4)
"#;

/// Not a test: what is killed.
#[test]
#[ignore = "a part of another test"]
fn restore_until_killed() {
    let of = |name: &str| std::env::var(name).unwrap();
    let tools = Tools {
        client: vec![of("TEST_CLIENT").into()],
        env: vec![("VICTIM".into(), std::process::id().to_string().into())],
        ..Tools::default()
    };
    let mut target = Mysql::new(Connection::from_url(&of("TEST_URL")).unwrap()).with_tools(tools);
    dbbackup::restore("a", &mut target, &Local::new(of("TEST_STORE")), &Run::default()).unwrap();
}

/// Restores until the question `limit`; returns whether the restore came to its end before.
fn restored_until(limit: u32, database: &Database, folder: &std::path::Path) -> bool {
    fs_err::write(folder.join("count"), "0").unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "killed::restore_until_killed", "--ignored"]).stdout(Stdio::null()).stderr(Stdio::null());
    child.env("TEST_CLIENT", folder.join("client")).env("TEST_URL", database.url()).env("TEST_STORE", folder);
    child.env("REAL", database.server().bin().join("mariadb")).env("COUNT", folder.join("count"));
    child.env("LIMIT", limit.to_string()).status().unwrap().success()
}

/// What the tables hold, whatever belongs to them.
fn tables(database: &Database) -> String {
    let sql = "SELECT * FROM customer ORDER BY id; SELECT id, customer, note, hex(bytes) FROM `or``der` ORDER BY id; SELECT * FROM counted";
    database.query(sql)
}

#[test]
fn a_restore_that_is_killed_between_any_two_statements_is_ended_by_the_next() {
    let Some(server) = Server::start() else { return };
    let world = World::default();
    let (folder, origin) = (tempfile::tempdir().unwrap(), shop(&server, 5));
    origin.query("DROP EVENT often");
    world.backup(&mut mysql(&origin), Compression::None).unwrap();
    for name in ["a", "a.metadata"] {
        fs_err::write(folder.path().join(name), world.store.bytes(name).unwrap()).unwrap();
    }
    let client = folder.path().join("client");
    fs_err::write(&client, CLIENT).unwrap();
    fs_err::set_permissions(&client, std::fs::Permissions::from_mode(0o755)).unwrap();

    let (mut moments, mut was_back, mut was_forward) = (0, false, false);
    for limit in 1.. {
        let database = shop(&server, 7);
        database.query("DROP EVENT often; CREATE TABLE stays (a bigint, CONSTRAINT into_it FOREIGN KEY (a) REFERENCES customer (id))");
        move_on(&database);
        let (before, rows) = (database.dump_text(), tables(&database));
        let has_ended = restored_until(limit, &database, folder.path());
        let after = tables(&database);
        let is_new = after == tables(&origin);
        assert!(is_new || after == rows, "{limit}: {after}");
        // A run that cannot restore ends the one that was killed.
        let error = World::default().restore_plain(b"no dump".as_slice(), &mut mysql(&database)).unwrap_err();
        assert_eq!(database.seconds(), Vec::<String>::new(), "{limit}: {error}");
        if is_new {
            database.query("DROP TABLE stays; DROP VIEW late");
            assert_eq!(database.dump_text(), origin.dump_text(), "{limit}");
            was_forward |= !has_ended;
        } else {
            assert_eq!(database.dump_text(), before, "{limit}");
            was_back = true;
        }
        if has_ended {
            break;
        }
        moments += 1;
    }
    assert!(moments > 30 && was_back && was_forward, "{moments}");
}
