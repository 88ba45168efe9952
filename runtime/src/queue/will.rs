//! Whether a thread gives the processor to others before it sleeps.
//!
//! That is worth it among friends: one of them puts or gets, many times if it can, and then this one needn't sleep. A stranger that
//! never sleeps takes a whole turn of the scheduler, some milliseconds, and leaves nothing. The thread can't know beforehand,
//! but remembers.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

/// If the others keep the processor for as long as this and leave so little to do, they may be strangers, or slow.
const LONG: Duration = Duration::from_micros(500);
const LITTLE: u32 = 8;

/// That happens now and then among friends, too. If it weighs so much more than the times that it went well, the thread
/// gives nothing for so many waits.
const WEIGHT: u32 = 4;
const TOO_MUCH: u32 = 12;
const UNWILLING: u32 = 1000;

thread_local! {
    /// How many times more this thread gives nothing.
    static LEFT: Cell<u32> = const { Cell::new(0) };
    /// How much it has lately lost by giving.
    static LOST: Cell<u32> = const { Cell::new(0) };
}

pub(super) fn is_there() -> bool {
    let left = LEFT.get();
    LEFT.set(left.saturating_sub(1));
    left == 0
}

/// Gives the processor away for once. How much there is to do after that, and whether it was for nothing.
pub(super) fn give(there: impl Fn() -> u32) -> (u32, bool) {
    let start = Instant::now();
    thread::yield_now();
    let there = there();
    let was_lost = there < LITTLE && start.elapsed() > LONG;
    note(was_lost);
    (there, was_lost)
}

fn note(was_lost: bool) {
    let lost = match was_lost {
        true => LOST.get() + WEIGHT,
        false => LOST.get().saturating_sub(1),
    };
    if lost >= TOO_MUCH {
        LEFT.set(UNWILLING);
    }
    // After that, once is enough.
    LOST.set(lost.min(TOO_MUCH - WEIGHT));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn among_friends_it_stays() {
        for round in 0..1000 {
            note(round % 6 == 0);
            assert!(is_there(), "{round}");
        }
    }

    #[test]
    fn among_strangers_it_goes_and_is_tried_again() {
        (0..3).for_each(|_| note(true));
        for _ in 0..2 {
            let refusals = (0..).take_while(|_| !is_there()).count();
            assert_eq!(refusals, UNWILLING as usize);
            note(true);
        }
    }
}
