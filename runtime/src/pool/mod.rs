//! Pools of workers.

mod builder;
mod error;
mod imap;
mod item;
mod manager;
mod slot;
mod task;
mod worker;

pub use builder::PoolBuilder;
pub use error::{TaskError, TaskErrorKind};
pub use imap::{IMap, IMapUnordered};
pub use task::Task;

use crate::call::{Call, Partial};
use crate::error::{Error, Kind, Result};
use crate::sys::interrupt;
use crate::wire::message::Message;
use error::Failure;
use item::{Inbox, Item};
use slot::{Bell, Slot};
use std::fmt;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::thread::JoinHandle;

/// Some processes that do tasks: Python's `Pool`, without its hangs.
///
/// A worker that is killed, crashes, exits or is out of memory costs exactly the task it was doing
/// ([`TaskError`] tells how), and is replaced. A time limit kills it and means what it says.
///
/// ```
/// use offspring::{Pool, call, subprocess};
///
/// #[subprocess]
/// fn scale(x: f64, #[default = 2.0] by: f64) -> f64 {
///     x * by
/// }
///
/// #[offspring::main]
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let pool = Pool::new(2)?;
///     assert_eq!(pool.apply(call!(scale, 1.5))?, 3.0);
///     let scaled = pool.map(call!(scale, _, kwargs <by = 10.0>), [1.0, 2.0, 3.0])?;
///     assert_eq!(scaled, [10.0, 20.0, 30.0]);
///     // Two or more holes take tuples: Python's `starmap`.
///     let scaled = pool.map(call!(scale, _, _), [(1.0, 2.0), (3.0, 4.0)])?;
///     assert_eq!(scaled, [2.0, 12.0]);
///     Ok(())
/// }
/// ```
///
/// Workers are daemons that may have children of their own, pools as well. They have this process's
/// standard output; their standard error is passed on to its standard error. Each pool has a thread
/// of its own here, `offspring-pool`, which blocks all signals and sleeps unless there is something to do.
///
/// Dropping a pool terminates it, as Python's `with` does: its workers are ended, and tasks that are
/// not done fail with [`TaskErrorKind::Closed`]. To let them be done, [`close`](Self::close) it and
/// [`join`](Self::join).
pub struct Pool {
    inbox: Arc<Inbox>,
    /// `None` once it was joined.
    thread: Option<JoinHandle<()>>,
    look_ahead: usize,
    fail_fast: bool,
    catches_interrupt: bool,
}

impl Pool {
    /// A pool of so many workers. They are started at once, but not waited for.
    ///
    /// # Errors
    /// As for [`PoolBuilder::start`].
    pub fn new(workers: usize) -> Result<Self> {
        Self::builder().workers(workers).start()
    }

    /// To say more about the pool.
    pub fn builder() -> PoolBuilder {
        PoolBuilder::new()
    }

    /// Does a call and waits for its result.
    ///
    /// # Errors
    /// When there is no result; [`TaskError::kind`] tells why.
    pub fn apply<T>(&self, call: Call<'_, T>) -> Result<T, TaskError> {
        let function = call.entry.name;
        match self.apply_async(call) {
            Ok(task) => task.get(),
            Err(error) => Err(refused(function, &error)),
        }
    }

    /// Does a call, and gives a [`Task`] for its result. Tasks are begun in the order in which they
    /// are given.
    ///
    /// # Errors
    /// If an argument can't be serialized, or the call says what can only be said about a process.
    /// (That the pool has ended is told by the task.)
    pub fn apply_async<T>(&self, call: Call<'_, T>) -> Result<Task<T>> {
        self.submit(call, false, None)
    }

    /// Does a call for each input and gives the results in their order: Python's `map`, and with two
    /// or more holes `starmap`.
    ///
    /// # Errors
    /// The first error in the order of the inputs, when all others are done (or
    /// [at once](PoolBuilder::fail_fast)). [`map_each`](Self::map_each) gives each its own.
    pub fn map<A, T>(
        &self,
        function: Partial<'_, A, T>,
        inputs: impl IntoIterator<Item = A>,
    ) -> Result<Vec<T>, TaskError> {
        if !self.fail_fast {
            return self.map_each(function, inputs).into_iter().collect();
        }
        let bell = Arc::new(Bell::default());
        let tasks = inputs.into_iter().enumerate();
        let tasks = tasks
            .map(|(number, input)| Some(self.give(&function, input, Some((bell.clone(), number)))));
        let mut tasks: Vec<Option<Task<T>>> = tasks.collect();
        let mut results: Vec<Option<T>> = tasks.iter().map(|_| None).collect();
        for _ in 0..tasks.len() {
            let number = bell.next();
            let Some(task) = tasks[number].take() else {
                continue;
            };
            match task.get() {
                Ok(value) => results[number] = Some(value),
                Err(error) => {
                    tasks.into_iter().flatten().for_each(Task::cancel);
                    return Err(error);
                }
            }
        }
        Ok(results.into_iter().flatten().collect())
    }

    /// Does a call for each input, and gives for each its result or its error, in their order.
    pub fn map_each<A, T>(
        &self,
        function: Partial<'_, A, T>,
        inputs: impl IntoIterator<Item = A>,
    ) -> Vec<Result<T, TaskError>> {
        let tasks = inputs
            .into_iter()
            .map(|input| self.give(&function, input, None));
        tasks
            .collect::<Vec<_>>()
            .into_iter()
            .map(Task::get)
            .collect()
    }

    /// Does a call for each input, and gives the results one by one in their order. Inputs are taken
    /// as results are: at most [so many](PoolBuilder::look_ahead) ahead, so that they may be endless.
    pub fn imap<'p, 'f, A, T, I: IntoIterator<Item = A>>(
        &'p self,
        function: Partial<'f, A, T>,
        inputs: I,
    ) -> IMap<'p, 'f, A, T, I::IntoIter> {
        IMap::new(self, function, inputs.into_iter())
    }

    /// Like [`imap`](Self::imap), but gives the results as they come, each with the number of its
    /// input, counted from 0.
    pub fn imap_unordered<'p, 'f, A, T, I: IntoIterator<Item = A>>(
        &'p self,
        function: Partial<'f, A, T>,
        inputs: I,
    ) -> IMapUnordered<'p, 'f, A, T, I::IntoIter> {
        IMapUnordered::new(self, function, inputs.into_iter())
    }

    /// Takes no more tasks: those that come fail with [`TaskErrorKind::Closed`]. Those that are there
    /// are done, then the workers end.
    pub fn close(&self) {
        self.inbox.tell(|state| state.closed = true);
    }

    /// Closes the pool, and waits until all is done and its workers have ended. Results can be got
    /// after that, too.
    ///
    /// # Errors
    /// When the pool has given up, with the cause.
    pub fn join(mut self) -> Result<()> {
        self.close();
        self.wait();
        match self.inbox.lock().broken.take() {
            None => Ok(()),
            Some(cause) => Err(Error::new(Kind::PoolBroken { cause })),
        }
    }

    /// Ends the workers now (SIGTERM, and SIGKILL a second later). Tasks that are not done fail with
    /// [`TaskErrorKind::Closed`].
    pub fn terminate(self) {
        drop(self);
    }

    fn wait(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed.
            let _ = thread.join();
        }
    }

    /// A task of a map. What is wrong with it is told as its outcome.
    fn give<A, T>(
        &self,
        function: &Partial<'_, A, T>,
        input: A,
        bell: Option<(Arc<Bell>, usize)>,
    ) -> Task<T> {
        let (name, decode) = (function.entry.name, function.decode);
        let told = bell.clone();
        match self.submit(function.bind(input), true, bell) {
            Ok(task) => task,
            Err(error) => {
                let slot = told.map_or_else(Slot::default, |(bell, n)| Slot::with_bell(bell, n));
                slot.fill(Err(refusal(name, &error)));
                let (slot, inbox) = (Arc::new(slot), self.inbox.clone());
                Task {
                    slot,
                    inbox,
                    id: u64::MAX,
                    function: name,
                    decode,
                }
            }
        }
    }

    fn submit<T>(
        &self,
        call: Call<'_, T>,
        groups: bool,
        bell: Option<(Arc<Bell>, usize)>,
    ) -> Result<Task<T>> {
        let Call {
            entry,
            arguments,
            options,
            decode,
        } = call;
        if let Some(what) = options.for_process_only() {
            return Err(Error::new(Kind::ForProcessOnly { what }));
        }
        crate::registry::check_unique(entry)?;
        let mut message = Message::default();
        arguments.encode(entry.name, &mut message)?;
        can_repeat(&message, entry.name)?;
        let slot = bell.map_or_else(Slot::default, |(bell, number)| {
            Slot::with_bell(bell, number)
        });
        let slot = Arc::new(slot);
        let item = Item {
            id: 0,
            entry,
            arguments: message.into_owned(),
            timeout: options.timeout,
            retries: options.retries.unwrap_or(0),
            groups,
            slot: slot.clone(),
        };
        let id = self.inbox.submit(item);
        Ok(Task {
            slot,
            inbox: self.inbox.clone(),
            id,
            function: entry.name,
            decode,
        })
    }
}

fn refusal(function: &'static str, error: &Error) -> Failure {
    Failure {
        detail: Some(error.to_string()),
        ..Failure::new(TaskErrorKind::Refused, function)
    }
}

fn refused(function: &'static str, error: &Error) -> TaskError {
    TaskError::new(refusal(function, error))
}

impl Drop for Pool {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.inbox.tell(|state| {
                state.closed = true;
                state.terminated = true;
            });
            self.wait();
        }
        if self.catches_interrupt {
            interrupt::release(self.inbox.bell.as_fd().as_raw_fd());
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.inbox.lock();
        f.debug_struct("Pool")
            .field("queued", &state.queue.len())
            .field("closed", &state.closed)
            .finish_non_exhaustive()
    }
}

/// An end of a channel can be given away only once.
fn can_repeat(message: &Message<'_>, function: &'static str) -> Result<()> {
    if message.moves.is_empty() {
        return Ok(());
    }
    Err(Error::new(Kind::EndForPool { function }))
}
