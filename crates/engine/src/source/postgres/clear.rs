//! What a restore drops first, and what it keeps.

use super::{Postgres, literal};

/// Whether a schema, of `pg_namespace`, stays because an extension has parts in it, or because every database has it.
pub(super) const IS_KEPT: &str = "\
nspname = 'public'
OR EXISTS (SELECT FROM pg_extension WHERE extnamespace = pg_namespace.oid)
OR EXISTS (SELECT FROM pg_depend AS part JOIN pg_depend AS member
    ON member.classid = part.classid AND member.objid = part.objid AND member.deptype = 'e'
  WHERE part.refclassid = 'pg_namespace'::regclass AND part.refobjid = pg_namespace.oid)
OR EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_namespace'::regclass AND objid = pg_namespace.oid AND deptype = 'e')";

/// Whether a schema is an extension's own.
const IS_EXTENSIONS: &str = "\
EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_namespace'::regclass AND objid = pg_namespace.oid AND deptype = 'e')";

/// Returns what drops everything that a restore replaces.
pub(super) fn clearing(postgres: &Postgres) -> String {
    let schemas: Vec<String> = postgres.schemas.iter().map(|schema| in_block(schema)).collect();
    let schemas = if schemas.is_empty() { "NULL".to_owned() } else { format!("ARRAY[{}]", schemas.join(", ")) };
    include_str!("clear.sql")
        .replace("{schemas}", &schemas)
        .replace("{cascades}", if postgres.cascades { "true" } else { "false" })
        .replace("{is_kept}", IS_KEPT)
        .replace("{is_extensions}", IS_EXTENSIONS)
}

/// Removes all large objects, which stand in no schema.
pub(super) const UNLINK: &str = "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata;\n";

/// Returns a string as SQL has it inside of a dollar-quoted block.
fn in_block(text: &str) -> String {
    literal(text).replace('$', "' || chr(36) || '")
}
