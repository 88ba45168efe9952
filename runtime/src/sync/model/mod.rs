//! An exhaustive search through the protocol of a lock, with a death before each step.
//!
//! # What is modelled
//!
//! Some processes, each with a program: a list of steps that are atomic, as the functions of `lock` have them, one access to shared memory or one call of the kernel a step. The transitions of a lock are those of
//! [`word`](super::word), the same functions. Any process may do its next step at any time, and each may be killed before any step (of
//! so many as a test allows). The search goes through all orders, with a hash of each state to know it again.
//!
//! The kernel's part, after `kernel/futex`:
//!
//! - FUTEX_WAIT compares and queues in one step. futex_waitv does so for one word after the other; if one has changed it leaves the queues, and is
//!   then woken if it was woken on a word before. A sleeper that was woken on one word stays queued on the others until it runs, and
//!   swallows wake-ups there.
//! - FUTEX_WAKE wakes any of those who are queued, not the first.
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

mod calls;
mod lock;
mod program;
mod search;
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
}
