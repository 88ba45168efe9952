//! Waiting for one of many: processes, receivers, queues and whatever has a descriptor.

use crate::channel::{Duplex, Receiver};
use crate::queue::Listener;
use crate::sys::wait::{Deadline, is_ready, poll};
use crate::{Error, Process, Queue, Result};
use nix::poll::{PollFd, PollFlags};
pub(crate) use sealed::Look;
use sealed::Watch;
use std::fs::File;
use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{ChildStderr, ChildStdout};
use std::time::Duration;

/// What [`wait`] can wait for: a [`Process`]'s end, a [`Receiver`]'s next message or end, a [`Queue`]'s next item or being closed, a
/// descriptor's being readable.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be waited for by `wait`",
    label = "neither a process, a receiver, a queue nor a descriptor",
    note = "of another type that has a descriptor, pass that: `&thing.as_fd()`; of an `Fd`, what is in it: `&*fd`",
    note = "for locks, events and room in a channel there are methods of their own: `lock_timeout`, `wait_timeout`, \
            `send_timeout`"
)]
pub trait Waitable: sealed::Sealed {}

mod sealed {
    use super::{BorrowedFd, Deadline, Listener, Result};

    pub trait Sealed {
        /// Readable when it is ready.
        fn descriptor<'a>(&'a self, _: &'a Watch) -> BorrowedFd<'a>;

        /// To be called before the descriptor is polled.
        fn prepare(&self, _: &mut Watch) -> Result<Look> {
            Ok(Look::Later)
        }

        /// Whether it is ready, if its descriptor was readable or it couldn't be told.
        fn confirm(&self) -> Result<bool> {
            Ok(true)
        }
    }

    /// What one call of `wait` keeps for one thing.
    #[derive(Debug)]
    pub struct Watch {
        pub(super) deadline: Deadline,
        /// What a queue needs, once it has been needed.
        pub(super) listener: Option<Listener>,
    }

    /// What is known of a thing before its descriptor is polled.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Look {
        Ready,
        /// It isn't ready, and the descriptor will be readable when it is.
        Later,
        /// Nothing: it is to be looked at again soon.
        Unknown,
    }

    impl Look {
        pub(super) fn arming(is_ready: bool) -> Self {
            match is_ready {
                true => Self::Ready,
                false => Self::Later,
            }
        }
    }
}

/// After how long to look again at what nothing is known of.
const SOON: Duration = Duration::from_millis(10);

/// Waits until at least one of them is ready, but at most so long; their places in the list, in order. An end is something to be ready
/// for, too: that of a process, of a channel, of a file; so is that a queue is closed. Nothing is received, got or reaped by this: if others
/// get from the same queue, use [`try_get`](Queue::try_get) after it.
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
/// A list that changes is made anew for each call:
///
/// ```
/// use offspring::{Receiver, Waitable, channel, wait};
///
/// let (mut sender, receiver) = channel::<u32>()?;
/// let receivers: Vec<Receiver<u32>> = vec![receiver];
/// sender.send(1)?;
/// let list: Vec<_> = receivers.iter().map(|receiver| receiver as &dyn Waitable).collect();
/// assert_eq!(wait(&list, None)?, [0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// The list is empty, and so is `timeout`: that would never end. A receiver's channel is damaged, or the receiver was moved; or there are no descriptors left, of which each empty queue takes one meanwhile.
pub fn wait(things: &[&dyn Waitable], timeout: Option<Duration>) -> Result<Vec<usize>> {
    if things.is_empty() && timeout.is_none() {
        let text = "the list is empty and there is no timeout, so that nothing could end it";
        return Err(Error::system("can't wait", io::Error::other(text)));
    }
    let deadline = timeout.map_or(Deadline::NEVER, Deadline::after);
    let watch = |_| Watch {
        deadline,
        listener: None,
    };
    let mut watches: Vec<_> = things.iter().map(watch).collect();
    loop {
        let mut looks = Vec::with_capacity(things.len());
        for (thing, watch) in things.iter().zip(&mut watches) {
            looks.push(thing.prepare(watch)?);
        }
        let fds = things.iter().zip(&watches);
        let mut polled: Vec<_> = fds
            .map(|(thing, watch)| PollFd::new(thing.descriptor(watch), PollFlags::POLLIN))
            .collect();
        let until = if looks.contains(&Look::Ready) {
            Deadline::after(Duration::ZERO)
        } else if looks.contains(&Look::Unknown) {
            deadline.at_most(SOON)
        } else {
            deadline
        };
        poll(&mut polled, until).map_err(|error| Error::system("can't wait", error))?;
        let ready = looks.iter().zip(&polled);
        let ready: Vec<_> = ready
            .enumerate()
            .filter(|(_, (look, fd))| **look != Look::Later || is_ready(fd))
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
    fn descriptor<'a>(&'a self, _: &'a Watch) -> BorrowedFd<'a> {
        self.sentinel()
    }
}

impl<T> Waitable for Receiver<T> {}
impl<T> sealed::Sealed for Receiver<T> {
    fn descriptor<'a>(&'a self, _: &'a Watch) -> BorrowedFd<'a> {
        self.as_fd()
    }

    fn prepare(&self, _: &mut Watch) -> Result<Look> {
        Ok(Look::arming(self.arm()?))
    }

    fn confirm(&self) -> Result<bool> {
        Ok(self.is_ready()?)
    }
}

impl<A, B> Waitable for Duplex<A, B> {}
impl<A, B> sealed::Sealed for Duplex<A, B> {
    fn descriptor<'a>(&'a self, _: &'a Watch) -> BorrowedFd<'a> {
        self.receiver.as_fd()
    }

    fn prepare(&self, _: &mut Watch) -> Result<Look> {
        Ok(Look::arming(self.receiver.arm()?))
    }

    fn confirm(&self) -> Result<bool> {
        Ok(self.receiver.is_ready()?)
    }
}

impl<T> Waitable for Queue<T> {}
impl<T> sealed::Sealed for Queue<T> {
    fn descriptor<'a>(&'a self, watch: &'a Watch) -> BorrowedFd<'a> {
        match &watch.listener {
            Some(listener) => listener.as_fd(),
            // It is ready, or time is up: whatever is polled.
            None => self.alarm(),
        }
    }

    fn prepare(&self, watch: &mut Watch) -> Result<Look> {
        self.listen(&mut watch.listener, watch.deadline)
    }

    fn confirm(&self) -> Result<bool> {
        Ok(self.is_ready())
    }
}

macro_rules! descriptors {
    ($($ty:ty)*) => {$(
        impl Waitable for $ty {}
        impl sealed::Sealed for $ty {
            fn descriptor<'a>(&'a self, _: &'a Watch) -> BorrowedFd<'a> {
                self.as_fd()
            }
        }
    )*};
}

descriptors! {
    OwnedFd BorrowedFd<'_> File
    TcpListener TcpStream UdpSocket UnixDatagram UnixListener UnixStream
    ChildStdout ChildStderr io::PipeReader io::Stdin
}
