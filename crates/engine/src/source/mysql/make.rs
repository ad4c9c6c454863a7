//! Makes routines, triggers, views and events where they belong.

use std::fmt::Write as _;

use super::object::{Object, ObjectKind};
use super::session::{QUIET, Session};
use super::{Mysql, identifier};
use crate::error::{Error, Result};
use crate::run::Run;

/// Makes objects in the database, which may need one another, in whatever order they can be made. Returns those that
/// cannot, and why.
///
/// `charset` is the database's own, as a statement has it: objects are made under the one of their time, and it is put
/// back. An error ends a client: `session` is another one afterwards.
///
/// # Errors
///
/// `Interrupted`; those of a new session.
pub(super) fn make_all(
    mysql: &Mysql,
    session: &mut Session,
    mut objects: Vec<Object>,
    charset: &str,
    run: &Run,
) -> Result<Vec<(Object, Error)>> {
    let database = identifier(mysql.connection.database());
    if mysql.is_scratch {
        objects = objects.into_iter().map(Object::asleep).collect();
    }
    // They run as soon as they are made.
    objects.sort_by_key(|object| object.kind == ObjectKind::Event);
    loop {
        let count = objects.len();
        let mut failed = Vec::new();
        for object in objects {
            let mut result = Ok(());
            // Once more: it may have been the session that ended, and triggers run in the order in which they are made.
            for _ in 0..2 {
                result = make(&database, session, &object, charset);
                if result.is_ok() {
                    break;
                }
                run.cancel.check()?;
                *session = mysql.connect_again(run)?;
                if object.database_charset.is_some() {
                    session.tell(&format!("ALTER DATABASE {database} {charset}"))?;
                }
            }
            if let Err(error) = result {
                failed.push((object, error));
            }
        }
        if failed.is_empty() || failed.len() == count {
            return Ok(failed);
        }
        objects = failed.into_iter().map(|(object, _)| object).collect();
    }
}

/// Says what could not be made, and why.
pub(super) fn unmade((object, error): &(Object, Error)) -> String {
    format!("cannot make the {} `{}`: {error}", object.kind.words().to_lowercase(), object.name)
}

fn make(database: &str, session: &mut Session, object: &Object, charset: &str) -> Result<()> {
    let mut before = format!("USE {database};\nSET SESSION foreign_key_checks = 0;\n");
    // The names below are in our character set.
    let mut after = "SET NAMES utf8mb4;\n".to_owned();
    if let Some(own) = &object.database_charset {
        let _ = writeln!(before, "ALTER DATABASE {database} {own};");
        let _ = writeln!(after, "ALTER DATABASE {database} {charset};");
    }
    session.send(&[before.as_bytes(), &object.statements(), after.as_bytes()].concat())?;
    // What a session of ours reads next must not depend on what this one was made with.
    session.tell(QUIET)
}
