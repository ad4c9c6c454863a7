//! What a database holds, for the manifest: rows of each table, the last migration of each app.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::manifest::Content;

/// Counts the rows of every table inside the connection's open transaction, for at most `timeout`.
///
/// `None` if that was not long enough: a half count would be taken for a whole one. Tables that only the
/// application can read (its modules, its collations) are left out.
pub(super) fn content(connection: &mut Connection, timeout: Duration) -> Option<Content> {
    if timeout.is_zero() {
        return None;
    }
    let deadline = Instant::now() + timeout;
    // Every 10,000 instructions: well under a millisecond.
    connection.progress_handler(10_000, Some(move || Instant::now() >= deadline)).ok()?;
    let content = count(connection, deadline);
    connection.progress_handler(0, None::<fn() -> bool>).ok()?;
    content
}

fn count(connection: &Connection, deadline: Instant) -> Option<Content> {
    let mut tables = BTreeMap::new();
    for name in table_names(connection).ok()? {
        let query = format!("SELECT count(*) FROM main.\"{}\"", name.replace('"', "\"\""));
        match connection.query_row(&query, [], |row| row.get::<_, i64>(0)) {
            Ok(rows) => tables.insert(name, rows.unsigned_abs()),
            Err(_) if Instant::now() >= deadline => return None,
            Err(_) => continue,
        };
    }
    let migrations =
        if tables.contains_key("django_migrations") { migrations(connection).ok()? } else { BTreeMap::new() };
    Some(Content { tables, exact: true, migrations })
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
