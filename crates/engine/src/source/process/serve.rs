//! The child's side: a source or a target of this engine, served over pipes to a parent that has the store.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use super::load::Frames;
use super::message::Message;
use crate::count::drain;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::{Event, Progress, Run};
use crate::source::{Expected, Source, Target};

/// Writes the dump of `source` to `stdout` and reports on `stderr`; a parent's [`super::Tool::ours`] reads both.
///
/// # Errors
///
/// The source's own error, which the parent was told.
pub fn serve_dump(
    source: &mut dyn Source,
    mut stdout: impl Write,
    stderr: impl Write + Send + 'static,
    run: &Run,
) -> Result<()> {
    let voice = Voice::new(stderr);
    // The parent counts plain bytes itself; only a snapshot before the first byte is worth telling.
    let run = Run { progress: Arc::new(voice.clone()), ..run.clone() };
    voice.report(|| {
        let mut dump = source.open(&run)?;
        voice.say(&Message::Opened { expected_bytes: dump.expected_bytes() });
        drain(&mut dump, Stage::Source, |part| {
            run.cancel.check()?;
            stdout.write_all(part).map_err(parent_gone)
        })?;
        stdout.flush().map_err(parent_gone)?;
        Ok(Message::Dumped(dump.finish()?))
    })
}

/// Loads what a parent's [`super::Tool::ours`] sends on `stdin` into `target`, and reports on `stderr`.
///
/// Commits only after the parent's end mark.
///
/// # Errors
///
/// The target's own error, which the parent was told.
pub fn serve_load(
    target: &mut dyn Target,
    stdin: impl Read + Send,
    stderr: impl Write + Send + 'static,
    run: &Run,
) -> Result<()> {
    let voice = Voice::new(stderr);
    let run = Run { progress: Arc::new(voice.clone()), ..run.clone() };
    voice.report(|| {
        let (plain_bytes, mut plain) = Frames::new(stdin).map_err(parent_gone)?;
        let expected = Expected { plain_bytes, ..Expected::default() };
        let mut load = target.begin(&expected, &run)?;
        voice.say(&Message::Opened { expected_bytes: None });
        load.write(&mut plain)?;
        run.cancel.check()?;
        Ok(Message::Loaded(load.commit()?))
    })
}

fn parent_gone(source: io::Error) -> Error {
    Error::from_io(source, ErrorKind::Tool, "cannot talk to the parent process")
}

/// Writes messages, one a line; a parent that is gone hears none, and that is no error of its own.
#[derive(Clone)]
struct Voice(Arc<Mutex<Box<dyn Write + Send>>>);

impl Voice {
    fn new(stderr: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Box::new(stderr))))
    }

    fn say(&self, message: &Message) {
        let Ok(mut line) = serde_json::to_vec(message) else { return };
        line.push(b'\n');
        let mut stderr = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _gone = stderr.write_all(&line).and_then(|()| stderr.flush());
    }

    fn report(&self, work: impl FnOnce() -> Result<Message>) -> Result<()> {
        match work() {
            Ok(message) => {
                self.say(&message);
                Ok(())
            }
            Err(error) => {
                self.say(&Message::Failed(error.to_report()));
                Err(error)
            }
        }
    }
}

impl Progress for Voice {
    fn tell(&self, event: Event) {
        self.say(&Message::Progress(event));
    }
}
