//! The databases of `testdata/postgres`.

use std::ops::Deref;
use std::path::PathBuf;

use super::{Database, Server};

/// A database with one of everything, for which three roles were made with it.
pub struct Zoo {
    database: Database,
    roles: [String; 3],
}

impl Zoo {
    /// Fills a new database with `zoo.sql`; `portable`: only with what every server has.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    pub fn new(server: &Server, portable: bool) -> Self {
        let database = server.database("it's a \"zoo\"");
        let roles = ["ada's", "bob \"the reader\"", "Eve; größer"].map(|name| database.role(name));
        let zoo = Self { database, roles };
        zoo.run("zoo.sql", if portable { &[("portable", "1")] } else { &[] });
        zoo
    }

    /// Returns the roles that own it, or that may do something: Ada, Bob and Eve.
    pub fn roles(&self) -> [&str; 3] {
        self.roles.each_ref().map(String::as_str)
    }

    /// Changes it everywhere, as the time after a backup does: `moved-on.sql`.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    pub fn move_on(&self) {
        self.run("moved-on.sql", &[]);
    }

    fn run(&self, script: &str, more: &[(&str, &str)]) {
        let [ada, bob, eve] = self.roles();
        self.load(&file(script), &[&[("ada", ada), ("bob", bob), ("eve", eve)], more].concat());
    }
}

impl Deref for Zoo {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.database
    }
}

/// A database with one of everything that an owner has who is no superuser, and the roles that were made with it.
pub struct Owned {
    database: Database,
    /// The owner is a member of the first; the second may do something.
    roles: [String; 2],
}

impl Owned {
    /// Fills a new database with `owned.sql`.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    pub fn new(server: &Server) -> Self {
        let database = server.owned_database("the owner's");
        let roles = ["a team's", "Reader; größer"].map(|name| database.role(name));
        let owned = Self { database, roles };
        owned.run("owned.sql");
        owned
    }

    /// Returns the roles that it names beside its owner.
    pub fn roles(&self) -> [&str; 2] {
        self.roles.each_ref().map(String::as_str)
    }

    /// Changes it everywhere, as its owner: `owned-moved-on.sql`.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    pub fn move_on(&self) {
        self.run("owned-moved-on.sql");
    }

    fn run(&self, script: &str) {
        let [team, reader] = self.roles();
        self.load(&file(script), &[("owner", self.owner()), ("team", team), ("reader", reader)]);
    }
}

impl Deref for Owned {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.database
    }
}

/// Fills a new database with `postgis.sql`; `None`, with the reason on standard error, where that is not installed.
///
/// # Panics
///
/// Where the system's server has none and `CI` is `true`; if the server refuses.
pub fn postgis(server: &Server) -> Option<Database> {
    let available = "SELECT count(*) FROM pg_available_extensions WHERE name = 'postgis'";
    if server.psql("postgres", available) == "0\n" {
        let reason = format!("there is no PostGIS: apt-get install postgresql-{}-postgis-3", server.version());
        return crate::server::skipped(&reason);
    }
    let database = server.database("postgis");
    database.load(&file("postgis.sql"), &[]);
    Some(database)
}

fn file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../testdata/postgres", name].iter().collect()
}
