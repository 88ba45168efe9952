//! Handles to processes of any result type, to oneself and to the parent.

use super::child::Child;
use super::current::identity;
use super::status::ExitStatus;
use crate::error::{Error, Kind, Result};
use crate::reaper;
use crate::sys::wait::{Deadline, wait_readable};
use crate::sys::{pidfd, process_tree};
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

/// A process: a child, whatever its result, or this process itself or its parent.
///
/// Clones are handles to the same process. Dropping one does nothing to it.
#[derive(Clone)]
pub struct Handle(Subject);

#[derive(Clone)]
enum Subject {
    Child(Arc<Child>),
    Current,
    Parent {
        pid: u32,
        name: Arc<str>,
        pidfd: Arc<OwnedFd>,
    },
}

impl Handle {
    pub(crate) fn child(child: Arc<Child>) -> Self {
        Self(Subject::Child(child))
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        match &self.0 {
            Subject::Child(child) => child.pid,
            Subject::Current => std::process::id(),
            Subject::Parent { pid, .. } => *pid,
        }
    }

    /// The name given at its start; `MainProcess` for one that `offspring` didn't start.
    pub fn name(&self) -> &str {
        match &self.0 {
            Subject::Child(child) => &child.name,
            Subject::Current => &identity().name,
            Subject::Parent { name, .. } => name,
        }
    }

    /// Whether it is ended when its parent ends. Of the parent it isn't known, and `false`.
    pub fn daemon(&self) -> bool {
        match &self.0 {
            Subject::Child(child) => child.daemon,
            Subject::Current => identity().daemon,
            Subject::Parent { .. } => false,
        }
    }

    /// Whether it has not ended yet.
    pub fn is_alive(&self) -> bool {
        match &self.0 {
            Subject::Child(child) => matches!(child.try_wait(), Ok(None)),
            Subject::Current => true,
            Subject::Parent { pidfd, .. } => matches!(pidfd::has_ended(pidfd.as_fd()), Ok(false)),
        }
    }

    /// The exit code as Python tells it (-N: killed by signal N); `None` while it runs, or if it
    /// isn't known.
    pub fn exitcode(&self) -> Option<i32> {
        match &self.0 {
            Subject::Child(child) => child.try_wait().ok().flatten()?.exitcode(),
            Subject::Current | Subject::Parent { .. } => None,
        }
    }

    /// Waits for its end. The parent's status can't be known; it is one without an exit code.
    ///
    /// # Errors
    /// A process can't wait for its own end.
    pub fn wait(&self) -> Result<ExitStatus> {
        match self.wait_until(None)? {
            Some(status) => Ok(status),
            // Without a deadline, a wait ends with the process.
            None => Ok(pidfd::Ended::Unknown.into()),
        }
    }

    /// Waits for its end, but not longer than `time`: `None` if it still runs then.
    ///
    /// # Errors
    /// As for [`wait`](Self::wait).
    pub fn wait_timeout(&self, time: Duration) -> Result<Option<ExitStatus>> {
        self.wait_until(Some(time))
    }

    fn wait_until(&self, time: Option<Duration>) -> Result<Option<ExitStatus>> {
        let what = || format!("can't wait for process {}", self.pid());
        match &self.0 {
            Subject::Child(child) => {
                let deadline = time.map_or(Deadline::NEVER, Deadline::after);
                child
                    .wait(deadline)
                    .map_err(|error| Error::system(what(), error))
            }
            Subject::Current => Err(Error::new(Kind::WaitForSelf)),
            Subject::Parent { pidfd, .. } => match wait_readable(&[pidfd.as_fd()], time) {
                Ok(ready) => Ok(ready[0].then(|| pidfd::Ended::Unknown.into())),
                Err(error) => Err(Error::system(what(), error)),
            },
        }
    }

    /// Asks it to end: SIGTERM. `Ok` when it has ended already.
    ///
    /// # Errors
    /// When the system refuses, such as for a process that has changed its user.
    pub fn terminate(&self) -> Result<()> {
        self.signal(libc::SIGTERM)
    }

    /// Ends it: SIGKILL. `Ok` when it has ended already.
    ///
    /// # Errors
    /// As for [`terminate`](Self::terminate).
    pub fn kill(&self) -> Result<()> {
        self.signal(libc::SIGKILL)
    }

    /// Interrupts it as Ctrl-C does: SIGINT. `Ok` when it has ended already.
    ///
    /// # Errors
    /// As for [`terminate`](Self::terminate).
    pub fn interrupt(&self) -> Result<()> {
        self.signal(libc::SIGINT)
    }

    /// Ends it and all its descendants that parent ids lead to: each is stopped, then all get SIGKILL.
    /// `Ok` when it has ended already.
    ///
    /// # Errors
    /// When the system refuses, or `/proc` can't be read. This process itself and its parent can't
    /// be ended in this way.
    pub fn terminate_tree(&self) -> Result<()> {
        let Subject::Child(child) = &self.0 else {
            return Err(Error::new(Kind::NotAChild));
        };
        if !self.is_alive() {
            return Ok(());
        }
        let what = || format!("can't end process {} and its descendants", self.pid());
        process_tree::kill(child.pid, child.pidfd()).map_err(|error| Error::system(what(), error))
    }

    fn signal(&self, signal: i32) -> Result<()> {
        let sent = match &self.0 {
            Subject::Child(child) => child.signal(signal),
            Subject::Current => nix::sys::signal::Signal::try_from(signal)
                .and_then(nix::sys::signal::raise)
                .map_err(Into::into),
            Subject::Parent { pidfd, .. } => pidfd::send_signal(pidfd.as_fd(), signal),
        };
        sent.map_err(|error| Error::system(format!("can't signal process {}", self.pid()), error))
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("pid", &self.pid())
            .field("name", &self.name())
            .finish()
    }
}

/// This process, as its parent knows it: Python's `current_process()`.
///
/// ```
/// let me = offspring::current_process();
/// assert_eq!((me.name(), me.daemon(), me.is_alive()), ("MainProcess", false, true));
/// ```
pub fn current_process() -> Handle {
    Handle(Subject::Current)
}

/// The process that started this one, if `offspring` did: Python's `parent_process()`.
///
/// `None` in a program's main process. A child doesn't outlive its parent, so there is always one
/// to be found in a child.
pub fn parent_process() -> Option<Handle> {
    let parent = identity().parent.as_ref()?;
    let pidfd = Arc::new(pidfd::open(parent.pid).ok()?);
    Some(Handle(Subject::Parent {
        pid: parent.pid,
        name: parent.name.as_str().into(),
        pidfd,
    }))
}

/// The children of this process that are alive, oldest first: Python's `active_children()`.
///
/// Those that have ended meanwhile are reaped.
pub fn active_children() -> Vec<Handle> {
    let alive = |child: &Arc<Child>| matches!(child.try_wait(), Ok(None));
    reaper::children()
        .into_iter()
        .filter(alive)
        .map(Handle::child)
        .collect()
}

/// How many CPUs there are for this process to use: Python's `cpu_count()`, but as
/// [`available_parallelism`](std::thread::available_parallelism) counts them, with affinity and
/// cgroup quotas. 1 if it can't be found out.
pub fn cpu_count() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}
