//! Waiting for an item or for room, and until all is done.
//!
//! Who finds none looks a few times more. Then it takes the *turnstile* of its side, a lock, so that one sleeps for what is to come, and the others behind it
//! for the turnstile. Whoever had it and got something leaves it to the next, which looks for itself. If it dies with it, at any instruction, the
//! next one gets it, too. If it is stopped with it, those behind it stay there; one whose time is up attempts it once more.
//!
//! | who sleeps | who changes what it waits for |
//! |---|---|
//! | reads the count of items that were put (or got) | makes the *bell* pending, a lock's word that nobody ever takes |
//! | raises the flag | stores the new count |
//! | attempts it once more | lowers the flag, if it is raised |
//! | sleeps as long as the bell isn't rung, the count is the same, the flag raised, and the queue open | if it was, wakes the sleeper |
//!
//! The kernel compares these words in this order, each after the sleeper is queued on those before. If who changes it dies after the new count,
//! and before the wake-up, the kernel rings the bell: so the sleeper hears it, or it isn't queued yet and the kernel sees the new count. And if the flag was lowered for an earlier change,
//! whose wake-up may have come too early, the kernel sees that. To close the queue and to wake both sides is one step.
//!
//! Those who [join](Inner::join) all sleep. Who does the last item lowers their flag and wakes them all. The bell of that is pending in it meanwhile, and in each that joins, from beginning to end: if the
//! first dies, the kernel wakes one, and if that one dies, another. One that is woken looks for itself whether all is done, for it may be told of a moment
//! before it began. If all is done it wakes the others, and if not, it raises the flag again, which others need who sleep and weren't woken.
//!
//! The searches of this are with those of the locks: `sync/model/queue.rs` and `joining.rs`.

use super::control::Control;
use super::error::Trouble;
use super::inner::{Held, Inner};
use super::will;
use crate::fault;
use crate::sync::Lock;
use crate::sys::futex::{self, Woken};
use crate::sys::robust::me;
use crate::sys::wait::Deadline;
use std::hint::spin_loop;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicU32, AtomicU64};

/// How often to look before giving others the processor: a microsecond or so.
const SPINS: u32 = 50;

/// How often to give others the processor before sleeping. If they have something to do, it is theirs for a while, and if not, this is some ten
/// microseconds, about as long as it takes to sleep and to be woken.
const YIELDS: u32 = 20;

/// Where those wait who can't get, or can't put.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) turnstile: Lock<'a>,
    pub(super) bell: Lock<'a>,
    /// Whether somebody sleeps who is to be woken.
    pub(super) flag: &'a AtomicU32,
    /// The place that changes when there is something: a count is its upper half.
    pub(super) place: &'a AtomicU64,
    pub(super) closed: &'a AtomicU32,
}

impl Side<'_> {
    /// Attempts it until there is something, an error, or the deadline; `None` after that. `there` says how much there is to
    /// attempt.
    pub(super) fn until<R>(
        &self,
        deadline: Deadline,
        there: impl Fn() -> u32,
        mut attempt: impl FnMut() -> Result<Option<R>, Trouble>,
    ) -> Result<Option<R>, Trouble> {
        loop {
            let result = attempt();
            if !matches!(result, Ok(None)) || deadline.has_passed() {
                return result;
            }
            if !look_again(&there) {
                break;
            }
        }
        let Some(_held) = Held::within(self.turnstile, deadline) else {
            return attempt();
        };
        fault::step();
        loop {
            let seen = (self.place.load(SeqCst) >> 32) as u32;
            self.flag.store(1, SeqCst);
            fault::step();
            let result = attempt();
            if !matches!(result, Ok(None)) || deadline.has_passed() {
                self.flag.store(0, SeqCst);
                fault::step();
                return result;
            }
            fault::step();
            self.sleep(seen, deadline);
            fault::step();
        }
    }

    fn sleep(&self, seen: u32, deadline: Deadline) {
        let words = [
            (self.bell.word(), self.bell.load_word()),
            (futex::upper_half(self.place), seen),
            (self.flag, 1),
            (self.closed, 0),
        ];
        futex::wait_any(&words, 2, deadline);
    }

    /// Makes a change, and wakes the one that sleeps for it.
    #[inline]
    pub(super) fn change(&self, change: impl FnOnce()) {
        let me = me();
        self.bell.pend(me);
        fault::step();
        change();
        fault::step();
        if self.flag.load(SeqCst) != 0 && self.flag.swap(0, SeqCst) != 0 {
            fault::step();
            futex::wake(self.flag, 1);
        }
        fault::step();
        me.settle();
    }
}

/// Whether there is something after a short while.
fn look_again(there: impl Fn() -> u32) -> bool {
    for _ in 0..SPINS {
        if there() > 0 {
            return true;
        }
        spin_loop();
    }
    if !will::is_there() {
        return false;
    }
    for _ in 0..YIELDS {
        let (there, was_lost) = will::give(&there);
        if was_lost || there > 0 {
            return there > 0;
        }
    }
    false
}

impl Inner {
    /// Waits until every item is done; `false` after the deadline.
    pub(super) fn join(&self, deadline: Deadline) -> bool {
        let joiners = &self.control.body().joiners;
        let me = me();
        self.done_bell().pend(me);
        let (mut has_slept, mut is_late) = (false, false);
        let is_done = loop {
            let ticket = joiners.finished.load(SeqCst);
            let seen = self.control.body().done_count.load(SeqCst) as u32;
            fault::step();
            joiners.flag.store(1, SeqCst);
            if self.control.body().unfinished() == 0 {
                break true;
            }
            if is_late {
                break false;
            }
            fault::step();
            is_late = self.sleep_until_done(ticket, seen, deadline) == Woken::TimedOut;
            has_slept = true;
            fault::step();
        };
        if is_done && has_slept {
            // In case that this one alone was woken.
            futex::add_and_wake(&joiners.finished, i32::MAX);
        }
        fault::step();
        me.settle();
        is_done
    }

    fn sleep_until_done(&self, ticket: u32, seen: u32, deadline: Deadline) -> Woken {
        let control = self.control.body();
        let bell = self.done_bell();
        let words = [
            (bell.word(), bell.load_word()),
            (futex::lower_half(&control.done_count), seen),
            (&control.joiners.flag, 1),
            (&control.joiners.finished, ticket),
        ];
        futex::wait_any(&words, 3, deadline)
    }

    /// One item more is done; `false` if all are already.
    pub(super) fn task_done(&self) -> bool {
        let control: &Control = self.control.body();
        let me = me();
        self.done_bell().pend(me);
        fault::step();
        // Each time anew and after `done`: while this waits for the processor, others may put, get and do many.
        let add = |done: u64| (done < control.puts()).then(|| done + 1);
        let is_right = control.done_count.fetch_update(SeqCst, SeqCst, add).is_ok();
        fault::step();
        let joiners = &control.joiners;
        if control.unfinished() == 0 && joiners.flag.load(SeqCst) != 0 {
            joiners.flag.store(0, SeqCst);
            fault::step();
            futex::add_and_wake(&joiners.finished, i32::MAX);
        }
        fault::step();
        me.settle();
        is_right
    }
}
