//! Restore: target ← archive ← compress ← encrypt ← store. Verify: the same line into nothing.

use std::time::{Duration, Instant};

use crate::archive;
use crate::catalogue::unfinished;
use crate::compress;
use crate::count::{Counted, Tally, Watched, drain};
use crate::encrypt;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::manifest::{Manifest, Record, State};
use crate::proof::Prover;
use crate::run::{Phase, Run};
use crate::source::Target;
use crate::store::{Hold, Store};

/// The result of a restore or a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The backup's name.
    pub name: String,
    /// Size of the dump.
    pub plain_bytes: u64,
    /// Size in the store.
    pub stored_bytes: u64,
    /// What proved the backup whole, in words.
    pub proof: String,
    /// How long it took.
    pub duration: Duration,
    /// What the user should know, one sentence each.
    pub notes: Vec<String>,
}

/// Streams one stored backup into a target.
///
/// The target changes in one step, after the stored stream was read to its last byte and size, digest and
/// content were proven. Needs no settings of the day when the backup was made: its own bytes tell.
///
/// # Errors
///
/// `NotFound`, `Corrupt`, `Busy`, `Refused`, `Interrupted`, the store's and the target's: after each of them the
/// target is as it was.
pub fn restore(name: &str, target: &mut dyn Target, store: &dyn Store, run: &Run) -> Result<Report> {
    let started = Instant::now();
    let _lock = store.lock(Hold::Shared)?;
    let record = record_of(name, store)?;
    let stored = store.get(name)?;
    let total = record.as_ref().map(|record| record.plain_bytes);
    let mut load = target.begin(total, run)?;
    run.phase(Phase::Restore, total)?;
    let (stored_tally, plain_tally) = (Tally::with_digest(), Tally::bytes_only());

    let sealed = Counted::new(stored.reader, &stored_tally);
    let small = encrypt::open(sealed);
    let (_, archive) = compress::decode(small).map_err(|error| error.subject(name))?;
    let dump = archive::unpack(archive);
    let mut plain = Watched::new(dump, &plain_tally, run, Phase::Restore, total);
    load.write(&mut plain).map_err(|error| error.subject(name))?;

    let proof = match prove(name, record.as_ref(), &stored_tally, &plain_tally)? {
        Some(proof) => proof,
        None => "the content itself".to_owned(),
    };
    run.cancel.check()?;
    let facts = load.commit().map_err(|error| error.subject(name))?;
    Ok(Report {
        name: name.to_owned(),
        plain_bytes: plain_tally.bytes(),
        stored_bytes: stored_tally.bytes(),
        proof,
        duration: started.elapsed(),
        notes: facts.notes,
    })
}

/// Reads one stored backup to its end and proves what can be proven without a database.
///
/// # Errors
///
/// `NotFound`, `Corrupt`, `Interrupted`, the store's.
pub fn verify(name: &str, store: &dyn Store, run: &Run) -> Result<Report> {
    let started = Instant::now();
    let _lock = store.lock(Hold::Shared)?;
    let record = record_of(name, store)?;
    let stored = store.get(name)?;
    let total = record.as_ref().map(|record| record.plain_bytes);
    run.phase(Phase::Verify, total)?;
    let (stored_tally, plain_tally) = (Tally::with_digest(), Tally::bytes_only());
    let mut prover = Prover::default();

    let sealed = Counted::new(stored.reader, &stored_tally);
    let small = encrypt::open(sealed);
    let (_, archive) = compress::decode(small).map_err(|error| error.subject(name))?;
    let dump = archive::unpack(archive);
    let mut plain = Watched::new(dump, &plain_tally, run, Phase::Verify, total);
    let watched = drain(&mut plain, Stage::Store, |part| {
        prover.watch(part);
        Ok(())
    });
    watched.map_err(|error| error.subject(name))?;

    let by_manifest = prove(name, record.as_ref(), &stored_tally, &plain_tally)?;
    let by_itself = if plain_tally.bytes() > 0 { prover.prove().map_err(|error| error.subject(name))? } else { None };
    let proofs: Vec<String> = by_manifest.into_iter().chain(by_itself.map(str::to_owned)).collect();
    let mut notes = Vec::new();
    if proofs.is_empty() {
        notes.push("it has no manifest and nothing marks its end: a cut at its very end would not be seen".to_owned());
    }
    Ok(Report {
        name: name.to_owned(),
        plain_bytes: plain_tally.bytes(),
        stored_bytes: stored_tally.bytes(),
        proof: if proofs.is_empty() { "nothing".to_owned() } else { proofs.join(", ") },
        duration: started.elapsed(),
        notes,
    })
}

fn record_of(name: &str, store: &dyn Store) -> Result<Option<Record>> {
    let Some(json) = store.manifest(name)? else { return Ok(None) };
    match Manifest::parse(name, &json)?.dbbackup {
        Some(record) if record.state == State::Writing => Err(unfinished(name)),
        record => Ok(record),
    }
}

/// Compares what was read with the manifest; returns what that proves, or `None` without a manifest of ours.
fn prove(name: &str, record: Option<&Record>, stored: &Tally, plain: &Tally) -> Result<Option<String>> {
    if let Some(record) = record {
        record.confirm(name, stored.bytes(), &stored.sha256(), plain.bytes())?;
        return Ok(Some("size and SHA-256 of its manifest".to_owned()));
    }
    if plain.bytes() == 0 {
        return Err(Error::new(
            ErrorKind::Corrupt,
            format!("cannot use backup `{name}`: it is empty, and no manifest says so"),
        )
        .at(Stage::Store)
        .subject(name));
    }
    Ok(None)
}
