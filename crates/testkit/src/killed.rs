//! Processes that get a signal at a chosen moment, and the dice that choose it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant, SystemTime};

/// Numbers by chance, the same for the same seed. A test that fails prints the seed;
/// `DBBACKUP_TEST_SEED` repeats it, as far as moments can be repeated.
pub struct Dice {
    seed: u64,
    state: u64,
}

impl Dice {
    /// Takes a seed of `DBBACKUP_TEST_SEED`, or of the clock.
    ///
    /// # Panics
    ///
    /// If the variable holds no number.
    #[allow(clippy::new_without_default)] // two are never the same
    pub fn new() -> Self {
        let seed = std::env::var("DBBACKUP_TEST_SEED").map_or_else(
            |_| {
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                u64::from(now.subsec_nanos())
            },
            |seed| seed.parse().expect("DBBACKUP_TEST_SEED is a number"),
        );
        Self::seeded(seed)
    }

    /// Takes this seed.
    pub fn seeded(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    /// Returns a number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        // SplitMix64 (Steele, Lea, Flood 2014): good enough for moments, and four lines.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }

    /// Returns a moment between two.
    pub fn between(&mut self, from: Duration, to: Duration) -> Duration {
        let span = u64::try_from(to.saturating_sub(from).as_micros()).unwrap_or(u64::MAX);
        from + Duration::from_micros(self.below(span + 1))
    }
}

impl Drop for Dice {
    #[allow(clippy::print_stderr)] // for whoever reads the failed test
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("DBBACKUP_TEST_SEED={}", self.seed);
        }
    }
}

/// When a process gets its signal: so long after its start, or after it said something.
#[derive(Clone, Debug)]
pub struct Moment {
    /// A line on its standard error that holds this; the process's start without it.
    pub line: Option<&'static str>,
    /// Time after that.
    pub delay: Duration,
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// Its status.
    pub status: ExitStatus,
    /// What it wrote.
    pub stdout: String,
    /// What it wrote.
    pub stderr: String,
    /// How long it ran.
    pub duration: Duration,
}

/// Runs `command` and sends it `signal` (`KILL`, `INT`, `TERM`) at `moment`, unless it has ended by then.
///
/// # Panics
///
/// If the command cannot be started, or lives on for a minute after its signal.
pub fn signalled(command: &mut Command, signal: &str, moment: &Moment) -> Ended {
    let started = Instant::now();
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts");
    let (mut stdout, stderr) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let (sender, lines) = channel();
    let listener = std::thread::spawn(move || {
        let mut said = String::new();
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            said.push_str(&line);
            said.push('\n');
            let _nobody_waits = sender.send(line);
        }
        said
    });
    let reader = std::thread::spawn(move || {
        let mut said = String::new();
        let _invalid = stdout.read_to_string(&mut said);
        said
    });

    if let Some(awaited) = moment.line {
        let _ended_before = lines.iter().find(|line| line.contains(awaited));
    }
    // Wakes up early if the process ends by itself.
    let deadline = Instant::now() + moment.delay;
    while lines.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok() {}
    while Instant::now() < deadline && matches!(child.try_wait(), Ok(None)) {
        std::thread::sleep(Duration::from_millis(1).min(deadline.saturating_duration_since(Instant::now())));
    }
    match (child.try_wait(), signal) {
        // At once, without a program that has to start first.
        (Ok(None), "KILL") => child.kill().expect("our own child can be killed"),
        (Ok(None), _) => send(child.id(), signal),
        _ => {}
    }

    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().expect("the command can be waited for") {
            break status;
        }
        if Instant::now() > deadline {
            let _ended = child.kill();
            panic!("{command:?} lived on after SIG{signal}");
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let duration = started.elapsed();
    drop(lines);
    let stderr = listener.join().unwrap_or_default();
    Ended { status, stdout: reader.join().unwrap_or_default(), stderr, duration }
}

/// Sends a signal to a process, which may be gone.
pub fn send(process: u32, signal: &str) {
    let _gone = Command::new("kill").args([format!("-{signal}"), process.to_string()]).stderr(Stdio::null()).status();
}

/// Returns the processes whose command line holds `text`, this one aside.
pub fn processes(text: &str) -> Vec<u32> {
    let Ok(entries) = fs_err::read_dir("/proc") else { return Vec::new() };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|&id| id != std::process::id())
        .filter(|id| {
            let words = fs_err::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&words).contains(text)
        })
        .collect()
}

/// Waits until `done`; `false` if it takes longer than a few seconds.
pub fn eventually(mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

/// Far longer than any clean end takes, also on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);
