//! Sleeping until something changes, such that no death leaves anybody asleep.
//!
//! A gate has a counter of changes and *seats*. Who wants to sleep takes a seat, reads the counter ([`Gate::ticket`]), lets
//! others change what it waits for, and [sleeps](Gate::sleep) until the counter has changed. Who has changed something
//! [wakes](Gate::wake) one or all: the counter and the sleepers in one system call, which no death can divide.
//!
//! That leaves the death of a sleeper that was the one to be woken, and now won't do what it was woken for. A seat is a
//! lock, held from before the sleep until that is done. If its holder dies, whenever that is, the kernel marks the
//! seat and wakes one who sleeps on it; and all sleep on all seats that were ever used, beside the counter. The mark stays until
//! somebody has acted on it ([`Gate::bury`]), and the seat free so long: so it is also found by those who weren't quite asleep, and by one that something else woke
//! at the same moment. Who acts on it holds the seat meanwhile: dying then, it leaves the mark again.
//!
//! A mere wake-up by the kernel, from a lock that is pending and that nobody holds, would not do: one that falls asleep a
//! moment later has missed it, and of one that was woken in two ways futex_waitv tells but one.
//!
//! Who finds no seat sleeps without one, and its death isn't found.

use super::lock::{Lock, Taken};
use super::segment::{Body, Shared};
use crate::fault;
use crate::sys::futex::{self, Woken};
use crate::sys::wait::Deadline;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;

/// How many can sleep at a gate whose deaths are found.
pub(super) const SEATS: usize = 64;

/// What a gate has in shared memory, beside the seats.
#[repr(C)]
pub(super) struct Counters {
    changes: AtomicU32,
    /// How many seats were ever used, or more, if some came at once.
    used: AtomicU32,
}

pub(super) struct Gate<'a, B> {
    pub(super) shared: &'a Shared<B>,
    pub(super) counters: &'a Counters,
    /// Which lock of `shared` is the first seat.
    pub(super) first_seat: usize,
}

/// What a sleeper was woken by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The counter has changed.
    Change,
    /// A seat is marked, which waits to be [buried](Gate::bury).
    Death,
    TimedOut,
}

/// A seat at a gate. Dropping it leaves it.
pub(super) struct Seat<'a>(Option<Lock<'a>>);

impl<'a, B: Body> Gate<'a, B> {
    pub(super) fn ticket(&self) -> u32 {
        self.counters.changes.load(SeqCst)
    }

    /// Takes a seat, but none that is marked.
    pub(super) fn sit(&self) -> Seat<'a> {
        for index in 0..SEATS {
            let seat = self.seat(index);
            seat.prepare();
            if index >= self.used() {
                // Who sleeps must sleep on this one, too, before it matters.
                futex::add_and_wake(&self.counters.used, i32::MAX);
            }
            let is_free = seat.load().holder() == 0;
            if is_free && seat.try_lock_unmarked() {
                fault::step();
                return Seat(Some(seat));
            }
        }
        Seat(None)
    }

    /// Sleeps until the counter isn't `ticket` any more, somebody in a seat has died, or the deadline has passed.
    pub(super) fn sleep(&self, ticket: u32, deadline: Deadline) -> Reason {
        let Counters { changes, used } = self.counters;
        loop {
            let now_used = used.load(SeqCst);
            let count = (now_used as usize).min(SEATS);
            let mut words = [(changes, ticket); 2 + SEATS];
            words[1] = (used, now_used);
            for (index, word) in words[2..].iter_mut().enumerate().take(count) {
                let seat = self.seat(index);
                let state = seat.load();
                if state.owner_died() {
                    return Reason::Death;
                }
                *word = (seat.word(), state.word());
            }
            if self.ticket() != ticket {
                return Reason::Change;
            }
            fault::step();
            if futex::wait_any(&words[..2 + count], 0, deadline) == Woken::TimedOut {
                return Reason::TimedOut;
            }
            fault::step();
        }
    }

    /// For each seat that is marked, does what there is to be done about that.
    pub(super) fn bury(&self, mut act: impl FnMut()) {
        for index in 0..self.used() {
            let seat = self.seat(index);
            if !seat.load().owner_died() {
                continue;
            }
            if let Some(taken) = seat.try_lock() {
                fault::step();
                if taken == Taken::Abandoned {
                    act();
                }
                fault::step();
                seat.unlock();
            }
        }
    }

    /// Wakes at most so many.
    pub(super) fn wake(&self, count: i32) {
        fault::step();
        futex::add_and_wake(&self.counters.changes, count);
        fault::step();
    }

    fn seat(&self, index: usize) -> Lock<'a> {
        self.shared.lock(self.first_seat + index).watched()
    }

    fn used(&self) -> usize {
        (self.counters.used.load(SeqCst) as usize).min(SEATS)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if let Some(lock) = self.0 {
            lock.unlock();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::time::ClockId;
    use std::time::Duration;

    #[repr(C)]
    struct Data(Counters);

    #[allow(unsafe_code)]
    // SAFETY: they are atomics.
    unsafe impl Body for Data {}

    /// So it is after many have come at once.
    #[test]
    fn who_waits_sleeps_if_more_seats_seem_to_be_used_than_there_are() {
        let shared = Shared::<Data>::create(c"test", SEATS).unwrap();
        let counters = &shared.body().0;
        counters.used.store(SEATS as u32 + 1, SeqCst);
        let gate = Gate {
            shared: &shared,
            counters,
            first_seat: 0,
        };
        let time = Duration::from_millis(300);
        let used = || Duration::from(ClockId::CLOCK_THREAD_CPUTIME_ID.now().unwrap());
        let before = used();
        let reason = gate.sleep(gate.ticket(), Deadline::after(time));
        assert_eq!(reason, Reason::TimedOut);
        assert!(used() - before < time / 10, "{:?}", used() - before);
    }
}
