//! The sending end.

use super::SendError;
use super::error::SendFailure;
use super::slot::Slot;
use super::writer::Writer;
use crate::Result;
use crate::sys::wait::Deadline;
use crate::wire::{Descriptor, Message, Move, Portable};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// The end of a [channel](super::channel) that values of type `T` are sent through.
///
/// There is one, which can go to another process as an argument, or in a message of another channel; for many that send, there is
/// [`Queue`](crate::Queue). Dropping it, or the end of its process, closes the channel: what was sent before is still received.
pub struct Sender<T> {
    slot: Arc<Slot<Writer>>,
    /// Reused for each message.
    body: Vec<u8>,
    values: PhantomData<fn(T)>,
}

impl<T> Sender<T> {
    pub(super) fn new(writer: Writer) -> Self {
        Self {
            slot: Slot::new(writer),
            body: Vec::new(),
            values: PhantomData,
        }
    }

    /// Memory, pipe and socket, if it is here.
    #[cfg(any(test, fuzzing))]
    pub(super) fn descriptors(&self) -> Option<[Arc<std::os::fd::OwnedFd>; 3]> {
        self.slot
            .with(|writer| [&writer.ring.fd, &writer.pulse, &writer.socket].map(Arc::clone))
    }

    /// Sends bytes as they are, for [`recv_bytes`](super::Receiver::recv_bytes) or
    /// [`recv_bytes_into`](super::Receiver::recv_bytes_into); without a copy other than into the channel and out of it.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.send_bytes_until(bytes, Deadline::NEVER)
    }

    /// [`send_bytes`](Self::send_bytes), but waits at most so long for room.
    ///
    /// # Errors
    ///
    /// As [`send_timeout`](Self::send_timeout).
    pub fn send_bytes_timeout(&mut self, bytes: &[u8], timeout: Duration) -> Result<()> {
        self.send_bytes_until(bytes, Deadline::after(timeout))
    }

    fn send_bytes_until(&mut self, bytes: &[u8], deadline: Deadline) -> Result<()> {
        let sent = Slot::with_mut(&mut self.slot, |writer| writer.send_bytes(bytes, deadline));
        match sent {
            Some(Ok(())) => Ok(()),
            Some(Err(refused)) => Err(SendFailure::from(refused).into()),
            None => Err(SendFailure::moved().into()),
        }
    }
}

impl<T: Serialize + DeserializeOwned + 'static> Sender<T> {
    /// Sends a value, and waits for room if the channel is full.
    ///
    /// When this returns the value is in the channel, and arrives even if this process ends; whether anybody receives it
    /// isn't known.
    ///
    /// # Errors
    ///
    /// The receiver is gone, the value can't be serialized, or this end was moved. The error has the value.
    pub fn send(&mut self, value: T) -> Result<(), SendError<T>> {
        self.send_until(value, Deadline::NEVER)
    }

    /// Sends a value if there is room at once. A long one may need the receiver to take its beginning, for which
    /// this doesn't wait.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), or there is no room.
    pub fn try_send(&mut self, value: T) -> Result<(), SendError<T>> {
        self.send_until(value, Deadline::after(Duration::ZERO))
    }

    /// Sends a value, and waits at most so long for room. The time is for all of a long message; if it is up in the middle of one, the
    /// receiver gets nothing of it.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), or there was no room.
    pub fn send_timeout(&mut self, value: T, timeout: Duration) -> Result<(), SendError<T>> {
        self.send_until(value, Deadline::after(timeout))
    }

    /// Sends a value without giving it away.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_ref(&mut self, value: &T) -> Result<()> {
        Ok(self.transmit(value, Deadline::NEVER)?)
    }

    fn send_until(&mut self, value: T, deadline: Deadline) -> Result<(), SendError<T>> {
        match self.transmit(&value, deadline) {
            Ok(()) => Ok(()),
            Err(failure) => Err(failure.with(value)),
        }
    }

    fn transmit(&mut self, value: &T, deadline: Deadline) -> Result<(), SendFailure> {
        let mut message = Message {
            body: std::mem::take(&mut self.body),
            ..Message::default()
        };
        message.body.clear();
        let sent = match value.encode(&mut message) {
            Err(error) => Err(SendFailure::encode(&error)),
            Ok(()) => {
                match Slot::with_mut(&mut self.slot, |writer| writer.send(&mut message, deadline)) {
                    None => Err(SendFailure::moved()),
                    Some(Err(refused)) => Err(refused.into()),
                    Some(Ok(())) => {
                        message.sent();
                        Ok(())
                    }
                }
            }
        };
        self.body = std::mem::take(&mut message.body);
        sent
    }
}

/// Moves it into an argument or a message.
impl<T> Serialize for Sender<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let given = self.slot.give(|writer| {
            let fds = [&writer.ring.fd, &writer.pulse, &writer.socket].map(Arc::clone);
            (fds, writer.written, writer.is_halfway)
        });
        let Some((fds, written, is_halfway)) = given else {
            return Err(serde::ser::Error::custom(super::MOVED_ALREADY));
        };
        let moving = Move::new(self.slot.clone());
        let [memory, pulse, socket] = fds.each_ref().map(Descriptor::lend);
        (memory, pulse, socket, written, is_halfway, moving).serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Sender<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(Writer::new(super::receive_end(deserializer)?)))
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}
