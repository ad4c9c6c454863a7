//! PostgreSQL over the border: its connection and options as one value.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dbbackup::Secret;
use dbbackup::source::postgres::{self, Connection, Format, Tools};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::attend::attend;

/// One PostgreSQL database. The contract is documented in `_engine.pyi`.
#[pyclass(frozen, from_py_object)]
#[derive(Clone)]
pub(crate) struct Postgres(Arc<postgres::Postgres>);

impl Postgres {
    pub(crate) fn engine(&self) -> postgres::Postgres {
        (*self.0).clone()
    }
}

#[pymethods]
impl Postgres {
    #[new]
    #[pyo3(signature = (
        parameters, *, password = None, dump_format = "custom", exclude = vec![], schemas = vec![], drop = true, cascade = false,
        terminate_connections = false, accept_unproven = false, lock_timeout = 30.0, pg_dump = vec![], pg_restore = vec![], psql = vec![],
        folders = vec![], prefix = vec![], env = HashMap::new(), inherits_env = true, dump_options = vec![],
        restore_options = vec![], psql_options = vec![],
    ))]
    #[allow(clippy::too_many_arguments, clippy::fn_params_excessive_bools)] // keyword-only in Python
    fn new(
        parameters: HashMap<String, String>,
        password: Option<String>,
        dump_format: &str,
        exclude: Vec<String>,
        schemas: Vec<String>,
        drop: bool,
        cascade: bool,
        terminate_connections: bool,
        accept_unproven: bool,
        lock_timeout: f64,
        pg_dump: Vec<OsString>,
        pg_restore: Vec<OsString>,
        psql: Vec<OsString>,
        folders: Vec<PathBuf>,
        prefix: Vec<OsString>,
        env: HashMap<OsString, OsString>,
        inherits_env: bool,
        dump_options: Vec<OsString>,
        restore_options: Vec<OsString>,
        psql_options: Vec<OsString>,
    ) -> PyResult<Self> {
        let connection =
            parameters.into_iter().fold(Connection::default(), |connection, (key, value)| connection.with(key, value));
        let connection = match password {
            Some(password) => connection.with_password(Secret::new(password)),
            None => connection,
        };
        let format = match dump_format {
            "custom" => Format::Custom,
            "text" => Format::Text,
            "cleaning-text" => Format::CleaningText,
            _ => return Err(PyValueError::new_err(format!("unknown format `{dump_format}`"))),
        };
        let lock_timeout =
            Duration::try_from_secs_f64(lock_timeout).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let env = env.into_iter().collect();
        let tools = Tools { folders, pg_dump, pg_restore, psql, prefix, env, clean_env: !inherits_env };
        let database = postgres::Postgres::new(connection)
            .with_tools(tools)
            .with_format(format)
            .excluding(exclude)
            .only_schemas(schemas)
            .dropping(drop)
            .cascading(cascade)
            .terminating(terminate_connections)
            .accepting_unproven(accept_unproven)
            .with_lock_timeout(lock_timeout)
            .with_options(dump_options, restore_options, psql_options);
        Ok(Self(Arc::new(database)))
    }

    /// Bytes, tables and about how many rows.
    fn summary(&self, py: Python<'_>) -> PyResult<(u64, u64, u64)> {
        let summary = attend(py, None, |run| self.0.summary(run))?;
        Ok((summary.bytes, summary.tables, summary.rows))
    }

    /// Runs one statement.
    fn execute(&self, py: Python<'_>, sql: &str) -> PyResult<()> {
        attend(py, None, |run| self.0.execute(sql, run))
    }

    #[getter]
    fn source_id(&self) -> String {
        self.0.source_id()
    }

    fn __repr__(&self) -> String {
        format!("<Postgres {}>", self.0.describe())
    }
}
