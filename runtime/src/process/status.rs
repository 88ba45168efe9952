//! How a process ended.

use crate::sys::pidfd::Ended;
use std::fmt;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExitStatus(End);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum End {
    Exited(i32),
    Signaled(i32),
    Unknown,
}

impl ExitStatus {
    /// The exit code as Python tells it: `n` after `exit(n)`, `-n` after a death by signal `n`.
    ///
    /// A function's return is 0, an `Err` 1, a panic 101. `None` if nobody knows: somebody else
    /// took the status (a `waitpid(-1)` elsewhere in the program, or an ignored SIGCHLD).
    pub fn exitcode(&self) -> Option<i32> {
        match self.0 {
            End::Exited(code) => Some(code),
            End::Signaled(signal) => Some(-signal),
            End::Unknown => None,
        }
    }

    /// The signal that ended it, if one did.
    pub fn signal(&self) -> Option<i32> {
        match self.0 {
            End::Signaled(signal) => Some(signal),
            End::Exited(_) | End::Unknown => None,
        }
    }

    /// Whether the exit code is known to be 0.
    pub fn success(&self) -> bool {
        self.exitcode() == Some(0)
    }
}

impl From<Ended> for ExitStatus {
    fn from(ended: Ended) -> Self {
        Self(match ended {
            Ended::Exited(code) => End::Exited(code),
            Ended::Signaled(signal) => End::Signaled(signal),
            Ended::Unknown => End::Unknown,
        })
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            End::Exited(code) => write!(f, "exit code {code}"),
            End::Signaled(signal) => match nix::sys::signal::Signal::try_from(signal) {
                Ok(name) => write!(f, "signal {signal} ({name})"),
                Err(_) => write!(f, "signal {signal}"),
            },
            End::Unknown => f.write_str("an unknown status"),
        }
    }
}
