//! Waiting for an item or for room.
//!
//! Who finds none looks a few times more, and then sleeps at a [gate](crate::sync::Gate): it takes a ticket, says that it waits, looks once more, and sleeps. The other
//! side stores its change first and looks then whether anybody waits; so one of them sees the other.
//!
//! One is woken for each item. It may not be lost with that one: who was woken passes the gate's *door*, and takes the lock of its side with the
//! door held. If it dies, those who still sleep learn of it, by the bell or by the door, and all look. And if it leaves without an item, because of
//! an error or as its time is up, it wakes another in its place.

use super::control::Sleepers;
use super::error::Trouble;
use super::inner::{Held, Inner};
use crate::fault;
use crate::sync::{Gate, Reason, Taken};
use crate::sys::wait::Deadline;
use std::hint::spin_loop;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;

/// How often to look before giving others the processor: a microsecond or so.
const SPINS: u32 = 50;

/// How often to give others the processor before sleeping. If they have something to do, it is theirs for a while, and if not, this is some ten
/// microseconds, about as long as it takes to sleep and to be woken.
const YIELDS: u32 = 20;

/// Who waits, and what for.
pub(super) struct Wait<'a, B> {
    pub(super) gate: Gate<'a>,
    pub(super) sleepers: &'a Sleepers,
    pub(super) deadline: Deadline,
    /// Whether an attempt would be for nothing.
    pub(super) is_blocked: B,
}

impl<B: Fn() -> bool> Wait<'_, B> {
    /// Attempts it until there is something, an error, or the deadline; `None` after that.
    pub(super) fn until<R>(
        &self,
        mut attempt: impl FnMut() -> Result<Option<R>, Trouble>,
    ) -> Result<Option<R>, Trouble> {
        let mut door = None;
        loop {
            let result = attempt();
            let is_over = !matches!(result, Ok(None)) || self.deadline.has_passed();
            if is_over {
                if door.is_some() && !matches!(result, Ok(Some(_))) {
                    self.gate.wake(1);
                }
                return result;
            }
            drop(door.take());
            if !self.look_again() {
                door = self.sleep();
            }
        }
    }

    /// Whether there is something after a short while.
    fn look_again(&self) -> bool {
        for _ in 0..SPINS {
            if !(self.is_blocked)() {
                return true;
            }
            spin_loop();
        }
        for _ in 0..YIELDS {
            thread::yield_now();
            if !(self.is_blocked)() {
                return true;
            }
        }
        false
    }

    /// Sleeps until it is woken, and passes the door then.
    fn sleep(&self) -> Option<Held<'_>> {
        let ticket = self.gate.ticket();
        self.sleepers.waiting.fetch_add(1, SeqCst);
        fault::step();
        if !(self.is_blocked)() {
            return None;
        }
        let awake = self.gate.sleep(ticket, self.deadline);
        if awake.reason == Reason::TimedOut {
            return None;
        }
        if awake.enter() != Taken::Clean {
            self.gate.wake(i32::MAX);
        }
        self.gate.lock.map(Held::taken)
    }
}

impl Inner {
    /// Waits until every item is done; `false` after the deadline.
    pub(super) fn join(&self, deadline: Deadline) -> bool {
        let control = self.control.body();
        let gate = self.done_gate();
        loop {
            if control.unfinished() == 0 {
                return true;
            }
            if deadline.has_passed() {
                return false;
            }
            let ticket = gate.ticket();
            control.done.waiting.fetch_add(1, SeqCst);
            if control.unfinished() > 0 {
                drop(gate.sleep(ticket, deadline));
            }
        }
    }
}
