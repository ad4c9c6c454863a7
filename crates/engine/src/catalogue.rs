//! The catalogue: what a store holds, and which backup belongs to whom.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use crate::compress::Compression;
use crate::encrypt::Encryption;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::manifest::{Kind, Manifest, Reason, Record, State};
use crate::name::{Naming, split_endings};
use crate::store::{Entry, MANIFEST_ENDING, Store};

/// The whole backups of a store, oldest first; those without any date come first.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// Every listed backup.
    pub backups: Vec<Backup>,
}

/// One listed backup. What a manifest does not tell comes from the name, or is unknown.
#[derive(Clone, Debug, PartialEq)]
pub struct Backup {
    /// Its name in the store.
    pub name: String,
    /// Database or media.
    pub kind: Kind,
    /// The database's alias; `None` where neither a manifest nor the name tells.
    pub alias: Option<String>,
    /// The database's own name, from a manifest.
    pub database: Option<String>,
    /// The host that made it.
    pub servername: Option<String>,
    /// When it was made, UTC.
    pub created_at: Option<Timestamp>,
    /// Size in the store.
    pub stored_bytes: u64,
    /// How it is compressed, by manifest or name.
    pub compression: Compression,
    /// How it is encrypted, by manifest or name.
    pub encryption: Encryption,
    /// Why it was made.
    pub reason: Reason,
    /// What stands beside it; empty without a manifest.
    pub manifest: Manifest,
}

/// Which backups are meant: exactly this alias and kind, of this database.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The alias.
    pub alias: String,
    /// The kind.
    pub kind: Kind,
    /// The database's own name, where the caller knows it: a manifest that names another one is not meant.
    pub database: Option<String>,
}

impl Catalogue {
    /// Lists `store`. Costs one listing and one read for each manifest.
    ///
    /// # Errors
    ///
    /// `NotFound` for a store that is not there; the store's own. A manifest that cannot be read is no error
    /// here: its backup is listed by its name, and refused when somebody restores it.
    pub fn read(store: &dyn Store, naming: &Naming) -> Result<Self> {
        let entries: HashMap<String, Entry> =
            store.list()?.into_iter().map(|entry| (entry.name.clone(), entry)).collect();
        let mut backups = Vec::new();
        for entry in entries.values() {
            if entry.name.ends_with(MANIFEST_ENDING) || entry.name.starts_with('.') {
                continue;
            }
            let has_manifest = entries.contains_key(&format!("{}{MANIFEST_ENDING}", entry.name));
            if !has_manifest && naming.extension_of(&entry.name).is_none() {
                continue;
            }
            let manifest = if has_manifest { store.manifest(&entry.name)? } else { None };
            backups.extend(Backup::describe(entry, manifest.as_deref(), naming));
        }
        backups.sort_by(|a, b| a.age_key().cmp(&b.age_key()));
        Ok(Self { backups })
    }

    /// Returns the backups in `scope`, oldest first; safety backups aside.
    pub fn of(&self, scope: &Scope) -> impl Iterator<Item = &Backup> {
        self.backups.iter().filter(move |backup| scope.holds(backup) && backup.reason == Reason::Asked)
    }

    /// Returns the newest backup in `scope` for a restore.
    ///
    /// With `servername`, of that server only. Without, of `this_server`; if that has none, of the only server
    /// that has some.
    ///
    /// # Errors
    ///
    /// `NotFound`, with the candidates in the message: none at all, only of other databases, or of several servers.
    pub fn newest(&self, scope: &Scope, servername: Option<&str>, this_server: &str) -> Result<&Backup> {
        let asked = servername.unwrap_or(this_server);
        if let Some(found) = self.of(scope).filter(|backup| backup.is_of(asked)).last() {
            return Ok(found);
        }
        let mut servers: BTreeMap<&str, &Backup> = BTreeMap::new();
        for backup in self.of(scope) {
            servers.insert(backup.servername.as_deref().unwrap_or("(unknown)"), backup);
        }
        let of_each: Vec<&Backup> = servers.values().copied().collect();
        let why = match (servername, of_each.as_slice()) {
            (_, []) => return Err(self.nothing_in(scope)),
            (None, [only]) => return Ok(only),
            (None, _) => format!("server `{this_server}` has none, and several others have"),
            (Some(asked), _) => format!("server `{asked}` has none; other servers' newest are"),
        };
        let list: Vec<String> =
            servers.iter().map(|(server, backup)| format!("\n  {server}: {}", backup.name)).collect();
        let what = format!("cannot choose a backup of {} `{}`", scope.kind.id(), scope.alias);
        Err(not_found(scope, format!("{what}: {why}:{}", list.concat())).hint("name a server, or a backup"))
    }

    /// Returns the backup `name`.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    pub fn find(store: &dyn Store, name: &str, naming: &Naming) -> Result<Backup> {
        let stored = store.get(name)?;
        let entry = Entry { name: name.to_owned(), bytes: stored.bytes.unwrap_or(0), modified_at: None };
        let manifest = store.manifest(name)?;
        if let Some(json) = &manifest {
            Manifest::parse(name, json)?;
        }
        Backup::describe(&entry, manifest.as_deref(), naming).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("cannot use backup `{name}`: it is still being written"))
                .at(Stage::Store)
                .subject(name)
        })
    }

    fn nothing_in(&self, scope: &Scope) -> Error {
        let what = format!("cannot find a backup of {} `{}`", scope.kind.id(), scope.alias);
        let any_database = Scope { database: None, ..scope.clone() };
        let others: Vec<String> = self
            .of(&any_database)
            .map(|backup| format!("\n  {} (of `{}`)", backup.name, backup.database.as_deref().unwrap_or("?")))
            .collect();
        if others.is_empty() {
            return not_found(scope, what).hint("list the store to see what it holds");
        }
        let database = scope.database.as_deref().unwrap_or_default();
        let list = others.concat();
        not_found(scope, format!("{what}: those of this name were made of other databases than `{database}`:{list}"))
            .hint("restore one of them by its name, if that is what you want")
    }
}

impl Scope {
    /// Whether `backup` is of exactly this alias, kind and database, whoever made it and however it is packed.
    pub fn holds(&self, backup: &Backup) -> bool {
        let same_database = match (&self.database, &backup.database) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        };
        backup.kind == self.kind && backup.alias.as_deref() == Some(self.alias.as_str()) && same_database
    }
}

impl Backup {
    /// Describes a payload by its manifest and its name; `None` if it is not whole.
    fn describe(entry: &Entry, manifest: Option<&[u8]>, naming: &Naming) -> Option<Self> {
        let manifest = manifest.and_then(|json| Manifest::parse(&entry.name, json).ok()).unwrap_or_default();
        let (_, compression, encryption) = split_endings(&entry.name);
        if let Some(record) = &manifest.dbbackup {
            return (record.state == State::Whole).then(|| Self::ours(entry, record, &manifest));
        }
        let parsed = naming.parse(&entry.name);
        let extension = naming.extension_of(&entry.name);
        let (alias, servername, created_at) = match parsed {
            Some(parsed) => (Some(parsed.alias), parsed.servername, parsed.created_at),
            None => (None, None, naming.date_in(&entry.name)),
        };
        Some(Self {
            name: entry.name.clone(),
            kind: if extension == Some("tar") { Kind::Media } else { Kind::Database },
            alias,
            database: None,
            servername,
            created_at,
            stored_bytes: entry.bytes,
            compression,
            encryption,
            reason: Reason::Asked,
            manifest,
        })
    }

    fn ours(entry: &Entry, record: &Record, manifest: &Manifest) -> Self {
        Self {
            name: entry.name.clone(),
            kind: record.kind,
            alias: Some(record.alias.clone()),
            database: Some(record.database.clone()),
            servername: Some(record.servername.clone()),
            created_at: Some(record.created_at),
            stored_bytes: entry.bytes,
            compression: record.compression,
            encryption: record.encryption,
            reason: record.reason,
            manifest: manifest.clone(),
        }
    }

    /// Whether `servername` made it, by manifest or name, hyphens squeezed.
    pub fn is_of(&self, servername: &str) -> bool {
        self.servername.as_deref().is_some_and(|server| Naming::same_server(server, servername))
    }

    /// Orders backups by age; the name decides between two of one second.
    fn age_key(&self) -> (Option<Timestamp>, &str) {
        (self.created_at, &self.name)
    }
}

fn not_found(scope: &Scope, message: String) -> Error {
    Error::new(ErrorKind::NotFound, message).at(Stage::Store).subject(&scope.alias)
}
