//! What a database holds, for the manifest: rows of each table, the last migration of each app.

use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::quoted;
use crate::manifest::Content;

/// Counts the rows of every table inside the connection's open transaction, for at most `timeout`.
///
/// `None` if that was not long enough: a half count would be taken for a whole one. Tables that only the
/// application can read (its modules, its collations) are left out.
///
/// # Errors
///
/// SQLite's own, for a damaged table: no restore would take a backup of it.
pub(super) fn content(connection: &Connection, timeout: Duration) -> rusqlite::Result<Option<Content>> {
    if timeout.is_zero() {
        return Ok(None);
    }
    let deadline = Instant::now() + timeout;
    let (is_over, over) = channel::<()>();
    let interrupt = connection.get_interrupt_handle();
    let content = std::thread::scope(|scope| {
        // A progress handler is not asked while SQLite counts a table: that is one instruction, however large.
        scope.spawn(move || {
            if over.recv_timeout(timeout) == Err(RecvTimeoutError::Timeout) {
                interrupt.interrupt();
            }
        });
        let content = count(connection, deadline);
        drop(is_over);
        content
    });
    match content {
        Err(error) if is_damage(&error) => Err(error),
        content => Ok(content.ok().flatten()),
    }
}

fn count(connection: &Connection, deadline: Instant) -> rusqlite::Result<Option<Content>> {
    let mut tables = BTreeMap::new();
    for name in table_names(connection)? {
        let query = format!("SELECT count(*) FROM main.{}", quoted(&name));
        match connection.query_row(&query, [], |row| row.get::<_, i64>(0)) {
            Ok(rows) => drop(tables.insert(name, rows.unsigned_abs())),
            Err(error) if is_damage(&error) => return Err(error),
            Err(_) => {}
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
    }
    let has_migrations = tables.contains_key("django_migrations");
    let migrations = if has_migrations { migrations(connection)? } else { BTreeMap::new() };
    Ok(Some(Content { tables, exact: true, migrations }))
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Tables of the application: no virtual ones and no shadow tables, no internal ones.
fn table_names(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut query = connection.prepare(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )?;
    query.query_map([], |row| row.get(0))?.collect()
}

fn migrations(connection: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
    let mut query = connection.prepare(
        "SELECT app, name FROM main.django_migrations AS m \
         WHERE id = (SELECT max(id) FROM main.django_migrations WHERE app = m.app)",
    )?;
    query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}
