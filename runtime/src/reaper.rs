//! The children of this process, and the background that looks after those nobody waits for.
//!
//! One thread, named `offspring`, which blocks all signals. It receives what a child answers (or
//! the child could not end), reaps it when it has ended (or a zombie stayed), and wakes futures.
//!
//! Most children are joined soon after they were started, by a thread that polls them itself. So a
//! new child is not handed to the background at once, which would cost a wake-up for nothing: it
//! is put on a list, and a timer is set. When it fires, [`GRACE`] later, the background takes over
//! those that nobody waits for. Between, an ended child that nobody waits for is a zombie for at
//! most that time. The timer is only set while the list has entries, so that an idle process stays
//! asleep.
//!
//! Locks are taken in this order: a child's state, then [`CHILDREN`] or [`FRESH`]. No function here
//! calls a method of a child while it holds one of its own.

use crate::error::{Error, Result};
use crate::process::child::Child;
use crate::sys;
use crate::sys::wait::Deadline;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::signal::{SigSet, SigmaskHow, pthread_sigmask};
use nix::sys::timer::Expiration;
use nix::sys::timerfd::{TimerFd, TimerSetTimeFlags};
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// How long a child may be without anybody who polls it.
const GRACE: Duration = Duration::from_millis(20);
/// How long daemons have at the end of the process between SIGTERM and SIGKILL.
const DAEMON_GRACE: Duration = Duration::from_secs(1);
const TIMER: u64 = u64::MAX;

/// Those that have not ended.
static CHILDREN: Mutex<Vec<Arc<Child>>> = Mutex::new(Vec::new());
/// Those that the background takes over when the timer fires. Not empty: the timer is set.
static FRESH: Mutex<Vec<u64>> = Mutex::new(Vec::new());
static BACKGROUND: OnceLock<Background> = OnceLock::new();

struct Background {
    epoll: Epoll,
    timer: TimerFd,
    /// The process whose thread it is; a fork of it has the memory, but not the thread.
    pid: u32,
}

pub(crate) fn next_serial() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Starts the background, if that has not happened: to be called before there is a child.
pub(crate) fn prepare() -> Result<()> {
    static STARTING: Mutex<()> = Mutex::new(());
    let ours = |background: &Background| match background.pid == std::process::id() {
        true => Ok(()),
        false => Err(Error::new(crate::error::Kind::Forked { pid: background.pid })),
    };
    if let Some(background) = BACKGROUND.get() {
        return ours(background);
    }
    let _guard = lock(&STARTING);
    if let Some(background) = BACKGROUND.get() {
        return ours(background);
    }
    start().map_err(|error| Error::system("can't start the background thread", error))
}

fn start() -> io::Result<()> {
    let epoll = Epoll(sys::fd::above_stdio(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?.0)?);
    let timer = sys::timer::timer()?;
    epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, TIMER))?;

    let mut mask = SigSet::empty();
    pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut mask))?;
    let thread = std::thread::Builder::new().name("offspring".into()).spawn(run);
    pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&mask), None)?;
    let thread = thread?;

    sys::at_exit::at_exit(at_exit)?;
    let background = BACKGROUND.get_or_init(|| Background { epoll, timer, pid: std::process::id() });
    debug_assert_eq!(background.pid, std::process::id());
    thread.thread().unpark();
    Ok(())
}

fn run() {
    let background = loop {
        match BACKGROUND.get() {
            Some(background) => break background,
            None => std::thread::park(),
        }
    };
    let mut events = [EpollEvent::empty(); 64];
    loop {
        let ready = match background.epoll.wait(&mut events, EpollTimeout::NONE) {
            Ok(ready) => ready,
            Err(nix::errno::Errno::EINTR) => continue,
            // The descriptor is ours, and so are the events: somebody has closed what isn't theirs.
            Err(error) => panic!("offspring's epoll descriptor was taken away: {error}"),
        };
        for event in &events[..ready] {
            match event.data() {
                TIMER => background.adopt(),
                serial => attend(serial),
            }
        }
    }
}

/// Looks at the child that an event is about, if it is still there.
fn attend(serial: u64) {
    let Some(child) = find(serial) else { return };
    // A waker is foreign code; its panic has been reported, and must not end this thread.
    let advanced = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| child.advance(true)));
    if let Ok(Err(error)) = advanced {
        eprintln!("offspring: can't look after process {}: {error}", child.pid);
        child.unwatch();
    }
}

impl Background {
    /// The timer has fired: takes over those that nobody waits for.
    fn adopt(&self) {
        let mut count = [0; 8];
        let _ = nix::unistd::read(&self.timer, &mut count);
        let fresh = std::mem::take(&mut *lock(&FRESH));
        for serial in fresh {
            if let Some(child) = find(serial)
                && let Err(error) = child.watch_if_alone()
            {
                eprintln!("offspring: can't look after process {}: {error}", child.pid);
            }
        }
    }
}

/// A child has come to life.
pub(crate) fn remember(child: &Arc<Child>) {
    lock(&CHILDREN).push(child.clone());
    adopt_later(child);
}

/// A child has ended.
pub(crate) fn forget(serial: u64) {
    lock(&CHILDREN).retain(|child| child.serial != serial);
}

/// Those that had not ended when somebody last looked.
pub(crate) fn children() -> Vec<Arc<Child>> {
    lock(&CHILDREN).clone()
}

fn find(serial: u64) -> Option<Arc<Child>> {
    lock(&CHILDREN).iter().find(|child| child.serial == serial).cloned()
}

/// Nobody polls `child` at the moment.
pub(crate) fn adopt_later(child: &Child) {
    let Some(background) = BACKGROUND.get() else { return };
    let mut fresh = lock(&FRESH);
    fresh.push(child.serial);
    if fresh.len() == 1 {
        let set = background.timer.set(Expiration::OneShot(GRACE.into()), TimerSetTimeFlags::empty());
        debug_assert!(set.is_ok());
    }
}

/// Has the background look at a child whenever `fd` is readable.
pub(crate) fn watch(serial: u64, fd: BorrowedFd<'_>) -> io::Result<()> {
    let Some(background) = BACKGROUND.get() else { return Ok(()) };
    Ok(background.epoll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, serial))?)
}

/// The opposite of [`watch`].
pub(crate) fn unwatch(fd: BorrowedFd<'_>) {
    if let Some(background) = BACKGROUND.get() {
        // That it isn't watched is what is wanted.
        let _ = background.epoll.delete(fd);
    }
}

/// At the normal end of the process: daemons are terminated, the others are joined.
extern "C" fn at_exit() {
    if BACKGROUND.get().is_none_or(|background| background.pid != std::process::id()) {
        return;
    }
    // Nothing may unwind into the C library. What failed has been printed.
    let _ = std::panic::catch_unwind(|| {
        end_daemons();
        while let Some(child) = children().iter().find(|child| !child.daemon) {
            if let Err(error) = child.wait(Deadline::NEVER) {
                eprintln!("offspring: can't wait for process {}: {error}", child.pid);
                forget(child.serial);
            }
        }
    });
}

fn end_daemons() {
    let daemons: Vec<_> = children().into_iter().filter(|child| child.daemon).collect();
    for (signal, time) in [(libc::SIGTERM, DAEMON_GRACE), (libc::SIGKILL, DAEMON_GRACE)] {
        let deadline = Deadline::after(time);
        // All are told before any is waited for.
        for daemon in &daemons {
            let _ = daemon.signal(signal);
        }
        if daemons.iter().all(|daemon| matches!(daemon.wait(deadline), Ok(Some(_)))) {
            return;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
