//! `dbbackup prune`

use std::collections::BTreeSet;

use dbbackup::manifest::Kind;
use dbbackup::retention::{Plan, Policy};
use dbbackup::{Catalogue, Error, ErrorKind, Local, Naming, Prune, Result, Scope, prune};
use serde_json::{Value, json};

use super::naming;
use super::restore::only_name;
use crate::args::{Arguments, PruneArgs};
use crate::config::Config;
use crate::exit_code;
use crate::place::store;
use crate::render::Output;

pub(crate) fn run(verb: &PruneArgs, arguments: &Arguments, output: &Output) -> Result<u8> {
    let config = Config::read(arguments.config.as_deref())?;
    let keep_last = verb.keep_last.or(config.retention.keep_last).ok_or_else(|| {
        Error::new(ErrorKind::Config, "cannot prune without knowing how many to keep")
            .hint("give --keep-last N, or keep_last under [retention] in dbbackup.toml")
    })?;
    let naming = naming(&config, &verb.name, verb.server.as_deref())?;
    let store = store(&verb.store, &config)?;
    let mut objects = Vec::new();
    for alias in verb.names(&config, &store, &naming)? {
        let mut has_some = false;
        for kind in [Kind::Database, Kind::Media] {
            let scope = Scope { alias: alias.clone(), kind, database: None, source_id: None };
            let policy = Policy::keep_last(keep_last);
            let request = Prune { scope: &scope, servername: &naming.servername, policy, dry_run: verb.dry_run };
            let plan = prune(&request, &store, &naming, |_| false)?;
            if !plan.decisions.is_empty() || plan.others > 0 {
                print(&alias, &plan, verb.dry_run, output);
                objects.push(object(&alias, kind, &plan));
                has_some |= !plan.decisions.is_empty();
            }
        }
        if !has_some {
            output.note(&format!("there are no backups of `{alias}` by server `{}`", naming.servername));
        }
    }
    output.object(&json!({ "dry_run": verb.dry_run, "pruned": objects }));
    Ok(exit_code::DONE)
}

impl PruneArgs {
    fn names(&self, config: &Config, store: &Local, naming: &Naming) -> Result<Vec<String>> {
        if !self.name.is_empty() {
            return Ok(self.name.clone());
        }
        let names: BTreeSet<&String> = config.databases.keys().chain(config.media.keys()).collect();
        if !names.is_empty() {
            return Ok(names.into_iter().cloned().collect());
        }
        only_name(Catalogue::read(store, naming)?.backups.iter(), &self.store).map(|name| vec![name])
    }
}

fn print(alias: &str, plan: &Plan, dry_run: bool, output: &Output) {
    let (delete, keep) = if dry_run { ("would delete", "would keep  ") } else { ("deleted", "kept   ") };
    for decision in &plan.decisions {
        let word = if decision.is_deletion() { delete } else { keep };
        let line = format!("{word}  {}  ({})", decision.name, decision.verdict);
        if dry_run { output.result(&line) } else { output.line(&line) }
    }
    match plan.others {
        0 => {}
        1 => output.note(&format!("1 backup of `{alias}` by another server was left alone")),
        count => output.note(&format!("{count} backups of `{alias}` by other servers were left alone")),
    }
}

fn object(alias: &str, kind: Kind, plan: &Plan) -> Value {
    let decisions = plan.decisions.iter().map(|decision| {
        json!({ "name": decision.name, "delete": decision.is_deletion(), "reason": decision.verdict.to_string() })
    });
    let decisions: Vec<Value> = decisions.collect();
    json!({ "alias": alias, "kind": kind.id(), "decisions": decisions, "others": plan.others })
}
