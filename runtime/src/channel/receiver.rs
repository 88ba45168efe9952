//! The receiving end.

use super::error::{RecvError, RecvErrorKind};
use super::reader::{Missed, Reader};
use super::slot::Slot;
use crate::Result;
use crate::reaper::wakers::Watched;
use crate::sys::wait::Deadline;
use crate::wire::{Descriptor, Move, Portable};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// The end of a [channel](super::channel) that values of type `T` come out of.
///
/// There is one, which can go to another process as an argument, or in a message of another channel. Dropping it, or the end
/// of its process, closes the channel: then sending is an error.
///
/// It can be waited for with others by [`wait`](crate::wait()) or [its descriptor](Self::as_fd), on one thread at a time.
pub struct Receiver<T> {
    slot: Arc<Slot<Reader>>,
    /// What [`AsFd`] lends.
    pulse: Arc<OwnedFd>,
    /// How a future is woken.
    watched: Option<Watched>,
    /// Reused for each message.
    body: Vec<u8>,
    values: PhantomData<fn() -> T>,
}

impl<T> Receiver<T> {
    pub(super) fn new(reader: Reader) -> Self {
        Self {
            pulse: reader.pulse.clone(),
            watched: None,
            slot: Slot::new(reader),
            body: Vec::new(),
            values: PhantomData,
        }
    }

    /// Memory, pipe and socket, if it is here.
    #[cfg(any(test, fuzzing))]
    pub(super) fn descriptors(&self) -> Option<[Arc<OwnedFd>; 3]> {
        self.slot
            .with(|reader| [&reader.ring.fd, &reader.pulse, &reader.socket].map(Arc::clone))
    }

    fn with<R>(&self, what: impl FnOnce(&mut Reader) -> Result<R, Missed>) -> Result<R, RecvError> {
        match self.slot.with(what) {
            Some(result) => Ok(result?),
            None => Err(RecvError::moved()),
        }
    }

    /// Waits at most so long for something to receive: a message, or the end. It stays there.
    ///
    /// # Errors
    ///
    /// This end was moved, or the channel's memory is damaged.
    pub fn poll(&mut self, timeout: Duration) -> Result<bool, RecvError> {
        self.with(|reader| reader.poll(Deadline::after(timeout)))
    }

    /// Waits for bytes that were sent by [`send_bytes`](super::Sender::send_bytes).
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), or the next message isn't bytes.
    pub fn recv_bytes(&mut self) -> Result<Vec<u8>, RecvError> {
        self.with(|reader| reader.receive_bytes(Deadline::NEVER))
    }

    /// Waits at most so long for bytes.
    ///
    /// # Errors
    ///
    /// As [`recv_timeout`](Self::recv_timeout), or the next message isn't bytes.
    pub fn recv_bytes_timeout(&mut self, timeout: Duration) -> Result<Vec<u8>, RecvError> {
        self.with(|reader| reader.receive_bytes(Deadline::after(timeout)))
    }

    /// Waits for bytes, and puts them at the beginning of `buffer`; how many they are.
    ///
    /// # Errors
    ///
    /// As [`recv_bytes`](Self::recv_bytes), or there are more than fit, which then are still to be received.
    pub fn recv_bytes_into(&mut self, buffer: &mut [u8]) -> Result<usize, RecvError> {
        self.with(|reader| reader.receive_bytes_into(buffer, Deadline::NEVER))
    }

    /// Waits at most so long for bytes, and puts them at the beginning of `buffer`; how many they are.
    ///
    /// # Errors
    ///
    /// As [`recv_bytes_into`](Self::recv_bytes_into), or nothing has come.
    pub fn recv_bytes_into_timeout(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<usize, RecvError> {
        self.with(|reader| reader.receive_bytes_into(buffer, Deadline::after(timeout)))
    }

    /// Whether a message, its beginning or the end can be received.
    pub(crate) fn is_ready(&self) -> Result<bool, RecvError> {
        self.with(|reader| reader.poll(Deadline::after(Duration::ZERO)))
    }

    /// Makes the descriptor readable when something comes; whether something is there already.
    pub(crate) fn arm(&self) -> Result<bool, RecvError> {
        self.with(Reader::arm)
    }
}

impl<T: Serialize + DeserializeOwned + 'static> Receiver<T> {
    /// Waits for a value.
    ///
    /// # Errors
    ///
    /// [`RecvErrorKind::Closed`] if the sender is gone and all was received; others if it is gone in the middle of a message, if what came is
    /// no `T`, or this end was moved.
    pub fn recv(&mut self) -> Result<T, RecvError> {
        self.recv_until(Deadline::NEVER)
    }

    /// A value, if one is there.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), or [`RecvErrorKind::Empty`].
    pub fn try_recv(&mut self) -> Result<T, RecvError> {
        self.recv_until(Deadline::after(Duration::ZERO))
    }

    /// Waits at most so long for a value. The time is for all of a long message; if it is up in the middle of one, nothing is lost: the next call goes on.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), or [`RecvErrorKind::Empty`].
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<T, RecvError> {
        self.recv_until(Deadline::after(timeout))
    }

    /// [`recv`](Self::recv) as a future, for any executor. Dropping it loses nothing.
    pub fn recv_async(&mut self) -> impl Future<Output = Result<T, RecvError>> + use<'_, T> {
        poll_fn(|context| self.poll_recv(context))
    }

    /// One step of [`recv_async`](Self::recv_async), for futures and streams of one's own; the waker of the last call is woken when there
    /// is something.
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Result<T, RecvError>> {
        match self.try_recv() {
            Err(error) if error.kind() == RecvErrorKind::Empty => {}
            received => return Poll::Ready(received),
        }
        match self.wake_later(context.waker()) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error.into())),
        }
    }

    fn wake_later(&mut self, waker: &Waker) -> Result<()> {
        let watched = match self.watched.take() {
            Some(watched) => watched,
            None => Watched::new(self.pulse.clone())?,
        };
        self.watched.insert(watched).wake_when_readable(waker)
    }

    /// Values, until the channel is closed. An error is the last item, too, unless it is that a message is no `T`.
    pub fn iter(&mut self) -> impl Iterator<Item = Result<T, RecvError>> {
        let mut is_over = false;
        std::iter::from_fn(move || {
            if is_over {
                return None;
            }
            let received = self.recv();
            let error = received.as_ref().err().map(RecvError::kind);
            is_over = error.is_some_and(|kind| kind != RecvErrorKind::Decode);
            (error != Some(RecvErrorKind::Closed)).then_some(received)
        })
    }

    fn recv_until(&mut self, deadline: Deadline) -> Result<T, RecvError> {
        let body = &mut self.body;
        let received = Slot::with_mut(&mut self.slot, |reader| reader.receive(body, deadline));
        let mut beside = received.ok_or_else(RecvError::moved)??;
        T::decode(body, &mut beside).map_err(|error| RecvError::decode(&error))
    }
}

/// Readable when a message may have come since one of the methods has said that there is none, and at the end: to
/// wait for it with other things, take all messages by [`try_recv`](Receiver::try_recv) before.
impl<T> AsFd for Receiver<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pulse.as_fd()
    }
}

/// Moves it into an argument or a message.
impl<T> Serialize for Receiver<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(true) = self.slot.with(|reader| reader.partial.is_some()) {
            return Err(serde::ser::Error::custom(
                "half a message has been received: receive the rest before this end is moved",
            ));
        }
        let given = self.slot.give(|reader| {
            let fds = [&reader.ring.fd, &reader.pulse, &reader.socket].map(Arc::clone);
            (fds, reader.read)
        });
        let Some((fds, read)) = given else {
            return Err(serde::ser::Error::custom(super::MOVED_ALREADY));
        };
        let moving = Move::new(self.slot.clone());
        let [memory, pulse, socket] = fds.each_ref().map(Descriptor::lend);
        (memory, pulse, socket, read, false, moving).serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Receiver<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(Reader::new(super::receive_end(deserializer)?)))
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}
