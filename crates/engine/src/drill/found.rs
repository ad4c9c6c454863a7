//! What stands in a restored database.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::compare::{first_of, in_backticks};

/// What stands in a restored database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Found {
    /// Rows of each table.
    pub tables: BTreeMap<String, u64>,
    /// Tables that are there and that only the application can read, or a role with more rights.
    pub unread: Vec<String>,
    /// Rows that refer to others that are not there.
    pub foreign_keys: ForeignKeys,
    /// What the user should know of it, one sentence each.
    pub notes: Vec<String>,
}

/// Rows that refer to others that are not there. They may have been so in the database, so they are never an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ForeignKeys {
    /// How many rows.
    pub violations: u64,
    /// From which table to which, with how many, in words.
    pub names: Vec<String>,
    /// Tables whose foreign keys cannot be checked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unchecked: Vec<String>,
}

impl ForeignKeys {
    /// Adds rows of `child` that refer to rows of `parent` that are not there.
    pub fn add(&mut self, child: &str, parent: &str, rows: u64) {
        self.violations += rows;
        self.names.push(format!("`{child}` to `{parent}` ({rows})"));
    }

    pub(super) fn notes(&self) -> impl Iterator<Item = String> {
        let violated = (self.violations > 0).then(|| {
            let is = if self.violations == 1 { "row refers" } else { "rows refer" };
            let names = first_of(&self.names, ", ");
            format!("{} {is} to others that are not there: {names}; a restore leaves them as they are", self.violations)
        });
        let unchecked = (!self.unchecked.is_empty())
            .then(|| format!("the foreign keys of {} cannot be checked", in_backticks(&self.unchecked)));
        violated.into_iter().chain(unchecked)
    }
}
