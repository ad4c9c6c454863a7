//! The program under test: started, shot at, and never waited for longer than a minute.

use std::cell::Cell;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use fs_err as fs;
use rustix::process::{Pid, Signal, kill_process};

use crate::loss::{Loss, Result, require};

/// The program, in the folder of a world and away from the user's own configuration.
pub(crate) struct Program {
    path: PathBuf,
    folder: PathBuf,
    logs: PathBuf,
    started: Cell<u32>,
}

/// A signal, and when it comes.
#[derive(Clone, Debug)]
pub(crate) struct Shot {
    pub(crate) signal: Signal,
    /// A part of a line on standard error that is waited for; the start without it.
    pub(crate) line: Option<&'static str>,
    /// Time after that.
    pub(crate) delay: Duration,
}

impl Program {
    /// What the program says goes into files below `folder`.
    pub(crate) fn new(path: &Path, folder: &Path) -> Result<Self> {
        let logs = folder.join("logs");
        fs::create_dir(&logs)?;
        Ok(Self { path: path.to_owned(), folder: folder.to_owned(), logs, started: Cell::new(0) })
    }

    pub(crate) fn start(&self, arguments: &[String]) -> Result<Running> {
        let number = self.started.get() + 1;
        self.started.set(number);
        let [stdout, stderr] = ["out", "err"].map(|end| self.logs.join(format!("{number}.{end}")));
        let mut command = Command::new(&self.path);
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        command.env("DBBACKUP_CONFIG", "").env("XDG_CONFIG_HOME", &self.folder);
        command.env("TMPDIR", self.folder.join("tmp"));
        command.stdout(fs::File::create(&stdout)?.into_file()).stderr(fs::File::create(&stderr)?.into_file());
        let said = format!("dbbackup {}", arguments.join(" "));
        fs::write(self.logs.join(format!("{number}.command")), &said)?;
        let started = Instant::now();
        Ok(Running { child: command.spawn()?, started, said, stdout, stderr })
    }

    /// Runs to the end, whatever it is.
    pub(crate) fn run(&self, arguments: &[String], shot: Option<&Shot>) -> Result<Ended> {
        self.start(arguments)?.wait(shot)
    }

    /// Runs to an end that must have one of these statuses.
    pub(crate) fn end_with(&self, statuses: &[i32], arguments: &[String]) -> Result<Ended> {
        let ended = self.run(arguments, None)?;
        ended.require(statuses)?;
        Ok(ended)
    }
}

/// A process of the program.
pub(crate) struct Running {
    child: Child,
    started: Instant,
    said: String,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Running {
    /// Waits for the end; fails for a crash and for a hang.
    pub(crate) fn wait(mut self, shot: Option<&Shot>) -> Result<Ended> {
        let mut pending = shot;
        let mut due = shot.filter(|shot| shot.line.is_none()).map(|shot| self.started + shot.delay);
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            let now = Instant::now();
            if let (None, Some(Shot { line: Some(line), delay, .. })) = (due, pending) {
                due = fs::read_to_string(&self.stderr)?.contains(line).then(|| now + *delay);
            }
            if let Some(shot) = pending.filter(|_| due.is_some_and(|due| due <= now)) {
                kill_process(Pid::from_child(&self.child), shot.signal)?;
                pending = None;
            }
            if now > self.started + PATIENCE {
                self.child.kill()?;
                self.child.wait()?;
                return Err(Loss::new(format!("an end of `{}`", self.said), format!("none after {PATIENCE:?}")));
            }
            std::thread::sleep(TICK);
        };
        let ended = Ended {
            status,
            duration: self.started.elapsed(),
            has_shot: shot.is_some(),
            was_shot: shot.is_some() && pending.is_none(),
            said: self.said,
            stdout: fs::read_to_string(&self.stdout)?,
            stderr: fs::read_to_string(&self.stderr)?,
        };
        let by = ended.status.signal();
        let is_crash = matches!(ended.status.code(), Some(70 | 101 | 134 | 139))
            || by.is_some_and(|by| shot.is_none_or(|shot| shot.signal.as_raw() != by));
        require(!is_crash, "no crash", || ended.describe())?;
        Ok(ended)
    }
}

/// How a process ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) duration: Duration,
    /// Whether it was to be shot at.
    pub(crate) has_shot: bool,
    /// Whether the signal was sent before the end.
    was_shot: bool,
    pub(crate) stdout: String,
    said: String,
    stderr: String,
}

/// What became of a process that was shot at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It ended as if nothing had been.
    Unhurt,
    /// It ended at once.
    Killed,
    /// It noticed the signal, and tidied up.
    Stopped,
    /// It failed with this status.
    Failed(i32),
}

impl Ended {
    pub(crate) fn fate(&self) -> Fate {
        match (self.status.code(), self.status.signal()) {
            (Some(0 | 3), _) => Fate::Unhurt,
            (Some(130 | 143), _) if self.was_shot => Fate::Stopped,
            (Some(code), _) => Fate::Failed(code),
            (None, _) => Fate::Killed,
        }
    }

    /// Fails for any other status.
    pub(crate) fn require(&self, statuses: &[i32]) -> Result<()> {
        let is_meant = self.status.code().is_some_and(|code| statuses.contains(&code));
        require(is_meant, &format!("status {statuses:?}"), || self.describe())
    }

    pub(crate) fn describe(&self) -> String {
        format!("{}: {}, after {:?}\n{}{}", self.said, self.status, self.duration, self.stdout, self.stderr)
    }
}

/// Far longer than anything takes here, also on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at a process: short beside the moments that matter.
const TICK: Duration = Duration::from_micros(200);
