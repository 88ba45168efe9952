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
//! The same timer serves the children's time limits. The same thread wakes the futures of
//! [other descriptors](wakers), also of those that are only told [when something happens](edges).
//!
//! Locks are taken in this order: a child's state, then [`CHILDREN`] or [`AGENDA`]. No function here
//! calls a method of a child while it holds one of its own.

pub(crate) mod edges;
pub(crate) mod wakers;

use crate::error::{Error, Result};
use crate::lifelines;
use crate::process::child::Child;
use crate::sys;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::timer::Expiration;
use nix::sys::timerfd::{TimerFd, TimerSetTimeFlags};
use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long a child may be without anybody who polls it.
const GRACE: Duration = Duration::from_millis(20);
const TIMER: u64 = u64::MAX;

/// Those that have not ended.
static CHILDREN: Mutex<Vec<Arc<Child>>> = Mutex::new(Vec::new());
static AGENDA: Mutex<Agenda> = Mutex::new(Agenda {
    fresh: Vec::new(),
    adopt: None,
    limits: Vec::new(),
    set: None,
});
static BACKGROUND: OnceLock<Background> = OnceLock::new();

/// What the background is to do, and when. By serial numbers, since a child may end before.
struct Agenda {
    /// Those that it takes over next,
    fresh: Vec<u64>,
    /// at this time.
    adopt: Option<Instant>,
    /// Those whose time is limited, and until when.
    limits: Vec<(Instant, u64)>,
    /// When the timer will fire.
    set: Option<Instant>,
}

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

/// Starts the background, if that has not happened, and has `at_exit` called at the end of the
/// process: to be called before there is a child.
pub(crate) fn prepare(at_exit: extern "C" fn()) -> Result<()> {
    /// Whether the hooks are set, which happens once even if the rest is tried again.
    static HOOKED: Mutex<bool> = Mutex::new(false);
    if let (true, Some(background)) = (is_fork(), BACKGROUND.get()) {
        let pid = background.pid;
        return Err(Error::new(crate::error::Kind::Forked { pid }));
    }
    if BACKGROUND.get().is_some() {
        return Ok(());
    }
    let mut hooked = lock(&HOOKED);
    if BACKGROUND.get().is_some() {
        return Ok(());
    }
    let started = match *hooked {
        true => Ok(()),
        false => lifelines::guard_forks().and_then(|()| sys::at_exit::at_exit(at_exit)),
    };
    *hooked = started.is_ok();
    started
        .and_then(|()| start())
        .map_err(|error| Error::system("can't start the background thread", error))
}

fn start() -> io::Result<()> {
    let epoll = Epoll(sys::fd::above_stdio(
        Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?.0,
    )?);
    let timer = sys::timer::timer()?;
    epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, TIMER))?;

    let thread = sys::thread::spawn_deaf("offspring", run)?;
    let background = BACKGROUND.get_or_init(|| Background {
        epoll,
        timer,
        pid: std::process::id(),
    });
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
                TIMER => background.keep_agenda(),
                serial if serial >= wakers::FIRST => wakers::wake(serial),
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
    match advanced {
        Ok(Ok(None)) => child.rest_if_traced(),
        Ok(Err(error)) => {
            complain(&child, Err(error));
            child.unwatch();
            adopt_later(&child);
        }
        Ok(Ok(Some(_))) | Err(_) => {}
    }
}

impl Background {
    /// The timer has fired.
    fn keep_agenda(&self) {
        let mut count = [0; 8];
        // It may have been set anew since, and have nothing to read.
        let _ = nix::unistd::read(&self.timer, &mut count);
        let (fresh, late) = {
            let mut agenda = lock(&AGENDA);
            agenda.set = None;
            let due = agenda.take_due(Instant::now());
            agenda.set_timer(self);
            due
        };
        for child in fresh.into_iter().filter_map(find) {
            if let Err(error) = child.watch_if_alone() {
                // There may be room again later.
                complain(&child, Err(error));
                adopt_later(&child);
            }
        }
        for child in late.into_iter().filter_map(find) {
            complain(&child, child.time_out());
        }
    }
}

impl Agenda {
    /// Those to be taken over and those whose time is up.
    fn take_due(&mut self, now: Instant) -> (Vec<u64>, Vec<u64>) {
        let fresh = match self.adopt {
            Some(time) if time <= now => {
                self.adopt = None;
                std::mem::take(&mut self.fresh)
            }
            _ => Vec::new(),
        };
        let late = self.limits.extract_if(.., |(time, _)| *time <= now);
        (fresh, late.map(|(_, serial)| serial).collect())
    }

    /// Sets the timer to what comes first, if that is before what it is set to.
    fn set_timer(&mut self, background: &Background) {
        let limits = self.limits.iter().map(|(time, _)| *time);
        let Some(next) = limits.chain(self.adopt).min() else {
            return;
        };
        if self.set.is_some_and(|set| set <= next) {
            return;
        }
        // Zero would unset it.
        let wait = next
            .saturating_duration_since(Instant::now())
            .max(Duration::from_nanos(1));
        let set = background
            .timer
            .set(Expiration::OneShot(wait.into()), TimerSetTimeFlags::empty());
        debug_assert!(set.is_ok());
        self.set = Some(next);
    }
}

/// Once for each child: what fails is tried again.
fn complain(child: &Child, result: io::Result<()>) {
    if let Err(error) = result
        && !child.complained.swap(true, Ordering::Relaxed)
    {
        // Not by a macro that panics where standard error is closed.
        let _ = writeln!(
            io::stderr(),
            "offspring: can't look after process {}: {error}",
            child.pid
        );
    }
}

/// A child has come to life, and is to be killed at the deadline, if there is one.
pub(crate) fn remember(child: &Arc<Child>, deadline: Option<Instant>) {
    lock(&CHILDREN).push(child.clone());
    note(|agenda| {
        agenda.fresh.push(child.serial);
        agenda
            .limits
            .extend(deadline.map(|time| (time, child.serial)));
    });
}

/// A child has ended.
pub(crate) fn forget(serial: u64) {
    lifelines::release(serial);
    lock(&CHILDREN).retain(|child| child.serial != serial);
    lock(&AGENDA)
        .limits
        .retain(|(_, limited)| *limited != serial);
}

/// Whether this is a fork of the process that the children are of. Nothing of theirs is to be touched
/// then, not even a lock: it may have been held when the fork was made.
pub(crate) fn is_fork() -> bool {
    lifelines::is_fork()
}

/// Those that had not ended when somebody last looked.
pub(crate) fn children() -> Vec<Arc<Child>> {
    if is_fork() {
        return Vec::new();
    }
    lock(&CHILDREN).clone()
}

fn find(serial: u64) -> Option<Arc<Child>> {
    lock(&CHILDREN)
        .iter()
        .find(|child| child.serial == serial)
        .cloned()
}

/// Nobody polls `child` at the moment.
pub(crate) fn adopt_later(child: &Child) {
    note(|agenda| agenda.fresh.push(child.serial));
}

/// Puts something on the agenda.
fn note(what: impl FnOnce(&mut Agenda)) {
    let Some(background) = BACKGROUND.get().filter(|_| !is_fork()) else {
        return;
    };
    let mut agenda = lock(&AGENDA);
    what(&mut agenda);
    if !agenda.fresh.is_empty() && agenda.adopt.is_none() {
        agenda.adopt = Some(Instant::now() + GRACE);
    }
    agenda.set_timer(background);
}

/// Has the background look at a child whenever `fd` is readable.
pub(crate) fn watch(serial: u64, fd: BorrowedFd<'_>) -> io::Result<()> {
    let Some(background) = BACKGROUND.get().filter(|_| !is_fork()) else {
        return Ok(());
    };
    Ok(background
        .epoll
        .add(fd, EpollEvent::new(EpollFlags::EPOLLIN, serial))?)
}

/// The opposite of [`watch`].
pub(crate) fn unwatch(fd: BorrowedFd<'_>) {
    if let Some(background) = BACKGROUND.get().filter(|_| !is_fork()) {
        // That it isn't watched is what is wanted.
        let _ = background.epoll.delete(fd);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
