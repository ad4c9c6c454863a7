//! The program `dbbackup`.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dbbackup::Cancel;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

fn main() -> ExitCode {
    let cancel = Cancel::default();
    // The first signal ends the run cleanly; a second one, at once.
    let again = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let registered = flag::register_conditional_default(signal, Arc::clone(&again))
            .and_then(|_| flag::register(signal, Arc::clone(&again)))
            .and_then(|_| flag::register_usize(signal, cancel.cell(), signal.unsigned_abs() as usize));
        if registered.is_err() {
            return ExitCode::from(dbbackup_cli::exit_code::BUG);
        }
    }
    ExitCode::from(dbbackup_cli::main(std::env::args_os().skip(1), &cancel))
}
