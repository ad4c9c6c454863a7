//! MySQL and MariaDB over the border: connection and options as one value.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dbbackup::Secret;
use dbbackup::source::mysql::{self, Connection, Tools};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::attend::attend;

/// One MySQL or MariaDB database. The contract is documented in `_engine.pyi`.
#[pyclass(frozen, from_py_object)]
#[derive(Clone)]
pub(crate) struct Mysql(Arc<mysql::Mysql>);

impl Mysql {
    pub(crate) fn engine(&self) -> mysql::Mysql {
        (*self.0).clone()
    }
}

#[pymethods]
impl Mysql {
    #[new]
    #[pyo3(signature = (
        database, options, *, password = None, defaults_file = None, exclude = vec![], lock_timeout = 30.0, exact = false,
        in_place = false, accept_unproven = false, dump = vec![], client = vec![], prefix = vec![], env = HashMap::new(), inherits_env = true, dump_options = vec![],
        client_options = vec![],
    ))]
    #[allow(clippy::too_many_arguments, clippy::fn_params_excessive_bools)] // keyword-only in Python
    fn new(
        database: String,
        options: HashMap<String, String>,
        password: Option<String>,
        defaults_file: Option<PathBuf>,
        exclude: Vec<String>,
        lock_timeout: f64,
        exact: bool,
        in_place: bool,
        accept_unproven: bool,
        dump: Vec<OsString>,
        client: Vec<OsString>,
        prefix: Vec<OsString>,
        env: HashMap<OsString, OsString>,
        inherits_env: bool,
        dump_options: Vec<OsString>,
        client_options: Vec<OsString>,
    ) -> PyResult<Self> {
        let mut connection =
            options.into_iter().fold(Connection::new(database), |connection, (key, value)| connection.with(key, value));
        if let Some(password) = password {
            connection = connection.with_password(Secret::new(password));
        }
        if let Some(file) = defaults_file {
            connection = connection.with_defaults_file(file);
        }
        let lock_timeout =
            Duration::try_from_secs_f64(lock_timeout).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let env = env.into_iter().collect();
        let tools = Tools { folders: Vec::new(), dump, client, prefix, env, clean_env: !inherits_env };
        let database = mysql::Mysql::new(connection)
            .with_tools(tools)
            .excluding(exclude)
            .with_lock_timeout(lock_timeout)
            .exactly(exact)
            .loading_in_place(in_place)
            .accepting_unproven(accept_unproven)
            .with_options(dump_options, client_options);
        Ok(Self(Arc::new(database)))
    }

    /// Bytes, tables and about how many rows.
    fn summary(&self, py: Python<'_>) -> PyResult<(u64, u64, u64)> {
        let summary = attend(py, None, |run| self.0.summary(run))?;
        Ok((summary.bytes, summary.tables, summary.rows))
    }

    /// Whether the user may make a schema beside the database.
    fn may_load_beside(&self, py: Python<'_>) -> PyResult<bool> {
        attend(py, None, |run| self.0.may_load_beside(run))
    }

    #[getter]
    fn source_id(&self) -> String {
        self.0.source_id()
    }

    fn __repr__(&self) -> String {
        format!("<Mysql {}>", self.0.describe())
    }
}
