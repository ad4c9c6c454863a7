//! What comes with a backup beside the rows.

use std::collections::BTreeSet;

use super::catalog::names;
use super::journal::Entry;
use super::object::{Object, ObjectKind};
use super::session::Session;
use crate::error::Result;

/// What came with a backup beside the rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Loaded {
    /// Foreign keys and defaults that are set after the exchange.
    pub(super) after: Vec<Entry>,
    /// Routines, triggers, views and events.
    pub(super) objects: Vec<Object>,
    /// Tables that stay as they are.
    pub(super) kept: BTreeSet<String>,
    /// Kinds of objects that the backup has all of: what else the database has of them is surplus.
    pub(super) whole: Vec<ObjectKind>,
}

impl Loaded {
    /// Whether it makes an object.
    pub(super) fn makes(&self, kind: ObjectKind, name: &str) -> bool {
        self.objects.iter().any(|object| object.kind == kind && object.name == name)
    }

    /// Returns what of the database, beside tables, the backup does not know.
    pub(super) fn surplus(&self, session: &mut Session, database: &str) -> Result<Vec<(ObjectKind, String)>> {
        let mut surplus = Vec::new();
        for &kind in &self.whole {
            let names = names(session, database, kind)?.into_iter().filter(|name| !self.makes(kind, name));
            surplus.extend(names.map(|name| (kind, name)));
        }
        Ok(surplus)
    }
}
