//! The engine for Python: `dbbackup._engine`. Registration only; `_engine.pyi` is the contract.

#![deny(unsafe_code)]
// What comes from Python comes as values of its own.
#![allow(clippy::needless_pass_by_value)]

mod archive;
mod attend;
mod backup;
mod catalogue;
mod convert;
mod drill;
mod dump;
mod encryption;
mod errors;
mod media;
mod mysql;
mod postgres;
mod reader;
mod restore;
mod store;
mod target;
mod types;

use std::ffi::OsString;

use pyo3::prelude::*;

#[pymodule]
mod _engine {
    #[pymodule_export]
    use super::archive::{Archive, Exclude, Member};
    #[pymodule_export]
    use super::backup::backup;
    #[pymodule_export]
    use super::catalogue::{catalogue, find, newest, prune, source_id};
    #[pymodule_export]
    use super::drill::{Trial, compare, drill, engine_for, require_same};
    #[pymodule_export]
    use super::dump::{Dump, open_dump};
    #[pymodule_export]
    use super::encryption::{Recipients, Stream, decrypt_stream, encrypt_stream};
    #[pymodule_export]
    use super::errors::exit_code;
    #[pymodule_export]
    use super::main;
    #[pymodule_export]
    use super::media::{media_backup, media_restore};
    #[pymodule_export]
    use super::mysql::Mysql;
    #[pymodule_export]
    use super::postgres::Postgres;
    #[pymodule_export]
    use super::reader::Lent;
    #[pymodule_export]
    use super::restore::{head, restore, verify};
    #[pymodule_export]
    use super::store::Store;
    #[pymodule_export]
    use super::target::load;
    #[pymodule_export]
    use super::types::{Backup, Decision, MediaChanges, MediaContent, Naming, Pruned, Receipt, Report, Skipped, Tool};

    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = dbbackup::VERSION;
}

/// Runs the command line.
#[pyfunction]
fn main(py: Python<'_>, argv: Vec<OsString>) -> PyResult<u8> {
    attend::attend(py, None, move |run| Ok(dbbackup_cli::main(argv, &run.cancel)))
}
