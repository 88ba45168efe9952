//! Tasks on their way, and the inbox between those who give them and the manager.

use super::error::{Failure, TaskErrorKind};
use super::slot::{Outcome, Slot};
use crate::registry::Entry;
use crate::sys::bell::bell;
use crate::wire::message::Message;
use nix::sys::eventfd::EventFd;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A task that is not done.
pub(super) struct Item {
    pub(super) id: u64,
    pub(super) entry: &'static Entry,
    /// Kept until it is done, for it may have to be sent again.
    pub(super) arguments: Message<'static>,
    pub(super) timeout: Option<Duration>,
    /// How often it may be done again after its worker died.
    pub(super) retries: u32,
    /// Whether it may go to a worker together with others, behind which it then waits.
    pub(super) groups: bool,
    pub(super) slot: Arc<Slot>,
}

impl Item {
    pub(super) fn fail(self, kind: TaskErrorKind, detail: Option<String>) {
        let failure = Failure {
            task: Some(self.id),
            detail,
            ..Failure::new(kind, self.entry.name)
        };
        self.end(Err(failure));
    }

    /// Tells what became of it. By then its arguments are gone, and what they kept open is closed.
    pub(super) fn end(self, outcome: Outcome) {
        let Self {
            arguments, slot, ..
        } = self;
        drop(arguments);
        slot.fill(outcome);
    }
}

/// Between the pool's users and its manager.
pub(super) struct Inbox {
    state: Mutex<State>,
    /// Readable when the manager is to look.
    pub(super) bell: EventFd,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) queue: VecDeque<Item>,
    pub(super) cancelled: Vec<u64>,
    pub(super) next_id: u64,
    /// No more tasks are taken.
    pub(super) closed: bool,
    /// All is to end now.
    pub(super) terminated: bool,
    /// Why the pool has given up.
    pub(super) broken: Option<String>,
    pub(super) interrupted: bool,
    /// Whether the manager has nothing to do, and must be woken for a task.
    pub(super) is_idle: bool,
}

impl Inbox {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            state: Mutex::default(),
            bell: bell()?,
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a task in, or says why it can't be.
    pub(super) fn submit(&self, mut item: Item) -> u64 {
        let mut state = self.lock();
        let id = state.next_id;
        state.next_id += 1;
        item.id = id;
        if let Some(cause) = &state.broken {
            let cause = cause.clone();
            drop(state);
            item.fail(TaskErrorKind::Broken, Some(cause));
        } else if state.interrupted {
            drop(state);
            item.fail(TaskErrorKind::Interrupted, None);
        } else if state.closed {
            drop(state);
            item.fail(TaskErrorKind::Closed, None);
        } else {
            state.queue.push_back(item);
            let must_wake = std::mem::take(&mut state.is_idle);
            drop(state);
            if must_wake {
                self.ring();
            }
        }
        id
    }

    /// Changes something that the manager is to look at.
    pub(super) fn tell(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.ring();
    }

    fn ring(&self) {
        // It can only fail by being readable already.
        let _ = self.bell.write(1);
    }
}
