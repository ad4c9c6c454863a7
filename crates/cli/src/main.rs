//! The program `dbbackup`.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dbbackup::Cancel;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

fn main() -> ExitCode {
    let cancel = Cancel::default();
    // The first signal ends the run cleanly; a second Ctrl-C, at once. SIGTERM comes twice by itself to a child
    // whose parent with several threads was killed: once for each thread that was its parent.
    let again = Arc::new(AtomicBool::new(false));
    let registered = flag::register_conditional_default(SIGINT, Arc::clone(&again))
        .and_then(|_| flag::register(SIGINT, again))
        .and_then(|_| flag::register_usize(SIGINT, cancel.cell(), 2))
        .and_then(|_| flag::register_usize(SIGTERM, cancel.cell(), 15));
    if registered.is_err() {
        return ExitCode::from(dbbackup_cli::exit_code::BUG);
    }
    ExitCode::from(dbbackup_cli::main(std::env::args_os().skip(1), &cancel))
}
