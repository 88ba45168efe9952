//! Channels between two processes.
//!
//! A [`channel`](fn@channel) has one sender and one receiver, each of which can be in any process: so a death can only break
//! that one channel. It consists of a [ring] of bytes in shared memory, a pipe to wake the reader and a socket to
//! wake the writer, which both hang up when the other side's process ends, however it does; the socket takes descriptors along.
//!
//! # Protocol
//!
//! The writer copies a chunk (see [frame]) into the ring behind its position and then publishes the new position; the reader copies it out
//! and now and then publishes its own. Nobody ever waits in the middle of a chunk.
//!
//! | who dies | where | what the other sees |
//! |---|---|---|
//! | writer | before it has published a chunk | nothing of the chunk |
//! | | between the chunks of a message | the message is truncated |
//! | | after the last, before it has woken the reader | the pipe's end wakes the reader, which finds the message |
//! | reader | anywhere | the socket's end: closed |
//!
//! A side that wants to sleep says so in the memory, looks once more, and sleeps on its descriptor. The other one looks whether it
//! sleeps after it has published, takes that back, and writes a byte. Both are in one order for all processors (`SeqCst`), so that either the sleeper sees
//! the position or the other sees that it sleeps. A byte too many, from a sleep that was not slept after all, is one look
//! too many.
//!
//! The reader tells its position after every eighth of the ring, so that the writer, of which a chunk takes no more than an
//! eighth, always has room when all was read. Where an end is, and whether a message was begun there that won't be finished, moves along
//! with it; whether it sleeps stays in the memory. A reader that has moved doesn't know what the writer was told last, and tells the next time that it reads.
//!
//! This is searched exhaustively in `model`.
//!
//! Before it sleeps, a side looks again and again (see [spin]), as long as that has been worth it.

mod duplex;
mod error;
mod frame;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
#[cfg(test)]
mod model;
mod reader;
mod receiver;
mod ring;
mod sender;
mod slot;
mod spin;
#[cfg(feature = "stream")]
mod stream;
#[cfg(test)]
mod tests;
mod writer;

pub use duplex::{Duplex, duplex};
pub use error::{RecvError, RecvErrorKind, SendError, SendErrorKind};
pub use receiver::Receiver;
pub use sender::Sender;

use crate::sys::wait::Deadline;
use crate::sys::{fd, socket};
use crate::wire::Descriptor;
use crate::{Error, Result};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use reader::Reader;
use ring::{Ring, SIZE};
use serde::{Deserialize, Deserializer};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use writer::Writer;

/// Nobody sends so much.
const MAX_POSITION: u64 = 1 << 62;

/// How often a side that was woken for nothing looks again although its time is up: what an end sent before it was closed may be left, and one
/// that wakes without end must not keep it.
const MOST_LATE: u32 = 8;

const MOVED_ALREADY: &str = "this end of a channel has been moved already";

/// A channel for values of one type, from one process to another. Python's `Pipe(duplex=False)`.
///
/// Both ends are here at first. An end goes to a child as an argument, and from process to process in messages of other channels; then
/// this process has it no more. What is sent is in the channel, a mebibyte of it at most, until it is received. Each end takes three descriptors.
///
/// ```
/// use offspring::{Sender, channel, spawn, subprocess};
///
/// #[subprocess]
/// fn count(to: u32, mut numbers: Sender<u32>) {
///     for number in 1..=to {
///         numbers.send(number).unwrap();
///     }
/// }
///
/// #[offspring::main]
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let (sender, mut receiver) = channel()?;
///     let child = spawn!(count, 3, sender)?;
///     let numbers = receiver.iter().collect::<Result<Vec<u32>, _>>()?;
///     assert_eq!(numbers, [1, 2, 3]);
///     child.join()?;
///     Ok(())
/// }
/// ```
///
/// # Errors
///
/// There are no descriptors or no memory left.
pub fn channel<T>() -> Result<(Sender<T>, Receiver<T>)> {
    let (writer, reader) =
        connect().map_err(|error| Error::system("can't create a channel", error))?;
    Ok((Sender::new(writer), Receiver::new(reader)))
}

fn connect() -> io::Result<(Writer, Reader)> {
    let ring = Ring::create()?;
    let same = Ring::open(fd::duplicate(ring.fd.as_fd())?)?;
    let (pulse, beat) = fd::pipe()?;
    // A full pipe has woken the reader already.
    fcntl(&beat, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let (ours, theirs) = socket::pair()?;
    let parts = |ring, pulse, socket| Parts {
        ring,
        pulse: Arc::new(pulse),
        socket: Arc::new(socket),
        position: 0,
        is_halfway: false,
    };
    Ok((
        Writer::new(parts(ring, beat, ours)),
        Reader::new(parts(same, pulse, theirs)),
    ))
}

/// What an end consists of, of either kind.
struct Parts {
    ring: Ring,
    /// The pipe that wakes the reader.
    pulse: Arc<OwnedFd>,
    socket: Arc<OwnedFd>,
    /// How far it has come.
    position: u64,
    /// Of a writing end: whether the last message was begun and not finished.
    is_halfway: bool,
}

/// Whether to leave a long message as it is, since the time is up: but not before as much was moved as can be in the channel at once.
fn is_late(start: u64, position: u64, deadline: Deadline) -> bool {
    position - start >= SIZE as u64 && deadline.has_passed()
}

/// An end that comes from another process.
fn receive_end<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Parts, D::Error> {
    let end = <(Descriptor, Descriptor, Descriptor, u64, bool, ())>::deserialize(deserializer)?;
    let (memory, pulse, socket, position, is_halfway, ()) = end;
    let ring = Ring::open(memory.into_fd()).map_err(|error| {
        serde::de::Error::custom(format_args!("a channel can't be mapped: {error}"))
    })?;
    if !position.is_multiple_of(8) || position > MAX_POSITION {
        return Err(serde::de::Error::custom(
            "a channel at an impossible position",
        ));
    }
    Ok(Parts {
        ring,
        pulse: Arc::new(pulse.into_fd()),
        socket: Arc::new(socket.into_fd()),
        position,
        is_halfway,
    })
}
