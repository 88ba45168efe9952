//! Waiting for a condition on what a mutex protects.
//!
//! A waiter takes a seat at a [gate](super::gate) and a ticket, gives the mutex back, and sleeps. When it is woken, it takes the mutex, and then
//! leaves its seat. So a waiter that was notified and dies before it has the mutex is found by those who still sleep, and its
//! notification isn't lost: whoever finds it wakes all.

use super::gate::{Counters, Gate, Reason, SEATS};
use super::handle::handle;
use super::mutex::MutexGuard;
use super::poison::{PoisonError, Poisoned};
use super::segment::{Body, Shared};
use crate::Result;
use crate::shared::Shareable;
use crate::sys::wait::Deadline;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Lets processes and threads wait until what a [`Mutex`](super::Mutex) protects is as they need it.
///
/// Like `std::sync::Condvar`; a clone or an argument is another handle to the same. Python's
/// `Condition`. To be used with one mutex at a time.
///
/// A waiter may wake up without having been notified, and does so when another one dies: look at the data again, or use
/// [`wait_while`](Self::wait_while). A notification of one that goes to a waiter which dies goes to the others; that is so
/// for up to 64 that wait at once.
///
/// ```
/// use offspring::sync::{Condvar, Mutex};
///
/// # #[offspring::main]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let items = Mutex::new(0_u32)?;
/// let added = Condvar::new()?;
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         let mut items = added.wait_while(items.lock().unwrap(), |items| *items == 0).unwrap();
///         *items -= 1;
///     });
///     *items.lock().unwrap() += 1;
///     added.notify_one();
/// });
/// # Ok(())
/// # }
/// ```
pub struct Condvar(Arc<Shared<Data>>);

#[repr(C)]
struct Data {
    counters: Counters,
}

#[allow(unsafe_code)]
// SAFETY: they are atomics.
unsafe impl Body for Data {}

handle!(Condvar, Data, SEATS, c"offspring-condvar");

/// A guard of a [`Mutex`](super::Mutex), and whether the time was up.
pub type TimedGuard<'a, T> = (MutexGuard<'a, T>, WaitTimeoutResult);

/// Whether a wait ended because the time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether the time was up.
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    /// A new condition variable.
    ///
    /// # Errors
    ///
    /// There are no descriptors or no memory left.
    pub fn new() -> Result<Self> {
        Self::create()
    }

    /// Gives the lock back, waits until somebody notifies, and takes the lock again.
    ///
    /// # Errors
    ///
    /// What the lock protects may be torn.
    pub fn wait<'a, T: Shareable>(
        &self,
        guard: MutexGuard<'a, T>,
    ) -> Result<MutexGuard<'a, T>, Poisoned<'a, T>> {
        self.wait_until(guard, Deadline::NEVER).0
    }

    /// Waits as long as `condition` says so of the data.
    ///
    /// # Errors
    ///
    /// What the lock protects may be torn.
    pub fn wait_while<'a, T: Shareable>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> Result<MutexGuard<'a, T>, Poisoned<'a, T>> {
        while condition(&mut guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// [`wait`](Self::wait), but at most so long, apart from the time that it takes to get the lock again.
    ///
    /// # Errors
    ///
    /// What the lock protects may be torn.
    pub fn wait_timeout<'a, T: Shareable>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> Result<TimedGuard<'a, T>, PoisonError<TimedGuard<'a, T>>> {
        let (result, timed_out) = self.wait_until(guard, Deadline::after(timeout));
        let timed = |guard| (guard, WaitTimeoutResult(timed_out));
        result.map(timed).map_err(|error| error.map(timed))
    }

    /// [`wait_while`](Self::wait_while), but at most so long. If `condition` still holds then, the time was up.
    ///
    /// # Errors
    ///
    /// What the lock protects may be torn.
    pub fn wait_timeout_while<'a, T: Shareable>(
        &self,
        mut guard: MutexGuard<'a, T>,
        timeout: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> Result<TimedGuard<'a, T>, PoisonError<TimedGuard<'a, T>>> {
        let deadline = Deadline::after(timeout);
        while condition(&mut guard) {
            if deadline.has_passed() {
                return Ok((guard, WaitTimeoutResult(true)));
            }
            let late = |guard| (guard, WaitTimeoutResult(deadline.has_passed()));
            guard = self
                .wait_until(guard, deadline)
                .0
                .map_err(|error| error.map(late))?;
        }
        Ok((guard, WaitTimeoutResult(false)))
    }

    /// Wakes one that waits, if there is any.
    pub fn notify_one(&self) {
        self.gate().wake(1);
    }

    /// Wakes all that wait.
    pub fn notify_all(&self) {
        self.gate().wake(i32::MAX);
    }

    fn gate(&self) -> Gate<'_, Data> {
        Gate {
            shared: &self.0,
            counters: &self.0.body().counters,
            first_seat: 0,
        }
    }

    fn wait_until<'a, T: Shareable>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Deadline,
    ) -> (Result<MutexGuard<'a, T>, Poisoned<'a, T>>, bool) {
        let gate = self.gate();
        let mutex = guard.mutex();
        let seat = gate.sit();
        let ticket = gate.ticket();
        drop(guard);
        let timed_out = loop {
            match gate.sleep(ticket, deadline) {
                Reason::Change => break false,
                Reason::TimedOut => break true,
                Reason::Death => gate.bury(|| self.notify_all()),
            }
        };
        let guard = mutex.lock();
        drop(seat);
        (guard, timed_out)
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}
