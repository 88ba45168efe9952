//! An exhaustive search through the protocols, with a death before each step.
//!
//! # What is modelled
//!
//! Some processes, each with a program: a list of steps that are atomic, as the functions of `lock`, `gate`, `condvar`, `event`, `semaphore`,
//! `barrier` and `rwlock` have them, and those by which one waits at a [queue](crate::queue), one access to shared memory or one call of the kernel a step.
//! What only the holder of a lock reads and writes may be one step together. The transitions of a lock are those of
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
mod joining;
mod lock;
mod program;
mod queue;
mod rwlock;
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

    // Bells, of the semaphore and of the queue.
    /// Is queued on the bell after the others were compared.
    BellLast,
    /// The bell isn't pending when there is something new.
    NoBell,

    // The semaphore.
    /// Doesn't say that it is going to sleep.
    SaysNothing,
    /// Doesn't sleep on the slots.
    IgnoresSlots,
    /// Doesn't sleep on the total.
    IgnoresTotal,
    /// Reads the total before what is held.
    TotalFirst,
    /// A permit is forgotten in silence.
    ForgetsInSilence,

    // The lock of readers and a writer.
    /// A reader leaves the entrance before it takes a share.
    SharesOutside,
    /// A reader doesn't count its share as used.
    UsesInSilence,
    /// A writer leaves the entrance before it writes.
    LeavesOpen,
    /// A writer doesn't say that it writes.
    WritesUnmarked,
    /// A writer says so before the readers have left.
    MarksBeforeDraining,
    /// A writer takes that back when it has left the entrance.
    UnmarksLate,
    /// Who finds a dead writer takes back that it writes, and then poisons.
    UnmarksBeforePoison,
    /// Who finds the entrance abandoned poisons, whoever that was.
    PoisonsAlways,
    /// Who waits for a share registers nowhere.
    RegistersAtNone,
    /// It registers at the first share alone.
    RegistersAtOne,
    /// It sleeps on the first share alone.
    SleepsOnOne,
    /// It is counted as waiting when it has a share.
    StaysRegistered,

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

    // The queue.
    /// Who sleeps doesn't sleep on the count.
    IgnoresCount,
    /// Who sleeps doesn't sleep on the flag.
    IgnoresFlag,
    /// Who sleeps doesn't sleep on whether it is closed.
    IgnoresClosing,
    /// Reads the count that it sleeps on after it has looked.
    CountsLate,
    /// Doesn't raise the flag.
    RaisesNothing,
    /// Doesn't look once more before it sleeps.
    SleepsBlind,
    /// All sleep, and not one with the turnstile.
    SleepsInCrowds,
    /// Looks at the flag before the count has changed.
    LooksBeforeChange,
    /// Lowers the flag and wakes nobody.
    LowersInSilence,
    /// Only looks at the other side's count as it once was.
    TrustsOldLooks,
    /// Looks whether it is closed after it has seen that it is empty.
    LooksForEndLast,
    /// Closes without the lock of putters.
    ClosesOutside,
    /// Closes, and wakes all in another step.
    ClosesInTwoSteps,

    // Those who join a queue.
    /// Goes on if it was told that all is done, and doesn't look.
    TrustsWhatIsSaid,
    /// Isn't pending any more when it looks again.
    SettlesBetween,
    /// Is never pending.
    JoinsUnannounced,
    /// Goes on when it was woken, and wakes no other.
    PassesNothingOn,
    /// Goes on without that if it finds that all is done when it looks again.
    PassesNothingOnLater,
    /// Lowers the flag when all were told.
    LowersLate,
}
