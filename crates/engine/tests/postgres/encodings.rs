//! Databases that are not UTF-8, with names that are not ASCII.

use dbbackup::manifest::{Content, Manifest};
use dbbackup::source::postgres::Format;
use dbbackup::{Compression, ErrorKind};
use dbbackup_testkit::postgres::{Database, quoted};

use crate::world::{World, postgres, servers};

/// One for each server.
const FORMATS: [Format; 2] = [Format::Custom, Format::Text];

/// Returns what `pg_dump` writes in the database's own encoding.
fn bytes_of(database: &Database, encoding: &str) -> Vec<u8> {
    let mut pg_dump = database.server().tool("pg_dump", database.name(), database.server().superuser());
    let output = pg_dump.env("PGCLIENTENCODING", encoding).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let differs = [b"\\restrict".as_slice(), b"\\unrestrict"];
    let lines = output.stdout.split_inclusive(|&byte| byte == b'\n');
    lines.filter(|line| !differs.iter().any(|start| line.starts_with(start))).flatten().copied().collect()
}

/// Returns what the manifest of the backup `a` says of its rows.
fn rows(world: &World) -> Content {
    let manifest = Manifest::parse("a", &world.store.bytes("a.metadata").unwrap()).unwrap();
    manifest.dbbackup.unwrap().content.unwrap()
}

#[test]
fn names_and_rows_of_a_latin_database_come_back() {
    for (server, format) in servers().zip(FORMATS) {
        let database = server.encoded_database("größer", "LATIN1");
        let role = database.role("Bärbel");
        database.psql(&format!(
            "CREATE SCHEMA \"Größe\" AUTHORIZATION {role}; CREATE SCHEMA andere;
             CREATE TABLE \"Größe\".\"Tür; ö\" (\"Straße\" text DEFAULT 'ä''ö', id serial PRIMARY KEY);
             INSERT INTO \"Größe\".\"Tür; ö\" VALUES ('ÿ§¿'), (E'\\\\.\\nß');
             ALTER TABLE \"Größe\".\"Tür; ö\" OWNER TO {role};
             GRANT USAGE ON SCHEMA andere TO {role};
             CREATE TABLE andere.\"öd\" (\"ü\" text); INSERT INTO andere.\"öd\" VALUES ('vorher ä');
             COMMENT ON TABLE andere.\"öd\" IS 'Äpfel; Öl'; GRANT SELECT ON andere.\"öd\" TO {role};
             CREATE FUNCTION andere.\"größe\"(\"ß\" text DEFAULT 'é') RETURNS text LANGUAGE sql AS 'SELECT ''ô'' || $1';",
            role = quoted(&role)
        ));
        let before = database.dump_text();
        let world = World::default();
        world.backup(&mut postgres(&database).with_format(format), Compression::Zstd).unwrap();
        let content = rows(&world);
        assert!(content.exact);
        assert_eq!(content.tables["\"Größe\".\"Tür; ö\""], 2, "{content:?}");
        database.psql("DROP TABLE \"Größe\".\"Tür; ö\"; CREATE TABLE \"später\" (\"ä\" text)");
        let report = world.restore(&mut postgres(&database)).unwrap();
        assert_eq!(report.notes, [""; 0], "{format:?}");
        assert!(database.dump_text() == before, "PostgreSQL {}, {format:?}", server.version());

        // One schema alone, and rows that stay.
        database.psql("DELETE FROM \"Größe\".\"Tür; ö\"; DELETE FROM andere.\"öd\"");
        let without = database.dump_text();
        world.restore(&mut postgres(&database).only_schemas(["Größe"])).unwrap();
        assert_eq!(database.psql("SELECT count(*) FROM andere.\"öd\"").trim(), "0");
        assert!(database.dump_text() != without);
        world.restore(&mut postgres(&database)).unwrap();
        assert!(database.dump_text() == before, "PostgreSQL {}, {format:?}", server.version());
        let parts = World::default();
        let mut source = postgres(&database).with_format(format).excluding(["andere.öd"]);
        parts.backup(&mut source, Compression::Zstd).unwrap();
        database.psql("UPDATE andere.\"öd\" SET \"ü\" = 'nachher ö'");
        let report = parts.restore(&mut postgres(&database)).unwrap();
        assert!(report.notes.join("\n").contains("`andere.\"öd\"` (1 rows)"), "{:?}", report.notes);
        assert_eq!(database.psql("SELECT \"ü\" FROM andere.\"öd\"").trim(), "nachher ö");
        world.restore(&mut postgres(&database)).unwrap();
        let schema = World::default();
        schema.backup(&mut postgres(&database).with_format(format).only_schemas(["Größe"]), Compression::Zstd).unwrap();
        assert_eq!(rows(&schema).tables.len(), 1);

        // UTF-8 has all of its characters.
        let unicode = server.database("unicode");
        let report = world.restore(&mut postgres(&unicode)).unwrap();
        // The name of a role is in the encoding of the database where it was made.
        assert!(report.notes.iter().all(|note| note.contains("roles that this server does not have")));
        let text = |database: &Database| {
            server.dump_text_with(database.name(), &["--no-owner", "--no-privileges", "--encoding=UTF8"])
        };
        assert!(text(&unicode) == text(&database), "PostgreSQL {}, {format:?}", server.version());

        // It has not those of UTF-8.
        let world = World::default();
        let unicode = server.database("unicode");
        unicode.psql("CREATE TABLE \"漢字\" (a text)");
        world.backup(&mut postgres(&unicode), Compression::Zstd).unwrap();
        let error = world.restore(&mut postgres(&database)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tool, "{error}");
        assert!(error.advice().unwrap().contains("encoding"), "{error:?}");
        assert!(database.dump_text() == before);
    }
}

#[test]
fn names_and_rows_that_are_in_no_encoding_come_back() {
    for (server, format) in servers().zip(FORMATS) {
        let database = server.encoded_database("bytes", "SQL_ASCII");
        // In Latin 1 and in UTF-8, side by side.
        let fill = b"SET client_encoding = 'SQL_ASCII';
            CREATE TABLE \"T\xfcr\" (\"\xe4\" text, id serial PRIMARY KEY); INSERT INTO \"T\xfcr\" VALUES ('\xdf\xff'), ('\xc3\xb6');
            CREATE TABLE \"T\xc3\xbcr\" (a text); INSERT INTO \"T\xc3\xbcr\" VALUES ('\xf6'); CREATE SCHEMA \"\xe9\";
            CREATE VIEW \"\xe9\".\"\xe8\" AS SELECT \"\xe4\" FROM \"T\xfcr\";";
        let mut psql = server.tool("psql", database.name(), server.superuser());
        psql.env("PGCLIENTENCODING", "SQL_ASCII").args(["-XAtq", "-v", "ON_ERROR_STOP=1"]);
        let mut child = psql.stdin(std::process::Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), fill).unwrap();
        assert!(child.wait().unwrap().success());
        let before = bytes_of(&database, "SQL_ASCII");
        let world = World::default();
        world.backup(&mut postgres(&database).with_format(format), Compression::Zstd).unwrap();
        let content = rows(&world);
        assert!(content.exact && content.tables.values().sum::<u64>() == 3, "{content:?}");
        database.psql("DROP TABLE public.\"Tür\"; CREATE TABLE later (a text)");
        let report = world.restore(&mut postgres(&database)).unwrap();
        assert_eq!(report.notes, [""; 0], "{format:?}");
        assert!(bytes_of(&database, "SQL_ASCII") == before, "PostgreSQL {}, {format:?}", server.version());

        let parts = World::default();
        let mut source = postgres(&database).with_format(format).excluding(["\"T\"*"]);
        parts.backup(&mut source, Compression::Zstd).unwrap();
        database.psql("INSERT INTO \"Tür\" VALUES ('sp\u{e4}ter')");
        let report = parts.restore(&mut postgres(&database)).unwrap();
        assert!(report.notes.join("\n").contains("(2 rows)"), "{:?}", report.notes);
        assert_eq!(database.psql("SELECT count(*) FROM \"Tür\"").trim(), "2");
        world.restore(&mut postgres(&database)).unwrap();
        assert!(bytes_of(&database, "SQL_ASCII") == before, "PostgreSQL {}, {format:?}", server.version());
    }
}
