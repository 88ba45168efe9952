//! What became of a task that gave no result.

use crate::process::{ExitStatus, JoinErrorKind};
use std::fmt;

/// Why a task gave no result.
///
/// A function's own `Err` is a result and not here.
pub struct TaskError(Box<Failure>);

/// What kind of failure it was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskErrorKind {
    /// The task itself: a panic, an exit or a death of its worker, a limit, something that can't be
    /// encoded or decoded. In the same words as for a process of its own.
    Failed(JoinErrorKind),
    /// It was cancelled.
    Cancelled,
    /// The pool was closed or terminated before the task was done.
    Closed,
    /// The pool has given up: its workers can't be started or initialized.
    Broken,
    /// The program was interrupted (Ctrl-C), and the pool was asked to tell so.
    Interrupted,
    /// The call can't be a task: an argument can't be serialized, or it says something about a
    /// process.
    Refused,
}

/// All that is known.
#[derive(Clone)]
pub(super) struct Failure {
    pub(super) kind: TaskErrorKind,
    pub(super) task: Option<u64>,
    pub(super) function: &'static str,
    pub(super) worker: Option<(u32, String)>,
    pub(super) status: Option<ExitStatus>,
    pub(super) detail: Option<String>,
    /// The end of what the worker wrote to its standard error.
    pub(super) stderr: String,
}

impl Failure {
    pub(super) fn new(kind: TaskErrorKind, function: &'static str) -> Self {
        Self {
            kind,
            task: None,
            function,
            worker: None,
            status: None,
            detail: None,
            stderr: String::new(),
        }
    }
}

impl TaskError {
    pub(super) fn new(failure: Failure) -> Self {
        Self(Box::new(failure))
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> &TaskErrorKind {
        &self.0.kind
    }

    /// The number of the task in its pool, counted from 0 in the order in which they were given.
    pub fn task(&self) -> Option<u64> {
        self.0.task
    }

    /// The pid of the worker that had the task.
    pub fn worker_pid(&self) -> Option<u32> {
        self.0.worker.as_ref().map(|worker| worker.0)
    }

    /// The exit code of the worker as Python tells it (-N: killed by signal N), if the task ended it.
    pub fn exitcode(&self) -> Option<i32> {
        self.0.status.and_then(|status| status.exitcode())
    }

    /// The end of what the worker wrote to its standard error, up to 4 KiB, if the task ended it.
    pub fn stderr(&self) -> &str {
        &self.0.stderr
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure {
            kind,
            task,
            function,
            worker,
            status,
            detail,
            stderr,
        } = &*self.0;
        match task {
            Some(task) => write!(f, "task {task} ({function}()) ")?,
            None => write!(f, "{function}() ")?,
        }
        if let Some((pid, name)) = worker {
            write!(f, "in worker '{name}' (pid {pid}) ")?;
        }
        match kind {
            TaskErrorKind::Failed(kind) => kind.describe(*status, f)?,
            TaskErrorKind::Cancelled => f.write_str("was cancelled")?,
            TaskErrorKind::Closed => f.write_str("was not done: the pool has ended")?,
            TaskErrorKind::Broken => f.write_str("was not done: the pool has given up")?,
            TaskErrorKind::Interrupted => {
                f.write_str("was not done: the program was interrupted")?
            }
            TaskErrorKind::Refused => f.write_str("can't be a task")?,
        }
        if let Some(detail) = detail {
            write!(f, ": {detail}")?;
        }
        match stderr.trim_end() {
            "" => Ok(()),
            text => write!(f, "\nthe end of the worker's standard error:\n{text}"),
        }
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskError({self})")
    }
}

impl std::error::Error for TaskError {}
