//! Meeting points.
//!
//! Who comes takes a seat at a [gate](super::gate) and then the lock, with which everything is changed. The last to come is the leader; it runs
//! the action, if there is one, with the lock held, ends the pass, and wakes the others. A seat is left when all else is done. So a death in
//! here, at any instruction, leaves a marked seat, which those who sleep are woken by and those who come look for: the first that
//! has the lock then breaks the barrier.

use super::gate::{Counters, Gate, Reason, SEATS};
use super::handle::handle;
use super::lock::Taken;
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
/// All parties of a pass get the same, apart from those who die, and those who look only when 64 more passes have ended and one of these was broken:
/// they get [`BrokenBarrier`]. One that dies when all have met, and hasn't yet
/// returned, breaks the barrier for the next pass. Deaths are found of up to 64 that wait at once.
///
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

/// The words in front of the seats.
const LOCK: usize = 0;
const FIRST_SEAT: usize = 1;

#[repr(C)]
struct Data {
    counters: Counters,
    parties: AtomicU32,
    waiting: AtomicU32,
    /// How often all have met, or were told that it is broken.
    passes: AtomicU64,
    /// Of the last passes, which were meetings: bit `n` of pass `n`, modulo 64. A party that is late looks here.
    met: AtomicU64,
    /// What `passes` was after the last pass that was none. A party that is very late looks here.
    failed: AtomicU64,
    broken: AtomicU32,
}

#[allow(unsafe_code)]
// SAFETY: they are atomics.
unsafe impl Body for Data {}

handle!(Barrier, Data, FIRST_SEAT + SEATS, c"offspring-barrier");

/// The barrier is broken, or was reset while this one waited.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BrokenBarrier(());

impl fmt::Debug for BrokenBarrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BrokenBarrier({self})")
    }
}

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
        let _seat = self.gate().sit();
        let held = self.enter();
        held.end_pass(false);
        self.0.body().broken.store(0, SeqCst);
    }

    /// Breaks it, for whoever waits and whoever comes, until a [`reset`](Self::reset).
    pub fn abort(&self) {
        let _seat = self.gate().sit();
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

    fn gate(&self) -> Gate<'_, Data> {
        Gate {
            shared: &self.0,
            counters: &self.0.body().counters,
            first_seat: FIRST_SEAT,
        }
    }

    /// Takes the lock, from a seat.
    fn enter(&self) -> Held<'_> {
        let lock = self.0.lock(LOCK);
        let taken = loop {
            if let Some(taken) = lock.lock(Deadline::NEVER) {
                break taken;
            }
        };
        let held = Held(self);
        if taken == Taken::Abandoned {
            held.break_it();
        }
        self.gate().bury(|| held.break_it());
        held
    }

    fn pass(
        &self,
        action: Option<impl FnOnce()>,
        deadline: Deadline,
    ) -> Result<BarrierWaitResult, BrokenBarrier> {
        let data = self.0.body();
        let gate = self.gate();
        let _seat = gate.sit();
        let mut held = self.enter();
        if self.is_broken() {
            return Err(BrokenBarrier(()));
        }
        let pass = data.passes.load(SeqCst);
        if data.waiting.fetch_add(1, SeqCst).saturating_add(1) >= self.parties() {
            if let Some(action) = action {
                held.act(action);
            }
            held.end_pass(true);
            return Ok(BarrierWaitResult { is_leader: true });
        }
        loop {
            let ticket = gate.ticket();
            drop(held);
            let reason = gate.sleep(ticket, deadline);
            held = self.enter();
            if data.passes.load(SeqCst) != pass {
                return held.outcome(pass);
            }
            if reason == Reason::TimedOut {
                held.break_it();
                return Err(BrokenBarrier(()));
            }
        }
    }
}

/// A barrier whose lock this thread has.
struct Held<'a>(&'a Barrier);

impl Held<'_> {
    /// What a party is told whose pass has ended.
    fn outcome(&self, pass: u64) -> Result<BarrierWaitResult, BrokenBarrier> {
        let data = self.0.0.body();
        let is_recent = data.passes.load(SeqCst).wrapping_sub(pass) <= u64::BITS.into();
        let met = match is_recent {
            true => data.met.load(SeqCst) & bit(pass) != 0,
            // If one has failed since, it may have been this one.
            false => data.failed.load(SeqCst) <= pass,
        };
        match met {
            true => Ok(BarrierWaitResult { is_leader: false }),
            false => Err(BrokenBarrier(())),
        }
    }

    /// Lets all go who wait, and tells them whether they have met.
    fn end_pass(&self, met: bool) {
        let data = self.0.0.body();
        let pass = data.passes.load(SeqCst);
        match met {
            true => data.met.fetch_or(bit(pass), SeqCst),
            false => {
                data.failed.store(pass.wrapping_add(1), SeqCst);
                data.met.fetch_and(!bit(pass), SeqCst)
            }
        };
        // From here on it has ended: if this one dies next, what it has said stands.
        data.passes.fetch_add(1, SeqCst);
        data.waiting.store(0, SeqCst);
        self.0.gate().wake(i32::MAX);
    }

    fn break_it(&self) {
        self.0.0.body().broken.store(1, SeqCst);
        self.end_pass(false);
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
        self.0.0.lock(LOCK).unlock();
    }
}

fn bit(pass: u64) -> u64 {
    1 << (pass % u64::from(u64::BITS))
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
