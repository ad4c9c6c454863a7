//! `dbbackup completions`

use clap::CommandFactory as _;

use crate::args::{Arguments, CompletionsArgs};
use crate::exit_code;
use crate::render::Output;

pub(crate) fn run(verb: &CompletionsArgs, output: &Output) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(verb.shell, &mut Arguments::command(), "dbbackup", &mut script);
    output.result(String::from_utf8_lossy(&script).trim_end());
    exit_code::DONE
}
