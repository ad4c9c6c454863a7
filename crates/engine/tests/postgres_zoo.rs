//! A restore is exact: the server's own dump of everything that PostgreSQL has, before and after, is the same text.

use std::io::Write as _;

use dbbackup::manifest::{Kind, Reason};
use dbbackup::source::postgres::{Connection, Format, Postgres, Tools};
use dbbackup::{Backup, BackupName, Compression, Memory, Naming, Recipients, Run, backup, restore};
use dbbackup_testkit::Gnupg;
use dbbackup_testkit::postgres::{Database, Owned, Server, Version, Zoo, postgis, quoted};

fn postgres(database: &Database) -> Postgres {
    let tools = Tools { folders: vec![database.server().bin().to_owned()], ..Tools::default() };
    Postgres::new(Connection::from_url(&database.url()).unwrap()).with_tools(tools)
}

fn stored(source: &mut Postgres, compression: Compression, store: &Memory) -> String {
    stored_for(Recipients::Everybody, source, compression, store)
}

fn stored_for(recipients: Recipients, source: &mut Postgres, compression: Compression, store: &Memory) -> String {
    let naming = Naming::standard("host", &["zoo".to_owned()]).unwrap();
    let request = Backup {
        name: BackupName::Generated { naming: &naming, extension: "psql.bin" },
        kind: Kind::Database,
        reason: Reason::Asked,
        alias: "zoo".to_owned(),
        database: "zoo".to_owned(),
        servername: "host".to_owned(),
        source_id: None,
        compression,
        recipients,
        metadata: serde_json::Map::new(),
    };
    backup(&request, source, store, &Run::default()).unwrap().name
}

/// Fails with the first lines that differ.
fn assert_same(before: &str, after: &str, what: &str) {
    if before == after {
        return;
    }
    let (mut old, mut new) = (before.lines(), after.lines());
    let mut number = 0;
    loop {
        number += 1;
        let (one, other) = (old.next(), new.next());
        if one != other {
            let context: Vec<&str> = after.lines().skip(number - 8).take(16).collect();
            panic!("{what}: line {number} was {one:?}, is {other:?}; around it:\n{}", context.join("\n"));
        }
    }
}

#[test]
fn a_zoo_that_has_moved_on_is_what_it_was_after_a_restore() {
    for version in Version::ALL {
        let Some(server) = Server::start(version) else { continue };
        for (format, compression) in [
            (Format::Custom, Compression::Zstd),
            (Format::Text, Compression::Gzip),
            (Format::CleaningText, Compression::None),
        ] {
            let what = format!("{version}, {format:?}");
            let (zoo, store) = (Zoo::new(&server, false), Memory::default());
            let before = zoo.dump_text();
            let name = stored(&mut postgres(&zoo).with_format(format), compression, &store);
            zoo.move_on();
            let report = restore(&name, &mut postgres(&zoo), &store, &Run::default())
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(report.notes.is_empty(), "{what}: {:?}", report.notes);
            assert_same(&before, &zoo.dump_text(), &what);
        }
    }
}

#[test]
fn rows_of_users_in_the_tables_of_an_extension_come_back() {
    let Some(server) = Server::start(Version::V15) else { return };
    for format in [Format::Custom, Format::CleaningText] {
        let (Some(database), store) = (postgis(&server), Memory::default()) else { return };
        let before = database.dump_text();
        let name = stored(&mut postgres(&database).with_format(format), Compression::Zstd, &store);
        database.psql("DELETE FROM spatial_ref_sys WHERE srid = 990001; CREATE TABLE later (at geometry);");
        restore(&name, &mut postgres(&database), &store, &Run::default()).unwrap();
        assert_same(&before, &database.dump_text(), &format!("{format:?}"));
    }
}

/// What a dump says of a database but for who owns what and who may what, written by the programs of `by`.
fn text_for_everybody(by: &Server, database: &Database) -> String {
    let mut pg_dump = database.server().tool("pg_dump", database.name(), database.server().superuser());
    let program = by.bin().join("pg_dump");
    let from = pg_dump.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    let from: Vec<_> = from.collect();
    pg_dump = std::process::Command::new(program);
    let output = pg_dump.envs(from).args(["--no-owner", "--no-privileges"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let differs = ["\\restrict ", "\\unrestrict ", "-- Dumped from database version ", "-- Dumped by pg_dump version "];
    text.split_inclusive('\n').filter(|line| !differs.iter().any(|start| line.starts_with(start))).collect()
}

/// Takes empty lines out of a text, and policies, what is said of them, and user mappings of these roles.
fn without_roles(text: &str, roles: &[&str]) -> String {
    const ENTRY: &str = "\n--\n-- Name: ";
    let roles: Vec<String> = roles.iter().map(|role| quoted(role)).collect();
    let mut kept: Vec<String> = Vec::new();
    for entry in text.split(ENTRY) {
        let statement = entry.split_once("\n--\n").map_or("", |(_, statement)| statement).trim_start();
        let is_of_roles = (statement.starts_with("CREATE POLICY ") || statement.starts_with("CREATE USER MAPPING "))
            && roles.iter().any(|role| statement.contains(role.as_str()));
        let is_comment = !roles.is_empty() && statement.starts_with("COMMENT ON POLICY narrower ");
        // It is in a dump where its owner is another one than at first.
        let is_gone = is_of_roles || is_comment || entry.starts_with("public; Type: SCHEMA;");
        match kept.last_mut().filter(|_| is_gone) {
            // What holds for the entries behind it.
            Some(last) => last.extend(statement.split_inclusive('\n').filter(|line| line.starts_with("SET default_"))),
            None => kept.push(entry.to_owned()),
        }
    }
    kept.join(ENTRY).lines().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_an_owner_has_is_what_it_was_after_his_restore() {
    for (version, format, compression) in
        [(Version::V15, Format::Custom, Compression::Gzip), (Version::V18, Format::CleaningText, Compression::Zstd)]
    {
        let Some(server) = Server::start(version) else { continue };
        let what = format!("{version}, {format:?}");
        let (owned, store) = (Owned::new(&server), Memory::default());
        let before = owned.dump_text();
        let name = stored(&mut postgres(&owned).with_format(format), compression, &store);
        owned.move_on();
        let changed = owned.dump_text();
        assert!(before.lines().filter(|line| !changed.contains(line)).count() > 60, "{what}");
        let report = restore(&name, &mut postgres(&owned), &store, &Run::default())
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let [note] = report.notes.as_slice() else { panic!("{what}: {:?}", report.notes) };
        assert!(note.contains("without options") && note.contains(owned.roles()[1]), "{what}: {note}");
        assert_same(&before, &owned.dump_text(), &what);
    }
}

/// Runs this test again in a process with a key ring.
#[test]
fn an_encrypted_zoo_is_what_it_was_after_a_restore() {
    const RING: &str = "DBBACKUP_TEST_HAS_A_KEY_RING";
    if std::env::var_os(RING).is_none() {
        let Some(gnupg) = Gnupg::new() else { return };
        gnupg.curve_key("Ada", "");
        let mut test = std::process::Command::new(std::env::current_exe().unwrap());
        test.args(["--exact", "an_encrypted_zoo_is_what_it_was_after_a_restore", "--nocapture"]);
        assert!(test.env(RING, "1").env("GNUPGHOME", gnupg.home()).status().unwrap().success());
        return;
    }
    let recipients = Recipients::Openpgp { keys: vec!["Ada".to_owned()], always_trust: false };
    let Some(server) = Server::start(Version::V15) else { return };
    let (zoo, owned, store) = (Zoo::new(&server, false), Owned::new(&server), Memory::default());
    for (database, format, compression) in
        [(&*zoo, Format::Custom, Compression::Zstd), (&*owned, Format::Text, Compression::None)]
    {
        let before = database.dump_text();
        let name = stored_for(recipients.clone(), &mut postgres(database).with_format(format), compression, &store);
        assert!(!String::from_utf8_lossy(&store.bytes(&name).unwrap()).contains("PostgreSQL database dump"));
        if format == Format::Custom {
            zoo.move_on();
        } else {
            owned.move_on();
        }
        let report = restore(&name, &mut postgres(database), &store, &Run::default()).unwrap();
        assert_eq!(report.notes.len(), usize::from(format == Format::Text), "{:?}", report.notes);
        assert_same(&before, &database.dump_text(), &format!("{format:?}"));
    }
}

#[test]
fn in_the_hands_of_another_owner_all_but_owners_and_privileges_is_the_same() {
    for version in Version::ALL {
        let (Some(server), Some(other)) = (Server::start(version), Server::alone(version, &[])) else { continue };
        let owned = Owned::new(&server);
        let [team, reader] = owned.roles();
        let before = text_for_everybody(&server, &owned);
        let [one, another] = match version {
            Version::V15 => [Format::Custom, Format::Text],
            Version::V18 => [Format::Text, Format::Custom],
        };
        for (format, target) in [(one, &server), (another, &other)] {
            let what =
                format!("{version}, {format:?}, {}", if target.port() == other.port() { "other" } else { "same" });
            let store = Memory::default();
            let name = stored(&mut postgres(&owned).with_format(format), Compression::Zstd, &store);
            let keeper = target.owned_database("keeper's");
            // What only a superuser installs.
            keeper.psql(&format!(
                "CREATE EXTENSION postgres_fdw; GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO {}",
                quoted(keeper.owner())
            ));
            let report = restore(&name, &mut postgres(&keeper), &store, &Run::default())
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            let notes = report.notes.join("\n");
            let after = text_for_everybody(&server, &keeper);
            if target.port() == other.port() {
                for (what, names) in [
                    (
                        "owner and privileges of roles that this server does not have",
                        [owned.owner(), team, reader].as_slice(),
                    ),
                    ("policies for roles that this server does not have", &[team, reader]),
                    ("user mappings of roles that this server does not have", &[reader]),
                ] {
                    let note =
                        report.notes.iter().find(|note| note.contains(what)).unwrap_or_else(|| panic!("{notes}"));
                    assert!(names.iter().all(|name| note.contains(&format!("`{name}`"))), "{note}");
                }
                assert_same(
                    &without_roles(&before, &[owned.owner(), team, reader]),
                    &without_roles(&after, &[]),
                    &what,
                );
            } else {
                let note = format!("that `{}` may not act as: ", keeper.owner());
                assert!(notes.contains(&note) && notes.contains(team), "{notes}");
                assert_same(&before, &after, &what);
            }
            // Everything that was made is his.
            let owners = "SELECT DISTINCT relowner::regrole FROM pg_class WHERE oid >= 16384 AND relnamespace::regnamespace::text
                IN ('shop', 'ours')";
            assert_eq!(keeper.psql(owners).trim(), quoted(keeper.owner()), "{what}");
        }
    }
}

#[test]
fn a_zoo_moves_to_another_server_without_the_roles_that_are_missing_there() {
    let (Some(old), Some(new)) = (Server::start(Version::V15), Server::start(Version::V18)) else { return };
    let Some(other) = Server::alone(Version::V15, &[]) else { return };
    let (zoo, store) = (Zoo::new(&old, true), Memory::default());
    let name = stored(&mut postgres(&zoo), Compression::Zstd, &store);
    let [ada, bob, eve] = zoo.roles();
    for target in [&other, &new] {
        let database = target.database("zoo");
        let report = restore(&name, &mut postgres(&database), &store, &Run::default()).unwrap();
        for (what, names) in [
            ("owner and privileges of roles", [ada, bob, eve].as_slice()),
            ("policies for roles", &[bob, eve]),
            ("user mappings of roles", &[bob]),
        ] {
            let note = report.notes.iter().find(|note| note.contains(what)).unwrap();
            assert!(names.iter().all(|name| note.contains(&format!("`{name}`"))), "{note}");
        }
        let (before, after) = (text_for_everybody(target, &zoo), text_for_everybody(target, &database));
        if target.version() == old.version() {
            assert_same(&without_roles(&before, &[ada, bob, eve]), &without_roles(&after, &[]), "15");
            continue;
        }
        // Versions print a view in different ways: what psql itself makes of the text there is the same.
        let reference = target.database("reference");
        let mut text = tempfile::NamedTempFile::new().unwrap();
        text.write_all(old.dump_text_with(zoo.name(), &["--no-owner"]).as_bytes()).unwrap();
        let mut psql = target.tool("psql", reference.name(), target.superuser());
        psql.args(["-Xqo", "/dev/null", "-f"]).arg(text.path()).stderr(std::process::Stdio::null());
        assert!(psql.status().unwrap().success());
        assert_same(&without_roles(&text_for_everybody(target, &reference), &[]), &without_roles(&after, &[]), "18");
    }
}
