//! Two channels, one each way.

use super::{Receiver, Sender, channel};
use crate::Result;
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// One end of a two-way [channel](fn@channel): sends `A` and receives `B`. Python's `Connection`.
///
/// It goes to a child as an argument, and from process to process in messages of other channels.
pub struct Duplex<A, B> {
    /// What goes to the other end.
    pub sender: Sender<A>,
    /// What comes from there.
    pub receiver: Receiver<B>,
}

/// Two ends, each of which sends what the other receives. Python's `Pipe()`.
///
/// ```
/// use offspring::{Duplex, duplex, spawn, subprocess};
///
/// #[subprocess]
/// fn double(mut numbers: Duplex<u32, u32>) {
///     while let Ok(number) = numbers.receiver.recv() {
///         numbers.sender.send(2 * number).unwrap();
///     }
/// }
///
/// #[offspring::main]
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let (mut ours, theirs) = duplex::<u32, u32>()?;
///     let child = spawn!(double, theirs)?;
///     ours.sender.send(21)?;
///     assert_eq!(ours.receiver.recv()?, 42);
///     drop(ours);
///     child.join()?;
///     Ok(())
/// }
/// ```
///
/// # Errors
///
/// There are no descriptors or no memory left.
pub fn duplex<A, B>() -> Result<(Duplex<A, B>, Duplex<B, A>)> {
    let (there, arriving) = channel()?;
    let (back, returning) = channel()?;
    let ours = Duplex {
        sender: there,
        receiver: returning,
    };
    let theirs = Duplex {
        sender: back,
        receiver: arriving,
    };
    Ok((ours, theirs))
}

/// Moves it into an argument or a message.
impl<A, B> Serialize for Duplex<A, B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.sender, &self.receiver).serialize(serializer)
    }
}

impl<'de, A, B> Deserialize<'de> for Duplex<A, B> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (sender, receiver) = Deserialize::deserialize(deserializer)?;
        Ok(Self { sender, receiver })
    }
}

impl<A, B> fmt::Debug for Duplex<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Duplex").finish_non_exhaustive()
    }
}
