//! What cannot be restored changes nothing.

use dbbackup::source::postgres::Format;
use dbbackup::{Compression, ErrorKind};
use dbbackup_testkit::Damage;
use dbbackup_testkit::postgres::{Database, Server, Version, quoted};

use crate::world::{World, move_on, postgres, postgres_as, servers, shop, text_of};

/// Edits a text, and fails if there is nothing to edit.
fn edited(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

/// A statement before the end of a text.
fn with_last(text: &str, statement: &str) -> String {
    edited(
        text,
        "--\n-- PostgreSQL database dump complete",
        &format!("{statement}\n\n--\n-- PostgreSQL database dump complete"),
    )
}

const FORMATS: [Format; 2] = [Format::Custom, Format::Text];

#[test]
fn a_backup_that_is_not_what_its_manifest_says_changes_nothing() {
    if let Some(server) = servers().next() {
        let database = shop(&server, true, 300);
        for (format, compression) in [
            (Format::Custom, Compression::None),
            (Format::Text, Compression::None),
            (Format::Custom, Compression::Zstd),
        ] {
            let world = World::default();
            world.backup(&mut postgres(&database).with_format(format), compression).unwrap();
            let whole = world.bytes();
            let before = database.dump_text();
            let length = whole.len();
            // The trailer of a codec, and bytes of rows and of large objects, which no format could prove.
            let mut damages = vec![Damage::Append(b"\n"), Damage::FlipBit((length - 2) * 8), Damage::CutTo(length - 1)];
            damages.extend([2, 3, 4].map(|part| Damage::FlipBit(length * 8 * (part - 1) / part)));
            damages.push(Damage::CutTo(length * 3 / 4));
            for damage in damages {
                world.store.insert("a", damage.apply(&whole));
                let error = world.restore(&mut postgres(&database)).unwrap_err();
                let is_damage = matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Refused | ErrorKind::Tool);
                assert!(is_damage, "{format:?}, {compression:?}, {damage:?}: {error}");
            }
            assert!(database.dump_text() == before, "{format:?}, {compression:?}");
        }
    }
}

#[test]
fn a_backup_without_manifest_that_is_cut_anywhere_changes_nothing() {
    let Some(server) = servers().next() else { return };
    let database = shop(&server, true, 300);
    for format in FORMATS {
        for compression in [Compression::None, Compression::Gzip] {
            let world = World::default();
            world.backup(&mut postgres(&database).with_format(format), compression).unwrap();
            let whole = world.bytes();
            let before = database.dump_text();
            let length = whole.len();
            let mut cuts: Vec<usize> = (0..12).map(|part| length * part / 12).collect();
            let last_comment = b"-- PostgreSQL database dump complete";
            match whole.windows(last_comment.len()).position(|window| window == last_comment) {
                // Behind it stands nothing that is restored.
                Some(at) => cuts.extend([at - 3, at, at + 3, at + last_comment.len() - 1]),
                None => cuts.extend([1, 2, 5, 9].map(|last| length - last)),
            }
            for cut in cuts {
                let error = world.restore_plain(&whole[..cut], &mut postgres(&database)).unwrap_err();
                let kind = error.kind();
                let is_damage = matches!(kind, ErrorKind::Corrupt | ErrorKind::Refused);
                assert!(is_damage, "{format:?}, {compression:?}, {cut} of {length}: {kind:?}, {error}");
            }
            assert!(database.dump_text() == before, "{format:?}, {compression:?}");
        }
    }
}

/// `pg_restore` does not look there.
#[test]
fn bytes_after_the_end_of_a_backup_without_manifest_are_refused() {
    let Some(server) = servers().next() else { return };
    let database = shop(&server, true, 100);
    let before = database.dump_text();
    let dump = |options: &[&str]| {
        let mut command = server.tool("pg_dump", database.name(), server.superuser());
        command.args(options).output().unwrap().stdout
    };
    // Its own compression too, as others' backups have it.
    for backup in [dump(&["--format=custom"]), dump(&["--format=custom", "--compress=0"]), dump(&["--clean"])] {
        for more in [&b"\0"[..], b"junk", b"DROP TABLE public.customer CASCADE;\n", &vec![b'x'; 3_000_000]] {
            let error = World::default().restore_plain([&backup, more].concat(), &mut postgres(&database)).unwrap_err();
            let kind = error.kind();
            assert!(matches!(kind, ErrorKind::Corrupt | ErrorKind::Refused), "{} bytes more: {error}", more.len());
        }
        assert!(database.dump_text() == before);
        World::default().restore_plain(backup, &mut postgres(&database)).unwrap();
    }
}

/// `pg_restore` reads only what it is asked for.
#[test]
fn an_archive_that_is_read_in_part_is_walked_over_to_its_end() {
    let Some(server) = servers().next() else { return };
    let database = shop(&server, true, 30_000);
    let world = World::default();
    world.backup(&mut postgres(&database), Compression::None).unwrap();
    let part = || postgres(&database).with_options(Vec::new(), vec!["--schema-only".into()], Vec::new());
    let before = database.dump_text();
    let error = world.restore_plain([&world.bytes(), &b"x"[..]].concat(), &mut part()).unwrap_err();
    assert!(error.to_string().contains("bytes after its end"), "{error}");
    assert!(database.dump_text() == before);
    world.restore_plain(world.bytes(), &mut part()).unwrap();
    assert_eq!(database.psql("SELECT count(*) FROM \"Order\"").trim(), "0");
}

#[test]
fn an_archive_without_manifest_is_proven_by_its_table_of_contents() {
    for server in servers() {
        let database = shop(&server, true, 100);
        for options in [&["--format=custom"][..], &["--format=custom", "--compress=0", "--exclude-table-data=log*"]] {
            let mut command = server.tool("pg_dump", database.name(), server.superuser());
            let archive = command.args(options).output().unwrap().stdout;
            let file = tempfile::NamedTempFile::new().unwrap();
            // Written to a file, it has the places of the data in it, too.
            let mut command = server.tool("pg_dump", database.name(), server.superuser());
            assert!(command.args(options).arg("--file").arg(file.path()).status().unwrap().success());
            for archive in [archive, fs_err::read(file.path()).unwrap()] {
                let world = World::default();
                world.store.insert("plain", archive.clone());
                let report = dbbackup::verify("plain", &world.store, &world.run).unwrap();
                assert_eq!(report.proof, "the blocks that its table of contents names");
                for damaged in [&archive[..archive.len() - 1], &[&archive[..], b"\n"].concat()] {
                    world.store.insert("plain", damaged.to_vec());
                    let error = dbbackup::verify("plain", &world.store, &world.run).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
                }
            }
        }
    }
}

#[test]
fn a_text_without_its_last_comment_is_taken_only_where_the_user_says_so() {
    let Some(server) = servers().next() else { return };
    let database = shop(&server, true, 100);
    let text = text_of(&database);
    let before = database.dump_text();
    let whole = edited(&text, "-- PostgreSQL database dump complete", "--");
    let cut_between = &text[..text.find("CREATE INDEX").unwrap()];
    let cut_in_rows = &text[..=text.find("\n50\t").unwrap()];
    let cut_in_statement = &text[..text.find("CREATE INDEX").unwrap() + 16];
    let restore = |text: &str, accepts: bool| {
        World::default().restore_plain(text, &mut postgres(&database).accepting_unproven(accepts))
    };
    for text in [&whole, cut_between, cut_in_rows, cut_in_statement] {
        let error = restore(text, false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(database.dump_text() == before);
    }
    // What is in the middle of something has no other half.
    for text in [cut_in_rows, cut_in_statement] {
        let error = restore(text, true).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Tool), "{error}");
        assert!(database.dump_text() == before);
    }
    let report = restore(&whole, true).unwrap();
    assert!(report.notes.iter().any(|note| note.contains("nothing marks the end")), "{:?}", report.notes);
    assert!(database.dump_text() == before);
    restore(cut_between, true).unwrap();
    assert!(database.dump_text() != before);
    assert_eq!(database.psql("SELECT count(*) FROM \"Order\"").trim(), "100");
}

#[test]
fn a_file_that_is_something_else_changes_nothing() {
    let Some(server) = servers().next() else { return };
    let database = shop(&server, true, 10);
    let before = database.dump_text();
    let tar = server.tool("pg_dump", database.name(), server.superuser()).arg("--format=tar").output().unwrap().stdout;
    let signature = b"-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n";
    let mysql = b"-- MySQL dump 10.13\n--\nDROP TABLE IF EXISTS `customer`;\n-- Dump completed\n";
    let junk: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect();
    for (what, bytes) in [
        ("SQLite", &[b"SQLite format 3\0".as_slice(), &[0; 4096]].concat()[..]),
        ("MySQL", mysql),
        ("JSON", br#"[{"model": "shop.customer", "pk": 1, "fields": {}}]"#),
        ("a signature", signature),
        ("an archive of tar", &tar),
        ("junk", &junk),
        ("SQL of somebody", b"DROP TABLE customer CASCADE;\nCOMMIT;\n"),
        ("an archive's first bytes", b"PGDMP"),
        ("nothing", b""),
    ] {
        let error = World::default().restore_plain(bytes, &mut postgres(&database)).unwrap_err();
        let kind = error.kind();
        assert!(matches!(kind, ErrorKind::Refused | ErrorKind::Corrupt), "{what}: {kind:?}, {error}");
    }
    assert!(database.dump_text() == before);
}

/// Restores a text that fails; returns the error.
fn failing(database: &Database, text: &str) -> dbbackup::Error {
    let before = database.dump_text();
    let end = &text[text.len() - 300..];
    let error = World::default().restore_plain(text, &mut postgres(database)).expect_err(end);
    assert!(database.dump_text() == before, "{error}");
    error
}

#[test]
fn a_statement_that_fails_changes_nothing() {
    for server in servers() {
        let database = shop(&server, true, 500);
        let text = text_of(&database);
        move_on(&database);

        let error = failing(&database, &edited(&text, "CREATE VIEW public.sad", "CREATE VIEW nowhere.sad"));
        assert_eq!(error.kind(), ErrorKind::Tool, "{error}");
        assert!(error.to_string().contains("schema \"nowhere\" does not exist"), "{error}");

        let error = failing(&database, &with_last(&text, "SELECT 1/0;"));
        assert!(error.to_string().contains("division by zero"), "{error}");

        let row = "INSERT INTO public.\"Order\" (customer) VALUES (99);";
        let error = failing(&database, &with_last(&text, row));
        assert!(error.to_string().contains("violates foreign key constraint"), "at the commit: {error}");
        assert!(error.to_string().contains("DETAIL:  Key (customer)=(99)"), "{error}");

        let extension = "CREATE EXTENSION IF NOT EXISTS no_such_thing WITH SCHEMA public;\n\nCREATE VIEW public.sad";
        let error = failing(&database, &edited(&text, "CREATE VIEW public.sad", extension));
        assert!(error.to_string().contains("no_such_thing"), "{error}");
        assert_eq!(error.advice(), Some("install the extension on the server first"), "{error}");

        // What ends a transaction is left out or refused.
        for last in ["COMMIT;", "END;", "ROLLBACK;", "COMMIT AND CHAIN;", "ABORT;", "PREPARE TRANSACTION 'x';"] {
            failing(&database, &with_last(&text, &format!("{last}\n\nSELECT 1/0;")));
        }
        for last in ["\\! touch /tmp/x", "\\connect postgres", "\\q", "\\set AUTOCOMMIT on", "ROLLBACK TO x;"] {
            let error = failing(&database, &with_last(&text, last));
            assert_eq!(error.kind(), ErrorKind::Refused, "{last}: {error}");
        }
    }
}

#[test]
fn roles_that_are_not_there_are_left_out_and_said() {
    for server in servers() {
        for format in FORMATS {
            let database = server.database("roles");
            let (owner, reader) = (database.role("gone owner"), database.role("gone reader"));
            let (of_owner, of_reader) = (quoted(&owner), quoted(&reader));
            database.psql(&format!(
                "CREATE TABLE t (a integer); ALTER TABLE t OWNER TO {of_owner}; INSERT INTO t VALUES (1);
                 GRANT SELECT ON t TO {of_reader}; GRANT INSERT ON t TO PUBLIC"
            ));
            let world = World::default();
            world.backup(&mut postgres(&database).with_format(format), Compression::Zstd).unwrap();
            database.psql(&format!("DROP OWNED BY {of_owner}, {of_reader}; DROP ROLE {of_owner}, {of_reader}"));
            let report = world.restore(&mut postgres(&database)).unwrap();
            let notes = report.notes.join("\n");
            assert!(notes.contains(&owner) && notes.contains(&reader), "{notes}");
            assert_eq!(database.psql("SELECT * FROM t").trim(), "1");
            assert_eq!(database.psql("SELECT relowner::regrole FROM pg_class WHERE relname = 't'").trim(), "postgres");
        }
    }
}

#[test]
fn a_role_without_the_rights_is_denied_and_changes_nothing() {
    let Some(server) = Server::start(Version::V15) else { return };
    let database = shop(&server, false, 10);
    let world = World::default();
    world.backup(&mut postgres(&database), Compression::Zstd).unwrap();
    let stranger = database.role("stranger");
    database.psql(&format!("GRANT ALL ON ALL TABLES IN SCHEMA public TO {}", quoted(&stranger)));
    let before = database.dump_text();
    let error = world.restore(&mut postgres_as(&database, &stranger)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    assert!(database.dump_text() == before);
}
