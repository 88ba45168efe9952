//! Things that are somewhere else once they were sent: ends of channels.
//!
//! serde serializes by reference, so that an end could be serialized twice, or be lost if it isn't sent in the end. So an end that is
//! serialized is *given* to the message. When that has been sent, the end is gone from here; if the message is dropped before, the end
//! is back.

use super::handover::{self, Parcel};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use std::cell::Cell;
use std::sync::Arc;

/// What is told what has become of it.
pub(crate) trait Moving: Send + Sync {
    /// The message was sent.
    fn done(&self);
    /// It wasn't.
    fn undo(&self);
}

/// What was given to a message. Dropping it takes it back.
pub(crate) struct Given(Option<Arc<dyn Moving>>);

impl Given {
    pub(crate) fn done(mut self) {
        if let Some(moving) = self.0.take() {
            moving.done();
        }
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        if let Some(moving) = self.0.take() {
            moving.undo();
        }
    }
}

/// The part of a value that gives it to the message.
pub(crate) struct Move(Cell<Option<Given>>);

impl Move {
    pub(crate) fn new(moving: Arc<dyn Moving>) -> Self {
        Self(Cell::new(Some(Given(Some(moving)))))
    }
}

impl Serialize for Move {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(handover::MOVE, &Marker(self))
    }
}

struct Marker<'a>(&'a Move);

impl Serialize for Marker<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let given = self.0.0.take();
        let Some(given) = given else {
            return Err(S::Error::custom(
                "an end of a channel has been moved already",
            ));
        };
        if !handover::offer(|| Parcel::Move(given)) {
            return Err(S::Error::custom(
                "an end of a channel can only be sent as an argument of a call or in a message of a channel",
            ));
        }
        serializer.serialize_unit()
    }
}
