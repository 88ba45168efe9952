//! How a pool is to be.

use super::Pool;
use super::item::Inbox;
use super::manager::{Manager, Settings};
use crate::call::Call;
use crate::error::{Error, Kind, Result};
use crate::sys::interrupt;
use crate::wire::message::Message;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::Duration;

/// Says how a [`Pool`] is to be; made by [`Pool::builder`].
#[derive(Debug)]
#[must_use = "a pool begins with `start`"]
pub struct PoolBuilder {
    workers: usize,
    name: String,
    memory_limit: Option<u64>,
    tasks_per_worker: Option<u64>,
    chunk: Option<usize>,
    look_ahead: Option<usize>,
    soft: Option<Duration>,
    restarts: (usize, Duration),
    catches_interrupt: bool,
    fail_fast: bool,
    initializer: Option<Result<Message<'static>>>,
}

impl PoolBuilder {
    pub(super) fn new() -> Self {
        Self {
            workers: crate::process::cpu_count(),
            name: "PoolWorker".to_owned(),
            memory_limit: None,
            tasks_per_worker: None,
            chunk: None,
            look_ahead: None,
            soft: None,
            restarts: (5, Duration::from_secs(10)),
            catches_interrupt: false,
            fail_fast: false,
            initializer: None,
        }
    }

    /// How many workers there are; by default one for each CPU.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// A call that each worker does before its first task. What is to reach the tasks it leaves in a
    /// `static` of its own (a `OnceLock`). Its result is dropped, but an `Err` or a panic is a failure
    /// to start: the worker is replaced, and after some such [restarts](Self::restarts) the pool gives
    /// up.
    pub fn initializer<T>(mut self, call: Call<'_, T>) -> Self {
        let Call {
            entry,
            arguments,
            options,
            ..
        } = call;
        let encode = || {
            if let Some(what) = options.for_process_only() {
                return Err(Error::new(Kind::ForProcessOnly { what }));
            }
            crate::registry::check_unique(entry)?;
            let mut message = Message::default();
            entry.key().put(&mut message.body);
            arguments.encode(entry.name, &mut message)?;
            super::can_repeat(&message, entry.name)?;
            Ok(message.into_owned())
        };
        self.initializer = Some(encode());
        self
    }

    /// Replaces each worker after so many tasks: for code that leaks.
    pub fn tasks_per_worker(mut self, tasks: u64) -> Self {
        self.tasks_per_worker = Some(tasks.max(1));
        self
    }

    /// Limits the memory of each worker, in bytes; see [`Call::memory_limit`].
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// The beginning of the workers' names; by default they are `PoolWorker-1` and so on.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How many inputs of a map a worker is given at a time. By default as many as spread evenly,
    /// fewer towards the end.
    pub fn chunk_size(mut self, tasks: usize) -> Self {
        self.chunk = Some(tasks.max(1));
        self
    }

    /// How many inputs [`imap`](Pool::imap) takes before their results were taken. By default 32 for
    /// each worker.
    pub fn look_ahead(mut self, inputs: usize) -> Self {
        self.look_ahead = Some(inputs.max(1));
        self
    }

    /// For a task whose time is up: its worker gets SIGTERM first, and SIGKILL this much later.
    pub fn terminate_first(mut self, grace: Duration) -> Self {
        self.soft = Some(grace);
        self
    }

    /// How many starts of workers may fail one after the other within a period before the pool gives
    /// up. By default 5 in ten seconds. (Workers that die later don't count.)
    pub fn restarts(mut self, times: usize, period: Duration) -> Self {
        self.restarts = (times, period);
        self
    }

    /// Whether [`map`](Pool::map) ends with its first error, and cancels the rest, instead of letting
    /// the others complete.
    pub fn fail_fast(mut self, yes: bool) -> Self {
        self.fail_fast = yes;
        self
    }

    /// Makes Ctrl-C (SIGINT) an error of this pool's tasks,
    /// [`Interrupted`](crate::TaskErrorKind::Interrupted), instead of the end of the program. It
    /// installs a handler, which stays; without a pool that catches it, the signal ends the program
    /// as before.
    pub fn catch_interrupt(mut self, yes: bool) -> Self {
        self.catches_interrupt = yes;
        self
    }

    /// Starts the pool.
    ///
    /// # Errors
    /// Without workers, if the initializer can't be serialized, if this process may not have
    /// children, or if the system refuses.
    pub fn start(self) -> Result<Pool> {
        if self.workers == 0 {
            return Err(Error::new(Kind::NoWorkers));
        }
        crate::start::check_allowed()?;
        let initializer = self.initializer.transpose()?;
        let flags = [
            u8::from(self.catches_interrupt),
            u8::from(initializer.is_some()),
        ];
        let mut initializer = initializer.unwrap_or_default();
        initializer.body.splice(..0, flags);
        let system = |error| Error::system("can't start a pool", error);
        let inbox = Arc::new(Inbox::new().map_err(system)?);
        if self.catches_interrupt {
            interrupt::catch(inbox.bell.as_fd().as_raw_fd()).map_err(system)?;
        }
        let settings = Settings {
            workers: self.workers,
            name: self.name,
            memory_limit: self.memory_limit,
            tasks_per_worker: self.tasks_per_worker,
            chunk: self.chunk,
            soft: self.soft,
            restarts: self.restarts,
            initializer,
        };
        let manager = Manager::new(settings, inbox.clone());
        let thread =
            crate::sys::thread::spawn_deaf("offspring-pool", || manager.run()).map_err(system)?;
        Ok(Pool {
            inbox,
            thread: Some(thread),
            look_ahead: self.look_ahead.unwrap_or(32 * self.workers),
            fail_fast: self.fail_fast,
            catches_interrupt: self.catches_interrupt,
        })
    }
}
