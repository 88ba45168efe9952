//! A flag to wait for.

use super::gate::{Gate, Reason};
use super::handle::handle;
use super::segment::{Body, Shared};
use crate::Result;
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
    is_set: AtomicU32,
    /// How often it was set or somebody died; also what sleepers sleep on.
    changes: AtomicU32,
    /// How often it was set.
    sets: AtomicU32,
}

#[allow(unsafe_code)]
// SAFETY: they are atomics.
unsafe impl Body for Data {}

handle!(Event, Data, 1, c"offspring-event");

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
        let Data { is_set, sets, .. } = self.0.body();
        let change = || {
            is_set.store(1, SeqCst);
            sets.fetch_add(1, SeqCst);
        };
        self.gate().wake_after(change, i32::MAX);
    }

    /// Takes it back: who waits from now on waits until it is set again.
    pub fn clear(&self) {
        self.0.body().is_set.store(0, SeqCst);
    }

    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        self.0.body().is_set.load(SeqCst) != 0
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
        let data = self.0.body();
        let gate = self.gate();
        let sets = data.sets.load(SeqCst);
        loop {
            let ticket = gate.ticket();
            if self.is_set() || data.sets.load(SeqCst) != sets {
                return true;
            }
            if gate.sleep(ticket, deadline).reason == Reason::TimedOut {
                return self.is_set() || data.sets.load(SeqCst) != sets;
            }
        }
    }

    fn gate(&self) -> Gate<'_> {
        Gate {
            changes: &self.0.body().changes,
            bell: self.0.lock(0),
            lock: None,
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
