//! The command line: arguments as typed → resolved against `dbbackup.toml` → one command → text or JSON.
//!
//! A library, so that the Python package's `dbbackup` is the same program.

#![forbid(unsafe_code)]

pub mod args;
mod ask;
mod commands;
mod config;
mod database;
pub mod exit_code;
mod keys;
mod place;
mod progress;
mod render;
mod safety;
mod scratch;

use std::ffi::OsString;
use std::io::Write as _;

use clap::Parser as _;
use dbbackup::{Cancel, Error, ErrorKind};

use args::{Arguments, Verb};
use render::{Output, without_secrets};

/// Runs the command line; returns the exit status. Prints to this process's standard output and error.
///
/// `arguments` come without the program's name. Installs no signal handlers: `cancel` is the caller's.
pub fn main(arguments: impl IntoIterator<Item = OsString>, cancel: &Cancel) -> u8 {
    let program = std::iter::once(OsString::from("dbbackup"));
    let typed: Vec<OsString> = program.chain(arguments).collect();
    let arguments = match Arguments::try_parse_from(&typed) {
        Ok(arguments) => arguments,
        Err(help) => return explain(&help, typed.iter().any(|argument| argument == "--json")),
    };
    let output = Output::new(arguments.json, arguments.quiet);
    let result = match &arguments.verb {
        Verb::Backup(verb) => commands::backup::run(verb, &arguments, &output, cancel),
        Verb::Restore(verb) => commands::restore::run(verb, &arguments, &output, cancel),
        Verb::Media(verb) => commands::media::run(verb, &arguments, &output, cancel),
        Verb::List(verb) => commands::list::run(verb, &arguments, &output),
        Verb::Verify(verb) => commands::verify::run(verb, &arguments, &output, cancel),
        Verb::Prune(verb) => commands::prune::run(verb, &arguments, &output),
        Verb::Completions(verb) => Ok(commands::completions::run(verb, &output)),
        Verb::Features => Ok(commands::features::run(&output)),
        // The child of the Django app: its parent reads errors from the messages, not from text.
        Verb::SqliteDump(verb) => return commands::child::dump(verb, cancel),
        Verb::SqliteLoad(verb) => return commands::child::load(verb, cancel),
    };
    match result.and_then(|code| output.finish().map(|()| code)) {
        Ok(code) => code,
        Err(error) => {
            output.error(&error);
            exit_code::of(&error, cancel)
        }
    }
}

/// Prints the help that was asked for, or what is wrong with the arguments.
fn explain(help: &clap::Error, json: bool) -> u8 {
    if !help.use_stderr() {
        let _closed = help.print();
        return exit_code::DONE;
    }
    let text = help.render().to_string();
    let shown = without_secrets(&text);
    if json {
        let what = shown.trim_start_matches("error: ").split("\n\n").next().unwrap_or_default();
        let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
        Output::new(true, false)
            .error(&Error::new(ErrorKind::Config, what).hint("dbbackup --help shows what there is"));
    } else if shown == text {
        // In colour, on a terminal.
        let _closed = help.print();
    } else {
        let _closed = write!(std::io::stderr(), "{shown}");
    }
    exit_code::USAGE
}
