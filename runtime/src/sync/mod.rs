//! Locks and their like, for processes and threads.
//!
//! Each of these is a handle to memory that the kernel frees with its last user. A clone is another handle to the same, and so is what a
//! child gets that it is passed to as an argument. Within one process they do what those of `std::sync` do.
//!
//! ```
//! use offspring::sync::Mutex;
//! use offspring::{spawn, subprocess};
//!
//! #[subprocess]
//! fn deposit(account: &Mutex<u64>, amount: u64) {
//!     *account.lock().unwrap() += amount;
//! }
//!
//! #[offspring::main]
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let account = Mutex::new(0_u64)?;
//!     let children = [spawn!(deposit, &account, 10)?, spawn!(deposit, &account, 20)?];
//!     for child in children {
//!         child.join()?;
//!     }
//!     assert_eq!(*account.lock().unwrap(), 30);
//!     Ok(())
//! }
//! ```
//!
//! | Python | here | holds data |
//! |---|---|---|
//! | `Lock` | [`Mutex`] | yes |
//! | `RLock` | [`ReentrantMutex`] | yes |
//! | | [`RwLock`] | yes |
//! | `Semaphore`, `BoundedSemaphore` | [`Semaphore`] | |
//! | `Condition` | [`Condvar`], with a [`Mutex`] | |
//! | `Event` | [`Event`] | |
//! | `Barrier` | [`Barrier`] | |
//!
//! # What a death does
//!
//! A process can be killed at any instruction, and a thread can end with a guard that was forgotten. No lock is lost by that, and nobody waits for the
//! dead. The kernel does it (`robust-futexes.rst` of its documentation): nothing polls, and there is no thread.
//!
//! | who dies | what the others see |
//! |---|---|
//! | holder of a [`Mutex`], of a [`ReentrantMutex`], writer of an [`RwLock`] | the next one gets the lock, as an error with the guard inside: what it protects may be torn. So do all, until [`clear_poison`](Mutex::clear_poison) |
//! | reader of an [`RwLock`] | nothing: it could tear nothing |
//! | holder of a [`Semaphore`]'s permit | the permit is free again |
//! | one that waits for any of them | nothing. Each unlock of that lock is a system call from then on |
//! | one that waits for a [`Condvar`] | those who wait may wake up without a reason. A notification that the dead one had got goes to another |
//! | one that notifies, or sets an [`Event`] | it has done so, and all wake up who should, or it hasn't |
//! | one that waits for an [`Event`] | nothing |
//! | one that waits at a [`Barrier`], or its leader | the barrier is broken |
//!
//! # Costs
//!
//! Each handle has a descriptor and, once it was used, 8 KiB of memory, of which 4 KiB are shared by all; an [`Event`] has 4 KiB. An [`RwLock`] and a
//! [`Semaphore`] have as much again for every two threads that ever held it at once, a [`Condvar`] and a [`Barrier`] for every two that ever waited at once. A lock that is free is
//! taken without a system call, and so it is given back.
//!
//! # Trust
//!
//! A process that has a handle can hold the lock for ever, tear the data and undo the protocol: then those that share the lock with it wait
//! or get any data, but nothing else of them is touched: all that could lead a process astray is in memory of its own. The data are of types of which any bytes are
//! a value, see [`Shareable`](crate::shared::Shareable).
//!
//! That another process has overwritten a lock which this one holds is a panic when it is noticed.
//!
//! # Limits
//!
//! - A thread holds at most 2000 of them at once; of more, the kernel doesn't tell the death (its list has a limit of 2048).
//! - `exec` with a lock held, by a thread that isn't the first of its process, isn't told either. Subprocess functions of tests run on such threads.
//! - A [`ReentrantMutex`] is reentrant by one handle and its clones, not by two that came to a process separately.
//! - A stopped process (SIGSTOP) holds what it holds; one that is stopped while it waits for a [`Semaphore`] or to write to an
//!   [`RwLock`] holds up those who came later. So does one that waits at a [`Queue`](crate::Queue) hold up those who wait behind it already.
//! - Before Linux 5.16, or where a sandbox forbids futex_waitv, who waits for a [`Condvar`], a [`Barrier`], a [`Semaphore`] or a
//!   [`Queue`](crate::Queue) looks up ten times a second, and may be told of a death that late.
//! - Processes in different PID namespaces must not share a lock: by its number the kernel can take a thread of the one for the holder in the
//!   other, and free the lock when that thread dies.
//! - Before Linux 6.2 the kernel doesn't wake the next if one dies that had just been woken, or was about to wake.
//! - Of more than 64 that wait for a [`Condvar`] or at a [`Barrier`] at once, the deaths of those beyond aren't told.
//!
//! # Forks
//!
//! After a plain fork(2) the child has none of the locks that the parent holds; guards that it inherited do nothing when dropped.

mod barrier;
mod condvar;
mod event;
mod gate;
mod handle;
mod lock;
#[cfg(test)]
mod model;
mod mutex;
mod poison;
mod reentrant;
mod rwlock;
mod segment;
mod semaphore;
mod word;

pub use barrier::{Barrier, BarrierWaitResult, BrokenBarrier};
pub use condvar::{Condvar, TimedGuard, WaitTimeoutResult};
pub use event::Event;
pub(crate) use lock::{Holder, Lock, Taken};
pub use mutex::{Mutex, MutexGuard};
pub(crate) use poison::Flag;
pub use poison::{Cause, PoisonError, Poisoned, TryLockError};
pub use reentrant::{ReentrantMutex, ReentrantMutexGuard};
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub(crate) use segment::{Body, Segment, Shared};
pub use semaphore::{Permit, Semaphore};
