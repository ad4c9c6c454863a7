//! The rows of each table, counted in a dump while it flows: what is in it, not what was there a moment later.

use std::collections::BTreeMap;

use super::context::Context;
use super::lexer::{Kind, Lexer};
use super::statement::{Head, Insert, head_of};
use crate::error::Result;

/// Watches the text of a dump, and counts.
pub(super) struct Rows {
    lexer: Lexer,
    context: Context,
    /// What was not understood yet: less than a word, or the head of a statement.
    rest: Vec<u8>,
    head: Vec<u8>,
    statement: Statement,
    tables: BTreeMap<String, u64>,
}

/// What is known of the statement that is passing.
enum Statement {
    Beginning,
    Insert(Insert),
    Set,
    Other,
}

impl Rows {
    pub(super) fn new() -> Self {
        Self {
            lexer: Lexer::new(),
            context: Context::default(),
            rest: Vec::new(),
            head: Vec::new(),
            statement: Statement::Beginning,
            tables: BTreeMap::new(),
        }
    }

    /// Takes the next bytes of the text; none: it has ended.
    pub(super) fn watch(&mut self, part: &[u8]) -> Result<()> {
        if self.rest.is_empty() {
            let used = self.read(part, part.is_empty())?;
            self.rest.extend_from_slice(&part[used..]);
        } else {
            let mut whole = std::mem::take(&mut self.rest);
            whole.extend_from_slice(part);
            let used = self.read(&whole, part.is_empty())?;
            whole.drain(..used);
            self.rest = whole;
        }
        Ok(())
    }

    /// Returns the rows of every table that the dump makes or fills.
    pub(super) fn finish(self) -> BTreeMap<String, u64> {
        self.tables
    }

    fn read(&mut self, text: &[u8], is_last: bool) -> Result<usize> {
        let mut at = 0;
        loop {
            let groups = self.lexer.groups();
            let Some(piece) = self.lexer.next(&text[at..], is_last)? else { return Ok(at) };
            let bytes = &text[at..at + piece.bytes];
            at += piece.bytes;
            match piece.kind {
                Kind::Between => {}
                Kind::Part => self.look(bytes),
                Kind::End => {
                    match &self.statement {
                        Statement::Insert(insert) => {
                            let rows = groups.saturating_sub(u64::from(insert.names_columns));
                            *self.tables.entry(insert.table.clone()).or_default() += rows;
                        }
                        Statement::Set => {
                            self.context.take(&self.head);
                            self.lexer.quote_as(self.context.quoting());
                        }
                        Statement::Beginning | Statement::Other => {}
                    }
                    self.statement = Statement::Beginning;
                    self.head.clear();
                }
            }
        }
    }

    fn look(&mut self, bytes: &[u8]) {
        if !matches!(self.statement, Statement::Beginning | Statement::Set) {
            return;
        }
        let room = HEAD_BYTES.saturating_sub(self.head.len());
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if matches!(self.statement, Statement::Set) {
            return;
        }
        self.statement = match head_of(&self.head) {
            Some(Head::Insert(insert)) => Statement::Insert(insert),
            Some(Head::Table(name)) => {
                self.tables.entry(name).or_default();
                Statement::Other
            }
            Some(Head::Set) => Statement::Set,
            Some(Head::Other) => Statement::Other,
            None if self.head.len() >= HEAD_BYTES => Statement::Other,
            None => return,
        };
    }
}

/// Enough for `INSERT INTO`, the longest name, and all columns.
const HEAD_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(text: &str, step: usize) -> Vec<(String, u64)> {
        let mut rows = Rows::new();
        for part in text.as_bytes().chunks(step) {
            rows.watch(part).unwrap();
        }
        rows.watch(b"").unwrap();
        rows.finish().into_iter().collect()
    }

    #[test]
    fn rows_of_a_dump_are_counted_and_those_of_bodies_are_not() {
        let text = "/*!50001 CREATE TABLE `v` (x int) */;CREATE TABLE `a` (\n `x` int);\nCREATE TABLE e (y int);\nINSERT INTO `a` VALUES\n(1),\n(2);\nINSERT INTO `a` VALUES (3);\n\
                    INSERT  INTO `b ``(` (`x`, `y`) VALUES (1,'('),(2,');'),(3,'');\nREPLACE INTO c VALUES (1);\n\
                    DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`l`*/ /*!50003 TRIGGER t BEFORE INSERT ON a \
                    FOR EACH ROW BEGIN\nINSERT INTO `a` VALUES (1),(2);\nEND */;;\nSET @old = @@sql_mode;;\nSET sql_mode = 'NO_BACKSLASH_ESCAPES';;\n\
                    /*!50003 CREATE*/ VIEW w AS SELECT '\\', 'x;;';;\nSET sql_mode = @old;;\nDELIMITER ;\n\
                    INSERT INTO `c` VALUES ('\\'(');\n\
                    /*!50001 CREATE VIEW `v` AS SELECT (1) */;\n";
        let expected = [("a", 3), ("b `(", 3), ("c", 2), ("e", 0)].map(|(name, rows)| (name.to_owned(), rows));
        for step in [1, 5, 64, 10_000] {
            assert_eq!(counted(text, step), expected, "{step}");
        }
    }
}
