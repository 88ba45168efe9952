//! Files, sockets and other descriptors in arguments and messages.

use super::Descriptor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, OwnedFd};

/// A file, a socket or another owner of a descriptor, to be sent to another process: as an argument, or in a message of a channel.
///
/// The receiver gets a descriptor of its own for the same open file, with the same position and flags; the sender keeps what it has.
///
/// ```
/// use offspring::{Fd, RemoteError, spawn, subprocess};
/// use std::io::{Read, Write};
///
/// #[subprocess]
/// fn greet(mut to: Fd<std::io::PipeWriter>) -> Result<(), RemoteError> {
///     to.write_all(b"hello")?;
///     Ok(())
/// }
///
/// #[offspring::main]
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let (mut read, write) = std::io::pipe()?;
///     let child = spawn!(greet, Fd(write))?;
///     let mut text = String::new();
///     read.read_to_string(&mut text)?;
///     child.join()??;
///     assert_eq!(text, "hello");
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Fd<T>(pub T);

impl<T> Deref for Fd<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Fd<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: AsFd> Serialize for Fd<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Descriptor::lend(self.0.as_fd()).serialize(serializer)
    }
}

impl<'de, T: From<OwnedFd>> Deserialize<'de> for Fd<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(T::from(
            Descriptor::deserialize(deserializer)?.into_fd(),
        )))
    }
}
