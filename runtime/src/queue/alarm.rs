//! How those are woken who wait by a descriptor: in [`wait`](fn@crate::wait), or as [futures](super::future).
//!
//! A queue has an eventfd(2), the *alarm*. Nobody ever reads it, and each write to it is an event of its own in every epoll set that has it with
//! EPOLLET. So nothing is to be drained, and nobody takes another's wake-up. The word `armed` says whether somebody wants to be
//! woken. It is only read and written with the putters' lock held.
//!
//! | who waits | who puts or closes, with the putters' lock |
//! |---|---|
//! | forgets what it has heard of the alarm | looks at `armed`, and if it is set: |
//! | locks the putters' side; sets `armed` | rings the alarm |
//! | looks whether there is an item, or the queue is closed | clears `armed` |
//! | unlocks; if there was nothing, sleeps until the alarm rings, and begins anew | stores the new `tail`, or that it is closed |
//!
//! Whoever was woken gets the lock only once the one that rang has stored, or is dead:
//!
//! | who puts or closes | a death after it |
//! |---|---|
//! | look at `armed` | nothing has changed, and it is still set |
//! | ring | those who wait find nothing, and sleep again with `armed` set |
//! | clear `armed` | the same |
//! | store | those who wait find it |
//!
//! To ring after the store would be too late: who dies between the two would leave others asleep beside an item. Who waits may die anywhere: it
//! leaves `armed` set at most, for which the next put rings in vain. If the alarm rings between forgetting and arming, the sleep
//! ends at once, for one round more.
//!
//! Somebody may keep the lock for long, because it writes a long item or was stopped. Who waits for other things, too, must not wait for
//! that, and looks again after a moment.

use super::Queue;
use super::inner::Inner;
use crate::reaper::edges::{Edges, Waiting};
use crate::sys::bell::bell;
use crate::sys::fd::above_stdio;
use crate::sys::wait::Deadline;
use crate::waiting::Look;
use crate::{Error, Result, fault};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::stat::{SFlag, fstat};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long to wait for the lock, which is mostly held for less than a microsecond.
const PATIENCE: Duration = Duration::from_millis(5);

pub(super) struct Alarm {
    fd: Arc<OwnedFd>,
    /// What wakes the futures of this process, once there was one.
    edges: Mutex<Option<Arc<Edges>>>,
}

impl Alarm {
    pub(super) fn create() -> io::Result<Self> {
        Ok(Self::new(bell()?.into()))
    }

    /// One that another process has made. That a write to it won't block or end this process is looked at.
    pub(super) fn open(fd: OwnedFd) -> io::Result<Self> {
        let flags = OFlag::from_bits_retain(fcntl(&fd, FcntlArg::F_GETFL)?);
        // Files, pipes and sockets have a type.
        let has_type = fstat(&fd)?.st_mode & SFlag::S_IFMT.bits() != 0;
        if has_type || !flags.contains(OFlag::O_NONBLOCK) {
            let text = "what was sent is not the alarm of a queue";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(Self::new(fd))
    }

    fn new(fd: OwnedFd) -> Self {
        let (fd, edges) = (Arc::new(fd), Mutex::new(None));
        Self { fd, edges }
    }

    pub(super) fn fd(&self) -> &Arc<OwnedFd> {
        &self.fd
    }

    fn ring(&self) {
        // It fails if the number is at its end, which is so only if another process has put it there.
        let _ = nix::unistd::write(&self.fd, &1_u64.to_ne_bytes());
    }

    /// For a future.
    pub(super) fn waiting(&self) -> Result<Waiting> {
        let mut edges = self.edges.lock().unwrap_or_else(PoisonError::into_inner);
        let edges = match &mut *edges {
            Some(edges) => edges,
            none => none.insert(Edges::new(self.fd.clone())?),
        };
        Ok(Waiting::new(edges.clone()))
    }
}

/// What hears an alarm, for one who waits.
#[derive(Debug)]
pub(crate) struct Listener(Epoll);

impl Listener {
    fn new(alarm: &Alarm) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let epoll = Epoll(above_stdio(epoll.0)?);
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
        epoll.add(&alarm.fd, EpollEvent::new(flags, 0))?;
        Ok(Self(epoll))
    }

    /// Is quiet until the alarm rings again.
    fn forget(&self) -> io::Result<()> {
        let mut events = [EpollEvent::empty()];
        self.0.wait(&mut events, EpollTimeout::ZERO)?;
        Ok(())
    }
}

/// Readable if the alarm has rung.
impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.0.as_fd()
    }
}

impl Inner {
    /// To be called with the putters' lock held, before there is another item, or the queue is closed.
    #[inline]
    pub(super) fn announce(&self) {
        if self.control.body().putting.armed.load(Relaxed) != 0 {
            self.ring();
        }
    }

    #[cold]
    #[inline(never)]
    fn ring(&self) {
        fault::step();
        self.alarm.ring();
        fault::step();
        self.control.body().putting.armed.store(0, Relaxed);
        fault::step();
    }

    /// Has the alarm ring for the next item, if there is none.
    pub(super) fn arm(&self) -> Look {
        let Some(_held) = self.putters_within(PATIENCE) else {
            return Look::Unknown;
        };
        fault::step();
        self.control.body().putting.armed.store(1, Relaxed);
        fault::step();
        match self.is_ready() {
            true => Look::Ready,
            false => Look::Later,
        }
    }

    /// Whether there is an item to get, or none will come.
    fn is_ready(&self) -> bool {
        let control = self.control.body();
        control.items() > 0 || control.is_closed()
    }
}

/// For [`wait`](fn@crate::wait).
impl<T> Queue<T> {
    pub(crate) fn listen(
        &self,
        listener: &mut Option<Listener>,
        deadline: Deadline,
    ) -> Result<Look> {
        if self.is_ready() {
            return Ok(Look::Ready);
        }
        if deadline.has_passed() {
            return Ok(Look::Unknown);
        }
        let listened = match listener {
            Some(listener) => listener.forget(),
            none => {
                Listener::new(&self.inner.alarm).and_then(|listener| none.insert(listener).forget())
            }
        };
        listened.map_err(|error| Error::system("can't wait for a Queue", error))?;
        fault::step();
        Ok(self.inner.arm())
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.inner.is_ready()
    }

    pub(crate) fn alarm(&self) -> BorrowedFd<'_> {
        self.inner.alarm.fd.as_fd()
    }
}
