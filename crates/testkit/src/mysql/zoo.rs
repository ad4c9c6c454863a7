//! The databases of `testdata/mysql`.

use std::ops::Deref;
use std::path::PathBuf;

use fs_err as fs;

use super::{Database, Server};

/// A database with one of everything.
pub struct Zoo(Database);

impl Zoo {
    /// Fills a new database with `zoo.sql`.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    pub fn new(server: &Server) -> Self {
        Self::in_database(server.database("a `zoo`; größer"))
    }

    /// Fills this one, which is empty.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    pub fn in_database(database: Database) -> Self {
        database.load(&script("zoo.sql"));
        Self(database)
    }

    /// Changes it everywhere, as the time after a backup does: `moved-on.sql`.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    pub fn move_on(&self) {
        self.load(&script("moved-on.sql"));
    }
}

impl Deref for Zoo {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.0
    }
}

fn script(name: &str) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../testdata/mysql", name].iter().collect();
    fs::read(path).expect("it can be read")
}
