//! A flag to wait for.
//!
//! It is set if it was set since it was last cleared. That is two counters: how often it was set, which is also what sleepers
//! sleep on, and how often that was when it was cleared. So to set it and to wake all is one system call, which no
//! death can divide, and who sleeps sees that it was set even if it is cleared right after that.

use super::handle::handle;
use super::segment::{Body, Shared};
use crate::Result;
use crate::sys::futex::{self, Woken};
use crate::sys::wait::Deadline;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// A flag that processes and threads can wait for. Python's `Event`.
///
/// It begins as not set. A clone or an argument is another handle to the same. A process that dies in
/// [`set`](Self::set) has set it or not; if so, all who wait wake up.
///
/// ```
/// # #[offspring::main]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let ready = offspring::sync::Event::new()?;
/// assert!(!ready.is_set());
/// ready.set();
/// ready.wait();
/// # Ok(())
/// # }
/// ```
pub struct Event(Arc<Shared<Data>>);

#[repr(C)]
struct Data {
    /// How often it was set.
    sets: AtomicU32,
    /// What `sets` was when it was last cleared.
    cleared: AtomicU32,
}

#[allow(unsafe_code)]
// SAFETY: they are atomics.
unsafe impl Body for Data {}

handle!(Event, Data, 0, c"offspring-event");

impl Event {
    /// A new flag, not set.
    ///
    /// # Errors
    ///
    /// There are no descriptors or no memory left.
    pub fn new() -> Result<Self> {
        Self::create()
    }

    /// Sets it, and wakes all that wait.
    pub fn set(&self) {
        if !self.is_set() {
            futex::add_and_wake(&self.0.body().sets, i32::MAX);
        }
    }

    /// Takes it back: who waits from now on waits until it is set again.
    pub fn clear(&self) {
        let Data { sets, cleared } = self.0.body();
        let sets = sets.load(SeqCst);
        // Another one may have cleared it later than this one has looked.
        let later = |cleared: u32| (sets.wrapping_sub(cleared) as i32 > 0).then_some(sets);
        let _done = cleared.fetch_update(SeqCst, SeqCst, later);
    }

    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        let Data { sets, cleared } = self.0.body();
        sets.load(SeqCst) != cleared.load(SeqCst)
    }

    /// Waits until it is set. If it is cleared right after that, this returns all the same.
    pub fn wait(&self) {
        self.wait_until(Deadline::NEVER);
    }

    /// Waits at most so long; returns whether it was set.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.wait_until(Deadline::after(timeout))
    }

    fn wait_until(&self, deadline: Deadline) -> bool {
        let Data { sets, cleared } = self.0.body();
        let before = sets.load(SeqCst);
        if before != cleared.load(SeqCst) {
            return true;
        }
        loop {
            let woken = futex::wait(sets, before, deadline);
            if sets.load(SeqCst) != before {
                return true;
            }
            if woken == Woken::TimedOut {
                return false;
            }
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("is_set", &self.is_set())
            .finish_non_exhaustive()
    }
}
