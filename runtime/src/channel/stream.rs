//! Receiving as a stream.

use super::{Receiver, RecvError, RecvErrorKind};
use futures_core::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Values, until the channel is closed. With the feature `stream`.
impl<T: Serialize + DeserializeOwned + 'static> Stream for Receiver<T> {
    type Item = Result<T, RecvError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut()
            .poll_recv(context)
            .map(|received| match received {
                Err(error) if error.kind() == RecvErrorKind::Closed => None,
                received => Some(received),
            })
    }
}
