//! An exhaustive search through the protocols, with a death before each step.
//!
//! # What is modelled
//!
//! Some processes, each with a program: a list of steps that are atomic, as the functions of `lock`, `gate`, `condvar`, `event`, `semaphore` and
//! `barrier` have them, one access to shared memory or one call of the kernel a step. The transitions of a lock are those of
//! [`word`](super::word), the same functions. Any process may do its next step at any time, and each may be killed before any step (of
//! so many as a test allows). The search goes through all orders, with a hash of each state to know it again.
//!
//! The kernel's part, after `kernel/futex`:
//!
//! - FUTEX_WAIT compares and queues in one step. futex_waitv does so for one word after the other; if one has changed it leaves the queues, and is
//!   then woken if it was woken on a word before. A sleeper that was woken on one word stays queued on the others until it runs, and
//!   swallows wake-ups there.
//! - FUTEX_WAKE wakes any of those who are queued, not the first. FUTEX_WAKE_OP changes and wakes in one step.
//! - At a death: the list, first the last lock, in each of which that names the dead one it puts the mark, and in a step of its
//!   own wakes one if it has `WAITERS`; then what is pending, the same, or if it names nobody one is woken.
//!
//! # What is found
//!
//! - A state in which nobody can go on, and which isn't as the test wants it: somebody sleeps who should have been woken.
//! - A run without an end: two that wake each other for ever.
//! - What must never be, checked within a step: two holders, a death that the next one isn't told of, more permits than there are.
//!
//! Each test of a protocol has others beside it in which the protocol has a [`Flaw`], and which fail if that isn't found.
//!
//! # What is not
//!
//! Memory orderings: memory is sequentially consistent. Loops of compare-and-swap are one step. Spinning is one look. Signals that interrupt a sleep,
//! counters that wrap, writers that don't keep to the protocol, threads that share a node, forks, and the list's pointers
//! themselves (`robust` has its tests). The look-ups every 100 ms of kernels without futex_waitv.
//!
//! The larger searches are ignored by default:
//!
//! ```sh
//! cargo test --release -p offspring --lib sync::model -- --ignored
//! ```

mod barrier;
mod calls;
mod condvar;
mod event;
mod gate;
mod lock;
mod program;
mod search;
mod semaphore;
mod world;

/// What is done wrong, to see whether that is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,

    // The lock.
    /// Who gives it back forgets who else waits.
    ForgetsWaiters,
    /// Who gives it back wakes nobody.
    WakesNobody,
    /// The kernel isn't told that there are waiters.
    HidesWaiters,
    /// Isn't pending when it is taken.
    TakesUnannounced,
    /// Isn't pending any more when it is given back.
    FreesUnannounced,
    /// Is no longer pending when one is woken.
    WakesUnannounced,
    /// Who has it is still counted as waiting.
    StaysCounted,

    // The gate.
    /// The counter and the wake-up are two steps.
    WakesInTwoSteps,
    /// Who sleeps doesn't sleep on the seats.
    IgnoresSeats,
    /// Who sleeps doesn't learn that more seats are used.
    IgnoresNewSeats,
    /// Who takes a seat that counts as used doesn't prepare it.
    PreparesOnce,
    /// Who falls asleep doesn't look for marks.
    IgnoresMarks,
    /// Who looks for a seat takes one that is marked.
    ErasesMark,

    // The condition variable.
    /// The ticket is taken when the mutex has been given back.
    TicketLate,
    /// The seat is left before the mutex is taken.
    LeavesEarly,
    /// A lock's word that is merely pending is in the place of the seats.
    MereBell,

    // The semaphore.
    /// Doesn't say that it is going to sleep.
    SaysNothing,
    /// Doesn't sleep on the slots.
    IgnoresSlots,
    /// Doesn't sleep on the total.
    IgnoresTotal,
    /// Is queued on the bell after the total was compared.
    BellLast,
    /// The bell isn't pending when permits are added.
    NoBell,
    /// Reads the total before what is held.
    TotalFirst,
    /// A permit is forgotten in silence.
    ForgetsInSilence,

    // The barrier.
    /// Who comes doesn't look for marks.
    ComesBlind,
    /// Takes a seat when it has come.
    SitsLate,
    /// Remembers of passes only the last that failed.
    RemembersFailure,

    // The event.
    /// Clears what another has set since it looked.
    ClearsBackwards,
    /// Marks it as set, and counts that in another step.
    SetsInTwoSteps,
}
