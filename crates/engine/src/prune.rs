//! Pruning: retention decided, then done, while nobody restores.

use std::collections::HashSet;

use jiff::Timestamp;

use crate::catalogue::{Catalogue, Scope};
use crate::error::{ErrorKind, Result};
use crate::manifest::{Manifest, Record, State};
use crate::name::Naming;
use crate::retention::{self, Plan, Policy};
use crate::store::{Hold, MANIFEST_ENDING, Store, manifest_name};

/// What to prune, and whether to do it.
pub struct Prune<'a> {
    /// Exactly these backups.
    pub scope: &'a Scope,
    /// Of this server.
    pub servername: &'a str,
    /// What stays.
    pub policy: Policy,
    /// Decide only, delete nothing, take no lock.
    pub dry_run: bool,
}

/// Deletes what the policy lets go: the payload first, then its manifest.
///
/// `keep` is asked for each backup that would go. Leftovers of dead runs, and manifests whose payload a prune
/// killed half-way had deleted, go too.
///
/// # Errors
///
/// `Busy` while a restore or another prune runs; `Refused` where the scope names no source and there are several;
/// `NotFound` for a store that is not there. What was decided
/// and not yet deleted when an error came stays.
pub fn prune(request: &Prune<'_>, store: &dyn Store, naming: &Naming, keep: impl FnMut(&str) -> bool) -> Result<Plan> {
    let _lock = if request.dry_run { None } else { Some(store.lock(Hold::Exclusive)?) };
    let catalogue = Catalogue::read(store, naming)?;
    let Prune { scope, servername, policy, .. } = *request;
    catalogue.require_one_source(scope, servername)?;
    let plan = retention::plan(&catalogue.backups, scope, servername, policy, Timestamp::now(), keep);
    if !request.dry_run {
        for decision in plan.decisions.iter().filter(|decision| decision.is_deletion()) {
            store.delete(&decision.name)?;
            store.delete(&manifest_name(&decision.name))?;
        }
        store.sweep();
        sweep_orphans(request, store)?;
    }
    Ok(plan)
}

/// Deletes the scope's manifests that say `whole` and whose payload is gone: payloads appear before them and go
/// before them, so nobody is about to bring that payload. Others' manifests are theirs.
fn sweep_orphans(request: &Prune<'_>, store: &dyn Store) -> Result<()> {
    let entries = store.list()?;
    let names: HashSet<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    for name in &names {
        let Some(payload) = name.strip_suffix(MANIFEST_ENDING) else { continue };
        if names.contains(payload) {
            continue;
        }
        let Ok(Some(json)) = store.manifest(payload) else { continue };
        let record = Manifest::parse(payload, &json).ok().and_then(|manifest| manifest.dbbackup);
        // A listing taken while a backup is committed may have missed its payload: ask again.
        let is_gone = || store.get(payload).is_err_and(|error| error.kind() == ErrorKind::NotFound);
        if record.is_some_and(|record| request.made(&record)) && is_gone() {
            store.delete(name)?;
        }
    }
    Ok(())
}

impl Prune<'_> {
    /// Whether a manifest is of a whole backup in exactly this scope.
    fn made(&self, record: &Record) -> bool {
        let of_database = self.scope.database.as_ref().is_none_or(|database| *database == record.database);
        let same_source = !self.scope.is_another_source(record.source_id.as_deref());
        let of_scope = record.alias == self.scope.alias && record.kind == self.scope.kind && of_database && same_source;
        of_scope && Naming::same_server(&record.servername, self.servername) && record.state == State::Whole
    }
}
