//! Where backups of servers go, and what watches the runs.

// Each program of tests uses some of it.
#![allow(dead_code)]

use std::sync::Arc;

use dbbackup::source::{Source, Target};
use dbbackup::store::Existing;
use dbbackup::{Backup, BackupName, Compression, Event, Memory, Phase, Progress, Receipt, Report, Result, Run};

/// A store in memory, and a run.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) store: Memory,
    pub(crate) run: Run,
}

impl World {
    /// Stores `source` as the backup `a`.
    pub(crate) fn backup(&self, source: &mut dyn Source, compression: Compression) -> Result<Receipt> {
        self.backup_as("a", source, compression)
    }

    /// Stores `source` as the backup `name`.
    pub(crate) fn backup_as(&self, name: &str, source: &mut dyn Source, compression: Compression) -> Result<Receipt> {
        let request = Backup {
            kind: dbbackup::manifest::Kind::Database,
            reason: dbbackup::manifest::Reason::Asked,
            name: BackupName::Given { name: name.to_owned(), existing: Existing::Replace },
            alias: "shop".to_owned(),
            database: "shop".to_owned(),
            servername: "web-1".to_owned(),
            source_id: None,
            compression,
            recipients: dbbackup::Recipients::Everybody,
            metadata: serde_json::Map::new(),
        };
        dbbackup::backup(&request, source, &self.store, &self.run)
    }

    /// Restores the backup `a`.
    pub(crate) fn restore(&self, target: &mut dyn Target) -> Result<Report> {
        dbbackup::restore("a", target, &self.store, &self.run)
    }

    /// Restores a file that has no manifest, as somebody else's tool leaves it.
    pub(crate) fn restore_plain(&self, bytes: impl Into<Vec<u8>>, target: &mut dyn Target) -> Result<Report> {
        self.store.insert("plain", bytes.into());
        dbbackup::restore("plain", target, &self.store, &self.run)
    }

    /// Returns the stored bytes of the backup `a`.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.store.bytes("a").unwrap()
    }

    /// Returns the text of the backup `a`, which was stored as it is.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    /// Calls `act` once, when half of a backup's `total` plain bytes have been read for a restore.
    pub(crate) fn at_half(total: u64, act: impl Fn() + Send + Sync + 'static) -> Self {
        let once = std::sync::Once::new();
        Self::watched(move |event| {
            if event.phase == Phase::Restore && event.done >= total / 2 {
                once.call_once(&act);
            }
        })
    }

    /// Tells `listener` of every event.
    pub(crate) fn watched(listener: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self { run: Run { progress: Arc::new(Listener(listener)), ..Run::default() }, ..Self::default() }
    }

    /// The same runs, with the backups of another world.
    pub(crate) fn with_store_of(self, other: &Self) -> Self {
        Self { store: other.store.clone(), ..self }
    }
}

struct Listener<F>(F);

impl<F: Fn(Event) + Send + Sync> Progress for Listener<F> {
    fn tell(&self, event: Event) {
        (self.0)(event);
    }
}
