//! A shop's database: made from dice, changed by a writer, and told apart by the digest of its rows.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use dbbackup_testkit::killed::Dice;
use fs_err as fs;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use sha2::{Digest as _, Sha256};

use crate::loss::{Loss, Result, require};

/// A database file.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) path: PathBuf,
}

/// Everything in a database, as far as it can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    /// SHA-256 of the schema and of all that the writer does not touch.
    pub(crate) digest: String,
    /// Transactions of the writer, of which each left its mark in three tables.
    pub(crate) steps: i64,
}

impl Database {
    pub(crate) fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Makes a database of `rows` rows, about 100 bytes each, in any page size.
    pub(crate) fn make(path: &Path, dice: &mut Dice, rows: u64, mode: &str) -> Result<Self> {
        let database = Self::at(path);
        let mut connection = database.connect()?;
        let page_bytes = [4096, 4096, 4096, 512, 1024, 65536][usize::try_from(dice.below(6))?];
        connection.pragma_update(None, "page_size", page_bytes)?;
        connection.pragma_update(None, "journal_mode", mode)?;
        connection.execute_batch(SCHEMA)?;
        let transaction = connection.transaction()?;
        for _ in 0..rows {
            let mut note = format!("order {:016x}", dice.below(u64::MAX));
            note.extend(std::iter::repeat_n('.', usize::try_from(dice.below(80))?));
            transaction.execute("INSERT INTO orders (note, total) VALUES (?1, 0)", [note])?;
        }
        transaction.commit()?;
        Ok(database)
    }

    pub(crate) fn connect(&self) -> rusqlite::Result<Connection> {
        let connection = Connection::open(&self.path)?;
        connection.busy_timeout(Duration::from_secs(20))?;
        Ok(connection)
    }

    /// Adds and changes rows.
    pub(crate) fn change(&self, dice: &mut Dice) -> Result<()> {
        let note = format!("change {:016x}", dice.below(u64::MAX));
        self.connect()?.execute("UPDATE orders SET note = ?1 || id WHERE id % 5 = 1", [note])?;
        Ok(())
    }

    /// Reads everything in one transaction, after SQLite found the file sound.
    pub(crate) fn content(&self) -> Result<Content> {
        let mut connection = self.connect()?;
        let sound: String = connection.query_row("PRAGMA integrity_check(9)", [], |row| row.get(0))?;
        require(sound == "ok", "a sound database", || format!("{}: {sound}", self.path.display()))?;
        content(&connection.transaction()?)
    }
}

fn content(read: &Transaction<'_>) -> Result<Content> {
    let steps: i64 = read.query_row("SELECT n FROM counter", [], |row| row.get(0))?;
    let mut digest = Sha256::new();
    let mut schema = read.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name")?;
    let mut rows = schema.query([])?;
    while let Some(row) = rows.next()? {
        digest.update(format!("{}: {}\n", row.get::<_, String>(0)?, row.get::<_, String>(1)?));
    }
    let orders: i64 = read.query_row("SELECT count(*) FROM orders", [], |row| row.get(0))?;
    let mut all = read.prepare("SELECT id, note, total FROM orders ORDER BY id")?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let (id, note, total): (i64, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        digest.update(format!("{id}: {note}\n"));
        let last = if steps < id { 0 } else { id + (steps - id) / orders * orders };
        require(total == last, "whole transactions", || {
            format!("order {id} of {orders} was changed by step {total}, not by {last}, the last of {steps} steps")
        })?;
    }
    let marks: (i64, i64) =
        read.query_row("SELECT count(*), coalesce(max(n), 0) FROM steps", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    require(marks == (steps, steps), "whole transactions", || format!("{steps} steps left {marks:?} marks"))?;
    Ok(Content { digest: hex(&digest.finalize()), steps })
}

/// One transaction of the writer.
fn step(connection: &mut Connection) -> Result<()> {
    let write = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    write.execute("UPDATE counter SET n = n + 1", [])?;
    write.execute("INSERT INTO steps (n, note) SELECT n, 'step ' || n FROM counter", [])?;
    write.execute(
        "UPDATE orders SET total = (SELECT n FROM counter) \
         WHERE id = (SELECT (n - 1) % (SELECT count(*) FROM orders) + 1 FROM counter)",
        [],
    )?;
    Ok(write.commit()?)
}

/// People who use a database while something happens to it.
pub(crate) struct Users {
    leave: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<()>>>,
    pub(crate) write: bool,
}

impl Users {
    /// Nobody, a reader, a writer or both. Readers must see one of these contents, whole, in each transaction.
    pub(crate) fn some(dice: &mut Dice, database: &Database, contents: &[Content]) -> Self {
        let leave = Arc::new(AtomicBool::new(false));
        let (read, write) = (dice.below(3) == 0, dice.below(3) == 0);
        let mut threads = Vec::new();
        if read {
            let (database, leave, contents) = (database.clone(), leave.clone(), contents.to_vec());
            threads.push(std::thread::spawn(move || {
                use_until(&leave, &database, |connection| {
                    let seen = content(&connection.transaction()?)?;
                    let is_known = contents.iter().any(|content| seen.digest == content.digest);
                    require(is_known, "a reader sees the old rows or the backup's", || format!("{seen:?}"))
                })
            }));
        }
        if write {
            let (database, leave) = (database.clone(), leave.clone());
            threads.push(std::thread::spawn(move || use_until(&leave, &database, step)));
        }
        Self { leave, threads, write }
    }

    /// Waits until all have gone.
    pub(crate) fn leave(self) -> Result<()> {
        self.leave.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().map_err(|_| Loss::new("a reader or writer that ends", "a panic"))??;
        }
        Ok(())
    }
}

/// Works on one connection, again and again; what is locked is tried again.
fn use_until(leave: &AtomicBool, database: &Database, work: impl Fn(&mut Connection) -> Result<()>) -> Result<()> {
    let mut connection = database.connect()?;
    while !leave.load(Ordering::Relaxed) {
        match work(&mut connection) {
            Err(loss) if loss.to_string().contains("database is locked") => {}
            result => result?,
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// Names beside a database that SQLite makes and removes itself.
pub(crate) fn is_sqlites(name: &str, database: &str) -> bool {
    name.strip_prefix(database).is_some_and(|ending| ["-wal", "-shm", "-journal"].contains(&ending))
}

/// Returns SHA-256 of a file's bytes. Nobody in this process may have it open as a database: SQLite's locks go when
/// the file is closed.
pub(crate) fn digest_of(path: &Path) -> Result<String> {
    Ok(hex(&Sha256::digest(fs::read(path)?)))
}

/// Writes a digest as `sha256sum` does.
pub(crate) fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut hex, byte| {
        let _never_fails = write!(hex, "{byte:02x}");
        hex
    })
}

const SCHEMA: &str = "
CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT NOT NULL, total INTEGER NOT NULL);
CREATE INDEX orders_note ON orders (note);
CREATE TABLE steps (n INTEGER PRIMARY KEY, note TEXT NOT NULL);
CREATE TABLE counter (n INTEGER NOT NULL);
INSERT INTO counter VALUES (0);";
