//! Writes what is made from the tables in the code: the reference pages of exit statuses and of the command line,
//! shell completions, manual pages.
//!
//! `cargo run -q -p dbbackup-cli --example reference -- docs/reference packaging/data/share`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use clap_complete::Shell;
use dbbackup::{Error, KINDS, Retry};
use dbbackup_cli::args::Arguments;
use dbbackup_cli::exit_code::OTHERS;
use fs_err as fs;

fn main() -> std::io::Result<()> {
    let mut folders = std::env::args_os().skip(1).map(PathBuf::from);
    let docs = folders.next().unwrap_or_else(|| "docs/reference".into());
    let share = folders.next().unwrap_or_else(|| "packaging/data/share".into());
    fs::create_dir_all(&docs)?;
    fs::write(docs.join("exit-codes.md"), exit_codes())?;
    fs::write(docs.join("command-line.md"), command_line())?;
    completions(&share)?;
    manual_pages(&share.join("man/man1"))
}

/// Writes a completion script to where each shell looks for it below a prefix.
fn completions(share: &Path) -> std::io::Result<()> {
    for (shell, place) in [
        (Shell::Bash, "bash-completion/completions/dbbackup"),
        (Shell::Zsh, "zsh/site-functions/_dbbackup"),
        (Shell::Fish, "fish/vendor_completions.d/dbbackup.fish"),
    ] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Arguments::command(), "dbbackup", &mut script);
        let path = share.join(place);
        fs::create_dir_all(path.parent().unwrap_or(share))?;
        fs::write(path, script)?;
    }
    Ok(())
}

/// Writes `dbbackup.1`, and a page for each verb.
fn manual_pages(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Arguments::command(), folder)
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
    describe(&mut command, "", &mut page);
    page
}

/// Appends a section for each verb, and for the verbs of those that have some.
fn describe(command: &mut clap::Command, above: &str, page: &mut String) {
    for verb in command.get_subcommands_mut().filter(|verb| !verb.is_hide_set()) {
        let name = format!("{above}{}", verb.get_name());
        if verb.has_subcommands() {
            describe(verb, &format!("{name} "), page);
            continue;
        }
        let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
        let help = verb.render_help().to_string();
        let help = help.strip_prefix(&about).unwrap_or(&help).trim_start();
        let _ = write!(page, "\n## {name}\n\n{about}.\n\n```text\n{help}```\n");
    }
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
