//! Foreign keys, to be dropped, made again, and looked at.

use serde::{Deserialize, Serialize};

use super::session::Session;
use super::{identifier, literal};
use crate::error::Result;

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) schema: String,
    pub(super) table: String,
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    pub(super) parent_schema: String,
    pub(super) parent: String,
    pub(super) parent_columns: Vec<String>,
    /// `ON DELETE … ON UPDATE …`
    pub(super) rules: String,
}

impl Key {
    /// Asks the server for the keys of which `condition`, on `information_schema.KEY_COLUMN_USAGE`, is true; without
    /// their rules.
    pub(super) fn all(session: &mut Session, condition: &str) -> Result<Vec<Self>> {
        let columns: Vec<[String; 7]> = session.ask_each(&KEYS.replace("{condition}", condition))?;
        let mut keys: Vec<Self> = Vec::new();
        for [schema, table, name, column, parent_schema, parent, parent_column] in columns {
            match keys.last_mut().filter(|key| (&key.schema, &key.table, &key.name) == (&schema, &table, &name)) {
                Some(key) => {
                    key.columns.push(column);
                    key.parent_columns.push(parent_column);
                }
                None => keys.push(Self {
                    schema,
                    table,
                    name,
                    columns: vec![column],
                    parent_schema,
                    parent,
                    parent_columns: vec![parent_column],
                    rules: String::new(),
                }),
            }
        }
        Ok(keys)
    }

    /// Returns the statement that makes it.
    pub(super) fn adding(&self) -> String {
        let list = |names: &[String]| names.iter().map(|name| identifier(name)).collect::<Vec<_>>().join(", ");
        format!(
            "ALTER TABLE {}.{} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}) {}",
            identifier(&self.schema),
            identifier(&self.table),
            identifier(&self.name),
            list(&self.columns),
            self.parent_path(),
            list(&self.parent_columns),
            self.rules
        )
    }

    /// Returns the statement that drops it.
    pub(super) fn dropping(&self) -> String {
        let (schema, table, name) = (identifier(&self.schema), identifier(&self.table), identifier(&self.name));
        format!("ALTER TABLE {schema}.{table} DROP FOREIGN KEY {name}")
    }

    /// Returns a query for whether it is there.
    pub(super) fn presence(&self) -> String {
        format!(
            "SELECT COUNT(*) FROM information_schema.TABLE_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = {} AND TABLE_NAME = {} \
             AND CONSTRAINT_NAME = {} AND CONSTRAINT_TYPE = 'FOREIGN KEY'",
            literal(&self.schema),
            literal(&self.table),
            literal(&self.name)
        )
    }

    /// Returns a query for whether the table that it refers to is there.
    pub(super) fn parents(&self) -> String {
        format!(
            "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
            literal(&self.parent_schema),
            literal(&self.parent)
        )
    }

    fn parent_path(&self) -> String {
        format!("{}.{}", identifier(&self.parent_schema), identifier(&self.parent))
    }

    /// Returns a query for how many rows refer to none.
    pub(super) fn dangling(&self) -> String {
        let on: Vec<String> = self
            .columns
            .iter()
            .zip(&self.parent_columns)
            .map(|(own, other)| format!("child.{} = parent.{}", identifier(own), identifier(other)))
            .collect();
        let set: Vec<String> =
            self.columns.iter().map(|name| format!("child.{} IS NOT NULL", identifier(name))).collect();
        let first = self.parent_columns.first().map_or_else(String::new, |name| identifier(name));
        format!(
            "SELECT COUNT(*) FROM {}.{} AS child LEFT JOIN {} AS parent ON {} WHERE parent.{first} IS NULL AND {}",
            identifier(&self.schema),
            identifier(&self.table),
            self.parent_path(),
            on.join(" AND "),
            set.join(" AND ")
        )
    }
}

const KEYS: &str = "\
SELECT JSON_ARRAY(TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA,
    REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME)
FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_NAME IS NOT NULL AND {condition}
ORDER BY TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_dropped_and_looked_for_by_its_name() {
        let key = Key {
            schema: "shop".to_owned(),
            table: "order".to_owned(),
            name: "f`k".to_owned(),
            columns: vec!["a".to_owned(), "b".to_owned()],
            parent_schema: "shop".to_owned(),
            parent: "parent".to_owned(),
            parent_columns: vec!["c".to_owned(), "d".to_owned()],
            rules: "ON DELETE CASCADE".to_owned(),
        };
        let adding = "ALTER TABLE `shop`.`order` ADD CONSTRAINT `f``k` FOREIGN KEY (`a`, `b`) REFERENCES `shop`.`parent` \
                      (`c`, `d`) ON DELETE CASCADE";
        assert_eq!(key.adding(), adding);
        assert_eq!(key.dropping(), "ALTER TABLE `shop`.`order` DROP FOREIGN KEY `f``k`");
        assert!(
            key.dangling().ends_with("WHERE parent.`c` IS NULL AND child.`a` IS NOT NULL AND child.`b` IS NOT NULL")
        );
    }
}
