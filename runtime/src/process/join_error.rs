//! What became of a child that gave no result.

use super::child::{Answer, Child};
use super::status::ExitStatus;
use crate::wire::frame::{FrameError, Kind};
use crate::wire::order::PanicReport;
use std::fmt;

/// Why a child gave no result: [`Process::join`](crate::Process::join).
///
/// A function's own `Err` is a result and not here.
pub struct JoinError(Box<Inner>);

struct Inner {
    kind: JoinErrorKind,
    status: Option<ExitStatus>,
    pid: u32,
    process: String,
    function: &'static str,
    detail: Option<String>,
}

/// What kind of end it was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinErrorKind {
    /// The function panicked.
    #[non_exhaustive]
    Panicked {
        /// What it panicked with, if that was a text.
        message: String,
        /// File, line and column. `None` if the function installed a panic hook of its own.
        location: Option<String>,
        /// Where the child's environment asks for one (`RUST_BACKTRACE`).
        backtrace: Option<String>,
    },
    /// It ended without a result, by `exit` with this code.
    Exited(i32),
    /// It was killed by a signal: its own crash, or somebody's `kill`.
    #[non_exhaustive]
    Signaled {
        /// The signal's number.
        signal: i32,
    },
    /// Its time was up.
    TimedOut,
    /// It went over its memory limit.
    MemoryLimit,
    /// It ended without a result, and somebody else took its status.
    Unknown,
    /// The function returned something that can't be serialized.
    Encode,
    /// One side could not understand what the other sent.
    Decode,
}

impl JoinError {
    pub(crate) fn new(child: &Child, status: Option<ExitStatus>, answer: Answer) -> Self {
        let (kind, detail) = match explain(status, answer) {
            (JoinErrorKind::Signaled { .. }, detail) if child.has_timed_out() => {
                (JoinErrorKind::TimedOut, detail)
            }
            explained => explained,
        };
        Self(Box::new(Inner {
            kind,
            status,
            pid: child.pid,
            process: child.name.clone(),
            function: child.function,
            detail,
        }))
    }

    pub(crate) fn decode(child: &Child, status: ExitStatus, detail: String) -> Self {
        Self(Box::new(Inner {
            kind: JoinErrorKind::Decode,
            status: Some(status),
            pid: child.pid,
            process: child.name.clone(),
            function: child.function,
            detail: Some(format!("its result can't be read: {detail}")),
        }))
    }

    /// What kind of end it was.
    pub fn kind(&self) -> &JoinErrorKind {
        &self.0.kind
    }

    /// The exit code as Python tells it (-N: killed by signal N), if it is known.
    pub fn exitcode(&self) -> Option<i32> {
        self.0.status.and_then(|status| status.exitcode())
    }

    /// The pid that the process had.
    pub fn pid(&self) -> u32 {
        self.0.pid
    }

    /// The process's name.
    pub fn process_name(&self) -> &str {
        &self.0.process
    }
}

/// From the answer, or the lack of one, and the status.
pub(crate) fn explain(
    status: Option<ExitStatus>,
    answer: Answer,
) -> (JoinErrorKind, Option<String>) {
    let text = |body: Vec<u8>| String::from_utf8_lossy(&body).into_owned();
    match answer {
        Answer::Frame(Kind::Panicked, received) => match PanicReport::decode(&received.body) {
            Ok(PanicReport {
                message,
                location,
                backtrace,
            }) => (
                JoinErrorKind::Panicked {
                    message,
                    location,
                    backtrace,
                },
                None,
            ),
            Err(error) => (
                JoinErrorKind::Decode,
                Some(format!("its panic can't be read: {error}")),
            ),
        },
        Answer::Frame(Kind::Unencodable, received) => {
            (JoinErrorKind::Encode, Some(text(received.body)))
        }
        Answer::Frame(Kind::Rejected, received) => {
            (JoinErrorKind::Decode, Some(text(received.body)))
        }
        Answer::Frame(Kind::OutOfMemory, _) => (JoinErrorKind::MemoryLimit, None),
        Answer::Frame(kind, _) => (
            JoinErrorKind::Decode,
            Some(format!("it sent a message of kind {kind:?}")),
        ),
        Answer::Failed(FrameError::Reset(false))
            if status.is_some_and(|status| status.signal().is_none()) =>
        {
            let detail = "it had not taken its order; did `main` end before offspring::init()?";
            (without_answer(status), Some(detail.to_owned()))
        }
        Answer::Failed(FrameError::Ended(midway) | FrameError::Reset(midway)) => {
            let detail = midway.then(|| "it ended in the middle of its answer".to_owned());
            (without_answer(status), detail)
        }
        Answer::Failed(error) => (JoinErrorKind::Decode, Some(format!("its answer: {error}"))),
        Answer::None => (without_answer(status), None),
    }
}

fn without_answer(status: Option<ExitStatus>) -> JoinErrorKind {
    match status.map(|status| (status.signal(), status.exitcode())) {
        Some((Some(signal), _)) => JoinErrorKind::Signaled { signal },
        Some((None, Some(code))) => JoinErrorKind::Exited(code),
        _ => JoinErrorKind::Unknown,
    }
}

impl JoinErrorKind {
    /// What happened, as the rest of a sentence.
    pub(crate) fn describe(
        &self,
        status: Option<ExitStatus>,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        match self {
            JoinErrorKind::Panicked {
                message,
                location,
                backtrace,
            } => {
                f.write_str("panicked")?;
                if let Some(location) = location {
                    write!(f, " at {location}")?;
                }
                write!(f, ": {message}")?;
                if let Some(backtrace) = backtrace {
                    write!(f, "\nbacktrace of the child:\n{backtrace}")?;
                }
            }
            JoinErrorKind::Exited(code) => {
                write!(f, "ended without a result, with exit code {code}")?
            }
            JoinErrorKind::Signaled { .. } => match status {
                Some(status) => write!(f, "was killed by {status}")?,
                None => f.write_str("was killed by a signal")?,
            },
            JoinErrorKind::TimedOut => f.write_str("was killed: its time was up")?,
            JoinErrorKind::MemoryLimit => f.write_str("went over its memory limit")?,
            JoinErrorKind::Unknown => {
                f.write_str("ended without a result; its exit code was taken by somebody else")?;
            }
            JoinErrorKind::Encode => f.write_str("returned what can't be serialized")?,
            JoinErrorKind::Decode => f.write_str("and its parent did not understand each other")?,
        }
        Ok(())
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            kind,
            status,
            pid,
            process,
            function,
            detail,
        } = &*self.0;
        write!(f, "process '{process}' (pid {pid}, {function}()) ")?;
        kind.describe(*status, f)?;
        match detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl std::error::Error for JoinError {}
