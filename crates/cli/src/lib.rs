//! The command line: arguments as typed → resolved against `dbbackup.toml` → one command → text or JSON.
//!
//! A library, so that the Python package's `dbbackup` is the same program.

#![forbid(unsafe_code)]

pub mod args;
mod ask;
mod commands;
mod config;
pub mod exit_code;
mod place;
mod progress;
mod render;

use std::ffi::OsString;
use std::io::Write as _;

use clap::Parser as _;
use dbbackup::Cancel;

use args::{Arguments, Verb};
use render::Output;

/// Runs the command line; returns the exit status. Prints to this process's standard output and error.
///
/// `arguments` come without the program's name. Installs no signal handlers: `cancel` is the caller's.
pub fn main(arguments: impl IntoIterator<Item = OsString>, cancel: &Cancel) -> u8 {
    let program = std::iter::once(OsString::from("dbbackup"));
    let arguments = match Arguments::try_parse_from(program.chain(arguments)) {
        Ok(arguments) => arguments,
        Err(help) => {
            let _closed = help.print();
            return if help.use_stderr() { exit_code::USAGE } else { exit_code::DONE };
        }
    };
    let output = Output::new(arguments.json, arguments.quiet);
    let result = match &arguments.verb {
        Verb::Backup(verb) => commands::backup::run(verb, &arguments, &output, cancel),
        Verb::Restore(verb) => commands::restore::run(verb, &arguments, &output, cancel),
        Verb::List(verb) => commands::list::run(verb, &arguments, &output),
        Verb::Verify(verb) => commands::verify::run(verb, &arguments, &output, cancel),
        Verb::Prune(verb) => commands::prune::run(verb, &arguments, &output),
        Verb::Features => commands::features::run(&output),
        // The child of the Django app: its parent reads errors from the messages, not from text.
        Verb::SqliteDump(verb) => return commands::child::dump(verb, cancel),
        Verb::SqliteLoad(verb) => return commands::child::load(verb, cancel),
    };
    let _flushed = std::io::stdout().flush();
    match result {
        Ok(code) => code,
        Err(error) => {
            output.error(&error);
            exit_code::of(&error, cancel)
        }
    }
}
