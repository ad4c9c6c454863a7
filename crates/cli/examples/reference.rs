//! Writes the reference pages of exit statuses and of the command line from the tables in the code.
//!
//! `cargo run -q -p dbbackup-cli --example reference -- docs/reference`

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::CommandFactory as _;
use dbbackup::{Error, KINDS, Retry};
use dbbackup_cli::args::Arguments;
use dbbackup_cli::exit_code::OTHERS;
use fs_err as fs;

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("docs/reference"), PathBuf::from);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("exit-codes.md"), exit_codes())?;
    fs::write(folder.join("command-line.md"), command_line())
}

fn exit_codes() -> String {
    let mut rows: Vec<(u8, String)> = OTHERS
        .iter()
        .map(|(code, meaning)| (*code, format!("| {code} | – | – | {} | {meaning} |\n", may_retry(*code))))
        .collect();
    rows.extend(KINDS.iter().map(|info| {
        let retry = if Error::new(info.kind, "").retry() == Retry::Later { "yes" } else { "no" };
        let (code, id, python, meaning) = (info.exit_code, info.id, info.python, info.meaning);
        (code, format!("| {code} | `{id}` | `{python}` | {retry} | {meaning} |\n"))
    }));
    // Kinds that share a status stay in their own order.
    rows.sort_by_key(|(code, _)| *code);
    let rows: String = rows.into_iter().map(|(_, row)| row).collect();
    format!("{EXIT_CODES}{rows}")
}

/// A signal passes; the other statuses of [`OTHERS`] are no errors to try again.
fn may_retry(code: u8) -> &'static str {
    if code == dbbackup_cli::exit_code::TERMINATED { "yes" } else { "–" }
}

fn command_line() -> String {
    // The page must not depend on the terminal it was made in.
    let mut command = Arguments::command().term_width(COLUMNS);
    command.build();
    let mut page = format!("{COMMAND_LINE}```text\n{}```\n", command.render_help());
    for verb in command.get_subcommands_mut().filter(|verb| !verb.is_hide_set()) {
        let name = verb.get_name().to_owned();
        let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
        let help = verb.render_help().to_string();
        let help = help.strip_prefix(&about).unwrap_or(&help).trim_start();
        let _ = write!(page, "\n## {name}\n\n{about}.\n\n```text\n{help}```\n");
    }
    page
}

const COLUMNS: usize = 100;

const EXIT_CODES: &str = "\
# Exit statuses

What the command line exits with; Django's management commands, too. With `--json`, an error names its kind.
*May retry* says whether the same call can succeed later without anybody changing something.
The Python classes are in `dbbackup.exceptions`, under `DbbackupError`.

<!-- Made by `cargo run -p dbbackup-cli --example reference`; edit the tables in the code. -->

| status | kind | Python class | may retry | meaning |
|---|---|---|---|---|
";

const COMMAND_LINE: &str = "\
# Command line

<!-- Made by `cargo run -p dbbackup-cli --example reference`; edit crates/cli/src/args.rs. -->

";
