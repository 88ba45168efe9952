//! Meeting points.
//!
//! Each that waits has a *place*, which is a lock too, for as long as it waits, so that its death is found by the next one that comes.
//!
//! Everything is changed with the gate's lock held. The last to come is the leader; it runs the action, if there is one, with the lock, ends
//! the pass, and wakes the others. Since the lock is a watched one on which they sleep too, they learn of it when the leader dies:
//! whoever then takes the lock finds it abandoned, breaks the barrier and wakes all. One that dies asleep rings the bell for those
//! that sleep, which has the same consequence.

use super::gate::{Gate, Reason};
use super::handle::handle;
use super::lock::{Lock, Taken, Turn};
use super::segment::{Body, Shared};
use crate::Result;
use crate::error::Error;
use crate::sys::wait::Deadline;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::Duration;

/// A place where a number of processes or threads wait for each other. Python's `Barrier`.
///
/// When as many as were said at its making wait at it, all go on, and it is there for the next pass. A clone or an
/// argument is another handle to the same.
///
/// It *breaks* if one that waits there dies or runs out of time, if the leader's action panics or the leader dies, and by
/// [`abort`](Self::abort): then all who wait get [`BrokenBarrier`], and so does who comes later, until a [`reset`](Self::reset).
/// (Of more than 64 that wait at once, the death of those beyond is found only by others that sleep at the time.)
/// That one which isn't there will never come, because it has died elsewhere, can't be known here: use
/// [`wait_timeout`](Self::wait_timeout) where that may be.
///
/// ```
/// # #[offspring::main]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let barrier = offspring::sync::Barrier::new(2)?;
/// std::thread::scope(|scope| {
///     let other = scope.spawn(|| barrier.wait().unwrap().is_leader());
///     let leads = barrier.wait().unwrap().is_leader();
///     assert_ne!(leads, other.join().unwrap());
/// });
/// # Ok(())
/// # }
/// ```
pub struct Barrier(Arc<Shared<Data>>);

#[repr(C)]
struct Data {
    changes: AtomicU32,
    /// Of the lock.
    turn: Turn,
    parties: AtomicU32,
    waiting: AtomicU32,
    /// How often all have met, or it was reset.
    passes: AtomicU32,
    broken: AtomicU32,
    /// How many places were ever taken.
    used: AtomicU32,
    /// Of the last 64 passes, by their number modulo 64: whether they ended by a reset or a break.
    failed: AtomicU64,
}

#[allow(unsafe_code)]
// SAFETY: they are atomics.
unsafe impl Body for Data {}

handle!(Barrier, Data, FIRST_PLACE + PLACES, c"offspring-barrier");

/// How many that wait have a place.
const PLACES: usize = 64;
const FIRST_PLACE: usize = 2;

/// The barrier is broken, or was reset while this one waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenBarrier(());

impl fmt::Display for BrokenBarrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the barrier is broken: one of its parties died, ran out of time, panicked, or aborted or reset it",
        )
    }
}

impl std::error::Error for BrokenBarrier {}

impl From<BrokenBarrier> for Error {
    fn from(error: BrokenBarrier) -> Self {
        Self::system("a barrier", std::io::Error::other(error))
    }
}

/// How one has passed a [`Barrier`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierWaitResult {
    is_leader: bool,
}

impl BarrierWaitResult {
    /// Whether this one was the last to come: it is so for exactly one a pass.
    pub fn is_leader(&self) -> bool {
        self.is_leader
    }
}

impl Barrier {
    /// A barrier for so many parties; 0 is as good as 1.
    ///
    /// # Errors
    ///
    /// There are no descriptors or no memory left.
    pub fn new(parties: u32) -> Result<Self> {
        let barrier = Self::create()?;
        barrier.0.body().parties.store(parties.max(1), SeqCst);
        barrier.lock().prepare();
        Ok(barrier)
    }

    /// Waits for the others.
    ///
    /// # Errors
    ///
    /// The barrier is broken, breaks or is reset.
    pub fn wait(&self) -> Result<BarrierWaitResult, BrokenBarrier> {
        self.pass(None::<fn()>, Deadline::NEVER)
    }

    /// Waits for the others at most so long. If they haven't come by then, the barrier is broken.
    ///
    /// # Errors
    ///
    /// The barrier is broken, breaks or is reset.
    pub fn wait_timeout(&self, timeout: Duration) -> Result<BarrierWaitResult, BrokenBarrier> {
        self.pass(None::<fn()>, Deadline::after(timeout))
    }

    /// Waits for the others, and if this one is the leader, calls `action` before anybody goes on. All parties should bring
    /// the same.
    ///
    /// # Errors
    ///
    /// The barrier is broken, breaks or is reset.
    ///
    /// # Panics
    ///
    /// If `action` does. Then the barrier is broken.
    pub fn wait_with(&self, action: impl FnOnce()) -> Result<BarrierWaitResult, BrokenBarrier> {
        self.pass(Some(action), Deadline::NEVER)
    }

    /// [`wait_with`](Self::wait_with), but at most so long, apart from the time that `action` takes.
    ///
    /// # Errors
    ///
    /// The barrier is broken, breaks or is reset.
    ///
    /// # Panics
    ///
    /// If `action` does. Then the barrier is broken.
    pub fn wait_with_timeout(
        &self,
        action: impl FnOnce(),
        timeout: Duration,
    ) -> Result<BarrierWaitResult, BrokenBarrier> {
        self.pass(Some(action), Deadline::after(timeout))
    }

    /// Makes it as new. Who waits gets [`BrokenBarrier`].
    pub fn reset(&self) {
        let held = self.enter();
        held.end_pass(true);
        self.clear_dead();
        self.0.body().broken.store(0, SeqCst);
    }

    /// Breaks it, for whoever waits and whoever comes, until a [`reset`](Self::reset).
    pub fn abort(&self) {
        self.enter().break_it();
    }

    /// Whether it is broken.
    pub fn is_broken(&self) -> bool {
        self.0.body().broken.load(SeqCst) != 0
    }

    /// How many must come.
    pub fn parties(&self) -> u32 {
        self.0.body().parties.load(SeqCst)
    }

    /// How many are there at the moment.
    pub fn waiting(&self) -> u32 {
        self.0.body().waiting.load(SeqCst)
    }

    fn lock(&self) -> Lock<'_> {
        self.0.lock(1).watched_by_gate(&self.0.body().turn)
    }

    fn gate(&self) -> Gate<'_> {
        Gate {
            changes: &self.0.body().changes,
            bell: self.0.lock(0),
            lock: Some(self.lock()),
        }
    }

    fn enter(&self) -> Held<'_> {
        loop {
            if let Some(taken) = self.lock().lock(Deadline::NEVER) {
                return self.held(taken);
            }
        }
    }

    fn held(&self, taken: Taken) -> Held<'_> {
        let held = Held(self);
        if taken == Taken::Abandoned {
            held.break_it();
        }
        held
    }

    fn place(&self, index: usize) -> Lock<'_> {
        self.0.lock(FIRST_PLACE + index)
    }

    /// How many places were ever taken.
    fn used(&self) -> usize {
        (self.0.body().used.load(SeqCst) as usize).min(PLACES)
    }

    /// Makes the places of the dead free again; whether there were any. With the lock held.
    fn clear_dead(&self) -> bool {
        let mut found = false;
        for index in 0..self.used() {
            let place = self.place(index);
            if place.load().owner_died() && place.try_lock().is_some() {
                place.unlock();
                found = true;
            }
        }
        found
    }

    /// Takes a place, if one is left. With the lock held, and no dead.
    fn take_place(&self) -> Place<'_> {
        let taken = (0..PLACES).find(|index| {
            let place = self.place(*index);
            place.load().holder() == 0 && place.try_lock().is_some()
        });
        if let Some(index) = taken {
            let used = &self.0.body().used;
            used.store(used.load(SeqCst).max(index as u32 + 1), SeqCst);
        }
        Place(taken.map(|index| self.place(index)))
    }

    fn pass(
        &self,
        action: Option<impl FnOnce()>,
        deadline: Deadline,
    ) -> Result<BarrierWaitResult, BrokenBarrier> {
        let data = self.0.body();
        let mut held = self.enter();
        if self.clear_dead() {
            held.break_it();
        }
        if self.is_broken() {
            return Err(BrokenBarrier(()));
        }
        let pass = data.passes.load(SeqCst);
        if data.waiting.fetch_add(1, SeqCst) + 1 >= self.parties() {
            if let Some(action) = action {
                held.act(action);
            }
            held.end_pass(false);
            return Ok(BarrierWaitResult { is_leader: true });
        }
        let _place = self.take_place();
        loop {
            let gate = self.gate();
            let ticket = gate.ticket();
            drop(held);
            let awake = gate.sleep(ticket, deadline);
            let reason = awake.reason;
            held = self.held(awake.enter());
            if self.clear_dead() {
                held.break_it();
            }
            if data.passes.load(SeqCst) != pass {
                return if data.failed.load(SeqCst) & bit(pass) != 0 {
                    Err(BrokenBarrier(()))
                } else {
                    Ok(BarrierWaitResult { is_leader: false })
                };
            }
            if matches!(reason, Reason::TimedOut | Reason::Bell) {
                held.break_it();
                return Err(BrokenBarrier(()));
            }
        }
    }
}

/// Where one waits. Dropping it leaves it.
struct Place<'a>(Option<Lock<'a>>);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(place) = &self.0 {
            place.unlock();
        }
    }
}

/// The bit of a pass.
fn bit(pass: u32) -> u64 {
    1 << (pass % 64)
}

/// A barrier whose lock this thread has.
struct Held<'a>(&'a Barrier);

impl Held<'_> {
    fn end_pass(&self, has_failed: bool) {
        let data = self.0.0.body();
        let bit = bit(data.passes.load(SeqCst));
        if has_failed {
            data.failed.fetch_or(bit, SeqCst);
        } else {
            data.failed.fetch_and(!bit, SeqCst);
        }
        data.waiting.store(0, SeqCst);
        data.passes.fetch_add(1, SeqCst);
        self.0.gate().wake(i32::MAX);
    }

    fn break_it(&self) {
        self.0.0.body().broken.store(1, SeqCst);
        self.end_pass(true);
    }

    /// Calls `action`. If it panics, the barrier is broken.
    fn act(&self, action: impl FnOnce()) {
        struct Breaks<'a>(&'a Held<'a>);
        impl Drop for Breaks<'_> {
            fn drop(&mut self) {
                self.0.break_it();
            }
        }
        let breaks = Breaks(self);
        action();
        std::mem::forget(breaks);
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.lock().unlock();
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("parties", &self.parties())
            .field("waiting", &self.waiting())
            .field("is_broken", &self.is_broken())
            .finish_non_exhaustive()
    }
}
