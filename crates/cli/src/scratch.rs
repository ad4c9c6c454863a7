//! Where `verify --restore` makes databases.

use dbbackup::drill::{Engine, Ground};
use dbbackup::source::sqlite::InTmpDir;
use dbbackup::{Catalogue, Error, ErrorKind, Local, Naming, Result};

use crate::config::Config;
use crate::database::{Database, Server};

/// Where backups can be tried: a folder, and servers by the names of the backups.
pub(crate) struct Scratch<'a> {
    config: &'a Config,
    /// The server that was asked for.
    given: Option<Server>,
}

impl<'a> Scratch<'a> {
    /// Resolves what was typed: a name of `dbbackup.toml`, or a URL.
    pub(crate) fn resolve(typed: Option<&str>, config: &'a Config) -> Result<Self> {
        let Some(typed) = typed else { return Ok(Self { config, given: None }) };
        let given = Server::resolve(typed, config)?.ok_or_else(|| {
            Error::new(ErrorKind::Config, "cannot use --scratch for a SQLite database")
                .hint("give a server of PostgreSQL or MySQL; databases of SQLite are made in --tmp-dir")
        })?;
        Ok(Self { config, given: Some(given) })
    }

    /// Returns where the backup `name` can be tried. The server that was asked for is the one for its engine.
    pub(crate) fn grounds(&self, name: &str, store: &Local, naming: &Naming) -> Result<Vec<Box<dyn Ground>>> {
        let mut grounds: Vec<Box<dyn Ground>> = vec![Box::new(InTmpDir)];
        grounds.extend(self.given.clone().map(Server::ground));
        grounds.extend(self.server_of(name, store, naming)?.map(Server::ground));
        Ok(grounds)
    }

    /// Returns the server of the database that has the backup's name, where it is of one, and no other was asked for.
    fn server_of(&self, name: &str, store: &Local, naming: &Naming) -> Result<Option<Server>> {
        // What is wrong with it, the drill says better.
        let Ok(backup) = Catalogue::find(store, name, naming) else { return Ok(None) };
        let engine = backup.manifest.engine();
        let is_given =
            self.given.as_ref().is_some_and(|given| engine.is_none_or(|said| given.engine().is_called(said)));
        if is_given || engine.is_some_and(|engine| Engine::Sqlite.is_called(engine)) {
            return Ok(None);
        }
        match backup.alias.filter(|alias| self.config.databases.contains_key(alias)) {
            Some(alias) => Ok(Database::resolve(&alias, self.config)?.server()),
            None => Ok(None),
        }
    }
}
