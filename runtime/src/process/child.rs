//! What a parent knows of one child, from its start to its end.
//!
//! # Protocol
//!
//! A child is *running* until its pidfd is readable and its status was taken; then it has *ended*,
//! once and for good. What it answers is received meanwhile, since a large answer doesn't fit into
//! the socket and the child can't end before somebody has read it.
//!
//! Any number of threads may wait at once. Each polls the pidfd and the socket by itself and, when
//! one is ready, takes the lock and [advances](Child::advance) the child: all reads are
//! non-blocking, so nobody is held up under the lock, and it doesn't matter who comes first. There
//! is no hand-over between waiters, and so none that can be lost when one gives up.
//!
//! While nobody waits, the [background](crate::reaper) does the same. It polls a child only if
//! nobody else does: two wake-ups for one event would cost more than the event.
//!
//! Reaping comes before the last read. What a process has written is in the socket before its
//! pidfd becomes readable, so a read after that sees all of it.

use super::output::Pipes;
use super::status::ExitStatus;
use crate::reaper;
use crate::sys::{self, pidfd, wait::Deadline};
use crate::wire::frame::{FrameError, Incoming, Kind, Progress};
use crate::wire::message::Received;
use nix::poll::{PollFd, PollFlags};
use std::io::{self, PipeReader};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

pub(crate) struct Child {
    /// Counts up; a pid may come again.
    pub(crate) serial: u64,
    pub(crate) pid: u32,
    pub(crate) name: String,
    pub(crate) daemon: bool,
    pub(crate) function: &'static str,
    pidfd: OwnedFd,
    /// Whether it was killed because its time was up.
    timed_out: AtomicBool,
    /// Whether it was said that it can't be looked after.
    pub(crate) complained: AtomicBool,
    /// Its standard streams that are pipes, until they are taken.
    pub(crate) pipes: Mutex<Pipes>,
    state: Mutex<State>,
}

struct State {
    /// `None` once there is nothing more to read.
    socket: Option<Arc<OwnedFd>>,
    incoming: Incoming,
    answer: Answer,
    ended: Option<ExitStatus>,
    /// How many threads poll it.
    waiting: usize,
    /// Whether the background polls it.
    watched: bool,
    /// Of the future that polled last; there is one to a child.
    waker: Option<Waker>,
}

/// What a child has sent.
pub(crate) enum Answer {
    None,
    Frame(Kind, Received),
    Failed(FrameError),
}

/// The parent's ends of what it shares with a child.
pub(crate) struct Ends {
    pub(crate) pidfd: OwnedFd,
    /// What it answers comes from here; `None` if somebody else reads that.
    pub(crate) socket: Option<Arc<OwnedFd>>,
    pub(crate) pipes: Pipes,
}

/// Who a child is to its parent.
pub(crate) struct Name {
    pub(crate) name: String,
    pub(crate) daemon: bool,
    pub(crate) function: &'static str,
}

/// How long to leave a child that has ended and is not to be reaped yet.
const TRACED_PAUSE: Duration = Duration::from_millis(10);

/// A fork of the process whose children these are shares their sockets and the background's epoll
/// with it: looking at one would take from the other.
fn check_ours() -> io::Result<()> {
    match reaper::is_fork() {
        false => Ok(()),
        true => Err(io::Error::other(
            "this process is a fork(2) of the one whose child it is",
        )),
    }
}

/// The most that an answer may take: more is not even read.
pub(crate) const ANSWER_LIMIT: u64 = 4 << 30;

impl Child {
    pub(crate) fn new(serial: u64, pid: u32, name: Name, ends: Ends) -> Self {
        Self {
            serial,
            pid,
            name: name.name,
            daemon: name.daemon,
            function: name.function,
            pidfd: ends.pidfd,
            timed_out: AtomicBool::new(false),
            complained: AtomicBool::new(false),
            pipes: Mutex::new(ends.pipes),
            state: Mutex::new(State {
                socket: ends.socket,
                incoming: Incoming::new(ANSWER_LIMIT, false),
                answer: Answer::None,
                ended: None,
                waiting: 0,
                watched: false,
                waker: None,
            }),
        }
    }

    /// Readable once the process has ended.
    pub(crate) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// The socket, as long as something may come from it.
    pub(crate) fn socket(&self) -> Option<Arc<OwnedFd>> {
        self.lock().socket.clone()
    }

    /// A panic cannot leave the state half changed: nothing under the lock calls foreign code.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its status, if it has ended; never waits.
    pub(crate) fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        self.advance(true)
    }

    /// Waits for the end, up to the deadline.
    pub(crate) fn wait(self: &Arc<Self>, deadline: Deadline) -> io::Result<Option<ExitStatus>> {
        check_ours()?;
        let _attention = Attention::new(self);
        loop {
            let socket = {
                let state = self.lock();
                if state.ended.is_some() {
                    return Ok(state.ended);
                }
                state.socket.clone()
            };
            let mut polled = vec![PollFd::new(self.pidfd(), PollFlags::POLLIN)];
            polled.extend(
                socket
                    .as_ref()
                    .map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN)),
            );
            if !sys::wait::poll(&mut polled, deadline)? {
                return Ok(None);
            }
            let has_ended = sys::wait::is_ready(&polled[0]);
            if self.advance(has_ended)?.is_none() && has_ended {
                // Somebody traces it, and only he is told. That can last.
                std::thread::sleep(TRACED_PAUSE);
            }
            if deadline.has_passed() {
                return Ok(self.lock().ended);
            }
        }
    }

    /// Receives what has come and, if `reap`, looks whether it has ended.
    pub(crate) fn advance(&self, reap: bool) -> io::Result<Option<ExitStatus>> {
        check_ours()?;
        let mut state = self.lock();
        if state.ended.is_some() {
            return Ok(state.ended);
        }
        let ended = if reap {
            pidfd::try_reap(self.pidfd())?
        } else {
            None
        };
        state.receive();
        let Some(ended) = ended else { return Ok(None) };
        state.ended = Some(ended.into());
        state.unwatch(self);
        // Nobody is left to write.
        state.socket = None;
        let (ended, waker) = (state.ended, state.waker.take());
        drop(state);
        reaper::forget(self.serial);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(ended)
    }

    /// The background has found its pidfd ready, and it can't be reaped: somebody traces it. It is
    /// looked at again after a while, and not all the time.
    pub(crate) fn rest_if_traced(&self) {
        let mut state = self.lock();
        if state.ended.is_none() && matches!(pidfd::has_ended(self.pidfd()), Ok(true)) {
            state.unwatch(self);
            drop(state);
            reaper::adopt_later(self);
        }
    }

    /// Has `waker` woken at the end; `false` if that has come already.
    pub(crate) fn wake_at_end(self: &Arc<Self>, waker: &Waker) -> io::Result<bool> {
        check_ours()?;
        // Foreign code, so not under the lock.
        let waker = waker.clone();
        let mut state = self.lock();
        if state.ended.is_some() {
            return Ok(false);
        }
        let previous = state.waker.replace(waker);
        let watched = state.watch(self);
        drop(state);
        drop(previous);
        watched.map(|()| true)
    }

    /// Nobody awaits it any more.
    pub(crate) fn forget_waker(&self) {
        let waker = self.lock().waker.take();
        drop(waker);
    }

    /// The background takes over, unless somebody waits or it has ended.
    pub(crate) fn watch_if_alone(self: &Arc<Self>) -> io::Result<()> {
        let mut state = self.lock();
        if state.ended.is_none() && (state.waiting == 0 || state.waker.is_some()) {
            state.watch(self)?;
        }
        Ok(())
    }

    /// The background gives it up.
    pub(crate) fn unwatch(&self) {
        self.lock().unwatch(self);
    }

    /// From now on somebody polls it as long as it lives, so that the background need not.
    pub(crate) fn attend_for_good(&self) {
        self.lock().waiting += 1;
    }

    /// What it has answered; the first caller gets it.
    pub(crate) fn take_answer(&self) -> Answer {
        std::mem::replace(&mut self.lock().answer, Answer::None)
    }

    /// Its time is up: kills it, unless it has ended. Without the lock, which may be held for a while.
    pub(crate) fn time_out(&self) -> io::Result<()> {
        self.timed_out.store(true, Ordering::SeqCst);
        self.signal(libc::SIGKILL)
    }

    /// Whether it ended because its time was up.
    pub(crate) fn has_timed_out(&self) -> bool {
        let killed = self
            .lock()
            .ended
            .is_some_and(|status| status.signal() == Some(libc::SIGKILL));
        killed && self.timed_out.load(Ordering::SeqCst)
    }

    /// The pipe from its standard error, once.
    pub(crate) fn take_stderr(&self) -> Option<PipeReader> {
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        pipes.stderr.take()
    }

    /// Closes the ends of its pipes that nobody has taken.
    pub(crate) fn close_pipes(&self) {
        let pipes = std::mem::take(&mut *self.pipes.lock().unwrap_or_else(PoisonError::into_inner));
        drop(pipes);
    }

    /// Sends a signal. That it has ended already is no error.
    pub(crate) fn signal(&self, signal: i32) -> io::Result<()> {
        check_ours()?;
        pidfd::send_signal(self.pidfd(), signal)
    }
}

impl State {
    fn receive(&mut self) {
        let Some(socket) = &self.socket else { return };
        match self.incoming.receive(socket.as_fd(), false) {
            Ok(Progress::Pending) => return,
            Ok(Progress::Complete(kind, received)) => self.answer = Answer::Frame(kind, received),
            Err(error) => self.answer = Answer::Failed(error),
        }
        if let Some(socket) = self.socket.take()
            && self.watched
        {
            // Others may hold it still, and it would be ready for ever.
            reaper::unwatch(socket.as_fd());
        }
    }

    fn watch(&mut self, child: &Child) -> io::Result<()> {
        if self.watched {
            return Ok(());
        }
        reaper::watch(child.serial, child.pidfd())?;
        if let Some(socket) = &self.socket
            && let Err(error) = reaper::watch(child.serial, socket.as_fd())
        {
            reaper::unwatch(child.pidfd());
            return Err(error);
        }
        self.watched = true;
        Ok(())
    }

    fn unwatch(&mut self, child: &Child) {
        if std::mem::take(&mut self.watched) {
            reaper::unwatch(child.pidfd());
            self.socket
                .iter()
                .for_each(|socket| reaper::unwatch(socket.as_fd()));
        }
    }
}

/// As long as this lives, a thread polls the child, and the background need not.
struct Attention<'a>(&'a Arc<Child>);

impl<'a> Attention<'a> {
    fn new(child: &'a Arc<Child>) -> Self {
        let mut state = child.lock();
        state.waiting += 1;
        // Who awaits it as a future relies on the background.
        if state.waker.is_none() {
            state.unwatch(child);
        }
        Self(child)
    }
}

impl Drop for Attention<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.waiting -= 1;
        let alone = state.waiting == 0 && state.ended.is_none() && !state.watched;
        drop(state);
        if alone {
            reaper::adopt_later(self.0);
        }
    }
}
