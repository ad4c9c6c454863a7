//! What a database holds, for the manifest: rows of each table, the last migration of each app.

use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::check::needs_application;
use super::quoted;
use crate::manifest::Content;
use crate::run::Run;

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
        let content = content_until(connection, || Instant::now() >= deadline);
        drop(is_over);
        content
    });
    match content {
        Err(error) if is_damage(&error) => Err(error),
        content => Ok(content.ok().flatten()),
    }
}

/// Does `work`, whose statements end with an error as soon as the run is to stop.
pub(super) fn interruptible<T>(connection: &Connection, run: &Run, work: impl FnOnce() -> T) -> T {
    let (is_over, over) = channel::<()>();
    let interrupt = connection.get_interrupt_handle();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while over.recv_timeout(BETWEEN_LOOKS) == Err(RecvTimeoutError::Timeout) {
                if run.cancel.signal().is_some() {
                    interrupt.interrupt();
                }
            }
        });
        let result = work();
        drop(is_over);
        result
    })
}

fn content_until(connection: &Connection, is_over: impl Fn() -> bool) -> rusqlite::Result<Option<Content>> {
    let Some(Counts { tables, .. }) = count(connection, is_over)? else { return Ok(None) };
    let has_migrations = tables.contains_key("django_migrations");
    let migrations = if has_migrations { migrations(connection)? } else { BTreeMap::new() };
    Ok(Some(Content { tables, exact: true, migrations }))
}

/// The rows of each table.
pub(super) struct Counts {
    pub(super) tables: BTreeMap<String, u64>,
    /// Tables that only the application can read.
    pub(super) unread: Vec<String>,
}

/// Counts the rows of every table; `None` if it `is_over` before.
///
/// # Errors
///
/// SQLite's own, for a table that is damaged or that the disk does not give.
pub(super) fn count(connection: &Connection, is_over: impl Fn() -> bool) -> rusqlite::Result<Option<Counts>> {
    let mut counts = Counts { tables: BTreeMap::new(), unread: Vec::new() };
    for name in table_names(connection)? {
        let query = format!("SELECT count(*) FROM main.{}", quoted(&name));
        match connection.query_row(&query, [], |row| row.get::<_, i64>(0)) {
            Ok(rows) => drop(counts.tables.insert(name, rows.unsigned_abs())),
            Err(error) if needs_application(&error) => counts.unread.push(name),
            Err(error) => return Err(error),
        }
        if is_over() {
            return Ok(None);
        }
    }
    Ok(Some(counts))
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

/// How long a user waits who wants to stop, at most: not felt.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
