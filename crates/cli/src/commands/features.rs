//! `dbbackup features`: what this build can do, for installation checks.

use dbbackup::source::sqlite::has_dbpage;
use serde_json::json;

use crate::exit_code;
use crate::render::Output;

pub(crate) fn run(output: &Output) -> u8 {
    output.result(&format!("sqlite_dbpage: {}", if has_dbpage() { "yes" } else { "no" }));
    output.object(&json!({ "sqlite_dbpage": has_dbpage() }));
    exit_code::DONE
}
