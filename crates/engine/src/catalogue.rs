//! The catalogue: what a store holds, and which backup belongs to whom.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use crate::compress::Compression;
use crate::encrypt::Encryption;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::manifest::{Kind, Manifest, Reason, Record, State};
use crate::name::{Naming, split_endings};
use crate::store::{Entry, Store, is_listable};

/// What a store holds, told by its listing and its manifests.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// The whole backups, oldest first; those without any date come first.
    pub backups: Vec<Backup>,
    /// Files that look like backups and cannot be whole: never the newest, never counted, never deleted.
    pub faulty: Vec<Faulty>,
}

/// A file that looks like a backup and cannot be whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faulty {
    /// Its name in the store.
    pub name: String,
    /// What is wrong with it.
    pub why: String,
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
    /// Size in the store, where a manifest or the listing tells.
    pub stored_bytes: Option<u64>,
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
    /// What tells this database from another of the same alias and name, where the caller knows it; see
    /// [`crate::manifest::source_id`].
    pub source_id: Option<String>,
}

impl Catalogue {
    /// Lists `store`. Costs one listing and one read for each manifest.
    ///
    /// # Errors
    ///
    /// `NotFound` for a store that is not there; the store's own. A manifest that cannot be read makes its
    /// backup faulty, and is no error: it may be another project's.
    pub fn read(store: &dyn Store, naming: &Naming) -> Result<Self> {
        let entries: HashMap<String, Entry> =
            store.list()?.into_iter().map(|entry| (entry.name.clone(), entry)).collect();
        let mut catalogue = Self::default();
        let payloads: Vec<&Entry> = entries.values().filter(|entry| is_listable(&entry.name)).collect();
        for payloads in payloads.chunks(MANIFESTS_AT_ONCE) {
            let names: Vec<&str> = payloads.iter().map(|entry| entry.name.as_str()).collect();
            // Asked for every payload: a listing taken while a backup is committed may miss its manifest.
            for (entry, manifest) in payloads.iter().zip(store.manifests(&names)) {
                catalogue.add(entry, manifest, naming)?;
            }
        }
        catalogue.backups.sort_by(|a, b| a.age_key().cmp(&b.age_key()));
        catalogue.faulty.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(catalogue)
    }

    fn add(&mut self, entry: &Entry, manifest: Result<Option<Vec<u8>>>, naming: &Naming) -> Result<()> {
        if matches!(manifest, Ok(None)) && naming.extension_of(&entry.name).is_none() {
            return Ok(());
        }
        match manifest.and_then(|json| Backup::describe(entry, json.as_deref(), naming)) {
            Ok(Some(backup)) => self.backups.push(backup),
            Ok(None) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
            Err(error) => self.faulty.push(Faulty { name: entry.name.clone(), why: error.to_string() }),
        }
        Ok(())
    }

    /// Returns the backups in `scope`, oldest first; safety backups aside.
    pub fn of(&self, scope: &Scope) -> impl Iterator<Item = &Backup> {
        self.backups.iter().filter(move |backup| scope.holds(backup) && backup.reason == Reason::Asked)
    }

    /// Returns the newest backup in `scope` for a restore.
    ///
    /// With `servername`, of that server only. Without, of `this_server`; if that has none, of the only server
    /// that has some. On this server it is of exactly this source; what another server calls its source says nothing
    /// here, but must be one.
    ///
    /// # Errors
    ///
    /// `NotFound`, with the candidates in the message: none at all, only of other databases, or of several servers.
    pub fn newest(&self, scope: &Scope, servername: Option<&str>, this_server: &str) -> Result<&Backup> {
        let asked = servername.unwrap_or(this_server);
        let of_asked: Vec<&Backup> = self.of(scope).filter(|backup| backup.is_of(asked)).collect();
        let mut servers: BTreeMap<&str, &Backup> = BTreeMap::new();
        for backup in self.of(scope) {
            servers.insert(backup.servername.as_deref().unwrap_or("(unknown)"), backup);
        }
        if let Some(newest) = of_asked.last() {
            // Elsewhere a path says nothing, and without one of our own neither.
            if scope.source_id.is_none() || !Naming::same_server(asked, this_server) {
                return if are_of_one(&of_asked) { Ok(newest) } else { Err(of_others(scope, &of_asked)) };
            }
            let found = of_asked.iter().rfind(|backup| !scope.is_of_another(backup)).copied();
            // An old file without a manifest must not stand in for what somebody else has made since.
            let is_sure = |found: &&Backup| found.source_id().is_some() || !scope.is_of_another(newest);
            return found.filter(is_sure).ok_or_else(|| of_others(scope, &of_asked));
        }
        let of_each: Vec<&Backup> = servers.values().copied().collect();
        let why = match (servername, of_each.as_slice()) {
            (_, []) => return Err(self.nothing_in(scope)),
            (None, [only]) => {
                let all: Vec<&Backup> = self.of(scope).collect();
                return if are_of_one(&all) { Ok(only) } else { Err(of_others(scope, &all)) };
            }
            (None, _) => format!("server `{this_server}` has none, and several others have"),
            (Some(asked), _) => format!("server `{asked}` has none; other servers' newest are"),
        };
        let list: Vec<String> =
            servers.iter().map(|(server, backup)| format!("\n  {server}: {}", backup.name)).collect();
        let what = format!("cannot choose a backup of {} `{}`", scope.kind.id(), scope.alias);
        Err(not_found(scope, format!("{what}: {why}:{}", list.concat())).hint("name a server, or a backup"))
    }

    /// Fails if the backups of `scope` that `servername` made are of several sources, and the scope says of none which is
    /// meant: what is old for one would be deleted for another.
    pub(crate) fn require_one_source(&self, scope: &Scope, servername: &str) -> Result<()> {
        let of_server: Vec<&Backup> =
            self.backups.iter().filter(|backup| scope.holds(backup) && backup.is_of(servername)).collect();
        if scope.source_id.is_some() || are_of_one(&of_server) {
            return Ok(());
        }
        let (kind, alias) = (scope.kind.id(), &scope.alias);
        let message =
            format!("cannot delete backups of {kind} `{alias}`: those of `{servername}` are of several of that name");
        Err(Error::new(ErrorKind::Refused, message)
            .at(Stage::Store)
            .subject(alias)
            .hint("let each project clean up its own (`manage.py prunebackups`), and give each a store of its own"))
    }

    /// Returns the files that cannot be whole, by their names are in `scope`, and are newer than `backup`: whoever is
    /// given that one should know of them.
    pub fn newer_faulty<'a>(
        &'a self,
        backup: &'a Backup,
        scope: &'a Scope,
        naming: &'a Naming,
    ) -> impl Iterator<Item = &'a Faulty> {
        self.faulty.iter().filter(move |faulty| {
            let in_scope = naming.kind_of(&faulty.name) == Some(scope.kind);
            let parsed = naming.parse(&faulty.name).filter(|parsed| in_scope && parsed.alias == scope.alias);
            parsed.is_some_and(|parsed| parsed.created_at > backup.created_at)
        })
    }

    /// Returns the backup `name`.
    ///
    /// # Errors
    ///
    /// `NotFound`, also for one that is still being written; `Corrupt` if it cannot be whole.
    pub fn find(store: &dyn Store, name: &str, naming: &Naming) -> Result<Backup> {
        let stored = store.get(name)?;
        let manifest = store.manifest(name)?;
        let entry = Entry { name: name.to_owned(), bytes: stored.bytes };
        Backup::describe(&entry, manifest.as_deref(), naming)?.ok_or_else(|| unfinished(name))
    }

    fn nothing_in(&self, scope: &Scope) -> Error {
        let what = format!("cannot find a backup of {} `{}`", scope.kind.id(), scope.alias);
        let any_database = Scope { database: None, ..scope.clone() };
        let others: Vec<String> = self
            .of(&any_database)
            .map(|backup| format!("\n  {} (of `{}`)", backup.name, backup.database.as_deref().unwrap_or("?")))
            .collect();
        if others.is_empty() && self.faulty.is_empty() {
            return not_found(scope, what).hint("list the store to see what it holds");
        }
        if others.is_empty() {
            // Whose they are may not be known; one of them may be what is looked for.
            let list: Vec<String> = self.faulty.iter().map(|faulty| format!("\n  {}", faulty.why)).collect();
            let message = format!("{what}; these files are none that can be used:{}", list.concat());
            return not_found(scope, message)
                .hint("see what is wrong with each, or name a backup of another server or database");
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

    /// Whether the manifest of `backup` says that another project's database of this alias was its source.
    pub fn is_of_another(&self, backup: &Backup) -> bool {
        self.is_another_source(backup.source_id())
    }

    pub(crate) fn is_another_source(&self, source_id: Option<&str>) -> bool {
        matches!((self.source_id.as_deref(), source_id), (Some(ours), Some(theirs)) if ours != theirs)
    }
}

impl Backup {
    /// Describes a payload by its manifest and its name; `None` if it is still being written.
    ///
    /// # Errors
    ///
    /// `Corrupt`, `Unsupported` if it cannot be whole, or cannot be told to be.
    fn describe(entry: &Entry, manifest: Option<&[u8]>, naming: &Naming) -> Result<Option<Self>> {
        let manifest = manifest.map(|json| Manifest::parse(&entry.name, json)).transpose()?.unwrap_or_default();
        if let Some(record) = &manifest.dbbackup {
            if record.state == State::Writing {
                return Ok(None);
            }
            if let Some(bytes) = entry.bytes {
                record.confirm_size(&entry.name, bytes)?;
            }
            return Ok(Some(Self::ours(entry, record, &manifest)));
        }
        if entry.bytes == Some(0) {
            let message = format!("cannot use backup `{}`: it is empty, and no manifest says so", entry.name);
            return Err(Error::new(ErrorKind::Corrupt, message).at(Stage::Store).subject(&entry.name));
        }
        let (_, compression, encryption) = split_endings(&entry.name);
        let parsed = naming.parse(&entry.name);
        let (alias, servername, created_at) = match parsed {
            Some(parsed) => (Some(parsed.alias), parsed.servername, parsed.created_at),
            None => (None, None, naming.date_in(&entry.name)),
        };
        Ok(Some(Self {
            name: entry.name.clone(),
            kind: naming.kind_of(&entry.name).unwrap_or(Kind::Database),
            alias,
            database: None,
            servername,
            created_at,
            stored_bytes: entry.bytes,
            compression,
            encryption,
            reason: Reason::Asked,
            manifest,
        }))
    }

    fn ours(entry: &Entry, record: &Record, manifest: &Manifest) -> Self {
        Self {
            name: entry.name.clone(),
            kind: record.kind,
            alias: Some(record.alias.clone()),
            database: Some(record.database.clone()),
            servername: Some(record.servername.clone()),
            created_at: Some(record.created_at),
            stored_bytes: Some(record.stored_bytes),
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

    /// Whether the user gave it its name.
    pub fn is_named(&self) -> bool {
        self.manifest.dbbackup.as_ref().is_some_and(|record| record.named)
    }

    fn source_id(&self) -> Option<&str> {
        self.manifest.dbbackup.as_ref()?.source_id.as_deref()
    }

    /// Orders backups by age; the name decides between two of one second.
    fn age_key(&self) -> (Option<Timestamp>, &str) {
        (self.created_at, &self.name)
    }
}

/// Manifests in memory at once; a store in a network asks for some of them at the same time.
const MANIFESTS_AT_ONCE: usize = 64;

/// Says that a backup is there and is none yet.
pub(crate) fn unfinished(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("cannot use backup `{name}`: it is still being written"))
        .at(Stage::Store)
        .subject(name)
}

/// Whether all come from one source, or do not say.
fn are_of_one(backups: &[&Backup]) -> bool {
    let mut sources = backups.iter().filter_map(|backup| backup.source_id());
    let first = sources.next();
    sources.all(|source| Some(source) == first)
}

fn of_others(scope: &Scope, backups: &[&Backup]) -> Error {
    let newest_of_each: BTreeMap<Option<&str>, &str> =
        backups.iter().map(|backup| (backup.source_id(), backup.name.as_str())).collect();
    let list: Vec<String> = newest_of_each.values().map(|name| format!("\n  {name}")).collect();
    let what = format!("cannot choose a backup of {} `{}`", scope.kind.id(), scope.alias);
    not_found(
        scope,
        format!("{what}: the newest are of others of that name, of another project perhaps:{}", list.concat()),
    )
    .hint("restore one of them by its name, if that is what you want")
}

fn not_found(scope: &Scope, message: String) -> Error {
    Error::new(ErrorKind::NotFound, message).at(Stage::Store).subject(&scope.alias)
}
