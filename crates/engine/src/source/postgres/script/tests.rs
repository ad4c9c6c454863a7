use std::fmt::Write as _;
use std::time::Instant;

use proptest::prelude::*;

use super::head::HEAD_BYTES;
use super::*;

const PLAIN: &str = include_str!("../../../../../../testdata/postgres/filter-plain.sql");
const CLEAN: &str = include_str!("../../../../../../testdata/postgres/filter-clean.sql");
const ARCHIVE: &str = include_str!("../../../../../../testdata/postgres/filter-archive.sql");
const DUMP: &str = "--\n-- PostgreSQL database dump\n--\n\n";

/// A server with some settings and roles.
fn a_server() -> Surroundings {
    let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Surroundings {
        settings: set(&[
            "check_function_bodies",
            "client_encoding",
            "client_min_messages",
            "DateStyle",
            "default_table_access_method",
            "default_tablespace",
            "idle_in_transaction_session_timeout",
            "lock_timeout",
            "row_security",
            "search_path",
            "session_replication_role",
            "standard_conforming_strings",
            "statement_timeout",
            "xmloption",
        ]),
        roles: [("root", true), ("mine", true), ("theirs", false), ("Odd; \"one\"", true)]
            .into_iter()
            .map(|(name, is_member)| (name.to_owned(), is_member))
            .collect(),
        user: "root".to_owned(),
        encoding: "UTF8".to_owned(),
        ..Surroundings::default()
    }
}

/// A server that has everything that the sample dumps name.
fn the_server_of_the_samples() -> Surroundings {
    let mut around = Surroundings { is_superuser: true, ..a_server() };
    around.roles.extend(["filter_owner", "filter_reader", "filter; reader"].map(|name| (name.to_owned(), true)));
    around
}

/// Hands out a text in parts.
struct Parts<'a> {
    text: &'a [u8],
    /// Where the first read ends; then so many bytes at once.
    first: usize,
    then: usize,
}

impl Read for Parts<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let most = if self.first > 0 { std::mem::take(&mut self.first) } else { self.then };
        let count = most.min(buf.len()).min(self.text.len());
        buf[..count].copy_from_slice(&self.text[..count]);
        self.text = &self.text[count..];
        Ok(count)
    }
}

fn run(mut script: Script<impl Read>) -> Result<(String, ScriptFacts)> {
    let mut out = Vec::new();
    script.read_to_end(&mut out).map_err(|error| Error::from_io(error, ErrorKind::Read, "read"))?;
    Ok((String::from_utf8_lossy(&out).into_owned(), script.finish()?))
}

fn filter_in(around: &Surroundings, text: &str) -> Result<(String, ScriptFacts)> {
    run(Script::new(text.as_bytes(), around.clone(), Wanted::default(), Injections::default()))
}

fn filter(text: &str) -> Result<(String, ScriptFacts)> {
    filter_in(&a_server(), text)
}

/// Filters for some schemas.
fn filter_for(schemas: &[&str], text: &str) -> Result<(String, ScriptFacts)> {
    let wanted = Wanted { schemas: schemas.iter().map(|&name| name.to_owned()).collect() };
    run(Script::new(text.as_bytes(), a_server(), wanted, Injections::default()))
}

/// Puts marks where our own statements would stand.
fn filter_with_marks(around: &Surroundings, text: &str) -> String {
    let injections = Injections { before_large_objects: "LARGE;".to_owned(), before_post_data: "POST;".to_owned() };
    run(Script::new(text.as_bytes(), around.clone(), Wanted::default(), injections)).unwrap().0
}

#[track_caller]
fn assert_passes(text: &str) {
    assert_eq!(filter(text).unwrap().0, text);
}

#[track_caller]
fn assert_left_out(text: &str) {
    let (out, _) = filter(&format!("SELECT 1;{text}SELECT 2;\n")).unwrap();
    assert_eq!(out, "SELECT 1;SELECT 2;\n", "{text}");
}

#[track_caller]
fn assert_refused(text: &str, what: &str) {
    let error = filter(text).expect_err(text);
    assert_eq!(error.kind(), ErrorKind::Refused, "{text}: {error}");
    assert!(error.to_string().contains(what), "{text}: {error}");
}

/// Returns the lines of a text that say something to the server.
fn said(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with("--")).collect()
}

#[test]
fn a_dump_passes_but_for_what_the_session_has_its_own_of() {
    let (out, facts) = filter_in(&the_server_of_the_samples(), PLAIN).unwrap();
    let gone: Vec<_> = {
        let kept = said(&out);
        said(PLAIN).into_iter().filter(|line| !kept.contains(line)).collect()
    };
    let expected = [
        "\\restrict k3y",
        "SET statement_timeout = 0;",
        "SET lock_timeout = 0;",
        "SET idle_in_transaction_session_timeout = 0;",
        "BEGIN;",
        "\\unrestrict k3y",
    ];
    assert_eq!(gone, expected);
    let expected = ScriptFacts { saw_end_comment: true, has_large_objects: true, ..ScriptFacts::default() };
    assert_eq!(facts, expected);
    // Procedures and rows keep what only looks as if it ended the transaction.
    assert_eq!(PLAIN.matches("COMMIT;").count() - 1, out.matches("COMMIT;").count());
}

#[test]
fn what_clean_drops_is_left_out() {
    let around = the_server_of_the_samples();
    let (out, _) = filter_in(&around, CLEAN).unwrap();
    assert!(CLEAN.contains("DROP TABLE IF EXISTS app.note;") && CLEAN.contains("lo_unlink"));
    let drops: Vec<_> =
        said(&out).into_iter().filter(|line| line.starts_with("DROP") || line.contains("lo_unlink")).collect();
    assert!(drops.is_empty(), "{drops:?}");
    assert!(!out.contains(" DROP CONSTRAINT") && !out.contains("DROP DEFAULT"));
    // The view stands there twice: a shell of it first, in the clean section.
    assert_eq!(CLEAN.matches("CREATE OR REPLACE VIEW public.first_note").count(), 2);
    assert_eq!(out.matches("CREATE OR REPLACE VIEW public.first_note").count(), 1);
}

#[test]
fn outside_of_a_clean_section_drops_pass() {
    assert_passes("DROP TABLE t;\nALTER TABLE t DROP COLUMN c;\nCREATE OR REPLACE VIEW v AS SELECT 1;\n");
    let entry = format!("{DUMP}-- Name: t; Type: TABLE; Schema: public; Owner: root\nDROP TABLE t;\n");
    assert_passes(&entry);
}

#[test]
fn an_archives_text_passes_without_its_transaction() {
    let (out, facts) = filter_in(&the_server_of_the_samples(), ARCHIVE).unwrap();
    assert!(ARCHIVE.contains("\nBEGIN;\n") && ARCHIVE.contains("\nCOMMIT;\n\n-- Completed"));
    assert!(!out.contains("\nBEGIN;\n") && !out.contains("\nCOMMIT;\n\n-- Completed"));
    assert!(facts.saw_end_comment && facts.has_large_objects);
}

#[test]
fn bare_begin_and_commit_are_left_out_and_all_else_about_transactions_is_refused() {
    for text in ["BEGIN;", "commit ;", "End/**/;", "START TRANSACTION;", "BEGIN -- now\n;"] {
        assert_left_out(text);
    }
    for (text, what) in [
        ("ROLLBACK;", "`ROLLBACK`"),
        ("/* a */ abort;", "`ABORT`"),
        ("SAVEPOINT a;", "`SAVEPOINT`"),
        ("RELEASE a;", "`RELEASE`"),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE;", "`BEGIN ISOLATION`"),
        ("COMMIT AND CHAIN;", "`COMMIT AND`"),
        ("END WORK;", "`END WORK`"),
        ("START TRANSACTION READ ONLY;", "`START TRANSACTION`"),
        ("PREPARE TRANSACTION 'a';", "`PREPARE TRANSACTION`"),
        ("COMMIT PREPARED 'a';", "`COMMIT PREPARED`"),
        ("ROLLBACK PREPARED 'a';", "`ROLLBACK`"),
        ("SET TRANSACTION READ ONLY;", "`SET TRANSACTION`"),
        ("SET LOCAL TRANSACTION READ ONLY;", "`SET TRANSACTION`"),
        ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;", "`SET TRANSACTION`"),
    ] {
        assert_refused(text, what);
    }
    let error = filter("SELECT 1;\n\nROLLBACK;").unwrap_err();
    assert_eq!(error.advice(), Some("see line 3 of its text"));
    assert_passes("PREPARE p AS SELECT 1;\nSELECT 'COMMIT;', $$COMMIT;$$, \"COMMIT;\" /* ;COMMIT; */;\n");
}

#[test]
fn backslash_commands_are_refused_wherever_psql_sees_one() {
    let (out, _) = filter("\\restrict a1B2\nSELECT 1;\n\\unrestrict a1B2\n").unwrap();
    assert_eq!(said(&out), ["SELECT 1;"]);
    for (text, what) in [
        ("\\connect shop\n", "`\\connect`"),
        ("\\!ls\n", "`\\!`"),
        ("\\i /etc/passwd", "`\\i`"),
        ("SELECT 1 \\gexec\n", "`\\gexec`"),
        ("SELECT 1 \\; COMMIT;\n", "`\\;`"),
        ("COPY t FROM stdin;\n\\.\n\\copy t from 'x'\n", "`\\copy`"),
        ("\\restrict a1 \\! ls\n", "`\\restrict`"),
        ("\\restrict\n", "`\\restrict`"),
        ("SELECT 1 \\restrict a1\n;", "`\\restrict`"),
        ("\\\n", "`\\"),
    ] {
        assert_refused(text, what);
    }
    let error = filter("\\connect shop\n").unwrap_err();
    assert_eq!(error.advice(), Some("pg_dump wrote it with `--create`: dump without it"));
    assert_passes("SELECT '\\connect', \"\\!\", $a$\\!$a$ -- \\!\n/* \\! */;\n");
}

#[test]
fn databases_are_neither_made_nor_changed() {
    for text in ["CREATE DATABASE a;", "alter database a SET x = 1;", "DROP DATABASE IF EXISTS a;"] {
        assert_refused(text, "DATABASE`");
    }
    let (out, facts) = filter("COMMENT ON DATABASE shop IS 'x';\n").unwrap();
    assert_eq!(
        (out.as_str(), facts.notes.as_slice()),
        ("\n", &["left out: the comment of database `shop`".to_owned()][..])
    );
}

#[test]
fn settings_of_ours_and_those_that_the_server_lacks_are_left_out() {
    for text in [
        "SET lock_timeout = 0;",
        "SET LOCAL Statement_Timeout TO 0;",
        "SET SESSION idle_in_transaction_session_timeout = 0;",
        "SET transaction_timeout = 0;",
        "SET idle_session_timeout = 0;",
        "SET of_a_later_version = 0;",
        "RESET lock_timeout;",
    ] {
        assert_left_out(text);
    }
    assert_passes(
        "SET row_security = off;\nSET datestyle = 'ISO';\nSET my.own = 1;\nSET session_replication_role = replica;\n\
         SET TIME ZONE 'UTC';\nSET XML OPTION content;\nSET CONSTRAINTS ALL DEFERRED;\nRESET row_security;\n\
         SELECT pg_catalog.set_config('search_path', '', false);\nSET client_encoding = 'LATIN1';\n",
    );
    assert_refused("RESET ALL;", "`RESET all`");
    assert_refused("SELECT set_config('standard_conforming_strings', 'off', false);", "standard_conforming_strings");
    assert_refused("SELECT pg_catalog.set_config('lock_timeout', '0', false);", "lock_timeout");
}

#[test]
fn encodings_that_hide_quotes_are_unsupported() {
    for text in ["SET client_encoding = 'SJIS';", "SET NAMES 'gb18030';", "SET client_encoding TO Shift_JIS_2004;"] {
        let error = filter(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{text}: {error}");
    }
}

#[test]
fn backslashes_escape_where_the_text_says_so() {
    assert_passes("SELECT 'a\\';\nSELECT E'\\';COMMIT;', e'''\\\\';\nSELECT U&'\\0041\\', B'1', X'1F', N'\\';\n");
    let text = "SET standard_conforming_strings = off;\nSELECT 'a\\';ROLLBACK;', B'1';\n\
                SET standard_conforming_strings = on;\nSELECT 'a\\';\n";
    assert_passes(text);
    assert_refused("SELECT 'a\\';ROLLBACK;'';", "`ROLLBACK`");
    assert_refused("SELECT E'a'\n'\\';COMMIT;';", "a string in several parts");
    assert_passes("SELECT 'a'\n'b;';\n");
}

#[test]
fn statements_end_where_psql_ends_them() {
    assert_passes(
        "CREATE RULE r AS ON DELETE TO t DO INSTEAD (SELECT 1; ROLLBACK; SELECT 2);\n\
         CREATE OR REPLACE FUNCTION f(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC\n\
         SELECT CASE WHEN a > 0 THEN 1 END; ROLLBACK; END;\nCREATE PROCEDURE p() BEGIN ATOMIC ROLLBACK; END;\n\
         SELECT a$b$;\nSELECT $1;\nSELECT $a$ ; $b$ ; $a;$a$ ;\nSELECT /* ; /* ; */ ROLLBACK; */ 1;\n\
         SELECT 1 -- ; ROLLBACK;\n;\nSELECT \"a\"\";ROLLBACK;\";\nSELECT $$;$;$$;\nSELECT -1/2;\n",
    );
    assert_passes(&format!("SELECT {};\nSELECT -0.{}e-5;\n", "9".repeat(131_072), "1".repeat(16_383)));
    assert_refused("SELECT $a$ $A$; $a$; ROLLBACK;", "`ROLLBACK`");
    assert_refused("-- a\rROLLBACK;", "`ROLLBACK`");
    assert_refused("CREATE VIEW v AS SELECT 1 AS begin; ROLLBACK;", "`ROLLBACK`");
    assert_refused(
        "CREATE FUNCTION begin() RETURNS int LANGUAGE sql AS 'SELECT 1'; COMMIT AND CHAIN; SELECT 1 AS end;",
        "`COMMIT AND`",
    );
    assert_refused("SELECT 1$$;", "right behind a number");
    assert_refused(&format!("SELECT {};", "a".repeat(2000)), "more than 1 KiB");
}

#[test]
fn a_name_that_psql_takes_for_the_begin_of_a_body_gets_quotes() {
    for (text, out) in [
        (
            "CREATE FUNCTION begin() RETURNS int AS 'SELECT 1';",
            "CREATE FUNCTION \"begin\"() RETURNS int AS 'SELECT 1';",
        ),
        ("CREATE FUNCTION a.BEGIN() RETURNS SETOF begin;", "CREATE FUNCTION a.\"begin\"() RETURNS SETOF \"begin\";"),
        (
            "CREATE OR REPLACE PROCEDURE begin.begin(begin int) BEGIN ATOMIC SELECT t.begin AS commit; END;",
            "CREATE OR REPLACE PROCEDURE \"begin\".\"begin\"(begin int) BEGIN ATOMIC SELECT t.\"begin\" AS commit; END;",
        ),
        ("CREATE FUNCTION f() begin/**/atomic;", "CREATE FUNCTION f() \"begin\"/**/atomic;"),
        ("CREATE FUNCTION f() begin atomics;", "CREATE FUNCTION f() \"begin\" atomics;"),
    ] {
        let (text, out) = (format!("{text} SELECT 1;\n"), format!("{out} SELECT 1;\n"));
        assert_eq!(filter(&text).unwrap().0, out);
    }
    assert_passes(
        "CREATE FUNCTION f() begin\n\tAtomic SELECT 1; END;\nCREATE FUNCTION commit() RETURNS int AS '';\n\
         COMMENT ON FUNCTION begin() IS 'x';\nSELECT begin();\nDROP FUNCTION begin();\nCREATE TABLE begin (begin int);\n",
    );
    // Behind more blanks than are looked at, no body begins: the server says so.
    let text = format!("CREATE FUNCTION f() begin{}atomic;\n", " ".repeat(2000));
    assert!(filter(&text).unwrap().0.starts_with("CREATE FUNCTION f() \"begin\" "));
}

#[test]
fn policies_and_user_mappings_of_missing_roles_are_left_out_and_told() {
    let (out, facts) = filter(
        "CREATE POLICY p ON s.t FOR SELECT TO mine, gone USING ((a = 'x;') AND (b IN (SELECT 1)));\n\
         CREATE POLICY q ON s.t AS RESTRICTIVE TO gone, \"Gone; too\" USING (true) WITH CHECK (true);\n\
         COMMENT ON POLICY p ON s.t IS 'p';\nCOMMENT ON POLICY q ON s.t IS 'q';\nCOMMENT ON POLICY q ON s.u IS 'q';\n\
         CREATE POLICY r ON s.t TO PUBLIC WITH CHECK (a TO b);\nCREATE POLICY s ON s.t TO theirs;\n\
         CREATE USER MAPPING FOR gone SERVER x OPTIONS (\"user\" 'a');\nCREATE USER MAPPING FOR PUBLIC SERVER x;\n\
         CREATE USER MAPPING IF NOT EXISTS FOR \"Gone; too\" SERVER x;\nCREATE USER MAPPING FOR mine SERVER x;\nCREATE USER MAPPING FOR root SERVER x;\n",
    )
    .unwrap();
    let expected = [
        "CREATE POLICY p ON s.t FOR SELECT TO mine USING ((a = 'x;') AND (b IN (SELECT 1)));",
        "COMMENT ON POLICY p ON s.t IS 'p';",
        "COMMENT ON POLICY q ON s.u IS 'q';",
        "CREATE POLICY r ON s.t TO PUBLIC WITH CHECK (a TO b);",
        "CREATE POLICY s ON s.t TO theirs;",
        "CREATE USER MAPPING FOR PUBLIC SERVER x;",
        "CREATE USER MAPPING FOR mine SERVER x;",
        "CREATE USER MAPPING FOR root SERVER x;",
    ];
    assert_eq!(said(&out), expected);
    let expected = [
        "left out: policies for roles that this server does not have: `Gone; too`, `gone`",
        "left out: user mappings of roles that this server does not have: `Gone; too`, `gone`",
        "user mappings are without options, which only their own role and superusers may dump: `mine`",
    ];
    assert_eq!(facts.notes, expected);
}

#[test]
fn a_policy_of_any_length_is_passed_for_the_roles_that_are_there() {
    let condition = "a OR ".repeat(HEAD_BYTES);
    let (out, _) = filter(&format!("CREATE POLICY p ON t TO gone, mine USING ({condition} b);\n")).unwrap();
    assert_eq!(out, format!("CREATE POLICY p ON t TO mine USING ({condition} b);\n"));
}

#[test]
fn a_subscription_that_is_there_stays_as_it_is() {
    let subscriptions = ["Here; it's".to_owned()].into();
    let around = Surroundings { subscriptions, ..a_server() };
    let (out, facts) = filter_in(
        &around,
        "CREATE SUBSCRIPTION \"Here; it's\" CONNECTION 'x' PUBLICATION p WITH (connect = false);\n\
         ALTER SUBSCRIPTION \"Here; it's\" OWNER TO gone;\nCOMMENT ON SUBSCRIPTION \"Here; it's\" IS 'x';\n\
         CREATE SUBSCRIPTION other CONNECTION 'x' PUBLICATION p;\nCOMMENT ON SUBSCRIPTION other IS 'x';\n",
    )
    .unwrap();
    assert_eq!(said(&out).len(), 2, "{out}");
    assert_eq!(facts.notes, [""; 0]);
}

#[test]
fn statistics_are_left_out_where_nothing_takes_them() {
    let text = "SELECT * FROM pg_catalog.pg_restore_relation_stats(\n\t'version', '180004'::integer);\n";
    let (out, facts) = filter(&format!("SELECT 1;\n{text}")).unwrap();
    assert_eq!(said(&out), ["SELECT 1;"]);
    assert_eq!(facts.notes.len(), 1, "{facts:?}");
    let statistics = ["pg_restore_relation_stats".to_owned()].into();
    let (out, facts) = filter_in(&Surroundings { statistics, ..a_server() }, text).unwrap();
    assert_eq!((out.as_str(), facts.notes.len()), (text, 0));
}

#[test]
fn our_own_sql_is_said_in_our_own_encoding() {
    let injections = Injections { before_post_data: "SELECT 'ö';".to_owned(), ..Injections::default() };
    let text = "SET client_encoding = 'LATIN1';\nSELECT 1;\n";
    let (out, _) = run(Script::new(text.as_bytes(), a_server(), Wanted::default(), injections)).unwrap();
    assert_eq!(said(&out)[2..], ["SET client_encoding = 'UTF8';", "SELECT 'ö';", "SET client_encoding = 'LATIN1';"]);
}

#[test]
fn rows_end_at_their_mark_alone() {
    assert_passes(
        "COPY t FROM stdin;\nROLLBACK;\n\\\\.\n\\.x\n \\.\nx\\.\n\\N\n'\n\\.\nSELECT 1;\n\
         copy \"a;b\".t (a, \"from\") from STDIN ;\n\\.\n\
         COPY t FROM stdin;\r\n1\r\n\\.\r\nSELECT 1;\nCOPY (SELECT 1 FROM stdin) TO '/dev/null';\nSELECT 1;\n",
    );
    assert_refused("COPY t FROM stdin;\n1\n\\.\nROLLBACK;", "`ROLLBACK`");
    assert_refused("COPY t FROM stdout;\n1\n\\.\nROLLBACK;", "`ROLLBACK`");
    assert_refused("COPY t FROM stdin; COMMIT;\n\\.\n", "something behind");
    assert_refused("COPY t FROM stdin WITH (FORMAT csv);\n\\.\n", "options behind");
    assert_refused("COPY BINARY t FROM stdin;\n", "`COPY BINARY`");
    // The last line may have no end.
    assert_eq!(filter("COPY t FROM stdin;\n1\n\\.").unwrap().0, "COPY t FROM stdin;\n1\n\\.\n");
}

#[test]
fn a_text_that_ends_inside_of_something_is_damaged() {
    for text in [
        "SELECT 1",
        "SELECT 'a;",
        "SELECT \"a;",
        "SELECT $a$;$a",
        "SELECT $12",
        "SELECT E'a\\';",
        "/* a",
        "SELECT (1;",
        "COPY t FROM stdin;",
        "COPY t FROM stdin;\n",
        "COPY t FROM stdin;\n1\n",
        "COPY t FROM stdin;\n1\n\\",
        "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1;",
        "SELECT '\0';",
        "COPY t FROM stdin;\n\0\n\\.\n",
    ] {
        let error = filter(text).expect_err(text);
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{text}: {error}");
    }
    for text in ["", "\n", "-- a", "SELECT 1;", "SELECT 1; /* a */"] {
        assert_eq!(filter(text).unwrap().0.trim_end(), text.trim_end());
    }
}

#[test]
fn a_prefix_of_a_dump_is_damaged_or_lacks_its_last_comment() {
    let whole = PLAIN.find("dump complete").unwrap() + "dump complete".len();
    for cut in (0..whole).step_by(13) {
        match filter_in(&the_server_of_the_samples(), &PLAIN[..cut]) {
            Ok((_, facts)) => assert!(!facts.saw_end_comment, "{cut}"),
            Err(error) => assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Refused), "{cut}: {error}"),
        }
    }
}

#[test]
fn the_last_comment_counts_only_where_nothing_follows() {
    let end = "-- PostgreSQL database dump complete\n";
    assert!(filter(&format!("SELECT 1;\n{end}--\n\n\\unrestrict a\n")).unwrap().1.saw_end_comment);
    assert!(!filter(&format!("{end}SELECT 1;\n")).unwrap().1.saw_end_comment);
    assert!(!filter(&format!("SELECT '\n{end}';\n")).unwrap().1.saw_end_comment);
}

#[test]
fn extensions_and_schemas_that_stay_are_not_made_again() {
    let mut around = a_server();
    around.extensions.insert("hstore".to_owned());
    around.extensions.insert("uuid-ossp".to_owned());
    around.kept_schemas.extend(["public", "Odd \"one\" "].map(str::to_owned));
    let gone = "CREATE EXTENSION hstore;CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\" WITH SCHEMA public;\
                COMMENT ON EXTENSION HStore IS ';';CREATE SCHEMA PUBLIC;CREATE SCHEMA \"Odd \"\"one\"\" \";\
                CREATE SCHEMA IF NOT EXISTS public AUTHORIZATION root;CREATE SCHEMA AUTHORIZATION public;";
    assert_eq!(filter_in(&around, gone).unwrap().0, "");
    let stays = "CREATE EXTENSION \"Hstore\";\nCREATE EXTENSION IF NOT EXISTS citext;\nCREATE SCHEMA \"Public\";\n\
                 COMMENT ON EXTENSION citext IS 'a';\nCOMMENT ON SCHEMA public IS 'a';\n\
                 CREATE SCHEMA public CREATE TABLE t ();\n";
    assert_eq!(filter_in(&around, stays).unwrap().0, stays);
}

#[test]
fn owners_and_privileges_of_roles_that_are_not_there_are_left_out_and_named() {
    let stays = "ALTER TABLE t OWNER TO mine;\nALTER FUNCTION f(a text, \"owner\" int) OWNER TO \"Odd; \"\"one\"\"\";\n\
                 ALTER TABLE t OWNER TO CURRENT_USER;\nALTER TABLE t RENAME COLUMN owner TO gone;\n\
                 GRANT SELECT (a, b) ON TABLE t TO theirs WITH GRANT OPTION;\nREVOKE ALL ON t FROM PUBLIC;\n\
                 REVOKE GRANT OPTION FOR ALL ON t FROM theirs CASCADE;\n\
                 ALTER DEFAULT PRIVILEGES FOR ROLE mine IN SCHEMA s GRANT SELECT ON TABLES TO theirs;\n\
                 ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO theirs;\n\
                 CREATE POLICY p ON t TO theirs USING (true);\n";
    let (out, facts) = filter(stays).unwrap();
    assert_eq!((out.as_str(), facts.notes.len()), (stays, 0));

    let gone = "ALTER TABLE t OWNER TO gone;ALTER LARGE OBJECT 12 OWNER TO theirs;GRANT ALL ON t TO \"Gone\";\
                REVOKE ALL ON t FROM GROUP gone;GRANT ALL ON t TO mine GRANTED BY gone;\
                ALTER DEFAULT PRIVILEGES FOR ROLE theirs REVOKE ALL ON TABLES FROM PUBLIC;\
                ALTER DEFAULT PRIVILEGES FOR ROLE mine GRANT ALL ON TABLES TO gone;";
    let (out, facts) = filter(gone).unwrap();
    assert_eq!(out, "");
    let expected = [
        "left out: owner and privileges of roles that this server does not have: `Gone`, `gone`",
        "left out: owner and privileges of roles that `root` may not act as: `theirs`",
    ];
    assert_eq!(facts.notes, expected);

    let (out, _) = filter("GRANT ALL ON t TO a, mine, GROUP b, \"theirs\" WITH GRANT OPTION;\n").unwrap();
    assert_eq!(out, "GRANT ALL ON t TO mine, \"theirs\" WITH GRANT OPTION;\n");
}

#[test]
fn another_sessions_user_is_taken_on_only_where_that_can_be() {
    let others = "SET SESSION AUTHORIZATION 'mine';\nSELECT 1;\nRESET SESSION AUTHORIZATION;\n";
    let (out, facts) = filter(others).unwrap();
    assert_eq!(said(&out), ["SELECT 1;", "RESET SESSION AUTHORIZATION;"]);
    assert_eq!(facts.notes, ["left out: owner and privileges of roles that `root` may not act as: `mine`"]);
    let superuser = Surroundings { is_superuser: true, ..a_server() };
    assert_eq!(filter_in(&superuser, others).unwrap().0, others);
    // What follows a role that is missing does not go to the one before it.
    let text = "SET SESSION AUTHORIZATION mine;\nSET SESSION AUTHORIZATION gone;\nSELECT 1;\n";
    let expected = ["SET SESSION AUTHORIZATION mine;", "SET SESSION AUTHORIZATION DEFAULT;", "SELECT 1;"];
    assert_eq!(said(&filter_in(&superuser, text).unwrap().0), expected);
    assert_left_out("SET ROLE gone;");
    assert_passes("SET SESSION AUTHORIZATION DEFAULT;\nSET ROLE mine;\nSET ROLE NONE;\n");
    // The session gets itself back at the end.
    let (out, _) = filter_in(&superuser, "SET SESSION AUTHORIZATION mine;\n").unwrap();
    assert_eq!(said(&out).last(), Some(&"SET SESSION AUTHORIZATION DEFAULT;"));
}

#[test]
fn rows_of_tables_that_may_not_be_written_are_swallowed_and_named() {
    let mut around = a_server();
    let table = |name: &str| ("public".to_owned(), name.to_owned());
    around.untouchable.extend([table("spatial_ref_sys"), table("Odd.\"seq\"")]);
    let text = "COPY public.spatial_ref_sys (srid) FROM stdin;\n1\n\\.\nSELECT 1;\n\
                ALTER TABLE public.spatial_ref_sys DISABLE TRIGGER ALL;\n\
                SELECT pg_catalog.setval('public.\"Odd.\"\"seq\"\"\"', 4, true);\n";
    let (out, facts) = filter_in(&around, text).unwrap();
    assert_eq!(said(&out), ["SELECT 1;"]);
    let note = "left out: rows of tables that `root` may not write to: `public.spatial_ref_sys`";
    assert_eq!(facts.notes, [note]);
    let (out, facts) = filter_in(&around, "INSERT INTO public.spatial_ref_sys VALUES (';');").unwrap();
    assert_eq!((said(&out).len(), facts.notes.len()), (0, 1));
    let (_, facts) = filter_in(&around, "COPY public.spatial_ref_sys FROM stdin;\n\\.\n").unwrap();
    assert!(facts.notes.is_empty());
    // Clients before 10.3 name the schema in the comment alone.
    let text = "-- Data for Name: spatial_ref_sys; Type: TABLE DATA; Schema: public; Owner: root\n\
                COPY spatial_ref_sys FROM stdin;\n1\n\\.\n";
    assert_eq!(said(&filter_in(&around, text).unwrap().0).len(), 0);
    let others = "COPY public.\"Spatial_ref_sys\" FROM stdin;\n1\n\\.\nINSERT INTO app.spatial_ref_sys VALUES (1);\n\
                  SELECT pg_catalog.setval('public.odd', 4, true);\nALTER TABLE public.t DISABLE TRIGGER ALL;\n";
    assert_eq!(filter_in(&around, others).unwrap().0, others);
}

#[test]
fn of_some_schemas_only_what_stands_in_them_is_passed() {
    let (out, facts) = filter_for(&["app"], PLAIN).unwrap();
    assert!(out.contains("CREATE TABLE app.note") && out.contains("COMMENT ON TABLE app.note"));
    assert!(out.contains("4\ttab\\tand 'quote'") && out.contains("SET default_tablespace = '';"));
    assert!(out.contains("CREATE RULE quiet") && out.contains("set_config('search_path'"));
    for other in
        ["public.event", "CREATE SCHEMA", "EXTENSION hstore IS", "lo_create", "CREATE PUBLICATION", "Odd; Type: \"\"x"]
    {
        assert!(!out.contains(other), "{other}");
    }
    assert!(!facts.has_large_objects && facts.missing_schemas.is_empty());

    let (out, facts) = filter_for(&["Odd; Type: \"x\"", "gone"], CLEAN).unwrap();
    assert!(out.contains("(1, 1);") && !out.contains("app.note VALUES"));
    assert_eq!(facts.missing_schemas, ["gone"]);
}

#[test]
fn of_a_text_without_comments_no_schema_can_be_told() {
    for text in ["CREATE TABLE app.t ();", "SET row_security = off;\n", "SELECT lo_create(1);", ""] {
        let error = filter_for(&["app"], text).expect_err(text);
        assert_eq!(error.kind(), ErrorKind::Refused, "{text}: {error}");
    }
    let (_, facts) = filter_for(&["app"], DUMP).unwrap();
    assert_eq!(facts.missing_schemas, ["app"]);
    // An empty schema is there.
    let text = format!("{DUMP}-- Name: app; Type: SCHEMA; Schema: -; Owner: root\nCREATE SCHEMA app;\n");
    assert!(filter_for(&["app"], &text).unwrap().1.missing_schemas.is_empty());
}

#[test]
fn our_statements_are_put_in_once_and_where_they_belong() {
    let around = the_server_of_the_samples();
    for text in [PLAIN, CLEAN, ARCHIVE] {
        let out = filter_with_marks(&around, text);
        let place = |mark: &str| out.find(mark).unwrap_or_else(|| panic!("{mark}"));
        assert_eq!((out.matches("LARGE;\n").count(), out.matches("POST;\n").count()), (1, 1));
        assert!(out.contains("LARGE;\nSELECT pg_catalog.lo_create("));
        assert!(place("lo_close") < place("POST;\n") && place("POST;\n") < place("ADD CONSTRAINT"));
        assert!(out.contains("POST;\nALTER TABLE ONLY app.note\n"));
    }
    assert_eq!(filter_with_marks(&around, "SELECT 1;"), "SELECT 1;\nPOST;\n");
    let acting = "SET SESSION AUTHORIZATION mine; SELECT lo_create(1);\n";
    let expected = "SET SESSION AUTHORIZATION mine; \nSET SESSION AUTHORIZATION DEFAULT;\nLARGE;\n\
                    SET SESSION AUTHORIZATION mine;\nSELECT lo_create(1);\n\
                    SET SESSION AUTHORIZATION DEFAULT;\nPOST;\nSET SESSION AUTHORIZATION mine;\n\
                    SET SESSION AUTHORIZATION DEFAULT;\n";
    assert_eq!(filter_with_marks(&around, acting), expected);
}

#[test]
fn long_statements_are_judged_by_what_fits() {
    let long = "x".repeat(2 * HEAD_BYTES);
    assert_passes(&format!(
        "ALTER TABLE t ADD CHECK (a <> '{long}');\nSELECT '{long}';\nCREATE SCHEMA s -- {long}\n;\n"
    ));
    assert_left_out(&format!("COMMIT /* {} */;", "x".repeat(HEAD_BYTES / 2)));
    assert_refused(&format!("SET row_security = '{long}';"), "64 KiB");
    assert_refused(&format!("COMMIT /* {long} */;"), "`COMMIT`");
}

#[test]
fn a_byte_order_mark_is_left_out() {
    assert_eq!(filter("\u{feff}SELECT 1;\n").unwrap().0, "SELECT 1;\n");
}

/// What the text becomes does not depend on where the reads below it end.
#[test]
fn awkward_text_may_be_cut_anywhere() {
    let awkward = "\u{feff}/* ; /* */ \\! */ SELECT E'\\';\\\\', 'a;''\\', \"b\"\";\", U&'\\', u&\"d;\", x'1F;' -- ;\\!\n;\n\
        \\restrict k3y\nSELECT 1-1/2*$1, a$b$, $$;$;$$, $t$;$u$;$t;$t$;\nBEGIN;\nCOMMIT ;\n\
        CREATE PROCEDURE p() LANGUAGE plpgsql AS $_$ BEGIN COMMIT; END $_$;\n\
        CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE 1 WHEN 1 THEN 2 END; SELECT ';'; END;\n\
        -- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: -\n\
        COPY public.t (a) FROM stdin;\n\\N\n\\\\.\n\\.x\nCOMMIT;\n'\n$$\n\\.\n\
        COPY public.u FROM stdin;\n\n\\.\r\nALTER TABLE t OWNER TO gone;\n\
        -- Name: i; Type: INDEX; Schema: public; Owner: -\nCREATE INDEX i ON t (a);\n\
        -- PostgreSQL database dump complete\n\\unrestrict k3y\n-- end";
    for (text, step) in [(awkward, 1), (PLAIN, 13)] {
        let around = the_server_of_the_samples();
        let read = |first, then| {
            let parts = Parts { text: text.as_bytes(), first, then };
            let injections = Injections { before_post_data: "POST;".to_owned(), ..Injections::default() };
            run(Script::new(parts, around.clone(), Wanted::default(), injections)).unwrap()
        };
        let whole = read(0, usize::MAX);
        assert_eq!(read(0, 1), whole);
        for cut in (1..text.len()).step_by(step) {
            assert_eq!(read(cut, usize::MAX), whole, "{cut}");
        }
    }
}

proptest! {
    #[test]
    fn text_without_anything_special_comes_out_as_it_went_in(
        parts in prop::collection::vec((0..9_usize, "[a-z;'\\\\$\"\n (/*-]{0,30}"), 0..20),
        then in 1..50_usize,
    ) {
        let mut text = String::new();
        for (kind, content) in parts {
            let plain: String = content.chars().filter(|letter| letter.is_ascii_lowercase() || *letter == ' ').collect();
            match kind {
                0 => write!(text, "SELECT '{}';", content.replace('\'', "''")),
                1 => writeln!(text, "SELECT E'{}';", content.replace('\\', "\\\\").replace('\'', "\\'")),
                2 => write!(text, "UPDATE \"{}\" SET a = 1;", content.replace('"', "\"\"")),
                3 => writeln!(text, "DO $tag${content}$tag$;"),
                4 => writeln!(text, "-- {}", content.replace('\n', "")),
                5 => write!(text, "/* {} */", content.replace(['/', '*'], "")),
                6 => write!(text, "COPY t FROM stdin;\n{}\n\\.\n", content.replace("\n\\", "\n").trim_start_matches('\\')),
                7 => write!(text, "CREATE RULE r AS DO ({plain}; {plain});"),
                _ => write!(text, "  VALUES (\"{plain}\", 1.5, $1, -2);\r\n"),
            }.unwrap();
        }
        text.push('\n');
        let parts = Parts { text: text.as_bytes(), first: 0, then };
        let (out, facts) = run(Script::new(parts, a_server(), Wanted::default(), Injections::default())).unwrap();
        prop_assert_eq!(out, text);
        prop_assert_eq!(facts, ScriptFacts::default());
    }

    #[test]
    fn any_text_is_read_the_same_however_it_is_cut(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "'", "\"", "$", "$$", "$a$", "-", "--", "/", "*", "/*", "*/", "\\", "\\.\n", "\\.", ";", "(", ")", "\n", "\r",
                " ", "E", "u&", "a", "1", "COPY t FROM stdin;\n", "begin", "atomic", "end", "case", "CREATE FUNCTION f",
                "SELECT", "ALTER t OWNER TO b", "SET standard_conforming_strings = off;", "\\restrict a\n", "\u{e4}", "\0",
            ]), 0..25),
        then in 1..9_usize,
    ) {
        let text = parts.concat();
        let read = |then| {
            let parts = Parts { text: text.as_bytes(), first: 0, then };
            let script = Script::new(parts, a_server(), Wanted::default(), Injections::default());
            run(script).map_err(|error| (error.kind(), error.to_string()))
        };
        prop_assert_eq!(read(then), read(usize::MAX));
    }
}

/// Repeats a part between a beginning and an end.
fn repeated<'a>(begin: &'a [u8], part: &'a [u8], bytes: u64, end: &'a [u8]) -> impl Read + 'a {
    let middle = std::iter::repeat_n(part, usize::try_from(bytes).unwrap() / part.len());
    begin.chain(Concat { parts: middle, at: &[] }).chain(end)
}

struct Concat<'a, I> {
    parts: I,
    at: &'a [u8],
}

impl<'a, I: Iterator<Item = &'a [u8]>> Read for Concat<'a, I> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buf.len() {
            if self.at.is_empty() {
                let Some(part) = self.parts.next() else { break };
                self.at = part;
            }
            filled += self.at.read(&mut buf[filled..])?;
        }
        Ok(filled)
    }
}

#[test]
fn memory_is_bounded_whatever_is_long() {
    let part = vec![b'x'; 64 * 1024];
    let tokens = b"a, ".repeat(20_000);
    for (begin, part, mib, end) in [
        ("INSERT INTO t VALUES ('", &part[..], 64, "');"),
        ("ALTER TABLE t ADD CHECK (a <> $a$", &part, 64, "$a$);"),
        ("INSERT INTO t VALUES (", &b"0123456789".repeat(6_000), 16, ");"),
        ("GRANT SELECT (", &tokens, 4, "z) ON t TO mine;"),
        ("-- ", &part, 64, "\n"),
        ("/* ", &part, 64, "*/"),
        ("SELECT ", &b" ".repeat(50_000), 64, "1;"),
        ("COPY t FROM stdin;\n", &part, 64, "\n\\.\n"),
    ] {
        let text = repeated(begin.as_bytes(), part, mib << 20, end.as_bytes());
        let mut script = Script::new(text, a_server(), Wanted::default(), Injections::default());
        let (mut buf, mut bytes, mut most) = (vec![0; 1 << 20], 0, 0);
        loop {
            let count = script.read(&mut buf).unwrap();
            bytes += count;
            most = most.max(script.window.capacity() + script.editor.held_bytes());
            if count == 0 {
                break;
            }
        }
        assert!(bytes as u64 > (mib - 1) << 20 && most < 4 << 20, "{begin}: {bytes} bytes, {most} held");
    }
}

/// Run with `cargo test --release --lib -p dbbackup throughput -- --ignored --nocapture`.
#[test]
#[ignore = "measures; prints MiB/s"]
fn throughput() {
    let row =
        "12345\tSome Name\tsome.name@example.org\t\\N\t2026-05-05 12:00:00+00\tt\t{\"a\": \"b\\\\n\"}\n".repeat(700);
    let insert = "INSERT INTO public.t VALUES (12345, 'Some Name', 'some.name@example.org', NULL, true);\n".repeat(700);
    for (what, begin, part, end) in [("rows", "COPY t FROM stdin;\n", &row, "\\.\n"), ("inserts", "", &insert, "")] {
        let bytes = 1 << 30;
        let text = repeated(begin.as_bytes(), part.as_bytes(), bytes, end.as_bytes());
        let mut script = Script::new(text, a_server(), Wanted::default(), Injections::default());
        let (mut buf, start) = (vec![0; 256 * 1024], Instant::now());
        while script.read(&mut buf).unwrap() > 0 {}
        println!("{what}: {:.0} MiB/s", 1024.0 / start.elapsed().as_secs_f64());
    }
}
