//! Permits, of which there is a number.
//!
//! How many are free is not written anywhere: it is the total less what is held, and what is held is in the *slots*. A thread that holds permits has a
//! slot, which is a lock, and beside it the number of its permits. When the thread dies, the kernel marks that lock, and with it the
//! permits are free. So no death can make the count wrong.
//!
//! Permits are given out by the one who has the *turnstile*, a lock too, so that the others who wait stand behind it. If there is no permit, it sleeps with
//! the turnstile held until something comes back. If it dies, the next one finds the turnstile abandoned and looks for itself.
//!
//! A permit comes back without the turnstile: the count beside the slot or the slot itself, then the counter of changes, then the sleeper is woken, if
//! there is one. A death in between is one of the holder of that slot, or leaves it pending with nobody in it: either wakes the
//! sleeper, which sleeps on all slots. Permits that nobody had are added to the total, and a death between that and the wake-up
//! rings the *bell*, a lock's word that nobody ever takes and that is pending then. A sleeper sleeps on the bell, and after it has been
//! queued there the kernel compares the total: so it has heard the bell or seen the sum.

use super::handle::handle;
use super::lock::{Holder, Lock};
use super::segment::{Body, Shared};
use crate::Result;
use crate::error::{Error, Kind};
use crate::sys::futex::{self, Woken};
use crate::sys::robust::me;
use crate::sys::wait::Deadline;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::Duration;

/// How many threads can hold permits at once.
const SLOTS: usize = 64;

/// The words in front of the slots.
const BELL: usize = 0;
const TURNSTILE: usize = 1;
const FIRST_SLOT: usize = 2;

/// How long somebody who won't wait gives another to pass the turnstile.
const PASSING: Duration = Duration::from_millis(1);

/// A number of permits for processes and threads. Python's `Semaphore` and `BoundedSemaphore`.
///
/// [`acquire`](Self::acquire) gives a [`Permit`], which comes back when it is dropped, or when its thread or process dies. Python's way, to acquire here and
/// release there, is [`Permit::forget`] and [`release`](Self::release); such a permit belongs to nobody, and no death gives it back.
///
/// A clone or an argument is another handle to the same. At most 64 threads can hold permits at once, any number each; one more waits, even if there
/// are permits.
///
/// ```
/// use offspring::sync::Semaphore;
///
/// # #[offspring::main]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let seats = Semaphore::bounded(2)?;
/// let (one, _other) = (seats.acquire(), seats.acquire());
/// assert!(seats.try_acquire().is_none());
/// drop(one);
/// assert_eq!(seats.available(), 1);
/// assert!(seats.release(2).is_err());
/// # Ok(())
/// # }
/// ```
pub struct Semaphore(Arc<Shared<Data>>);

#[repr(C)]
struct Data {
    changes: AtomicU32,
    /// How many permits there are, free or held.
    total: AtomicU32,
    /// What `total` can't exceed.
    bound: AtomicU32,
    /// Whether one sleeps who wants to be woken.
    sleeping: AtomicU32,
    /// How many slots were ever used.
    used: AtomicU32,
    /// How many permits belong to each slot.
    held: [AtomicU32; SLOTS],
}

#[allow(unsafe_code)]
// SAFETY: they are atomics.
unsafe impl Body for Data {}

handle!(Semaphore, Data, FIRST_SLOT + SLOTS, c"offspring-semaphore");

/// What somebody saw who looked for a permit, and sleeps on.
struct View {
    total: u32,
    words: [u32; SLOTS],
    used: usize,
    held: u32,
    mine: Option<usize>,
    free: Option<usize>,
}

impl Semaphore {
    /// With so many permits; [`release`](Self::release) may add more.
    ///
    /// # Errors
    ///
    /// There are no descriptors or no memory left.
    pub fn new(permits: u32) -> Result<Self> {
        Self::with_bound(permits, u32::MAX)
    }

    /// With so many permits, and never more. Python's `BoundedSemaphore`.
    ///
    /// # Errors
    ///
    /// There are no descriptors or no memory left.
    pub fn bounded(permits: u32) -> Result<Self> {
        Self::with_bound(permits, permits)
    }

    fn with_bound(permits: u32, bound: u32) -> Result<Self> {
        let semaphore = Self::create()?;
        let data = semaphore.0.body();
        data.total.store(permits, SeqCst);
        data.bound.store(bound, SeqCst);
        Ok(semaphore)
    }

    /// Waits for a permit.
    pub fn acquire(&self) -> Permit<'_> {
        loop {
            if let Some(permit) = self.take(Deadline::NEVER, Deadline::NEVER) {
                return permit;
            }
        }
    }

    /// A permit, if one is free and nobody waits for it.
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.take(Deadline::after(PASSING), Deadline::after(Duration::ZERO))
    }

    /// Waits at most so long for a permit.
    pub fn acquire_timeout(&self, timeout: Duration) -> Option<Permit<'_>> {
        let deadline = Deadline::after(timeout);
        self.take(deadline, deadline)
    }

    /// Adds permits that nobody has: Python's `release`, for permits that were [forgotten](Permit::forget).
    ///
    /// # Errors
    ///
    /// There would be more than a [bounded](Self::bounded) one may have, or than can be counted; nothing was added.
    pub fn release(&self, permits: u32) -> Result<()> {
        let data = self.0.body();
        let bound = data.bound.load(SeqCst);
        let add = |total: u32| total.checked_add(permits).filter(|total| *total <= bound);
        let bell = self.0.lock(BELL);
        let me = me();
        bell.pend(me);
        let added = data.total.fetch_update(SeqCst, SeqCst, add);
        if added.is_ok() {
            self.wake();
        }
        me.settle();
        match added {
            Ok(_) => Ok(()),
            Err(total) => Err(Error::new(Kind::TooManyPermits {
                released: permits,
                total,
                bound,
            })),
        }
    }

    /// How many permits are free. That may have changed when this returns.
    pub fn available(&self) -> u32 {
        let view = self.look();
        view.total.saturating_sub(view.held)
    }

    fn slot(&self, index: usize) -> Lock<'_> {
        self.0.lock(FIRST_SLOT + index).watched()
    }

    fn look(&self) -> View {
        let data = self.0.body();
        let used = (data.used.load(SeqCst) as usize).min(SLOTS);
        let mut view = View {
            total: 0,
            words: [0; SLOTS],
            used,
            held: 0,
            mine: None,
            free: (used < SLOTS).then_some(used),
        };
        for index in 0..used {
            let slot = self.slot(index);
            let state = slot.load();
            view.words[index] = state.word();
            if state.holder() == 0 {
                view.free = Some(index);
                continue;
            }
            view.held = view.held.saturating_add(data.held[index].load(SeqCst));
            if slot.is_mine() {
                view.mine = Some(index);
            }
        }
        // After what is held, of which a permit that is being forgotten is part a moment longer.
        view.total = data.total.load(SeqCst);
        view
    }

    fn take(&self, passing: Deadline, waiting: Deadline) -> Option<Permit<'_>> {
        let turnstile = self.0.lock(TURNSTILE);
        // Whoever died with it has left nothing undone.
        turnstile.lock(passing)?;
        let slot = self.take_turn(waiting);
        turnstile.unlock();
        slot.map(|slot| Permit {
            semaphore: self,
            slot,
            holder: Holder::me(),
        })
    }

    /// With the turnstile held.
    fn take_turn(&self, deadline: Deadline) -> Option<usize> {
        let data = self.0.body();
        if let Some(slot) = self.grant(&self.look()) {
            return Some(slot);
        }
        data.sleeping.store(1, SeqCst);
        let slot = loop {
            let ticket = data.changes.load(SeqCst);
            let view = self.look();
            if let Some(slot) = self.grant(&view) {
                break Some(slot);
            }
            if self.sleep(ticket, &view, deadline) == Woken::TimedOut {
                break None;
            }
        };
        data.sleeping.store(0, SeqCst);
        slot
    }

    /// Gives this thread a permit, if one is free.
    fn grant(&self, view: &View) -> Option<usize> {
        let data = self.0.body();
        if view.total <= view.held {
            return None;
        }
        if let Some(mine) = view.mine {
            data.held[mine].fetch_add(1, SeqCst);
            return Some(mine);
        }
        let index = view.free?;
        if index >= view.used {
            // Not before it is needed: each two slots are a page.
            self.slot(index).prepare();
            data.used.store(index as u32 + 1, SeqCst);
        }
        data.held[index].store(0, SeqCst);
        self.slot(index).try_lock()?;
        data.held[index].store(1, SeqCst);
        Some(index)
    }

    fn sleep(&self, ticket: u32, view: &View, deadline: Deadline) -> Woken {
        let data = self.0.body();
        let bell = self.0.lock(BELL);
        // The bell first: if one that adds permits dies before it has said so, either the total has changed by the time that it is
        // looked at, or this one is queued on the bell.
        let mut words = vec![
            (bell.word(), bell.load_word()),
            (&data.total, view.total),
            (&data.changes, ticket),
        ];
        for index in 0..view.used {
            words.push((self.slot(index).word(), view.words[index]));
        }
        futex::wait_any(&words, 2, deadline)
    }

    fn wake(&self) {
        let data = self.0.body();
        data.changes.fetch_add(1, SeqCst);
        if data.sleeping.load(SeqCst) != 0 {
            futex::wake(&data.changes, 1);
        }
    }

    /// Takes a permit of this thread out of its slot.
    fn give_back(&self, index: usize, and: impl Fn()) {
        let held = &self.0.body().held[index];
        let slot = self.slot(index);
        // A child of fork(2) has the permits but not the slot.
        if !slot.is_mine() {
            return;
        }
        match held.load(Relaxed) {
            0 | 1 => slot.unlock_and(and),
            count => {
                held.store(count - 1, SeqCst);
                and();
            }
        }
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available", &self.available())
            .finish_non_exhaustive()
    }
}

/// A permit of a [`Semaphore`]. Dropping it gives it back.
#[must_use = "the permit is given back when it is dropped"]
#[derive(Debug)]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
    slot: usize,
    holder: Holder,
}

impl Permit<'_> {
    /// Keeps it from coming back: from here on nobody has it, until somebody [releases](Semaphore::release) one. If this process dies in here, the permit is
    /// either forgotten or free.
    pub fn forget(self) {
        // A child of fork(2) hasn't got it.
        if self.holder.is_me() {
            self.semaphore.0.body().total.fetch_sub(1, SeqCst);
            // One that looks at this moment sees one less than there are.
            let semaphore = self.semaphore;
            semaphore.give_back(self.slot, || semaphore.wake());
        }
        std::mem::forget(self);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let semaphore = self.semaphore;
        if self.holder.is_me() {
            semaphore.give_back(self.slot, || semaphore.wake());
        }
    }
}
