//! `CREATE TABLE`, and what of it can wait until the rows are there.

use super::statement::{Place, Token, Tokens};

/// A table as a dump makes it, without what is added later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CreateTable {
    pub(super) name: String,
    /// `IF NOT EXISTS`: one that is there stays.
    pub(super) keeps_existing: bool,
    /// Whether rows may come in any order: a table without a primary key keeps them in theirs.
    pub(super) in_any_order: bool,
    /// The statement without the parts below.
    pub(super) sql: Vec<u8>,
    /// Indexes to add once the rows are there: clauses of `ALTER TABLE`, each list for one statement.
    pub(super) indexes: Vec<Vec<String>>,
    pub(super) foreign_keys: Vec<ForeignKey>,
    /// Columns that take their default from a sequence, and which: the table remembers in which schema that is.
    pub(super) sequences: Vec<(String, String)>,
}

/// A foreign key of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ForeignKey {
    /// The clause, from `CONSTRAINT` on.
    pub(super) clause: String,
    /// The table that it refers to.
    pub(super) parent: String,
}

/// Reads a `CREATE TABLE` as `SHOW CREATE TABLE` writes it; `None` for any other text.
///
/// Of an `InnoDB` table, indexes that no row needs while it comes are built at once from all rows, which takes less than
/// half of the time; foreign keys may refer to tables that come later, or that stay where they are.
pub(super) fn create_table(text: &[u8]) -> Option<CreateTable> {
    let text = &unqualified(text);
    let tokens: Vec<(Token<'_>, Place)> = Tokens::of(text).collect();
    let mut at = 0;
    let mut take = |word: &str| {
        let is = tokens.get(at).is_some_and(|(token, _)| token.is(word));
        at += usize::from(is);
        is
    };
    if !take("CREATE") || !take("TABLE") {
        return None;
    }
    let keeps_existing = take("IF") && take("NOT") && take("EXISTS");
    let name = tokens.get(at)?.0.name()?;
    let open = at + 1;
    if tokens.get(open)?.0 != Token::Symbol(b'(') {
        return None;
    }
    let (parts, close) = parts(&tokens, open)?;
    let is_innodb = tokens[close..]
        .windows(3)
        .any(|three| three[0].0.is("ENGINE") && three[1].0 == Token::Symbol(b'=') && three[2].0.is("InnoDB"));
    let mut created = CreateTable { name, keeps_existing, ..CreateTable::default() };
    created.sequences = parts.iter().filter_map(|part| part.sequence(&tokens)).collect();
    if !is_innodb {
        created.sql.clone_from(text);
        return Some(created);
    }
    let has_primary = parts.iter().any(|part| part.starts_with(&tokens, &["PRIMARY", "KEY"]));
    created.in_any_order = has_primary;
    let counted = parts.iter().find(|part| part.has(&tokens, "AUTO_INCREMENT")).and_then(|part| part.name(&tokens));
    let (mut kept, mut together) = (Vec::new(), Vec::new());
    for part in &parts {
        // What is no UTF-8 can only be handed on as it is.
        let Ok(clause) = std::str::from_utf8(&text[part.place.start..part.place.end]).map(str::to_owned) else {
            kept.push(part.place);
            continue;
        };
        match part.kind(&tokens, has_primary, counted.as_deref()) {
            Kind::Stays => kept.push(part.place),
            Kind::Index => together.push(format!("ADD {clause}")),
            Kind::Alone => created.indexes.push(vec![format!("ADD {clause}")]),
            Kind::ForeignKey(parent) => created.foreign_keys.push(ForeignKey { clause, parent }),
        }
    }
    if !together.is_empty() {
        created.indexes.insert(0, together);
    }
    let (first, last) = (tokens[open].1.end, tokens[close].1.start);
    created.sql.extend_from_slice(&text[..first]);
    for (number, place) in kept.iter().enumerate() {
        created.sql.extend_from_slice(if number == 0 { b"\n  " } else { b",\n  " });
        created.sql.extend_from_slice(&text[place.start..place.end]);
    }
    created.sql.push(b'\n');
    created.sql.extend_from_slice(&text[last..]);
    Some(created)
}

/// Returns what stands behind the columns of the foreign key `name`, such as `ON DELETE CASCADE`, in the answer to `SHOW
/// CREATE TABLE`; `None` if there is no such key.
pub(super) fn rules_of(text: &str, name: &str) -> Option<String> {
    let tokens: Vec<(Token<'_>, Place)> = Tokens::of(text.as_bytes()).collect();
    let open = tokens.iter().position(|(token, _)| *token == Token::Symbol(b'('))?;
    let (parts, _) = parts(&tokens, open)?;
    let is_it = |part: &&Part| {
        part.starts_with(&tokens, &["CONSTRAINT"])
            && part.has(&tokens, "FOREIGN")
            && tokens[part.first + 1].0.name().as_deref() == Some(name)
    };
    let part = parts.iter().find(is_it)?;
    let own = &tokens[part.first..=part.last];
    let close = own.iter().rposition(|(token, _)| *token == Token::Symbol(b')'))?;
    Some(text[own[close].1.end..part.place.end].trim().to_owned())
}

/// Returns the text without the schemas of the sequences in it: it is made in another one.
fn unqualified(text: &[u8]) -> Vec<u8> {
    let tokens: Vec<(Token<'_>, Place)> = Tokens::of(text).collect();
    let (mut kept, mut at) = (Vec::with_capacity(text.len()), 0);
    for five in tokens.windows(5) {
        let is_qualified = five[0].0.is("NEXTVAL")
            && five[1].0 == Token::Symbol(b'(')
            && five[3].0 == Token::Symbol(b'.')
            && five[4].0.name().is_some();
        if is_qualified {
            kept.extend_from_slice(&text[at..five[2].1.start]);
            at = five[4].1.start;
        }
    }
    kept.extend_from_slice(&text[at..]);
    kept
}

/// One definition between the brackets.
struct Part {
    first: usize,
    last: usize,
    place: Place,
}

enum Kind {
    Stays,
    /// May be built with others in one statement.
    Index,
    /// Must have a statement of its own; the server shows it last.
    Alone,
    ForeignKey(String),
}

impl Part {
    fn starts_with(&self, tokens: &[(Token<'_>, Place)], words: &[&str]) -> bool {
        words.iter().enumerate().all(|(at, word)| self.first + at <= self.last && tokens[self.first + at].0.is(word))
    }

    fn has(&self, tokens: &[(Token<'_>, Place)], word: &str) -> bool {
        tokens[self.first..=self.last].iter().any(|(token, _)| token.is(word))
    }

    /// Returns the column that it defines, or the first one of a key.
    fn name(&self, tokens: &[(Token<'_>, Place)]) -> Option<String> {
        match tokens[self.first].0 {
            name @ Token::Name(_) => name.name(),
            _ => None,
        }
    }

    /// Returns the column that it defines and the sequence that it counts by.
    fn sequence(&self, tokens: &[(Token<'_>, Place)]) -> Option<(String, String)> {
        let own = &tokens[self.first..=self.last];
        let at = own.iter().position(|(token, _)| token.is("NEXTVAL"))?;
        Some((self.name(tokens)?, own.get(at + 2)?.0.name()?))
    }

    fn kind(&self, tokens: &[(Token<'_>, Place)], has_primary: bool, counted: Option<&str>) -> Kind {
        if self.starts_with(tokens, &["CONSTRAINT"]) && self.has(tokens, "FOREIGN") {
            let own = &tokens[self.first..=self.last];
            let at = own.iter().position(|(token, _)| token.is("REFERENCES"));
            // One in another schema stays where it is, and its key with it.
            let parent = at.and_then(|at| own.get(at + 1)).and_then(|(token, _)| token.name());
            let is_qualified = at.and_then(|at| own.get(at + 2)).is_none_or(|(token, _)| *token == Token::Symbol(b'.'));
            return match parent {
                Some(parent) if !is_qualified => Kind::ForeignKey(parent),
                _ => Kind::Stays,
            };
        }
        if self.starts_with(tokens, &["FULLTEXT", "KEY"]) {
            return Kind::Alone;
        }
        let is_plain = self.starts_with(tokens, &["KEY"]) || self.starts_with(tokens, &["SPATIAL", "KEY"]);
        // Without a primary key the first one of these is what the rows are stored by.
        let is_unique = has_primary && self.starts_with(tokens, &["UNIQUE", "KEY"]);
        if !is_plain && !is_unique {
            return Kind::Stays;
        }
        // A column that counts needs a key from the first row on.
        let own = &tokens[self.first..=self.last];
        let open = own.iter().position(|(token, _)| *token == Token::Symbol(b'('));
        let leads = open.and_then(|open| own.get(open + 1)).and_then(|(token, _)| token.name());
        let is_needed = counted.is_some() && leads.as_deref() == counted;
        if is_needed { Kind::Stays } else { Kind::Index }
    }
}

/// Returns what stands between the commas of the bracket at `open`, and where that closes.
fn parts(tokens: &[(Token<'_>, Place)], open: usize) -> Option<(Vec<Part>, usize)> {
    let (mut parts, mut depth, mut first) = (Vec::new(), 0_usize, open + 1);
    for (at, (token, _)) in tokens.iter().enumerate().skip(open) {
        match token {
            Token::Symbol(b'(') => depth += 1,
            Token::Symbol(b')') => depth -= 1,
            Token::Symbol(b',') if depth == 1 => {}
            _ => continue,
        }
        let ends = depth == 0 || depth == 1 && *token == Token::Symbol(b',');
        if ends {
            if at == first {
                return None;
            }
            let place = Place { start: tokens[first].1.start, end: tokens[at - 1].1.end };
            parts.push(Part { first, last: at - 1, place });
            first = at + 1;
        }
        if depth == 0 {
            return Some((parts, at));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_and_foreign_keys_wait_for_the_rows() {
        let text = "CREATE TABLE `a b` (\n  `id` int(11) NOT NULL AUTO_INCREMENT,\n  `n` decimal(5,2) DEFAULT 1.0 COMMENT \
                    'x, (y)',\n  `p` int(11),\n  PRIMARY KEY (`id`),\n  UNIQUE KEY `u` (`n`,`id`),\n  KEY `k` (`id`,`n`),\n  \
                    KEY `by_p` (`p`) USING BTREE,\n  FULLTEXT KEY `f` (`n`),\n  CONSTRAINT `fk` FOREIGN KEY (`p`) REFERENCES \
                    `c``d` (`id`) ON DELETE SET NULL,\n  CONSTRAINT `far` FOREIGN KEY (`p`) REFERENCES `x`.`y` (`id`),\n  \
                    CONSTRAINT `ch` CHECK (`p` > 0)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4\n PARTITION BY HASH (`id`)";
        let created = create_table(text.as_bytes()).unwrap();
        let sql = "CREATE TABLE `a b` (\n  `id` int(11) NOT NULL AUTO_INCREMENT,\n  `n` decimal(5,2) DEFAULT 1.0 COMMENT \
                   'x, (y)',\n  `p` int(11),\n  PRIMARY KEY (`id`),\n  KEY `k` (`id`,`n`),\n  CONSTRAINT `far` FOREIGN \
                   KEY (`p`) REFERENCES `x`.`y` (`id`),\n  CONSTRAINT `ch` CHECK (`p` > 0)\n) ENGINE=InnoDB DEFAULT \
                   CHARSET=utf8mb4\n PARTITION BY HASH (`id`)";
        assert_eq!(String::from_utf8(created.sql).unwrap(), sql);
        assert_eq!(created.name, "a b");
        assert!(!created.keeps_existing);
        let indexes = [
            vec!["ADD UNIQUE KEY `u` (`n`,`id`)".to_owned(), "ADD KEY `by_p` (`p`) USING BTREE".to_owned()],
            vec!["ADD FULLTEXT KEY `f` (`n`)".to_owned()],
        ];
        assert_eq!(created.indexes, indexes);
        let clause = "CONSTRAINT `fk` FOREIGN KEY (`p`) REFERENCES `c``d` (`id`) ON DELETE SET NULL".to_owned();
        assert_eq!(rules_of(text, "fk").unwrap(), "ON DELETE SET NULL");
        assert_eq!((rules_of(text, "far"), rules_of(text, "ch")), (Some(String::new()), None));
        assert_eq!(created.foreign_keys, [ForeignKey { clause, parent: "c`d".to_owned() }]);
    }

    #[test]
    fn a_sequence_is_looked_for_where_the_table_is() {
        let text =
            "CREATE TABLE `t` (\n  `id` int DEFAULT nextval(`shop`.`s``q`) COMMENT 'nextval(`a`.`b`)'\n) ENGINE=Aria";
        let created = create_table(text.as_bytes()).unwrap();
        let sql = "CREATE TABLE `t` (\n  `id` int DEFAULT nextval(`s``q`) COMMENT 'nextval(`a`.`b`)'\n) ENGINE=Aria";
        assert_eq!(String::from_utf8(created.sql).unwrap(), sql);
        assert_eq!(created.sequences, [("id".to_owned(), "s`q".to_owned())]);
    }

    #[test]
    fn what_is_no_innodb_table_stays_as_it_is() {
        for text in [
            "CREATE TABLE IF NOT EXISTS `t` (`a` int, KEY `k` (`a`)) ENGINE=MyISAM",
            "CREATE TABLE t (a int) ENGINE=InnoDB",
        ] {
            let created = create_table(text.as_bytes()).unwrap();
            assert_eq!((created.name.as_str(), created.indexes.len()), ("t", 0), "{text}");
            assert_eq!(created.keeps_existing, text.contains("IF NOT"));
        }
        let without_primary = "CREATE TABLE `t` (`a` int NOT NULL, UNIQUE KEY `u` (`a`)) ENGINE=InnoDB";
        assert!(create_table(without_primary.as_bytes()).unwrap().indexes.is_empty());
        for text in ["CREATE TABLE t LIKE u", "CREATE VIEW v AS SELECT 1", "CREATE TABLE t (a int", "CREATE TABLE t ()"]
        {
            assert_eq!(create_table(text.as_bytes()), None, "{text}");
        }
    }
}
