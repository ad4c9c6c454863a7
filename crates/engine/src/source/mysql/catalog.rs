//! What stands on a server, by name.

use super::literal;
use super::object::ObjectKind;
use super::session::Session;
use crate::error::Result;

/// Returns the schemas whose names are like a pattern.
pub(super) fn schemas(session: &mut Session, pattern: &str) -> Result<Vec<String>> {
    session.ask_each(&format!(
        "SELECT JSON_QUOTE(SCHEMA_NAME) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE {} ORDER BY SCHEMA_NAME",
        literal(pattern)
    ))
}

/// Returns the tables of a schema, views aside.
pub(super) fn tables(session: &mut Session, schema: &str) -> Result<Vec<String>> {
    session.ask_each(&format!(
        "SELECT JSON_QUOTE(TABLE_NAME) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_TYPE NOT LIKE \
         '%VIEW' ORDER BY TABLE_NAME",
        literal(schema)
    ))
}

/// Returns the names of all objects of a kind that a database has.
pub(super) fn names(session: &mut Session, database: &str, kind: ObjectKind) -> Result<Vec<String>> {
    let database = literal(database);
    session.ask_each(&match kind {
        ObjectKind::View => {
            format!("SELECT JSON_QUOTE(TABLE_NAME) FROM information_schema.VIEWS WHERE TABLE_SCHEMA = {database}")
        }
        ObjectKind::Event => {
            format!("SELECT JSON_QUOTE(EVENT_NAME) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {database}")
        }
        ObjectKind::Trigger => {
            format!(
                "SELECT JSON_QUOTE(TRIGGER_NAME) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {database}"
            )
        }
        _ => format!(
            "SELECT JSON_QUOTE(ROUTINE_NAME) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {database} AND \
                 ROUTINE_TYPE = '{}'",
            kind.words()
        ),
    })
}
