//! Waiting for one of many: processes, receivers and whatever has a descriptor.

use crate::channel::{Duplex, Receiver};
use crate::sys::wait::{Deadline, is_ready, poll};
use crate::{Error, Process, Result};
use nix::poll::{PollFd, PollFlags};
use std::fs::File;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{ChildStderr, ChildStdout};
use std::time::Duration;

/// What [`wait`] can wait for: a [`Process`]'s end, a [`Receiver`]'s next message or end, a descriptor's being readable.
pub trait Waitable: sealed::Sealed {}

mod sealed {
    use super::{BorrowedFd, Result};

    pub trait Sealed {
        /// Readable when it is ready.
        fn descriptor(&self) -> BorrowedFd<'_>;

        /// To be called before the descriptor is polled; whether it is ready already.
        fn prepare(&self) -> Result<bool> {
            Ok(false)
        }

        /// Whether it is ready, if its descriptor was readable.
        fn confirm(&self) -> Result<bool> {
            Ok(true)
        }
    }
}

/// Waits until at least one of them is ready, but at most so long; their places in the list, in order. An end is something to be ready
/// for, too: that of a process, of a channel, of a file. Nothing is received or reaped by this.
///
/// The list of those that are ready is empty if the time was up. Python's `connection.wait`.
///
/// ```
/// use offspring::{Sender, channel, spawn, subprocess, wait};
///
/// #[subprocess]
/// fn report(mut progress: Sender<u32>) {
///     progress.send(100).unwrap();
/// }
///
/// #[offspring::main]
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let (sender, mut progress) = channel()?;
///     let child = spawn!(report, sender)?;
///     let ready = wait(&[&child, &progress], None)?;
///     if ready.contains(&1) {
///         println!("{:?}", progress.recv());
///     }
///     if ready.contains(&0) {
///         child.join()?;
///     }
///     Ok(())
/// }
/// ```
///
/// # Errors
///
/// A receiver's channel is damaged, or the receiver was moved.
pub fn wait(things: &[&dyn Waitable], timeout: Option<Duration>) -> Result<Vec<usize>> {
    let deadline = timeout.map_or(Deadline::NEVER, Deadline::after);
    loop {
        let mut is_there = Vec::with_capacity(things.len());
        for thing in things {
            is_there.push(thing.prepare()?);
        }
        let mut polled: Vec<_> = things
            .iter()
            .map(|thing| PollFd::new(thing.descriptor(), PollFlags::POLLIN))
            .collect();
        let until = match is_there.contains(&true) {
            true => Deadline::after(Duration::ZERO),
            false => deadline,
        };
        poll(&mut polled, until).map_err(|error| Error::system("can't wait", error))?;
        let ready = is_there.iter().zip(&polled);
        let ready: Vec<_> = ready
            .enumerate()
            .filter(|(_, (is_there, fd))| **is_there || is_ready(fd))
            .map(|(index, _)| index)
            .collect();
        let ready = confirmed(things, ready)?;
        if !ready.is_empty() || deadline.has_passed() {
            return Ok(ready);
        }
    }
}

/// Without those whose descriptor was readable for nothing.
fn confirmed(things: &[&dyn Waitable], ready: Vec<usize>) -> Result<Vec<usize>> {
    let mut confirmed = Vec::with_capacity(ready.len());
    for index in ready {
        if things[index].confirm()? {
            confirmed.push(index);
        }
    }
    Ok(confirmed)
}

impl<T> Waitable for Process<T> {}
impl<T> sealed::Sealed for Process<T> {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.sentinel()
    }
}

impl<T> Waitable for Receiver<T> {}
impl<T> sealed::Sealed for Receiver<T> {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.as_fd()
    }

    fn prepare(&self) -> Result<bool> {
        Ok(self.arm()?)
    }

    fn confirm(&self) -> Result<bool> {
        Ok(self.is_ready()?)
    }
}

impl<A, B> Waitable for Duplex<A, B> {}
impl<A, B> sealed::Sealed for Duplex<A, B> {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.receiver.as_fd()
    }

    fn prepare(&self) -> Result<bool> {
        Ok(self.receiver.arm()?)
    }

    fn confirm(&self) -> Result<bool> {
        Ok(self.receiver.is_ready()?)
    }
}

macro_rules! descriptors {
    ($($ty:ty)*) => {$(
        impl Waitable for $ty {}
        impl sealed::Sealed for $ty {
            fn descriptor(&self) -> BorrowedFd<'_> {
                self.as_fd()
            }
        }
    )*};
}

descriptors! {
    OwnedFd BorrowedFd<'_> File
    TcpListener TcpStream UdpSocket UnixDatagram UnixListener UnixStream
    ChildStdout ChildStderr std::io::PipeReader std::io::Stdin
}
