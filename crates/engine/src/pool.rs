//! Threads that work side by side; results come back in the order of the jobs.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::error::{Error, ErrorKind, Result};

/// A few threads and the jobs that are under way; both end when this is dropped.
pub(crate) struct Pool<J, R> {
    jobs: Option<crossbeam_channel::Sender<Job<J, R>>>,
    threads: Vec<JoinHandle<()>>,
    /// Jobs given away, oldest first.
    pending: VecDeque<Receiver<R>>,
    capacity: usize,
}

type Job<J, R> = (J, SyncSender<R>);

impl<J: Send + 'static, R: Send + 'static> Pool<J, R> {
    /// Starts `threads` threads, or as many as the system allows. `worker` is called on each, and gives what does
    /// the jobs there.
    ///
    /// # Errors
    ///
    /// `Tool` if not one can be started.
    pub(crate) fn start<W: FnMut(J) -> R>(
        name: &str,
        threads: NonZero<usize>,
        worker: impl Fn() -> W + Clone + Send + 'static,
    ) -> Result<Self> {
        let capacity = 2 * threads.get();
        let (jobs, queue) = crossbeam_channel::bounded::<Job<J, R>>(capacity);
        let mut pool = Self { jobs: Some(jobs), threads: Vec::new(), pending: VecDeque::new(), capacity };
        for _ in 0..threads.get() {
            let (queue, worker) = (queue.clone(), worker.clone());
            let work = move || {
                let mut worker = worker();
                for (job, done) in queue {
                    // Nobody waits any more when the stream was dropped half-way.
                    let _abandoned = done.send(worker(job));
                }
            };
            match std::thread::Builder::new().name(name.to_owned()).spawn(work) {
                Ok(thread) => pool.threads.push(thread),
                // A limit on processes: those that there are do it all.
                Err(_) if !pool.threads.is_empty() => break,
                Err(source) => {
                    return Err(Error::new(ErrorKind::Tool, "cannot start a thread").because(source));
                }
            }
        }
        Ok(pool)
    }

    /// Whether every thread has one job in hand and one waiting.
    pub(crate) fn is_full(&self) -> bool {
        self.pending.len() >= self.capacity
    }

    /// Gives a job away.
    ///
    /// # Errors
    ///
    /// `Bug` if the threads have panicked.
    pub(crate) fn give(&mut self, job: J) -> Result<()> {
        let (done, result) = sync_channel(1);
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send((job, done)).map_err(|_| stopped())?;
        self.pending.push_back(result);
        Ok(())
    }

    /// Waits for the oldest job's result; `None` without jobs.
    ///
    /// # Errors
    ///
    /// `Bug` if its thread has panicked.
    pub(crate) fn take(&mut self) -> Result<Option<R>> {
        self.pending.pop_front().map(|oldest| oldest.recv().map_err(|_| stopped())).transpose()
    }
}

impl<J, R> Drop for Pool<J, R> {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // One that panicked has closed its channel, which was seen as `stopped`.
            let _panicked = thread.join();
        }
    }
}

fn stopped() -> Error {
    Error::new(ErrorKind::Bug, "a thread stopped")
}
