//! What becomes of each statement.

use std::collections::BTreeSet;

use super::super::lexer::foreign;
use super::Surroundings;
use super::head::{Extent, Head, split_qualified};
use super::outline::{Place, Standing};
use super::roles::{Roles, enumerate};
use crate::error::{Error, ErrorKind, Result, Stage};

/// Judges statements by how they begin.
pub(super) struct Rules {
    settings: BTreeSet<String>,
    statistics: BTreeSet<String>,
    own_encoding: String,
    extensions: BTreeSet<String>,
    kept_schemas: BTreeSet<String>,
    subscriptions: BTreeSet<String>,
    untouchable: BTreeSet<(String, String)>,
    user: String,
    roles: Roles,
    /// Whether a backslash escapes in `'…'` from here on.
    pub(super) escapes: bool,
    /// The `SET SESSION AUTHORIZATION` that is in force.
    pub(super) acting: Option<Vec<u8>>,
    /// The `SET client_encoding` that is in force, if not the session's own.
    pub(super) encoding: Option<Vec<u8>>,
    pub(super) has_large_objects: bool,
    /// Statistics were left out.
    lacks_statistics: bool,
    /// Policies that were left out: schema, table and name.
    unruled: BTreeSet<(Option<String>, String, String)>,
    unwritten: BTreeSet<String>,
    /// Databases whose comment was left out.
    commented: BTreeSet<String>,
}

/// What becomes of a statement.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// More must be seen of it.
    Wait,
    Pass,
    /// As [`Verdict::Pass`]; it makes or fills a large object.
    LargeObject,
    LeaveOut,
    /// As [`Verdict::LeaveOut`], with the rows of this table.
    LeaveRowsOut(String),
    Replace(Vec<u8>),
    /// As [`Verdict::Pass`], with this in place of what was seen of it.
    PassAs(Vec<u8>),
}

impl Rules {
    pub(super) fn new(around: Surroundings) -> Self {
        Self {
            settings: around.settings.iter().map(|name| name.to_ascii_lowercase()).collect(),
            statistics: around.statistics,
            own_encoding: around.encoding,
            extensions: around.extensions,
            kept_schemas: around.kept_schemas,
            subscriptions: around.subscriptions,
            untouchable: around.untouchable,
            roles: Roles::new(around.user.clone(), around.is_superuser, around.roles),
            user: around.user,
            escapes: false,
            acting: None,
            encoding: None,
            has_large_objects: false,
            lacks_statistics: false,
            unruled: BTreeSet::new(),
            unwritten: BTreeSet::new(),
            commented: BTreeSet::new(),
        }
    }

    /// Says what becomes of the statement that begins so; never [`Verdict::Wait`] unless more may come.
    ///
    /// # Errors
    ///
    /// `Refused` for what would end the transaction or leave the database, `Unsupported` for encodings that cannot be
    /// read byte by byte.
    pub(super) fn judge(&mut self, head: &Head, extent: Extent, place: &Place<'_>) -> Result<Verdict> {
        let is_growing = extent == Extent::Growing;
        let (first, second) = head.keywords();
        if is_growing && head.count() < 2 && !first.is_empty() {
            return Ok(Verdict::Wait);
        }
        let spelled = || format!("{first} {second}").trim_end().to_uppercase();
        match (first, second) {
            ("rollback" | "abort" | "savepoint" | "release", _) => Err(foreign(format!("`{}`", first.to_uppercase()))),
            ("alter" | "create" | "drop", "database") => {
                Err(foreign(format!("`{}`", spelled())).hint("pg_dump wrote it with `--create`: dump without it"))
            }
            ("begin" | "commit" | "end", _) if head.is_end(1) => Ok(Verdict::LeaveOut),
            ("start", "transaction") if head.is_end(2) => Ok(Verdict::LeaveOut),
            ("start", "transaction") if is_growing && head.count() < 3 => Ok(Verdict::Wait),
            ("begin" | "commit" | "end" | "start", _) | ("prepare", "transaction") => {
                Err(foreign(format!("`{}`", spelled())))
            }
            ("set" | "reset" | "alter" | "grant" | "revoke", _) if is_growing => Ok(Verdict::Wait),
            ("set" | "reset", _) if extent == Extent::Full => Err(foreign(format!("a `{}` of 64 KiB", spelled()))),
            ("set", _) => self.set(head),
            ("reset", _) => self.reset(head),
            ("select", _) => self.select(head, is_growing, place),
            ("alter", _) if place.is_in_clean_section && head.find(1, &["drop"]).is_some() => Ok(Verdict::LeaveOut),
            ("drop", _) if place.is_in_clean_section => Ok(Verdict::LeaveOut),
            ("create", "or") if place.is_in_clean_section && is_growing && head.count() < 4 => Ok(Verdict::Wait),
            ("create", "or") if place.is_in_clean_section && head.is(3, "view") => Ok(Verdict::LeaveOut),
            _ => match place.standing {
                Standing::Unwanted => Ok(Verdict::LeaveOut),
                Standing::Unknown => Err(without_schemas()),
                Standing::Wanted => Ok(self.wanted(head, extent, place)),
            },
        }
    }

    /// Says what was left out that somebody may miss.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = self.roles.notes();
        if !self.unwritten.is_empty() {
            let tables = enumerate(&self.unwritten);
            notes.push(format!("left out: rows of tables that `{}` may not write to: {tables}", self.user));
        }
        if !self.commented.is_empty() {
            notes.push(format!("left out: the comment of database {}", enumerate(&self.commented)));
        }
        if self.lacks_statistics {
            notes.push("left out: the planner's statistics, which this server does not take: run ANALYZE".to_owned());
        }
        notes
    }

    /// Notes that rows of this table were left out.
    pub(super) fn miss_rows(&mut self, table: String) {
        self.unwritten.insert(table);
    }

    /// Returns what goes back to the session's own encoding.
    pub(super) fn own_encoding(&self) -> Vec<u8> {
        format!("SET client_encoding = '{}';", self.own_encoding).into_bytes()
    }

    /// Judges what neither ends a transaction nor stands where nothing is wanted.
    fn wanted(&mut self, head: &Head, extent: Extent, place: &Place<'_>) -> Verdict {
        let is_growing = extent == Extent::Growing;
        let lacks = |count| is_growing && head.count() < count;
        match head.keywords() {
            ("alter" | "grant" | "revoke", _) if extent == Extent::Full => Verdict::Pass,
            ("create" | "alter", "subscription") if lacks(3) => Verdict::Wait,
            ("create" | "alter", "subscription") if self.is_there(head, 2) => Verdict::LeaveOut,
            ("alter", "table") if self.is_switch_of_triggers(head, place) => Verdict::LeaveOut,
            ("alter", _) => self.roles.alter(head),
            ("grant" | "revoke", _) => self.roles.grant(head, 1),
            // Up to its roles, which stand before what it may say at length.
            ("create", "policy") if is_growing && head.find(2, &["using", "with"]).is_none() => Verdict::Wait,
            ("create", "policy") => self.create_policy(head),
            ("create", "user") if lacks(12) => Verdict::Wait,
            ("create", "user") if head.is(2, "mapping") => self.roles.user_mapping(head),
            ("create", "schema") if is_growing => Verdict::Wait,
            ("create", "schema") => self.create_schema(head),
            ("create", "extension") => {
                let at = head.past(2, &["if", "not", "exists"]);
                if lacks(6) {
                    return Verdict::Wait;
                }
                leave_out_if(head.name(at).is_some_and(|name| self.extensions.contains(&name)))
            }
            ("comment", "on") if lacks(4) => Verdict::Wait,
            ("comment", "on") if head.is(2, "extension") => {
                leave_out_if(head.name(3).is_some_and(|name| self.extensions.contains(&name)))
            }
            ("comment", "on") if head.is(2, "subscription") => leave_out_if(self.is_there(head, 3)),
            ("comment", "on") if head.is(2, "policy") && lacks(9) => Verdict::Wait,
            ("comment", "on") if head.is(2, "policy") => {
                leave_out_if(policy(head).is_some_and(|policy| self.unruled.contains(&policy)))
            }
            // Clients before 11 wrote it without being asked; the database of that name is another one, or none.
            ("comment", "on") if head.is(2, "database") => {
                self.commented.extend(head.name(3));
                Verdict::LeaveOut
            }
            ("copy", _) | ("insert", "into") if lacks(5) => Verdict::Wait,
            ("copy", _) => self.untouched(head, 1, place).map_or(Verdict::Pass, Verdict::LeaveRowsOut),
            ("insert", "into") => match self.untouched(head, 2, place) {
                Some(table) => {
                    self.miss_rows(table);
                    Verdict::LeaveOut
                }
                None => Verdict::Pass,
            },
            _ => Verdict::Pass,
        }
    }

    fn set(&mut self, head: &Head) -> Result<Verdict> {
        let is_scope = !head.is(2, "authorization") && !head.is(2, "characteristics");
        let at = if head.is(1, "local") || head.is(1, "session") && is_scope { 2 } else { 1 };
        if head.is(at, "transaction") || head.has(at, &["session", "characteristics"]) {
            return Err(foreign("`SET TRANSACTION`"));
        }
        if head.has(at, &["session", "authorization"]) {
            return Ok(self.session_authorization(head, at + 2));
        }
        let Some(name) = head.name(at) else { return Ok(Verdict::Pass) };
        let value_at = at + if head.is_symbol(at + 1, b'=') || head.is(at + 1, "to") { 2 } else { 1 };
        let value = head.value(value_at).unwrap_or_default();
        if head.is_symbol(at + 1, b'.') {
            return Ok(Verdict::Pass);
        }
        match name.to_ascii_lowercase().as_str() {
            "session_authorization" => return Ok(self.session_authorization(head, value_at)),
            "role" => return Ok(leave_out_if(!head.is(value_at, "none") && !self.roles.judge(value))),
            "client_encoding" | "names" => {
                require_ascii_safe(&value)?;
                self.encoding = (value != self.own_encoding).then(|| head.bytes().to_vec());
            }
            "standard_conforming_strings" => {
                self.escapes = !read_bool(&value)
                    .ok_or_else(|| foreign(format!("`SET standard_conforming_strings = {value}`")))?;
            }
            ours if OURS.contains(&ours) => return Ok(Verdict::LeaveOut),
            // Spelled otherwise than a setting.
            "time" | "schema" | "catalog" | "xml" | "constraints" | "seed" => {}
            other => return Ok(leave_out_if(!self.settings.contains(other))),
        }
        Ok(Verdict::Pass)
    }

    fn session_authorization(&mut self, head: &Head, at: usize) -> Verdict {
        if head.is(at, "default") {
            self.acting = None;
            return Verdict::Pass;
        }
        if head.value(at).is_some_and(|name| self.roles.may_become(&name)) {
            self.acting = Some(head.bytes().to_vec());
            return Verdict::Pass;
        }
        // What follows would go to the role before it.
        match self.acting.take() {
            Some(_) => Verdict::Replace(NOBODY_ELSE.to_vec()),
            None => Verdict::LeaveOut,
        }
    }

    fn reset(&mut self, head: &Head) -> Result<Verdict> {
        let name = head.name(1).unwrap_or_default().to_ascii_lowercase();
        match name.as_str() {
            "session" | "session_authorization" => self.acting = None,
            ours if OURS.contains(&ours) => return Ok(Verdict::LeaveOut),
            "all" | "standard_conforming_strings" | "client_encoding" => {
                return Err(foreign(format!("`RESET {name}`")));
            }
            _ => {}
        }
        Ok(Verdict::Pass)
    }

    fn select(&mut self, head: &Head, is_growing: bool, place: &Place<'_>) -> Result<Verdict> {
        if is_growing && head.count() < 8 {
            return Ok(Verdict::Wait);
        }
        let at = if head.is_symbol(1, b'*') && head.is(2, "from") { 3 } else { 1 };
        let at = if head.is(at, "pg_catalog") && head.is_symbol(at + 1, b'.') { at + 2 } else { at };
        let function = head.word(at).filter(|_| head.is_symbol(at + 1, b'(')).unwrap_or_default();
        let argument = || head.value(at + 2).unwrap_or_default();
        if function == "set_config" {
            let name = argument().to_ascii_lowercase();
            let is_known = OURS.contains(&name.as_str()) || BY_SET_ONLY.contains(&name.as_str());
            return if is_known { Err(foreign(format!("`set_config('{name}', …)`"))) } else { Ok(Verdict::Pass) };
        }
        if function == "lo_unlink" && place.is_in_clean_section {
            return Ok(Verdict::LeaveOut);
        }
        match place.standing {
            Standing::Unwanted => return Ok(Verdict::LeaveOut),
            Standing::Unknown => return Err(without_schemas()),
            Standing::Wanted => {}
        }
        Ok(match function.as_str() {
            "lo_create" | "lo_open" | "lo_import" | "lo_from_bytea" => {
                self.has_large_objects = true;
                Verdict::LargeObject
            }
            name if name.starts_with("pg_restore_") && name.ends_with("_stats") && !self.statistics.contains(name) => {
                self.lacks_statistics = true;
                Verdict::LeaveOut
            }
            "setval" => {
                let sequence = split_qualified(&argument());
                leave_out_if(sequence.is_some_and(|(schema, name)| self.is_untouchable(schema, name, place)))
            }
            _ => Verdict::Pass,
        })
    }

    fn create_policy(&mut self, head: &Head) -> Verdict {
        let verdict = self.roles.policy(head);
        if verdict == Verdict::LeaveOut {
            self.unruled.extend(policy(head));
        }
        verdict
    }

    /// Whether the server has the subscription that stands there.
    fn is_there(&self, head: &Head, at: usize) -> bool {
        head.name(at).is_some_and(|name| self.subscriptions.contains(&name))
    }

    fn create_schema(&self, head: &Head) -> Verdict {
        let at = head.past(2, &["if", "not", "exists"]);
        let named = if head.is(at, "authorization") { at + 1 } else { at };
        let behind = named + if head.is(named + 1, "authorization") { 3 } else { 1 };
        let is_kept = head.name(named).is_some_and(|name| self.kept_schemas.contains(&name));
        leave_out_if(is_kept && head.is_end(behind))
    }

    /// Whether `--disable-triggers` switches those of a table that is left alone.
    fn is_switch_of_triggers(&self, head: &Head, place: &Place<'_>) -> bool {
        let at = head.past(head.past(2, &["if", "exists"]), &["only"]);
        let Some((schema, name, behind)) = head.qualified(at) else { return false };
        let is_switch = head.has(behind, &["disable", "trigger"]) || head.has(behind, &["enable", "trigger"]);
        is_switch && self.is_untouchable(schema, name, place)
    }

    /// Returns the table that stands there, in words, if the session may not write to it.
    fn untouched(&self, head: &Head, at: usize, place: &Place<'_>) -> Option<String> {
        // Said of every INSERT.
        if self.untouchable.is_empty() {
            return None;
        }
        let (schema, name, _) = head.qualified(at)?;
        let spelled = schema.as_ref().map_or_else(|| name.clone(), |schema| format!("{schema}.{name}"));
        self.is_untouchable(schema, name, place).then_some(spelled)
    }

    /// Text from clients before 10.3 names no schema: the entry does.
    fn is_untouchable(&self, schema: Option<String>, name: String, place: &Place<'_>) -> bool {
        let schema = schema.or_else(|| place.entry?.schema.clone());
        schema.is_some_and(|schema| self.untouchable.contains(&(schema, name)))
    }
}

/// Returns schema, table and name of the policy that `CREATE POLICY` or `COMMENT ON POLICY` names.
fn policy(head: &Head) -> Option<(Option<String>, String, String)> {
    let at = if head.is(0, "create") { 2 } else { 3 };
    let (schema, table, _) = head.qualified(at + 2)?;
    Some((schema, table, head.name(at)?))
}

fn leave_out_if(is_left_out: bool) -> Verdict {
    if is_left_out { Verdict::LeaveOut } else { Verdict::Pass }
}

/// Refuses encodings in which the second byte of a character may be a quote's or a backslash.
fn require_ascii_safe(encoding: &str) -> Result<()> {
    let squeezed: String = encoding.chars().filter(char::is_ascii_alphanumeric).collect();
    if !CLIENT_ONLY.contains(&squeezed.to_ascii_lowercase().as_str()) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unsupported, format!("cannot restore the backup: its text is in `{encoding}`"))
        .at(Stage::Archive)
        .hint("dump with `--encoding=UTF8`"))
}

/// Makes the error for text of which only some schemas are wanted, and that does not say what belongs to them.
pub(super) fn without_schemas() -> Error {
    let message = "cannot restore single schemas: the backup does not tell what belongs to which schema";
    Error::new(ErrorKind::Refused, message)
        .at(Stage::Archive)
        .hint("its text has none of the comments that pg_dump puts before each object: restore all of it")
}

/// Reads a boolean as the server does, by its first letters.
fn read_bool(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" | "t" | "y" => Some(true),
        "off" | "false" | "no" | "0" | "f" | "n" => Some(false),
        _ => None,
    }
}

/// Goes back to the session's own user.
pub(super) const NOBODY_ELSE: &[u8] = b"SET SESSION AUTHORIZATION DEFAULT;";

/// Settings that the session has its own values for.
const OURS: [&str; 5] = [
    "lock_timeout",
    "statement_timeout",
    "idle_in_transaction_session_timeout",
    "transaction_timeout",
    "idle_session_timeout",
];

/// Settings that change how the text is read, or by whom: followed where `SET` changes them, not in a function call.
const BY_SET_ONLY: [&str; 4] = ["standard_conforming_strings", "client_encoding", "session_authorization", "role"];

/// Encodings that only clients may have, and their other names, without hyphens and underscores.
/// Source: `encnames.c` of PostgreSQL 18.
const CLIENT_ONLY: [&str; 17] = [
    "sjis",
    "shiftjis",
    "mskanji",
    "win932",
    "windows932",
    "big5",
    "win950",
    "windows950",
    "gbk",
    "win936",
    "windows936",
    "uhc",
    "win949",
    "windows949",
    "gb18030",
    "johab",
    "shiftjis2004",
];
