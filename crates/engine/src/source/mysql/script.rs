//! The text of a dump, on its way into a schema of its own.

use std::collections::BTreeSet;
use std::io::Read;

use super::context::Context;
use super::create_table::{CreateTable, create_table};
use super::lexer::{Kind, Lexer};
use super::object::{Object, Sql, object_of};
use super::own::{concerns_server, refused, require_own};
use super::statement::{Head, Quoting, Token, Tokens, head_of};
use crate::error::{Error, ErrorKind, Result, Stage};

/// Where the statements of a text go.
pub(super) trait Loader {
    /// Takes a statement for the schema that is loaded.
    fn send(&mut self, sql: &[u8]) -> Result<()>;

    /// Takes a statement that sets variables of the session.
    fn set(&mut self, sql: &[u8]) -> Result<()> {
        self.send(sql)
    }

    /// Takes the beginning of a statement with rows of a table; `more` brings the rest.
    fn rows(&mut self, _table: &str, head: &[u8]) -> Result<()> {
        self.more(head)
    }

    /// Takes more of a statement with rows.
    fn more(&mut self, part: &[u8]) -> Result<()> {
        self.send(part)
    }

    /// Takes a table that is to be made.
    fn make(&mut self, table: CreateTable) -> Result<()>;

    /// Hears of a table or a sequence that a statement makes which it was sent.
    fn made(&mut self, _name: String) {}

    /// Takes an object that is made of other text than rows: it is made twice, here and at last where it belongs.
    fn object(&mut self, object: Object) -> Result<()>;
}

/// What a text turned out to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ScriptFacts {
    /// What was left out that somebody may miss, one sentence each.
    pub(super) notes: Vec<String>,
    /// The last thing in it is the dump program's last comment.
    pub(super) saw_end_comment: bool,
    /// It was dumped with its routines, if there were some; and with its events.
    pub(super) has_routines: bool,
    pub(super) has_events: bool,
}

/// Reads the text of a dump from `plain` to its end and gives its statements to `loader`, but for those that do not
/// concern the one database.
///
/// # Errors
///
/// `Refused` for what no dump of one database has; `Corrupt` where the text ends inside of something; the loader's.
pub(super) fn run(plain: &mut dyn Read, loader: &mut dyn Loader) -> Result<ScriptFacts> {
    let mut editor = Editor::new(loader);
    let mut lexer = Lexer::new();
    let mut window = vec![0; WINDOW_BYTES];
    let (mut at, mut end) = (0, 0);
    loop {
        window.copy_within(at..end, 0);
        end -= at;
        at = 0;
        if end == window.len() {
            window.resize(window.len() * 2, 0);
        }
        let count = plain
            .read(&mut window[end..])
            .map_err(|source| Error::from_io(source, ErrorKind::Read, "cannot read the backup").at(Stage::Store))?;
        end += count;
        let is_last = count == 0;
        while let Some(piece) = lexer.next(&window[at..end], is_last)? {
            editor.take(piece.kind, &window[at..at + piece.bytes])?;
            lexer.quote_as(editor.quoting);
            at += piece.bytes;
        }
        if is_last {
            return match lexer.open_part() {
                None => Ok(editor.finish()),
                Some(part) => {
                    let message = format!("cannot restore the backup: its text ends inside of {part}");
                    Err(Error::new(ErrorKind::Corrupt, message)
                        .at(Stage::Archive)
                        .hint("it was cut short: restore another backup"))
                }
            };
        }
    }
}

struct Editor<'a> {
    loader: &'a mut dyn Loader,
    /// The statement so far, unless its parts are handed on as they come.
    statement: Vec<u8>,
    streams: bool,
    context: Context,
    quoting: Quoting,
    database_charset: Option<String>,
    /// Databases that the text makes or uses.
    databases: BTreeSet<String>,
    /// What stands between the statements: the last of it.
    comment: Vec<u8>,
    facts: ScriptFacts,
}

impl<'a> Editor<'a> {
    fn new(loader: &'a mut dyn Loader) -> Self {
        Self {
            loader,
            statement: Vec::new(),
            streams: false,
            context: Context::default(),
            quoting: Quoting::default(),
            database_charset: None,
            databases: BTreeSet::new(),
            comment: Vec::new(),
            facts: ScriptFacts::default(),
        }
    }

    fn take(&mut self, kind: Kind, bytes: &[u8]) -> Result<()> {
        match kind {
            Kind::Between => {
                self.comment.extend_from_slice(bytes);
                let says = |text: &str| memchr::memmem::find(&self.comment, text.as_bytes()).is_some();
                self.facts.has_routines |= says("-- Dumping routines for database");
                self.facts.has_events |= says("-- Dumping events for database");
                let surplus = self.comment.len().saturating_sub(COMMENT_BYTES);
                self.comment.drain(..surplus);
                Ok(())
            }
            Kind::Part if self.streams => self.loader.more(bytes),
            Kind::Part => {
                self.comment.clear();
                self.statement.extend_from_slice(bytes);
                if let Some(Head::Insert(insert)) = head_of(&self.statement) {
                    let tokens: Vec<Token<'_>> = Tokens::of(&self.statement).map(|(token, _)| token).take(8).collect();
                    require_own(&tokens)?;
                    self.streams = true;
                    return self.loader.rows(&insert.table, &std::mem::take(&mut self.statement));
                }
                if self.statement.len() > STATEMENT_BYTES {
                    return Err(refused("a statement that is so long and has no rows"));
                }
                Ok(())
            }
            Kind::End if self.streams => {
                self.streams = false;
                self.loader.more(b";\n")
            }
            Kind::End => {
                let statement = std::mem::take(&mut self.statement);
                self.whole(&statement)
            }
        }
    }

    /// Takes a whole statement that has no rows.
    fn whole(&mut self, statement: &[u8]) -> Result<()> {
        let tokens: Vec<Token<'_>> = Tokens::quoted(statement, self.quoting).map(|(token, _)| token).collect();
        let Some(first) = tokens.first() else { return Ok(()) };
        let second = tokens.get(1).copied().unwrap_or(Token::Symbol(b' '));
        let is = |words: &[&str]| words.iter().any(|word| first.is(word));
        let is_database = second.is("DATABASE") || second.is("SCHEMA");
        if is(&["USE"]) {
            return self.use_database(second);
        }
        if is(&["CREATE", "DROP"]) && is_database {
            return self.use_database(last_name(&tokens));
        }
        if is(&["ALTER"]) && is_database {
            self.database_charset = charset_of(&tokens);
            return Ok(());
        }
        if is(&["SET"]) {
            return self.set(statement, &tokens);
        }
        if is(&["LOCK", "UNLOCK"]) {
            return Ok(());
        }
        if is(&["CREATE"])
            && let Some((kind, name)) = object_of(&tokens)?
        {
            return self.loader.object(Object {
                kind,
                name,
                context: self.context.sql(),
                database_charset: self.database_charset.clone(),
                sql: Sql(statement.trim_ascii().to_vec()),
            });
        }
        if let Some(table) = create_table(statement) {
            // What stands for a view until the view is made is in a comment that is run: it is no table.
            if statement.trim_ascii_start().starts_with(b"C") {
                return self.loader.make(table);
            }
        }
        // It would run where it is only tried.
        if is(&["ALTER"]) && second.is("EVENT") {
            return Err(refused("an event that is altered"));
        }
        let defines = is(&["CREATE", "DROP", "ALTER"]) && DEFINED.iter().any(|word| second.is(word));
        if defines || is(&["DO", "SELECT", "COMMIT", "BEGIN", "START", "ANALYZE", "TRUNCATE", "UPDATE", "DELETE"]) {
            require_own(&tokens)?;
            if is(&["CREATE"])
                && (second.is("TABLE") || second.is("SEQUENCE"))
                && let Some(name) = tokens[2..].iter().filter(|token| !token.is_if()).find_map(|token| token.name())
            {
                self.loader.made(name);
            }
            return self.loader.send(&[statement, b";\n"].concat());
        }
        if is(&["CHANGE", "GRANT", "FLUSH", "RESET", "PURGE"]) {
            let word = String::from_utf8_lossy(statement).split_whitespace().next().unwrap_or("").to_owned();
            self.facts.notes.push(format!("`{word} …` is left out: it concerns the server, not the database"));
            return Ok(());
        }
        let shown: String = String::from_utf8_lossy(statement.trim_ascii()).chars().take(40).collect();
        Err(refused(&format!("`{shown}`")))
    }

    fn set(&mut self, statement: &[u8], tokens: &[Token<'_>]) -> Result<()> {
        if concerns_server(statement, tokens)? {
            return Ok(());
        }
        self.context.take(statement);
        self.quoting = self.context.quoting();
        self.loader.set(&[statement, b";\n"].concat())
    }

    fn use_database(&mut self, name: Token<'_>) -> Result<()> {
        let Some(name) = name.name() else { return Err(refused("a database without a name")) };
        self.databases.insert(name);
        if self.databases.len() > 1 {
            let names: Vec<_> = self.databases.iter().map(|name| format!("`{name}`")).collect();
            return Err(refused(&format!("several databases ({})", names.join(", "))));
        }
        Ok(())
    }

    /// Tells what the text turned out to be.
    fn finish(mut self) -> ScriptFacts {
        let comment = self.comment.trim_ascii();
        let line = comment.rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
        self.facts.saw_end_comment = line.starts_with(END_COMMENT);
        self.facts
    }
}

fn last_name<'a>(tokens: &[Token<'a>]) -> Token<'a> {
    let name = tokens.iter().skip(2).rfind(|token| matches!(token, Token::Name(_)));
    name.or(tokens.last()).copied().unwrap_or(Token::Symbol(b' '))
}

/// Returns `CHARACTER SET x COLLATE y` of an `ALTER DATABASE`.
pub(super) fn charset_of(tokens: &[Token<'_>]) -> Option<String> {
    let at = tokens.iter().position(|token| token.is("CHARACTER"))?;
    let words: Vec<String> = tokens[at..].iter().filter_map(|token| token.name()).collect();
    Some(words.join(" "))
}

/// What a statement of a dump may make, drop or change.
const DEFINED: [&str; 11] = [
    "TABLE",
    "VIEW",
    "SEQUENCE",
    "INDEX",
    "TEMPORARY",
    "UNIQUE",
    "PROCEDURE",
    "FUNCTION",
    "TRIGGER",
    "EVENT",
    "PACKAGE",
];
/// What a dump ends with.
const END_COMMENT: &[u8] = b"-- Dump completed";
/// Longest comment that is looked at.
const COMMENT_BYTES: usize = 256;
/// Bytes of text that are looked at at once.
const WINDOW_BYTES: usize = 256 * 1024;
/// Longest statement without rows.
const STATEMENT_BYTES: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::super::object::ObjectKind;
    use super::*;

    /// Keeps what it is given.
    #[derive(Default)]
    struct Kept {
        sql: String,
        tables: Vec<String>,
        objects: Vec<Object>,
    }

    impl Loader for Kept {
        fn send(&mut self, sql: &[u8]) -> Result<()> {
            self.sql.push_str(std::str::from_utf8(sql).unwrap());
            Ok(())
        }

        fn make(&mut self, table: CreateTable) -> Result<()> {
            self.tables.push(table.name);
            Ok(())
        }

        fn object(&mut self, object: Object) -> Result<()> {
            self.objects.push(object);
            Ok(())
        }
    }

    fn loaded(text: &str) -> Result<(Kept, ScriptFacts)> {
        let mut kept = Kept::default();
        let facts = run(&mut text.as_bytes(), &mut kept)?;
        Ok((kept, facts))
    }

    #[test]
    fn a_dump_is_taken_apart() {
        let text = "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump\n/*!40101 SET NAMES utf8mb4 */;\n\
                    USE `shop`;\nCREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop`;\nSET @@GLOBAL.GTID_PURGED='x';\n\
                    DROP TABLE IF EXISTS `t`;\nCREATE TABLE `t` (\n  `a` int(11)\n) ENGINE=InnoDB;\nLOCK TABLES `t` \
                    WRITE;\nINSERT INTO `t` VALUES (1),(';');\nUNLOCK TABLES;\nDELIMITER ;;\n/*!50003 SET sql_mode = \
                    'ANSI' */ ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`h`*/ /*!50003 TRIGGER tr BEFORE INSERT ON t \
                    FOR EACH ROW BEGIN SET @a = 1; END */;;\nDELIMITER ;\nALTER DATABASE `shop` CHARACTER SET latin1 COLLATE \
                    latin1_bin ;\nCREATE DEFINER=r@h FUNCTION `f`() RETURNS int(11) RETURN 1;\n/*!50001 CREATE \
                    ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`r`@`h` SQL SECURITY DEFINER */\n/*!50001 VIEW `v` AS select 1 \
                    */;\n\n-- Dump completed on 2026-01-01\n";
        let (kept, facts) = loaded(text).unwrap();
        assert!(facts.saw_end_comment);
        assert_eq!(kept.tables, ["t"]);
        let sql = "/*!40101 SET NAMES utf8mb4 */;\nDROP TABLE IF EXISTS `t`;\nINSERT INTO `t` VALUES (1),(';');\n\
                   /*!50003 SET sql_mode = 'ANSI' */ ;\n";
        assert_eq!(kept.sql, sql);
        let names: Vec<_> = kept.objects.iter().map(|object| (object.kind, object.name.as_str())).collect();
        let expected = [(ObjectKind::Trigger, "tr"), (ObjectKind::Function, "f"), (ObjectKind::View, "v")];
        assert_eq!(names, expected);
        assert!(kept.objects[0].context.contains("sql_mode = 'ANSI'"), "{}", kept.objects[0].context);
        let statements = String::from_utf8(kept.objects[0].statements()).unwrap();
        assert!(statements.contains("DELIMITER ;;\n/*!50003 CREATE*/"));
        let charset = "CHARACTER SET latin1 COLLATE latin1_bin";
        assert_eq!(kept.objects[1].database_charset.as_deref(), Some(charset));
    }

    #[test]
    fn what_would_touch_another_database_is_refused() {
        for text in [
            "USE a; USE b;",
            "CREATE DATABASE a; USE `b`;",
            "INSERT INTO `other`.`t` VALUES (1);",
            "DROP TABLE IF EXISTS `other`.`t`;",
            "CREATE TABLE `other`.`t` (a int);",
            "CREATE PROCEDURE `other`.`p`() SELECT 1;",
            "SHUTDOWN;",
            "INSERT INTO other.t VALUES (1);",
            "UPDATE other . t SET a = 1;",
            "DROP TABLE IF EXISTS a, b, c, d, e, f, `other`.g;",
            "ALTER TABLE a RENAME TO other.b;",
            "SET PASSWORD = 'x';",
            "SET DEFAULT ROLE admin;",
            "ALTER EVENT e ENABLE;",
        ] {
            assert_eq!(loaded(text).map(drop).unwrap_err().kind(), ErrorKind::Refused, "{text}");
        }
        for text in ["INSERT INTO t VALUES (1", "CREATE TABLE `t", "/* a"] {
            assert_eq!(loaded(text).map(drop).unwrap_err().kind(), ErrorKind::Corrupt, "{text}");
        }
    }

    #[test]
    fn what_looks_like_another_database_and_is_none_is_run() {
        for text in [
            "INSERT INTO t VALUES (1.5,2.5);",
            "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES other.p (b);",
            "SELECT @@session.sql_mode;",
        ] {
            assert!(loaded(text).unwrap().0.sql.starts_with(&text[..6]), "{text}");
        }
        let (kept, _) = loaded("SET a = 1, GLOBAL b = 2;").unwrap();
        assert_eq!(kept.sql, "");
    }

    #[test]
    fn the_end_of_a_dump_is_its_last_comment() {
        for (text, is_end) in [
            ("DO 1;\n-- Dump completed on x\n", true),
            ("DO 1;\n-- Dump completed\n\n", true),
            ("-- Dump completed\nDO 1;", false),
            ("DO 1; -- x\n", false),
            ("", false),
        ] {
            assert_eq!(loaded(text).unwrap().1.saw_end_comment, is_end, "{text}");
        }
    }
}
