//! A task that was given to a pool.

use super::error::{Failure, TaskError, TaskErrorKind};
use super::item::Inbox;
use super::slot::{Outcome, Slot};
use crate::call::Decode;
use crate::process::JoinErrorKind;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// A task that a [`Pool`](crate::Pool) does: Python's `AsyncResult`.
///
/// As a future it gives what [`get`](Self::get) gives, in any executor. Dropping it lets the task go
/// on; its result is lost. It outlives its pool: what was done when the pool ended can still be got.
#[must_use = "the result of a task is got from it"]
pub struct Task<T> {
    pub(super) slot: Arc<Slot>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) id: u64,
    pub(super) function: &'static str,
    pub(super) decode: Decode<T>,
}

impl<T> Task<T> {
    /// Waits for the task's end and gives what its function returned.
    ///
    /// # Errors
    /// When there is no result; [`TaskError::kind`] tells why.
    pub fn get(self) -> Result<T, TaskError> {
        match self.slot.take(None) {
            Some(outcome) => self.result(outcome),
            None => Err(self.taken()),
        }
    }

    /// Waits, but not longer than `time`: `None` if it isn't done then. It can be called again until
    /// it has given the result.
    ///
    /// # Errors
    /// The inner errors are those of [`get`](Self::get).
    pub fn get_timeout(&mut self, time: Duration) -> Option<Result<T, TaskError>> {
        let outcome = self.slot.take(Some(time))?;
        Some(self.result(outcome))
    }

    /// Whether it is done, in one way or another.
    pub fn ready(&self) -> bool {
        self.slot.is_done()
    }

    /// Cancels it: if it has not begun, it never runs; if it runs, its worker is killed and replaced.
    /// One that is done stays so.
    pub fn cancel(self) {
        if !self.slot.is_done() {
            self.inbox.tell(|state| state.cancelled.push(self.id));
        }
    }

    fn result(&self, outcome: Outcome) -> Result<T, TaskError> {
        let unreadable = |error: crate::wire::CodecError| {
            let kind = TaskErrorKind::Failed(JoinErrorKind::Decode);
            TaskError::new(Failure {
                task: Some(self.id),
                detail: Some(format!("its result can't be read: {error}")),
                ..Failure::new(kind, self.function)
            })
        };
        outcome
            .map_err(TaskError::new)
            .and_then(|value| (self.decode)(value).map_err(unreadable))
    }

    fn taken(&self) -> TaskError {
        let detail = Some("its result was taken before".to_owned());
        TaskError::new(Failure {
            task: Some(self.id),
            detail,
            ..Failure::new(TaskErrorKind::Closed, self.function)
        })
    }
}

/// Gives what [`get`](Task::get) gives.
impl<T> Future for Task<T> {
    type Output = Result<T, TaskError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.slot
            .poll(context.waker())
            .map(|outcome| match outcome {
                Some(outcome) => self.result(outcome),
                None => Err(self.taken()),
            })
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("id", &self.id)
            .field("function", &self.function)
            .field("ready", &self.ready())
            .finish_non_exhaustive()
    }
}
