//! Backup: source → archive → compress → encrypt → store.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::compress::{self, Compression};
use crate::count::{Counted, Tally, Watched};
use crate::encrypt::{self, Recipients};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::manifest::{FORMAT, Kind, Manifest, Reason, Record, Skipped, State};
use crate::name::{Naming, join_endings};
use crate::run::{Phase, Run};
use crate::source::Source;
use crate::store::{Existing, Slot, Store, is_listable};

/// One database, or one folder of media, to be stored.
pub struct Backup<'a> {
    /// How it is named.
    pub name: BackupName<'a>,
    /// What it is of.
    pub kind: Kind,
    /// Why it is made.
    pub reason: Reason,
    /// The name that the user gave the database, or the media.
    pub alias: String,
    /// The database's own name, without folder and without what follows its first dot; the folder's own for media.
    pub database: String,
    /// This host.
    pub servername: String,
    /// What tells this database from another of the same alias; see [`crate::manifest::Record::source_id`].
    pub source_id: Option<String>,
    /// How it is compressed.
    pub compression: Compression,
    /// For whom it is encrypted.
    pub recipients: Recipients,
    /// The top level of the manifest: `engine`, `connector`, the user's own keys.
    pub metadata: Map<String, Value>,
}

/// How a backup gets its name.
pub enum BackupName<'a> {
    /// From the template; one that is taken waits for the next second.
    Generated {
        /// The template.
        naming: &'a Naming,
        /// The connector's extension.
        extension: &'a str,
    },
    /// By the project's own function; one that is taken is an error, and the function is asked again.
    Computed {
        /// The name in the store.
        name: String,
    },
    /// By the user, who may want to keep it: it goes only by hand.
    Given {
        /// The name in the store.
        name: String,
        /// What to do if it is taken.
        existing: Existing,
    },
}

/// The result of a backup.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    /// Its name in the store.
    pub name: String,
    /// What the manifest says.
    pub record: Record,
    /// How long it took.
    pub duration: Duration,
    /// What the user should know, one sentence each.
    pub notes: Vec<String>,
}

/// Streams one source into one stored backup.
///
/// Holds the buffers of docs/architecture.md, whatever the size. Nothing is listed before everything is
/// durable; after an error or a signal nothing is left.
///
/// # Errors
///
/// The source's, the store's; `AlreadyExists` before the first byte for a given name that is taken;
/// `Interrupted` when asked to stop.
pub fn backup(request: &Backup<'_>, source: &mut dyn Source, store: &dyn Store, run: &Run) -> Result<Receipt> {
    let started = Instant::now();
    let (name, unfinished, mut slot) = request.claim(store, run)?;
    let mut dump = source.open(run)?;
    let (plain, stored) = (Tally::bytes_only(), Tally::with_digest());
    let total = dump.expected_bytes();
    run.phase(Phase::Backup, total)?;

    let archive = Watched::new(&mut dump, &plain, run, Phase::Backup, total);
    let small = compress::encode(archive, request.compression, run.threads)?;
    let sealed = encrypt::seal(small, &request.recipients, run)?;
    slot.write(&mut Counted::new(sealed, &stored))?;

    let facts = dump.finish()?;
    run.cancel.check()?;
    let notes = facts.notes.clone();
    let record = Record {
        state: State::Whole,
        stored_bytes: stored.bytes(),
        stored_sha256: stored.sha256(),
        plain_bytes: plain.bytes(),
        source: facts.source,
        skipped: facts.skipped,
        excluded: facts.excluded,
        content: facts.content,
        media: facts.media,
        ..unfinished
    };
    let name = slot.renamed_to().unwrap_or(name);
    slot.commit(&request.manifest(&request.without_content(&record))?)?;
    Ok(Receipt { name, record, duration: started.elapsed(), notes })
}

impl Backup<'_> {
    /// Claims the name before the first byte, and returns the record of a backup that was begun in the name's own
    /// second.
    fn claim<'s>(&self, store: &'s dyn Store, run: &Run) -> Result<(String, Record, Box<dyn Slot + 's>)> {
        let (naming, extension) = match &self.name {
            BackupName::Given { name, existing } => return self.claim_name(name, *existing, store),
            BackupName::Computed { name } => return self.claim_name(name, Existing::Refuse, store),
            BackupName::Generated { naming, extension } => (naming, extension),
        };
        for _ in 0..NAME_TRIES {
            let now = Timestamp::now();
            let plain = naming.generate(self.kind, &self.alias, &self.servername, extension, now)?;
            let name = join_endings(&plain, self.compression, self.recipients.encryption());
            require_listable(&name)?;
            let record = self.unfinished(now);
            match store.claim(&name, Existing::Refuse, &self.manifest(&record)?) {
                Err(taken) if taken.kind() == ErrorKind::AlreadyExists => {}
                result => return Ok((name, record, result?)),
            }
            let next = Duration::from_nanos(1_000_000_000 - u64::from(now.subsec_nanosecond().unsigned_abs()));
            let deadline = Instant::now() + next;
            while Instant::now() < deadline {
                run.cancel.check()?;
                std::thread::sleep(Duration::from_millis(20).min(deadline - Instant::now().min(deadline)));
            }
        }
        Err(Error::new(ErrorKind::AlreadyExists, "cannot find a free name: every name of the last seconds is taken")
            .at(Stage::Store)
            .hint("put %H%M%S into the date format, and {datetime} into the template"))
    }

    fn claim_name<'s>(
        &self,
        name: &str,
        existing: Existing,
        store: &'s dyn Store,
    ) -> Result<(String, Record, Box<dyn Slot + 's>)> {
        require_listable(name)?;
        let record = self.unfinished(Timestamp::now());
        let slot = store.claim(name, existing, &self.manifest(&record)?)?;
        Ok((name.to_owned(), record, slot))
    }

    /// Returns what a manifest says, which nobody encrypts: of an encrypted backup, nothing of what is in it.
    fn without_content(&self, record: &Record) -> Record {
        let mut record = record.clone();
        if self.recipients != Recipients::Everybody {
            record.content = None;
            record.skipped.names.clear();
        }
        record
    }

    fn manifest(&self, record: &Record) -> Result<Vec<u8>> {
        Manifest { top: self.metadata.clone(), dbbackup: Some(record.clone()) }.to_json()
    }

    fn unfinished(&self, created_at: Timestamp) -> Record {
        Record {
            format: FORMAT,
            state: State::Writing,
            kind: self.kind,
            alias: self.alias.clone(),
            database: self.database.clone(),
            servername: self.servername.clone(),
            created_at,
            reason: self.reason,
            named: matches!(self.name, BackupName::Given { .. }),
            compression: self.compression,
            encryption: self.recipients.encryption(),
            stored_bytes: 0,
            stored_sha256: String::new(),
            plain_bytes: 0,
            source_id: self.source_id.clone(),
            source: Map::new(),
            skipped: Skipped::default(),
            excluded: Vec::new(),
            content: None,
            media: None,
            generator: format!("dbbackup {}", crate::VERSION),
            unknown: Map::new(),
        }
    }
}

/// Fails for a name that no listing would ever show: such a backup would count for nobody.
fn require_listable(name: &str) -> Result<()> {
    if is_listable(name) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Config, format!("cannot use `{name}` as a backup's name"))
        .at(Stage::Store)
        .subject(name)
        .hint("a name holds no `/`, starts with no dot and does not end in `.metadata`: no listing would show it"))
}

/// Seconds that a generated name waits for: a template without seconds would wait for a minute or a day.
const NAME_TRIES: usize = 5;
