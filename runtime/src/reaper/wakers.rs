//! Wakers of futures that wait for a descriptor: the background polls it for them.

use super::{BACKGROUND, Background, is_fork, lock};
use crate::Result;
use crate::error::Error;
use nix::errno::Errno;
use nix::sys::epoll::{EpollEvent, EpollFlags};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;

/// Numbers from here on aren't those of children.
pub(super) const FIRST: u64 = 1 << 62;

/// The number of a descriptor, and that of a future among those that wait for it.
type Key = (u64, u64);

static WAKERS: Mutex<BTreeMap<Key, Waker>> = Mutex::new(BTreeMap::new());

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

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn background(&self) -> Result<&'static Background> {
        BACKGROUND.get().filter(|_| !is_fork()).ok_or_else(|| {
            Error::system(
                "can't wait for a descriptor in a fork(2) of this process",
                std::io::ErrorKind::Unsupported.into(),
            )
        })
    }

    /// Wakes once when the descriptor is readable or at its end.
    pub(crate) fn wake_when_readable(&self, waker: &Waker) -> Result<()> {
        let background = self.background()?;
        put((self.number, 0), waker);
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT;
        let mut event = EpollEvent::new(flags, self.number);
        let added = match background.epoll.modify(self.fd.as_fd(), &mut event) {
            Err(Errno::ENOENT) => background.epoll.add(self.fd.as_fd(), event),
            other => other,
        };
        added.map_err(refused)
    }

    /// Has all wakers woken at each event.
    pub(super) fn watch_edges(&self) -> Result<()> {
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
        let event = EpollEvent::new(flags, self.number);
        let epoll = &self.background()?.epoll;
        epoll.add(self.fd.as_fd(), event).map_err(refused)
    }
}

fn refused(error: Errno) -> Error {
    Error::system("can't wait for a descriptor", error.into())
}

impl Drop for Watched {
    fn drop(&mut self) {
        take(all_of(self.number));
        super::unwatch(self.fd.as_fd());
    }
}

fn all_of(number: u64) -> RangeInclusive<Key> {
    (number, 0)..=(number, u64::MAX)
}

// Wakers are foreign code: they are cloned, woken and dropped outside of the lock.

pub(super) fn put(key: Key, waker: &Waker) {
    let waker = waker.clone();
    let before = lock(&WAKERS).insert(key, waker);
    drop(before);
}

/// Nothing in a fork(2) of this process: another thread may have had the lock when it was made.
pub(super) fn take(keys: RangeInclusive<Key>) -> Vec<Waker> {
    if is_fork() {
        return Vec::new();
    }
    lock(&WAKERS)
        .extract_if(keys, |_, _| true)
        .map(|(_, waker)| waker)
        .collect()
}

pub(super) fn wake(number: u64) {
    for waker in take(all_of(number)) {
        // A panic has been reported, and must not end this thread.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| waker.wake()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::bell::bell;
    use nix::sys::wait::{WaitStatus, waitpid};
    use nix::unistd::{ForkResult, fork};

    /// Another thread may have had the lock when the fork was made.
    #[test]
    fn a_fork_drops_what_waits_without_the_lock() {
        let watched = Watched::new(Arc::new(bell().unwrap().into())).unwrap();
        let held = lock(&WAKERS);
        #[allow(unsafe_code)]
        // SAFETY: the fork closes something and leaves, or is killed by the alarm.
        match unsafe { fork() }.unwrap() {
            ForkResult::Child => {
                nix::unistd::alarm::set(5);
                drop(watched);
                #[allow(unsafe_code)]
                // SAFETY: it runs nothing.
                unsafe {
                    libc::_exit(0)
                }
            }
            ForkResult::Parent { child } => {
                drop(held);
                assert_eq!(waitpid(child, None), Ok(WaitStatus::Exited(child, 0)));
            }
        }
    }
}
