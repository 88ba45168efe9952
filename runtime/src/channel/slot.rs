//! Where an end of a channel is, as long as it is here.

use super::reader::Reader;
use super::writer::Writer;
use crate::wire::Moving;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What an end consists of.
pub(super) trait End: Send + 'static {
    /// It is dropped here, and is nowhere else.
    fn leave(&mut self) {}
}

impl End for Writer {}

impl End for Reader {
    fn leave(&mut self) {
        if self.process == std::process::id() {
            self.ring.rare().reader_left.store(1, SeqCst);
        }
    }
}

enum State<E> {
    Here(E),
    /// In a message that hasn't been sent yet.
    Given(E),
    Gone,
}

pub(super) struct Slot<E: End>(Mutex<State<E>>);

impl<E: End> Slot<E> {
    pub(super) fn new(end: E) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State::Here(end))))
    }

    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with it, unless it is somewhere else.
    pub(super) fn with<R>(&self, what: impl FnOnce(&mut E) -> R) -> Option<R> {
        match &mut *self.lock() {
            State::Here(end) => Some(what(end)),
            State::Given(_) | State::Gone => None,
        }
    }

    /// The same; without the lock, if no message has it.
    pub(super) fn with_mut<R>(slot: &mut Arc<Self>, what: impl FnOnce(&mut E) -> R) -> Option<R> {
        let Some(Self(state)) = Arc::get_mut(slot) else {
            return slot.with(what);
        };
        match state.get_mut().unwrap_or_else(PoisonError::into_inner) {
            State::Here(end) => Some(what(end)),
            State::Given(_) | State::Gone => None,
        }
    }

    /// Puts it into a message, if `describe` can tell what is to be sent.
    pub(super) fn give<R>(&self, describe: impl FnOnce(&E) -> R) -> Option<R> {
        let mut state = self.lock();
        match std::mem::replace(&mut *state, State::Gone) {
            State::Here(end) => {
                let described = describe(&end);
                *state = State::Given(end);
                Some(described)
            }
            other => {
                *state = other;
                None
            }
        }
    }
}

impl<E: End> Moving for Slot<E> {
    fn done(&self) {
        *self.lock() = State::Gone;
    }

    fn undo(&self) {
        let mut state = self.lock();
        if let State::Given(end) = std::mem::replace(&mut *state, State::Gone) {
            *state = State::Here(end);
        }
    }
}

impl<E: End> Drop for Slot<E> {
    fn drop(&mut self) {
        if let State::Here(end) = &mut *self.lock() {
            end.leave();
        }
    }
}
