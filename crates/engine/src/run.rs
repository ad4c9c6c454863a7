//! What one run of the engine may use, whom it tells how far it is, and how it is stopped.

use std::fmt;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use crate::encrypt::Passphrase;
use crate::error::{Error, ErrorKind, Result};

/// The surroundings of one backup, restore or verification.
#[derive(Clone)]
pub struct Run {
    /// Told of progress; called from the thread that does the work, about every 256 KiB.
    pub progress: Arc<dyn Progress>,
    /// Stops the run cleanly.
    pub cancel: Cancel,
    /// Threads that compress. Memory grows by about 4 MiB with each.
    pub threads: NonZero<usize>,
    /// Folder for the few temporary copies that cannot be avoided.
    pub tmp_dir: PathBuf,
    /// Opens secret keys, and backups that were encrypted with a passphrase; not needed by others.
    pub passphrase: Option<Passphrase>,
}

impl Run {
    /// Returns a run for what this one has begun and must not leave behind: what asks this one to stop does not stop it.
    pub(crate) fn unstopped(&self) -> Self {
        Self { tmp_dir: self.tmp_dir.clone(), ..Self::default() }
    }
}

impl Default for Run {
    /// Every core, the system's temporary folder, nobody told, nobody stops it.
    fn default() -> Self {
        Self {
            progress: Arc::new(Silent),
            cancel: Cancel::default(),
            threads: std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN),
            tmp_dir: std::env::temp_dir(),
            passphrase: None,
        }
    }
}

impl Run {
    /// Enters a phase of `total` plain bytes, where known.
    pub(crate) fn phase(&self, phase: Phase, total: Option<u64>) -> Result<()> {
        self.cancel.check()?;
        self.progress.tell(Event { phase, done: 0, total });
        Ok(())
    }

    /// Says how far the phase is; fails if the run is to stop.
    pub(crate) fn advance(&self, phase: Phase, done: u64, total: Option<u64>) -> Result<()> {
        self.cancel.check()?;
        self.progress.tell(Event { phase, done, total });
        Ok(())
    }
}

/// A listener for progress. Events are data; text is made at the edge.
pub trait Progress: Send + Sync {
    /// Takes note. Called often and from the working thread: must return at once, must not fail.
    fn tell(&self, event: Event);
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What is going on.
    pub phase: Phase,
    /// Plain bytes done in this phase.
    pub done: u64,
    /// Plain bytes expected in this phase.
    pub total: Option<u64>,
}

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Taking a temporary copy, because reading directly would block writers.
    Snapshot,
    /// From the source to the store.
    Backup,
    /// From the store to a place beside the target.
    Restore,
    /// From the store to nowhere.
    Verify,
    /// Checking the copy beside the target.
    Check,
    /// Putting the checked copy in place, in one transaction.
    Swap,
}

impl Phase {
    /// Returns the word for it.
    pub fn id(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Backup => "backup",
            Self::Restore => "restore",
            Self::Verify => "verify",
            Self::Check => "check",
            Self::Swap => "swap",
        }
    }
}

struct Silent;

impl Progress for Silent {
    fn tell(&self, _event: Event) {}
}

/// A request to stop, shared with a signal handler or another thread.
#[derive(Clone, Default)]
pub struct Cancel {
    signal: Arc<AtomicUsize>,
    watch: Option<Arc<Watch>>,
}

type Watch = dyn Fn() -> Option<usize> + Send + Sync;

impl Cancel {
    /// Makes a request that `watch` is asked for: often, from whichever thread works; it returns a signal to stop.
    pub fn watching(watch: impl Fn() -> Option<usize> + Send + Sync + 'static) -> Self {
        Self { signal: Arc::default(), watch: Some(Arc::new(watch)) }
    }

    /// Asks the run to stop, as signal `signal` would (2 for SIGINT, 15 for SIGTERM).
    pub fn request(&self, signal: usize) {
        self.signal.store(signal, Ordering::Relaxed);
    }

    /// Returns the signal that asked to stop.
    pub fn signal(&self) -> Option<usize> {
        if let Some(signal) = self.watch.as_ref().and_then(|watch| watch()) {
            self.request(signal);
        }
        Some(self.signal.load(Ordering::Relaxed)).filter(|&signal| signal != 0)
    }

    /// Returns the cell that a signal handler stores its signal in.
    pub fn cell(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.signal)
    }

    /// Fails with [`ErrorKind::Interrupted`] once somebody asked to stop.
    pub fn check(&self) -> Result<()> {
        match self.signal() {
            None => Ok(()),
            Some(15) => Err(Error::new(ErrorKind::Interrupted, "terminated (SIGTERM)")),
            Some(_) => Err(Error::new(ErrorKind::Interrupted, "interrupted (SIGINT)")),
        }
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancel").field("signal", &self.signal).finish_non_exhaustive()
    }
}
