//! Restore: target ← archive ← compress ← encrypt ← store. Verify: the same line into nothing.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use crate::catalogue::unfinished;
use crate::compress::{self, Compression};
use crate::count::{Counted, Tally, Watched, drain, fill, peek};
use crate::drill::Drill;
use crate::encrypt::{self, Encryption};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::manifest::{Manifest, Record, Skipped, State};
use crate::name::split_endings;
use crate::proof::{self, HEAD_BYTES, Proof, prove};
use crate::run::{Phase, Run};
use crate::source::media::{MediaChanges, MediaContent};
use crate::source::{Expected, LoadFacts, Target};
use crate::store::{Hold, Store};

/// The result of a restore, a preview of one, or a verification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// What a media backup was found to hold.
    pub content: Option<MediaContent>,
    /// Why the content of an encrypted backup was not read by a verification: only its stored bytes are proven.
    pub sealed: Option<String>,
    /// What a drill found, which restored the backup into a temporary database.
    pub drill: Option<Drill>,
    /// What became of the files of a folder.
    pub changes: Option<MediaChanges>,
    /// What the backup has and was not restored.
    pub left_out: Skipped,
    /// What the user should know, one sentence each.
    pub notes: Vec<String>,
}

/// Streams one stored backup into a target.
///
/// The target changes in one step, after the stored stream was read to its last byte and size, digest and content
/// were proven. One that has no such step is written in a second reading, after a first has proven all of it. Needs
/// no settings of the day when the backup was made: its own bytes tell.
///
/// # Errors
///
/// `NotFound`, `Corrupt`, `Busy`, `Refused`, `Interrupted`, the store's and the target's: after each of them the
/// target is as it was; of media, each file is as it was or the backup's.
pub fn restore(name: &str, target: &mut dyn Target, store: &dyn Store, run: &Run) -> Result<Report> {
    let started = Instant::now();
    let _lock = store.lock(Hold::Shared)?;
    let backup = Stored::find(name, store)?;
    let mut load = target.begin(&backup.expected(), run)?;
    let first = if load.needs_proof() {
        Some(backup.read(store, run, Phase::Verify, |plain| load.rehearse(plain).map(drop))?)
    } else {
        None
    };
    let read = backup.read(store, run, Phase::Restore, |plain| load.write(plain))?;
    if first.is_some_and(|first| first != read) {
        let message = format!("cannot use backup `{name}`: it changed between two readings");
        return Err(Error::new(ErrorKind::Corrupt, message).at(Stage::Store).subject(name));
    }
    run.cancel.check()?;
    let emptied = if load.replaces_all() { backup.excluded_rows() } else { None };
    let mut facts = load.commit().map_err(|error| error.subject(name))?;
    facts.notes.extend(emptied);
    Ok(backup.report(&read, facts, started))
}

/// Does all that [`restore`] does before it changes anything, and tells what that would be.
///
/// # Errors
///
/// Those of [`restore`].
pub fn preview(name: &str, target: &mut dyn Target, store: &dyn Store, run: &Run) -> Result<Report> {
    let started = Instant::now();
    let _lock = store.lock(Hold::Shared)?;
    let backup = Stored::find(name, store)?;
    let mut load = target.begin(&backup.expected(), run)?;
    let mut facts = LoadFacts::default();
    let read = backup.read(store, run, Phase::Verify, |plain| {
        facts = load.rehearse(plain)?;
        Ok(())
    })?;
    Ok(backup.report(&read, facts, started))
}

/// Reads one stored backup to its end and proves what can be proven without a database.
///
/// Of an encrypted backup whose secret key is not here (a server that makes backups should not have it) only the stored
/// bytes are proven, by its manifest, and [`Report::sealed`] says why.
///
/// # Errors
///
/// `NotFound`, `Corrupt`, `Interrupted`, the store's.
pub fn verify(name: &str, store: &dyn Store, run: &Run) -> Result<Report> {
    let started = Instant::now();
    let _lock = store.lock(Hold::Shared)?;
    let backup = Stored::find(name, store)?;
    let mut proof = Proof::default();
    let read = backup.read(store, run, Phase::Verify, |plain| {
        proof = prove(plain)?;
        Ok(())
    });
    let read = match read {
        Err(error) if backup.is_sealed_for(&error, run) => return backup.verify_sealed(store, run, &error, started),
        read => read?,
    };
    let proofs: Vec<&str> = backup.by_manifest().into_iter().chain(proof.end).collect();
    let mut report = backup.report(&read, LoadFacts::default(), started);
    report.content = proof.content;
    report.proof = proofs.join(", ");
    if proofs.is_empty() {
        "nothing".clone_into(&mut report.proof);
        report
            .notes
            .push("it has no manifest and nothing marks its end: a cut at its very end would not be seen".to_owned());
    }
    Ok(report)
}

/// Returns the first plain bytes of one stored backup, at most 512, which tell its format, and how it is encrypted.
/// Proves nothing.
///
/// # Errors
///
/// `NotFound`, the store's; `Corrupt` where not even they can be read; `Key` and `Passphrase` of an encrypted one.
pub fn head(name: &str, store: &dyn Store, run: &Run) -> Result<(Vec<u8>, Encryption)> {
    let backup = Stored::find(name, store)?;
    let (encryption, mut archive) = backup.open(store.get(name)?.reader, run)?;
    let mut head = vec![0; HEAD_BYTES];
    let count = fill(&mut archive, &mut head)
        .map_err(|source| Error::from_io(source, ErrorKind::Read, "cannot read the backup").at(Stage::Store))?;
    head.truncate(count);
    Ok((head, encryption))
}

/// A stored backup and what its manifest says of it.
struct Stored<'a> {
    name: &'a str,
    record: Option<Record>,
}

/// What one reading to the end found.
#[derive(PartialEq)]
struct Found {
    stored_bytes: u64,
    stored_sha256: String,
    plain_bytes: u64,
}

impl<'a> Stored<'a> {
    fn find(name: &'a str, store: &dyn Store) -> Result<Self> {
        let Some(json) = store.manifest(name)? else { return Ok(Self { name, record: None }) };
        match Manifest::parse(name, &json)?.dbbackup {
            Some(record) if record.state == State::Writing => Err(unfinished(name)),
            record => Ok(Self { name, record }),
        }
    }

    fn plain_bytes(&self) -> Option<u64> {
        self.record.as_ref().map(|record| record.plain_bytes)
    }

    fn expected(&self) -> Expected {
        let excluded = self.record.as_ref().map(|record| record.excluded.clone());
        Expected { plain_bytes: self.plain_bytes(), excluded: excluded.unwrap_or_default() }
    }

    /// Reads the backup through every stage into `sink`, to its last byte, and compares it with its manifest: the
    /// sink sees the end only if they agree.
    fn read(
        &self,
        store: &dyn Store,
        run: &Run,
        phase: Phase,
        sink: impl FnOnce(&mut (dyn Read + Send)) -> Result<()>,
    ) -> Result<Found> {
        let (name, total) = (self.name, self.plain_bytes());
        let stored = store.get(name)?;
        run.phase(phase, total)?;
        let (stored_tally, plain_tally) = (Tally::with_digest(), Tally::bytes_only());

        let sealed = Counted::new(stored.reader, &stored_tally);
        let (_, archive) = self.open(sealed, run).map_err(|error| error.subject(name))?;
        let plain = Watched::new(archive, &plain_tally, run, phase, total);
        let mut proven = Proven { plain, stored_tally, plain_tally, backup: self, found: None };
        sink(&mut proven).map_err(|error| error.subject(name))?;
        proven.finish().map_err(|error| error.subject(name))
    }

    /// Opens every layer: those that our own manifest names, for a dump may look like one itself; else those that the
    /// first bytes show.
    fn open<'r>(&self, sealed: impl Read + Send + 'r, run: &Run) -> Result<(Encryption, Box<dyn Read + Send + 'r>)> {
        let (encryption, compression) =
            self.record.as_ref().map(|record| (record.encryption, record.compression)).unzip();
        let (_, promised_compression, promised_encryption) = split_endings(self.name);
        let (opened, small) = encrypt::open(sealed, encryption, run)?;
        if encryption.is_none() && promised_encryption != Encryption::None && opened != promised_encryption {
            return Err(self.not_what_it_says());
        }
        let (found, archive) = compress::decode(small, compression)?;
        if compression.is_some() || promised_compression == Compression::None || found == promised_compression {
            return Ok((opened, archive));
        }
        // Somebody may have unpacked it under its old name.
        let (head, archive) = peek(archive)?;
        if proof::is_recognised(&head) { Ok((opened, Box::new(archive))) } else { Err(self.not_what_it_says()) }
    }

    fn not_what_it_says(&self) -> Error {
        let name = self.name;
        let message = format!("cannot use backup `{name}`: its first bytes are not what its name says, it is damaged");
        Error::new(ErrorKind::Corrupt, message).at(Stage::Store).subject(name).hint("take another backup")
    }

    /// Whether `error` says that the backup can be opened elsewhere, and its manifest proves it without that.
    fn is_sealed_for(&self, error: &Error, run: &Run) -> bool {
        let is_elsewhere = match error.kind() {
            ErrorKind::Key => true,
            ErrorKind::Passphrase => run.passphrase.is_none(),
            _ => false,
        };
        is_elsewhere && self.record.is_some()
    }

    /// Compares the stored bytes with the manifest.
    fn verify_sealed(&self, store: &dyn Store, run: &Run, why: &Error, started: Instant) -> Result<Report> {
        let (plain_bytes, stored_tally) = (self.plain_bytes().unwrap_or_default(), Tally::with_digest());
        let total = self.record.as_ref().map(|record| record.stored_bytes);
        run.phase(Phase::Verify, total)?;
        let mut sealed = Watched::new(store.get(self.name)?.reader, &stored_tally, run, Phase::Verify, total);
        drain(&mut sealed, Stage::Store, |_| Ok(())).map_err(|error| error.subject(self.name))?;
        let (stored_bytes, stored_sha256) = (stored_tally.bytes(), stored_tally.sha256());
        let found = Found { stored_bytes, stored_sha256, plain_bytes };
        self.confirm(&found)?;
        let sealed = Some(why.to_string());
        Ok(Report { sealed, ..self.report(&found, LoadFacts::default(), started) })
    }

    fn confirm(&self, found: &Found) -> Result<()> {
        let name = self.name;
        match &self.record {
            Some(record) => record.confirm(name, found.stored_bytes, &found.stored_sha256, found.plain_bytes),
            None if found.plain_bytes == 0 => {
                let message = format!("cannot use backup `{name}`: it is empty, and no manifest says so");
                Err(Error::new(ErrorKind::Corrupt, message).at(Stage::Store).subject(name))
            }
            None => Ok(()),
        }
    }

    /// Says which tables are empty, because the backup was made without their rows.
    fn excluded_rows(&self) -> Option<String> {
        let record = self.record.as_ref().filter(|record| record.kind == crate::manifest::Kind::Database)?;
        let tables: Vec<String> = record.excluded.iter().map(|table| format!("`{table}`")).collect();
        (!tables.is_empty())
            .then(|| format!("the backup was made without the rows of {}: they are empty now", tables.join(", ")))
    }

    /// Returns what a manifest proves.
    fn by_manifest(&self) -> Option<&'static str> {
        self.record.as_ref().map(|_| "size and SHA-256 of its manifest")
    }

    fn report(&self, found: &Found, facts: LoadFacts, started: Instant) -> Report {
        Report {
            name: self.name.to_owned(),
            plain_bytes: found.plain_bytes,
            stored_bytes: found.stored_bytes,
            proof: self.by_manifest().unwrap_or("the content itself").to_owned(),
            duration: started.elapsed(),
            content: None,
            sealed: None,
            drill: None,
            changes: facts.media,
            left_out: facts.left_out,
            notes: facts.notes,
        }
    }
}

/// The plain bytes of a backup. `Ok(0)` means that its size and digest are those of its manifest, too.
struct Proven<'a, R> {
    plain: Watched<R>,
    stored_tally: Tally,
    plain_tally: Tally,
    backup: &'a Stored<'a>,
    found: Option<Found>,
}

impl<R: Read> Proven<'_, R> {
    /// Reads what the sink left and returns what was found.
    fn finish(mut self) -> Result<Found> {
        drain(&mut self, Stage::Store, |_| Ok(()))?;
        self.found.ok_or_else(|| Error::new(ErrorKind::Bug, "a stream was not read to its end"))
    }
}

impl<R: Read> Read for Proven<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.found.is_some() {
            return Ok(0);
        }
        let count = self.plain.read(buf)?;
        if count == 0 && !buf.is_empty() {
            let found = Found {
                stored_bytes: self.stored_tally.bytes(),
                stored_sha256: self.stored_tally.sha256(),
                plain_bytes: self.plain_tally.bytes(),
            };
            self.backup.confirm(&found)?;
            self.found = Some(found);
        }
        Ok(count)
    }
}
