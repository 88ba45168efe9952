//! A child as its parent holds it.

pub(crate) mod child;
pub(crate) mod current;
mod handle;
pub(crate) mod join_error;
pub(crate) mod output;
mod status;

pub use current::set_depth_limit;
pub use handle::{Handle, active_children, cpu_count, current_process, parent_process};
pub use join_error::{JoinError, JoinErrorKind};
pub use output::Output;
pub use status::ExitStatus;

use crate::call::Decode;
use crate::error::{Error, Result};
use crate::sys::wait::Deadline;
use crate::wire::frame::Kind;
use child::{Answer, Child};
use output::Pipes;
use std::fmt;
use std::io::{PipeReader, PipeWriter};
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

/// A child process that was started and will give a `T`: Python's `Process` after `start()`.
///
/// [`join`](Self::join) waits for it and gives what its function returned. Waiting and signalling
/// take `&self`, so one thread can wait while another terminates. As a future it gives what `join`
/// gives, in any executor; `&mut process` can be awaited as well, and dropping that future loses
/// nothing.
///
/// Dropping a `Process` detaches the child: it goes on, is reaped when it ends, and is waited for
/// at the end of this process unless it is a daemon.
#[must_use = "a process that nobody holds is detached: join it, or say `let _ =`"]
pub struct Process<T> {
    child: Arc<Child>,
    decode: Decode<T>,
}

impl<T> Process<T> {
    pub(crate) fn new(child: Arc<Child>, decode: Decode<T>) -> Self {
        Self { child, decode }
    }

    /// Waits for the child's end and gives what its function returned.
    ///
    /// A function's own `Err` is such a value. A result that was sent whole counts, even if the
    /// process was killed after that.
    ///
    /// # Errors
    /// When there is no result: the function panicked, the process exited or was killed, or one
    /// side could not read what the other sent. [`JoinError::kind`] tells.
    ///
    /// ```
    /// # use offspring::{spawn, subprocess};
    /// #[subprocess]
    /// fn square(x: u64) -> u64 {
    ///     x * x
    /// }
    ///
    /// #[offspring::main]
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     assert_eq!(spawn!(square, 7)?.join()?, 49);
    ///     Ok(())
    /// }
    /// ```
    pub fn join(self) -> Result<T, JoinError> {
        match self.child.wait(Deadline::NEVER) {
            Ok(status) => self.result(status),
            Err(_) => Err(JoinError::new(&self.child, None, self.child.take_answer())),
        }
    }

    /// [`join`](Self::join), but not longer than `time`: the process itself comes back if it still
    /// runs then.
    ///
    /// # Errors
    /// The process, when the time is up. The inner errors are those of `join`.
    pub fn join_timeout(self, time: Duration) -> Result<Result<T, JoinError>, Self> {
        match self.child.wait(Deadline::after(time)) {
            Ok(None) => Err(self),
            Ok(status) => Ok(self.result(status)),
            Err(_) => Ok(Err(JoinError::new(
                &self.child,
                None,
                self.child.take_answer(),
            ))),
        }
    }

    /// From the end of the child, what `join` gives.
    fn result(&self, status: Option<ExitStatus>) -> Result<T, JoinError> {
        let answer = match (self.child.take_answer(), status) {
            (Answer::Frame(Kind::Returned | Kind::ReturnedErr, value), Some(status)) => {
                return (self.decode)(value)
                    .map_err(|error| JoinError::decode(&self.child, status, error.to_string()));
            }
            (answer, _) => answer,
        };
        Err(JoinError::new(&self.child, status, answer))
    }

    /// [`join`](Self::join), and what the child wrote meanwhile to those of its standard streams that
    /// are [pipes](crate::Stdio::piped) and were not taken. Its standard input is closed.
    ///
    /// ```
    /// # use offspring::{Stdio, call, subprocess};
    /// #[subprocess]
    /// fn greet(name: &str) -> usize {
    ///     println!("hello {name}");
    ///     name.len()
    /// }
    ///
    /// #[offspring::main]
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let child = call!(greet, "Ada").stdout(Stdio::piped()).start()?;
    ///     let (length, output) = child.join_with_output()?;
    ///     assert_eq!((length?, output.stdout), (3, b"hello Ada\n".to_vec()));
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// When the system refuses to read. The inner errors are those of `join`.
    pub fn join_with_output(self) -> Result<(Result<T, JoinError>, Output)> {
        let pipes = std::mem::take(&mut *self.pipes());
        let output = pipes.read_all(&self.child).map_err(|error| {
            Error::system(
                format!("can't read the output of process {}", self.pid()),
                error,
            )
        })?;
        Ok((self.join(), output))
    }

    /// The pipe to its standard input, if it is [one](crate::Stdio::piped) and wasn't taken.
    /// Dropping it closes that.
    pub fn take_stdin(&mut self) -> Option<PipeWriter> {
        self.pipes().stdin.take()
    }

    /// The pipe from its standard output, if it is [one](crate::Stdio::piped) and wasn't taken.
    pub fn take_stdout(&mut self) -> Option<PipeReader> {
        self.pipes().stdout.take()
    }

    /// The pipe from its standard error, if it is [one](crate::Stdio::piped) and wasn't taken.
    pub fn take_stderr(&mut self) -> Option<PipeReader> {
        self.pipes().stderr.take()
    }

    fn pipes(&self) -> MutexGuard<'_, Pipes> {
        self.child
            .pipes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the child's end, without asking for its result: Python's `join()`.
    ///
    /// It can be called again, and from several threads; after the end it returns at once.
    ///
    /// # Errors
    /// When the system refuses to wait.
    pub fn wait(&self) -> Result<ExitStatus> {
        self.handle().wait()
    }

    /// Waits, but not longer than `time`: `None` if the child still runs then.
    ///
    /// # Errors
    /// As for [`wait`](Self::wait).
    pub fn wait_timeout(&self, time: Duration) -> Result<Option<ExitStatus>> {
        self.handle().wait_timeout(time)
    }

    /// The status if the child has ended, without waiting.
    ///
    /// # Errors
    /// As for [`wait`](Self::wait).
    pub fn try_wait(&self) -> Result<Option<ExitStatus>> {
        let what = || format!("can't wait for process {}", self.pid());
        self.child
            .try_wait()
            .map_err(|error| Error::system(what(), error))
    }

    /// The exit code as Python tells it: `None` while it runs, -N if it was killed by signal N.
    pub fn exitcode(&self) -> Option<i32> {
        self.handle().exitcode()
    }

    /// The process id. After the end it may be another process's: signal by this type's methods,
    /// which can't hit the wrong one.
    pub fn pid(&self) -> u32 {
        self.child.pid
    }

    /// The name: `Process-1` and so on, or the one given by [`Call::name`](crate::Call::name).
    pub fn name(&self) -> &str {
        &self.child.name
    }

    /// Whether it is ended when this process ends, instead of waited for.
    pub fn daemon(&self) -> bool {
        self.child.daemon
    }

    /// Whether it has not ended yet.
    pub fn is_alive(&self) -> bool {
        self.handle().is_alive()
    }

    /// A descriptor that becomes readable when the process ends, and not before: for poll(2) and
    /// its like, beside others. It is a pidfd; see pidfd_open(2).
    pub fn sentinel(&self) -> BorrowedFd<'_> {
        self.child.pidfd()
    }

    /// Asks it to end: SIGTERM. `Ok` when it has ended already.
    ///
    /// # Errors
    /// When the system refuses, such as for a process that has changed its user.
    pub fn terminate(&self) -> Result<()> {
        self.handle().terminate()
    }

    /// Ends it: SIGKILL. `Ok` when it has ended already.
    ///
    /// # Errors
    /// As for [`terminate`](Self::terminate).
    pub fn kill(&self) -> Result<()> {
        self.handle().kill()
    }

    /// Interrupts it as Ctrl-C does: SIGINT. `Ok` when it has ended already.
    ///
    /// # Errors
    /// As for [`terminate`](Self::terminate).
    pub fn interrupt(&self) -> Result<()> {
        self.handle().interrupt()
    }

    /// Ends it and all its descendants that parent ids lead to, also those that weren't started by
    /// `offspring`: each is stopped, then all get SIGKILL. `Ok` when it has ended already.
    ///
    /// # Errors
    /// When the system refuses, or `/proc` can't be read.
    pub fn terminate_tree(&self) -> Result<()> {
        self.handle().terminate_tree()
    }

    /// Frees everything kept for a process that has ended, its result too: Python's `close()`.
    ///
    /// # Errors
    /// The process itself, if it still runs. (To let it run on, drop it.)
    pub fn close(self) -> Result<(), Self> {
        if self.is_alive() { Err(self) } else { Ok(()) }
    }

    /// A handle without the result type, which can be cloned and kept beside this.
    pub fn handle(&self) -> Handle {
        Handle::child(self.child.clone())
    }
}

/// Gives what [`join`](Process::join) gives. Once it has, the result is gone, and another poll tells
/// the end of a process without one.
impl<T> Future for Process<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.child.wake_at_end(context.waker()) {
            Ok(true) => Poll::Pending,
            Ok(false) => Poll::Ready(self.result(self.child.try_wait().ok().flatten())),
            Err(_) => Poll::Ready(Err(JoinError::new(
                &self.child,
                None,
                self.child.take_answer(),
            ))),
        }
    }
}

impl<T> Drop for Process<T> {
    fn drop(&mut self) {
        self.child.forget_waker();
    }
}

impl<T> fmt::Debug for Process<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("pid", &self.pid())
            .field("name", &self.name())
            .field("daemon", &self.daemon())
            .field("function", &self.child.function)
            .finish_non_exhaustive()
    }
}
