//! Sleeping until something changes, such that no death leaves anybody asleep.
//!
//! A gate has a counter, a *bell* and sometimes a lock. Who wants to sleep reads the counter ([`Gate::ticket`]), looks whether what it waits
//! for is there, and [sleeps](Gate::sleep) until the counter has changed. Who has changed something [wakes](Gate::wake) one or all: the
//! counter first, then the sleepers.
//!
//! The bell is a lock's word that nobody ever takes. It is pending (see [`robust`](crate::sys::robust)) in
//! everybody who sleeps or wakes, and every sleeper sleeps on it, too. So when one of them dies, at whichever instruction, the kernel wakes
//! one sleeper on the bell, and that one wakes all. Deaths that matter are
//!
//! - that of a waker between the change and the wake-up, or in the midst of waking many;
//! - that of a sleeper that was the one to be woken, and now won't do what it was woken for.
//!
//! A sleeper may have to take a lock before it can act on what it was woken for. Only one lock can be pending, and a death in that moment must
//! not be missed. So it registers at the lock of the gate while the bell is still pending ([`Awake::enter`]): from then on the lock's own protocol
//! tells of its death. Sleepers sleep on that lock's word as well, which is a watched one, and so learn of a death while it is held.
//!
//! A death costs those who sleep a look around.

use super::lock::{Lock, Taken};
use crate::fault;
use crate::sys::futex::{self, Woken};
use crate::sys::robust::{Me, me};
use crate::sys::wait::Deadline;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;

#[derive(Clone, Copy)]
pub(crate) struct Gate<'a> {
    pub(crate) changes: &'a AtomicU32,
    pub(crate) bell: Lock<'a>,
    /// Watched.
    pub(crate) lock: Option<Lock<'a>>,
}

/// What a sleeper was woken by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The counter has changed.
    Change,
    /// One that slept, or woke others, has died.
    Bell,
    /// The gate's lock: its holder has died, or others wait for it, one of whom may have died.
    Lock,
    TimedOut,
}

/// One that was asleep and hasn't yet settled: the bell is pending.
pub(crate) struct Awake<'a> {
    pub(crate) reason: Reason,
    gate: Gate<'a>,
    me: Me,
}

impl<'a> Gate<'a> {
    pub(crate) fn ticket(&self) -> u32 {
        self.changes.load(SeqCst)
    }

    /// Sleeps until the counter isn't `ticket` any more, somebody dies, or the deadline has passed.
    pub(crate) fn sleep(&self, ticket: u32, deadline: Deadline) -> Awake<'a> {
        let me = me();
        self.bell.pend(me);
        let reason = self.sleep_pending(ticket, deadline);
        fault::step();
        // One who was woken on a word stays queued on the others until he runs, and wake-ups there are lost on him; the system tells
        // the last word of those. So the bell may be behind the lock.
        if matches!(reason, Reason::Bell | Reason::Lock) {
            self.change_and_wake(i32::MAX);
        }
        Awake {
            reason,
            gate: *self,
            me,
        }
    }

    fn sleep_pending(&self, ticket: u32, deadline: Deadline) -> Reason {
        loop {
            let bell = (self.bell.word(), self.bell.load().word());
            // Without a lock its place is taken by the bell again.
            let lock = self.lock.unwrap_or(self.bell);
            let lock = (lock.word(), lock.load().word());
            if self.ticket() != ticket {
                return Reason::Change;
            }
            match futex::wait_any(&[(self.changes, ticket), bell, lock], deadline) {
                Woken::By(0) => return Reason::Change,
                Woken::By(2) if self.lock.is_some() => return Reason::Lock,
                Woken::By(_) => return Reason::Bell,
                Woken::TimedOut => return Reason::TimedOut,
                // A word had changed. If that was the lock, its holder may have died by now.
                Woken::Perhaps if self.lock.is_some_and(|lock| lock.load().owner_died()) => {
                    return Reason::Lock;
                }
                // Somebody may have died.
                Woken::LookUp if self.lock.is_some() => return Reason::Change,
                Woken::Perhaps | Woken::LookUp => {}
            }
        }
    }

    /// Wakes at most so many, after `change`.
    pub(crate) fn wake_after(&self, change: impl FnOnce(), count: i32) {
        let me = me();
        self.bell.pend(me);
        change();
        self.change_and_wake(count);
        me.settle();
    }

    pub(crate) fn wake(&self, count: i32) {
        self.wake_after(|| (), count);
    }

    /// [`wake_after`](Self::wake_after), without a system call if nobody sleeps: those who are going to take their ticket, then add
    /// themselves to `waiting`, and then look whether they have to sleep. `change` says whether it is worth waking anybody. Who calls this to wake a
    /// few, not all, does so with a lock held.
    ///
    /// What is taken from the number before the wake-up is put back after it, but for those who were woken. Who has added himself
    /// in front of that, and isn't asleep yet, has an old ticket. So the number may be too high, as it is after a death, until
    /// there is nobody to be woken; it is never too low, unless this thread dies, and then the bell wakes all.
    #[inline]
    pub(crate) fn wake_waiting(
        &self,
        change: impl FnOnce() -> bool,
        waiting: &AtomicU32,
        count: i32,
    ) {
        let me = me();
        self.bell.pend(me);
        fault::step();
        if change() && waiting.load(SeqCst) != 0 {
            fault::step();
            self.wake_counted(waiting, count);
        }
        fault::step();
        me.settle();
    }

    #[cold]
    fn wake_counted(&self, waiting: &AtomicU32, count: i32) {
        let before = waiting.swap(0, SeqCst) as usize;
        fault::step();
        let woken = self.change_and_wake(count);
        if woken > 0 && woken < before {
            waiting.fetch_add((before - woken) as u32, SeqCst);
        }
    }

    fn change_and_wake(&self, count: i32) -> usize {
        self.changes.fetch_add(1, SeqCst);
        fault::step();
        futex::wake(self.changes, count)
    }
}

impl<'a> Awake<'a> {
    /// Takes the lock of the gate.
    ///
    /// # Panics
    ///
    /// If it has none.
    pub(crate) fn enter(self) -> Taken {
        let lock = self.gate.lock.expect("the gate has a lock");
        lock.register();
        fault::step();
        let taken = lock.take_as_registered(self.me);
        fault::step();
        taken
    }
}

impl Drop for Awake<'_> {
    fn drop(&mut self) {
        self.me.settle();
    }
}
