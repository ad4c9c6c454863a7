//! A small world to back up: a shop's database, and what can be compared about it.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

/// A SQLite database with orders, on disk.
pub struct Shop {
    /// Where it is.
    pub path: PathBuf,
}

impl Shop {
    /// Makes a database of about `rows` × 120 bytes in `journal_mode` (`WAL`, `DELETE`).
    ///
    /// # Panics
    ///
    /// When SQLite does.
    pub fn new(path: impl AsRef<Path>, journal_mode: &str, rows: u32) -> Self {
        let shop = Self { path: path.as_ref().to_owned() };
        let connection = shop.connect();
        connection.pragma_update(None, "journal_mode", journal_mode).unwrap();
        connection
            .execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT, total INTEGER); CREATE INDEX n ON orders (note)")
            .unwrap();
        shop.add(rows, 1);
        shop
    }

    /// Adds rows whose `total` is `total`.
    ///
    /// # Panics
    ///
    /// When SQLite does.
    pub fn add(&self, rows: u32, total: i64) {
        self.connect()
            .execute(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
                 INSERT INTO orders (note, total) SELECT 'order ' || hex(randomblob(20)), ?2 FROM n",
                (rows, total),
            )
            .unwrap();
    }

    /// Opens it.
    ///
    /// # Panics
    ///
    /// When SQLite does.
    pub fn connect(&self) -> Connection {
        let connection = Connection::open(&self.path).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        connection
    }

    /// Returns a digest of every row, after SQLite found the file sound.
    ///
    /// # Panics
    ///
    /// When SQLite does.
    pub fn content(&self) -> (i64, i64, String) {
        let connection = self.connect();
        let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok", "{}", self.path.display());
        connection
            .query_row(
                "SELECT count(*), coalesce(sum(total), 0), coalesce(max(note), '') || coalesce(min(note), '') FROM orders",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .unwrap()
    }
}
