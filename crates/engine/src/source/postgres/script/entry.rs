//! The comments by which `pg_dump` tells what follows.

use super::super::spelling::spelled;

/// What a comment of `pg_dump` says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Comment {
    /// A dump begins.
    Head,
    /// A dump ends, whole.
    Tail,
    Entry(Entry),
}

/// `-- Name: N; Type: T; Schema: S; Owner: O`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    name: String,
    kind: String,
    /// `None` for what stands in no schema.
    pub(super) schema: Option<String>,
}

impl Comment {
    /// Reads a comment's line.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        match line {
            b"-- PostgreSQL database dump" => return Some(Self::Head),
            b"-- PostgreSQL database dump complete" => return Some(Self::Tail),
            _ => {}
        }
        let line = spelled(line);
        let line = line.strip_prefix("-- ")?;
        let named = PREFIXES.iter().find_map(|prefix| line.strip_prefix(prefix))?;
        Entry::parse(named).map(Self::Entry)
    }
}

impl Entry {
    /// Names are free text: the last place that looks like the fields between them is taken for it.
    fn parse(text: &str) -> Option<Self> {
        text.rmatch_indices("; Type: ").find_map(|(at, separator)| {
            let (kind, rest) = text[at + separator.len()..].split_once("; Schema: ")?;
            let is_kind = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b' ');
            let (schema, _) = is_kind.then(|| rest.rsplit_once("; Owner: "))??;
            Some(Self {
                name: text[..at].to_owned(),
                kind: kind.to_owned(),
                schema: (schema != "-").then(|| schema.to_owned()),
            })
        })
    }

    /// Whether it belongs to the schema, or is the schema.
    pub(super) fn is_about(&self, schema: &str) -> bool {
        let is_itself = self.schema.is_none() && self.kind == "SCHEMA" && self.name == as_printed(schema);
        is_itself || self.is_in(schema)
    }

    /// Whether it stands in the schema.
    pub(super) fn is_in(&self, schema: &str) -> bool {
        self.schema.as_ref().is_some_and(|ours| *ours == as_printed(schema))
    }

    /// Whether every row of every table stands before it.
    pub(super) fn is_behind_the_data(&self) -> bool {
        POST_DATA.contains(&self.kind.as_str())
    }
}

/// Returns a name as `pg_dump` puts it into a comment.
fn as_printed(name: &str) -> String {
    name.replace(['\n', '\r'], " ")
}

const PREFIXES: [&str; 3] = ["Name: ", "Data for Name: ", "Statistics for Name: "];

/// What `pg_restore --section=post-data --list` shows, and privileges: they are restored after everything else.
const POST_DATA: [&str; 20] = [
    "CONSTRAINT",
    "CHECK CONSTRAINT",
    "FK CONSTRAINT",
    "INDEX",
    "INDEX ATTACH",
    "STATISTICS",
    "RULE",
    "TRIGGER",
    "EVENT TRIGGER",
    "POLICY",
    "ROW SECURITY",
    "MATERIALIZED VIEW DATA",
    "REFRESH MATERIALIZED VIEW",
    "PUBLICATION",
    "PUBLICATION TABLE",
    "PUBLICATION TABLES IN SCHEMA",
    "SUBSCRIPTION",
    "SUBSCRIPTION TABLE",
    "DEFAULT ACL",
    "ACL",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(line: &str) -> Option<(String, String, Option<String>)> {
        match Comment::parse(line.as_bytes())? {
            Comment::Entry(entry) => Some((entry.name, entry.kind, entry.schema)),
            _ => None,
        }
    }

    #[test]
    fn names_with_separators_in_them_are_told_from_the_fields() {
        let some = |name: &str, kind: &str, schema: &str| {
            Some((name.to_owned(), kind.to_owned(), (schema != "-").then(|| schema.to_owned())))
        };
        let table = some("t", "TABLE", "public");
        assert_eq!(entry("-- Name: t; Type: TABLE; Schema: public; Owner: me"), table);
        assert_eq!(entry("-- Name: t; Type: TABLE; Schema: public; Owner: me; Tablespace: fast"), table);
        let data = some("t", "TABLE DATA", "public");
        assert_eq!(entry("-- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: -"), data);
        let odd = some("T; \"q\"", "TABLE", "Odd; Type: \"x\"");
        assert_eq!(entry("-- Name: T; \"q\"; Type: TABLE; Schema: Odd; Type: \"x\"; Owner: root"), odd);
        let nested = some("a; Type: VIEW; Schema: b; Owner: c", "TABLE", "d");
        assert_eq!(entry("-- Name: a; Type: VIEW; Schema: b; Owner: c; Type: TABLE; Schema: d; Owner: e"), nested);
        assert_eq!(entry("-- Name: hstore; Type: EXTENSION; Schema: -; Owner: "), some("hstore", "EXTENSION", "-"));
        for line in ["-- Name: t", "--", "", "-- Name: t; Type: table; Schema: s; Owner: o", "--Name: t; Type: T"] {
            assert_eq!(entry(line), None, "{line}");
        }
    }

    #[test]
    fn a_schema_is_told_from_what_stands_in_it() {
        let read = |line: &str| match Comment::parse(line.as_bytes()) {
            Some(Comment::Entry(entry)) => entry,
            other => panic!("{other:?}"),
        };
        let schema = read("-- Name: a b; Type: SCHEMA; Schema: -; Owner: me");
        assert!(schema.is_about("a\nb") && !schema.is_in("a\nb"));
        let table = read("-- Name: a; Type: TABLE; Schema: b; Owner: me");
        assert!(table.is_about("b") && table.is_in("b") && !table.is_about("a"));
    }
}
