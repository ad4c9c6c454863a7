//! Pruning: retention decided, then done, while nobody restores.

use crate::catalogue::{Catalogue, Scope};
use crate::error::Result;
use crate::manifest::{Manifest, State};
use crate::name::Naming;
use crate::retention::{self, Plan, Policy};
use crate::store::{Entry, Hold, MANIFEST_ENDING, Store, manifest_name};

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
/// `Busy` while a restore or another prune runs; `NotFound` for a store that is not there. What was decided
/// and not yet deleted when an error came stays.
pub fn prune(request: &Prune<'_>, store: &dyn Store, naming: &Naming, keep: impl FnMut(&str) -> bool) -> Result<Plan> {
    let _lock = if request.dry_run { None } else { Some(store.lock(Hold::Exclusive)?) };
    let catalogue = Catalogue::read(store, naming)?;
    let plan = retention::plan(&catalogue.backups, request.scope, request.servername, request.policy, keep);
    if !request.dry_run {
        for decision in plan.decisions.iter().filter(|decision| decision.is_deletion()) {
            store.delete(&decision.name)?;
            store.delete(&manifest_name(&decision.name))?;
        }
        store.sweep();
        sweep_orphans(store)?;
    }
    Ok(plan)
}

/// Deletes manifests of ours that say `whole` and whose payload is gone: payloads appear before them and go
/// before them, so nobody is about to bring that payload.
fn sweep_orphans(store: &dyn Store) -> Result<()> {
    let entries = store.list()?;
    for Entry { name, .. } in &entries {
        let Some(payload) = name.strip_suffix(MANIFEST_ENDING) else { continue };
        if entries.iter().any(|entry| entry.name == payload) {
            continue;
        }
        let json = store.manifest(payload)?.unwrap_or_default();
        let record = Manifest::parse(payload, &json).ok().and_then(|manifest| manifest.dbbackup);
        if record.is_some_and(|record| record.state == State::Whole) {
            store.delete(name)?;
        }
    }
    Ok(())
}
