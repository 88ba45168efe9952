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
use crate::sys::futex::{self, Woken};
use crate::sys::robust::{Me, me};
use crate::sys::wait::Deadline;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;

#[derive(Clone, Copy)]
pub(super) struct Gate<'a> {
    pub(super) changes: &'a AtomicU32,
    pub(super) bell: Lock<'a>,
    /// Watched.
    pub(super) lock: Option<Lock<'a>>,
}

/// What a sleeper was woken by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The counter has changed.
    Change,
    /// One that slept, or woke others, has died.
    Bell,
    /// The gate's lock: its holder has died, or others wait for it, one of whom may have died.
    Lock,
    TimedOut,
}

/// One that was asleep and hasn't yet settled: the bell is pending.
pub(super) struct Awake<'a> {
    pub(super) reason: Reason,
    gate: Gate<'a>,
    me: Me,
}

impl<'a> Gate<'a> {
    pub(super) fn ticket(&self) -> u32 {
        self.changes.load(SeqCst)
    }

    /// Sleeps until the counter isn't `ticket` any more, somebody dies, or the deadline has passed.
    pub(super) fn sleep(&self, ticket: u32, deadline: Deadline) -> Awake<'a> {
        let me = me();
        self.bell.pend(me);
        let reason = self.sleep_pending(ticket, deadline);
        if reason == Reason::Bell {
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
                Woken::LookUp if self.lock.is_some() => return Reason::Lock,
                Woken::Perhaps | Woken::LookUp => {}
            }
        }
    }

    /// Wakes at most so many, after `change`.
    pub(super) fn wake_after(&self, change: impl FnOnce(), count: i32) {
        let me = me();
        self.bell.pend(me);
        change();
        self.change_and_wake(count);
        me.settle();
    }

    pub(super) fn wake(&self, count: i32) {
        self.wake_after(|| (), count);
    }

    fn change_and_wake(&self, count: i32) {
        self.changes.fetch_add(1, SeqCst);
        futex::wake(self.changes, count);
    }
}

impl<'a> Awake<'a> {
    /// Takes the lock of the gate.
    ///
    /// # Panics
    ///
    /// If it has none.
    pub(super) fn enter(self) -> Taken {
        let lock = self.gate.lock.expect("the gate has a lock");
        lock.register();
        lock.take_as_registered(self.me)
    }
}

impl Drop for Awake<'_> {
    fn drop(&mut self) {
        self.me.settle();
    }
}
