//! Where a task's outcome is waited for.

use super::error::Failure;
use crate::wire::message::Received;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

/// What became of a task.
pub(super) type Outcome = Result<Received, Failure>;

/// Filled once, taken once.
#[derive(Default)]
pub(super) struct Slot {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    outcome: Option<Outcome>,
    /// Stays when the outcome is taken.
    done: bool,
    waker: Option<Waker>,
    /// Told of the end as well: who waits for any of several.
    bell: Option<Arc<Bell>>,
    number: usize,
}

impl Slot {
    /// One whose end is also told to `bell`, as that of `number`.
    pub(super) fn with_bell(bell: Arc<Bell>, number: usize) -> Self {
        let slot = Self::default();
        {
            let mut state = slot.lock();
            state.bell = Some(bell);
            state.number = number;
        }
        slot
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first outcome counts.
    pub(super) fn fill(&self, outcome: Outcome) {
        let mut state = self.lock();
        if state.done {
            return;
        }
        state.outcome = Some(outcome);
        state.done = true;
        let (waker, bell, number) = (state.waker.take(), state.bell.take(), state.number);
        drop(state);
        self.filled.notify_all();
        if let Some(bell) = bell {
            bell.ring(number);
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.lock().done
    }

    /// Waits for the outcome and takes it; `None` after the time, or if it was taken before.
    pub(super) fn take(&self, time: Option<Duration>) -> Option<Outcome> {
        let end = time.and_then(|time| Instant::now().checked_add(time));
        let mut state = self.lock();
        while !state.done {
            state = match end {
                None => self
                    .filled
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(end) => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return None;
                    }
                    let waited = self.filled.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        state.outcome.take()
    }

    /// Takes the outcome (`None` if it was taken before), or has `waker` woken when it comes.
    pub(super) fn poll(&self, waker: &Waker) -> Poll<Option<Outcome>> {
        let mut state = self.lock();
        if state.done {
            return Poll::Ready(state.outcome.take());
        }
        state.waker = Some(waker.clone());
        Poll::Pending
    }
}

/// Tells which of several slots were filled, in that order.
#[derive(Default)]
pub(super) struct Bell {
    rung: Mutex<Rung>,
    changed: Condvar,
}

#[derive(Default)]
struct Rung {
    numbers: VecDeque<usize>,
    waker: Option<Waker>,
}

impl Bell {
    fn lock(&self) -> MutexGuard<'_, Rung> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self, number: usize) {
        let mut rung = self.lock();
        rung.numbers.push_back(number);
        let waker = rung.waker.take();
        drop(rung);
        self.changed.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits for the next.
    pub(super) fn next(&self) -> usize {
        let mut rung = self.lock();
        loop {
            if let Some(number) = rung.numbers.pop_front() {
                return number;
            }
            rung = self
                .changed
                .wait(rung)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next, or has `waker` woken when it comes.
    pub(super) fn poll(&self, waker: &Waker) -> Option<usize> {
        let mut rung = self.lock();
        let number = rung.numbers.pop_front();
        if number.is_none() {
            rung.waker = Some(waker.clone());
        }
        number
    }
}
