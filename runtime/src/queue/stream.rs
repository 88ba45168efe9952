//! Getting as a stream.

use super::{GetError, GetErrorKind, Queue};
use crate::reaper::edges::Waiting;
use futures_core::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::pin::Pin;
use std::task::{Context, Poll};

impl<T: Serialize + DeserializeOwned + 'static> Queue<T> {
    /// Items, until the queue is closed and empty. It is a handle of its own, gets an item only when it is polled for one, and dropping it loses none.
    ///
    /// With the feature `stream`.
    pub fn stream(&self) -> impl Stream<Item = Result<T, GetError>> + Send + Unpin + use<T> {
        Items {
            queue: self.clone(),
            waiting: None,
        }
    }
}

struct Items<T> {
    queue: Queue<T>,
    waiting: Option<Waiting>,
}

impl<T: Serialize + DeserializeOwned + 'static> Stream for Items<T> {
    type Item = Result<T, GetError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { queue, waiting } = self.get_mut();
        queue.poll_get(waiting, context).map(|got| match got {
            Err(error) if error.kind() == GetErrorKind::Closed => None,
            got => Some(got),
        })
    }
}
