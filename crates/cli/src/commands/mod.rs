//! One module a verb: resolve, call the engine, print.

pub(crate) mod backup;
pub(crate) mod child;
pub(crate) mod features;
pub(crate) mod list;
pub(crate) mod prune;
pub(crate) mod restore;
pub(crate) mod verify;

use std::sync::Arc;

use dbbackup::{Cancel, Naming, Progress, Result, Run};

use crate::args::WorkArgs;
use crate::config::Config;
use crate::place::hostname;

/// The naming of the command line: the app's defaults, with the names of `dbbackup.toml` and those given.
fn naming(config: &Config, given: &[String], servername: Option<&str>) -> Result<Naming> {
    let mut aliases: Vec<String> = config.databases.keys().cloned().collect();
    aliases.extend(given.iter().cloned());
    Naming::standard(servername.map_or_else(hostname, str::to_owned), &aliases)
}

/// The surroundings of a run.
fn run(work: Option<&WorkArgs>, progress: Arc<dyn Progress>, cancel: &Cancel) -> Run {
    let tmp_dir = work.and_then(|work| work.tmp_dir.clone()).unwrap_or_else(std::env::temp_dir);
    Run { progress, cancel: cancel.clone(), tmp_dir, ..Run::default() }
}
