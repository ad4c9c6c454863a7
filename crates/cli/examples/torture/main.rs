//! Torture: random kills, cuts, full disks and flipped bits over databases and media, through the real program.
//!
//! `make torture SECONDS=600 SEED=1`. Each round makes a world of its own ([`world`]), plays one scenario in it
//! ([`scenario`]) and checks the promises P1 and P2 of docs/concepts/safety.md. Everything in a round but the moments
//! follows from the seed and the round's number.

mod command;
mod database;
mod disk;
mod loss;
mod media;
mod scenario;
mod tally;
mod target;
mod world;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use clap::Parser;
use dbbackup_testkit::killed::Dice;
use scenario::{Failure, SKIPPED, Scenario};
use signal_hook::consts::{SIGINT, SIGTERM};
use tally::Tally;

/// Tries to lose data: random kills, cuts, full disks and flipped bits over SQLite databases and media, through the
/// real program. Stops at the first loss, keeps its world and says how to repeat it.
#[derive(Debug, Parser)]
#[command(name = "torture", max_term_width = 100, after_help = AFTER_HELP)]
struct Arguments {
    /// Rounds are begun for so long
    #[arg(long, default_value_t = 60)]
    seconds: u64,

    /// Seed of all dice [default: from the clock]
    #[arg(long)]
    seed: Option<u64>,

    /// Plays only this round, again and again: the moment of a kill is never quite the same
    #[arg(long)]
    round: Option<u64>,

    /// The program to torture [default: the `dbbackup` that was built beside this one]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

fn main() -> io::Result<ExitCode> {
    let arguments = Arguments::parse();
    let program = match arguments.program {
        Some(program) => fs_err::canonicalize(program)?,
        None => fs_err::canonicalize(std::env::current_exe()?.with_file_name("../dbbackup"))?,
    };
    let seed = arguments.seed.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::from(now.subsec_nanos())
    });
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, stop.clone())?;
    }
    let torture = Torture { program, seed, started: Instant::now(), seconds: arguments.seconds, stop };
    say(&format!("SEED={seed} SECONDS={} of {}", arguments.seconds, torture.program.display()))?;
    match arguments.round {
        Some(round) => torture.rounds(std::iter::repeat(round)),
        None => torture.rounds(1..),
    }
}

struct Torture {
    program: PathBuf,
    seed: u64,
    started: Instant,
    seconds: u64,
    /// Somebody pressed Ctrl-C.
    stop: Arc<AtomicBool>,
}

impl Torture {
    fn rounds(&self, numbers: impl Iterator<Item = u64>) -> io::Result<ExitCode> {
        let (mut tally, mut said, mut skips) = (Tally::default(), Instant::now(), false);
        for number in numbers {
            if self.started.elapsed() >= Duration::from_secs(self.seconds) {
                break;
            }
            let (scenario, result) = round(&self.program, self.seed, number);
            // Ctrl-C reaches the children, too: what they made of it is no loss.
            if self.stop.load(Ordering::Relaxed) {
                say(&tally.table())?;
                return Ok(ExitCode::from(130));
            }
            match result {
                Ok(outcomes) => {
                    if outcomes.iter().any(|outcome| outcome == SKIPPED) && !std::mem::replace(&mut skips, true) {
                        say("full disks are skipped: only root may mount a small one")?;
                    }
                    tally.round(scenario, &outcomes);
                }
                Err(failure) => {
                    say(&tally.table())?;
                    return self.lost(scenario, number, &failure);
                }
            }
            if said.elapsed() >= BETWEEN_LINES {
                said = Instant::now();
                let seconds = self.started.elapsed().as_secs();
                say(&format!("{seconds:>5} s  {} rounds: {}", tally.rounds(), tally.line()))?;
            }
        }
        say(&tally.table())?;
        say(&format!("{} rounds in {} s, nothing lost", tally.rounds(), self.started.elapsed().as_secs()))?;
        Ok(ExitCode::SUCCESS)
    }

    fn lost(&self, scenario: &str, number: u64, failure: &Failure) -> io::Result<ExitCode> {
        let Failure { loss, world } = failure;
        say(&format!("LOSS in round {number} of seed {}: {scenario}\n{loss}", self.seed))?;
        say(&format!("  world:    {world}"))?;
        say(&format!("  repeat:   make torture SEED={} ROUND={number}", self.seed))?;
        Ok(ExitCode::FAILURE)
    }
}

/// Plays one round; its dice know nothing of the rounds before.
fn round(program: &Path, seed: u64, number: u64) -> (&'static str, Result<Vec<String>, Failure>) {
    let mut dice = Dice::seeded(Dice::seeded(seed ^ number.rotate_left(32)).below(u64::MAX));
    let scenario = Scenario::some(&mut dice);
    (scenario.name, scenario.play(program, dice))
}

fn say(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", text.trim_end())?;
    stdout.flush()
}

/// Between two lines about how it goes.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

const AFTER_HELP: &str = "\
Each round makes a world in a temporary folder: a shop's database (WAL or rollback journal, any page size, sometimes
with readers and a writer at work) or a folder of media (odd names, links, empty folders), and a store with good
backups. Then, by dice:
  backup killed    by SIGKILL, SIGTERM or SIGINT at a random moment: what was listed still is, whole
  restore killed   the old content or the backup's, whole; of media, each file; the next restore completes
  damaged backup   bits flipped, cut, appended, removed, swapped, no manifest: refused, or restored exactly
  full disk        in the store or at the target: the old state, nothing left behind (root only: it mounts a disk)
  two at once      backups, restores and prunes: documented ends, nothing lost
A crash, status 70 and a run of more than 60 s are losses, too.

Exit status: 0 nothing was lost; 1 something was, or a round could not be played; 130 after Ctrl-C.
A world in which something was lost is kept, with what every run was told and said in its folder `logs`. If a disk was
mounted there, it still is. Worlds are made in /dev/shm, in memory; TMPDIR chooses another folder.";
