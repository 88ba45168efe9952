//! Wakers of futures that wait for a descriptor: the background polls it for them.

use super::{BACKGROUND, is_fork, lock};
use crate::Result;
use crate::error::Error;
use nix::errno::Errno;
use nix::sys::epoll::{EpollEvent, EpollFlags};
use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;

/// Numbers from here on aren't those of children.
pub(super) const FIRST: u64 = 1 << 62;

static WAKERS: Mutex<Option<HashMap<u64, Waker>>> = Mutex::new(None);

/// A descriptor that the background knows. Dropping it makes it forget.
pub(crate) struct Watched {
    fd: Arc<OwnedFd>,
    number: u64,
}

impl Watched {
    /// The background is started if it isn't there.
    pub(crate) fn new(fd: Arc<OwnedFd>) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(FIRST);
        super::prepare(crate::ending::at_exit)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Ok(Self { fd, number })
    }

    /// Wakes once when the descriptor is readable or at its end.
    pub(crate) fn wake_when_readable(&self, waker: &Waker) -> Result<()> {
        let Some(background) = BACKGROUND.get().filter(|_| !is_fork()) else {
            return Err(Error::system(
                "can't wait for a descriptor in a fork(2) of this process",
                std::io::ErrorKind::Unsupported.into(),
            ));
        };
        lock(&WAKERS)
            .get_or_insert_default()
            .insert(self.number, waker.clone());
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT;
        let mut event = EpollEvent::new(flags, self.number);
        let added = match background.epoll.modify(self.fd.as_fd(), &mut event) {
            Err(Errno::ENOENT) => background.epoll.add(self.fd.as_fd(), event),
            other => other,
        };
        added.map_err(|error| Error::system("can't wait for a descriptor", error.into()))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Dropped outside of the lock, since it is foreign code.
        let waker = lock(&WAKERS)
            .as_mut()
            .and_then(|wakers| wakers.remove(&self.number));
        drop(waker);
        super::unwatch(self.fd.as_fd());
    }
}

pub(super) fn wake(number: u64) {
    let waker = lock(&WAKERS)
        .as_mut()
        .and_then(|wakers| wakers.remove(&number));
    if let Some(waker) = waker {
        // A panic has been reported, and must not end this thread.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| waker.wake()));
    }
}
