//! Getting as a future. Those of a process that wait for the same queue are all woken when its [alarm](super::alarm) rings, and each looks for itself; so one that
//! is dropped after it was woken takes nothing from the others.

use super::{GetError, GetErrorKind, Queue};
use crate::reaper::edges::Waiting;
use crate::waiting::Look;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::future::poll_fn;
use std::task::{Context, Poll};

impl<T: Serialize + DeserializeOwned + 'static> Queue<T> {
    /// [`get`](Self::get) as a future, for any executor. Dropping it loses no item.
    ///
    /// ```
    /// use offspring::{Queue, spawn, subprocess};
    /// # use std::{sync::Arc, task::{Context, Poll, Wake}, thread::{self, Thread}};
    /// # struct Unpark(Thread);
    /// # impl Wake for Unpark { fn wake(self: Arc<Self>) { self.0.unpark() } }
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let waker = Arc::new(Unpark(thread::current())).into();
    /// #     let (mut context, mut future) = (Context::from_waker(&waker), std::pin::pin!(future));
    /// #     loop {
    /// #         match future.as_mut().poll(&mut context) {
    /// #             Poll::Ready(output) => return output,
    /// #             Poll::Pending => thread::park(),
    /// #         }
    /// #     }
    /// # }
    ///
    /// #[subprocess]
    /// fn count(numbers: &Queue<u32>) {
    ///     for number in 0..3 {
    ///         numbers.put(number).unwrap();
    ///     }
    ///     numbers.close();
    /// }
    ///
    /// async fn sum(numbers: &Queue<u32>) -> u32 {
    ///     let mut sum = 0;
    ///     while let Ok(number) = numbers.get_async().await {
    ///         sum += number;
    ///     }
    ///     sum
    /// }
    ///
    /// #[offspring::main]
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let numbers = Queue::unbounded()?;
    ///     let child = spawn!(count, &numbers)?;
    ///     assert_eq!(block_on(sum(&numbers)), 3);
    ///     child.join()?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get), or the system refuses what it takes to be woken ([`GetErrorKind::System`]).
    pub fn get_async(&self) -> impl Future<Output = Result<T, GetError>> + use<'_, T> {
        let mut waiting = None;
        poll_fn(move |context| self.poll_get(&mut waiting, context))
    }

    /// `waiting` is the future's own.
    pub(super) fn poll_get(
        &self,
        waiting: &mut Option<Waiting>,
        context: &mut Context<'_>,
    ) -> Poll<Result<T, GetError>> {
        match self.try_get() {
            Err(error) if error.kind() == GetErrorKind::Empty => {}
            got => return Poll::Ready(got),
        }
        let waiting = match waiting {
            Some(waiting) => waiting,
            none => none.insert(self.inner.alarm.waiting()?),
        };
        // First this, so that no ring after it is missed.
        waiting.wake_at_next_edge(context.waker())?;
        match self.inner.arm() {
            Look::Later => {}
            Look::Ready | Look::Unknown => context.waker().wake_by_ref(),
        }
        Poll::Pending
    }
}
