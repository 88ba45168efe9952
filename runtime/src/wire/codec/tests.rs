//! What goes in comes out: serde's data model, and plain data beside the body.

mod hostile;
mod misuse;
mod plain;
mod serde_types;

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::message::{Bulk, Element, Message, with_elements};
use super::*;
use crate::wire::message::Buffer;

/// A message as it arrives at the other end.
pub(super) fn arrived(message: Message<'_>) -> (Vec<u8>, Vec<Option<Buffer>>) {
    let receive = |run: &Bulk<'_>| Buffer::copied(run.element(), run.bytes());
    let bulk = message.bulk.iter().map(receive).collect();
    (message.body, bulk)
}

/// Sends a value as a `T` and receives it as a `U`.
pub(super) fn convert<T: Serialize + 'static, U: DeserializeOwned + 'static>(
    value: &T,
) -> Result<U> {
    let mut message = Message::default();
    encode(value, &mut message)?;
    let (body, mut bulk) = arrived(message);
    let result = decode(&body, &mut bulk);
    if result.is_ok() {
        assert!(
            bulk.iter().all(Option::is_none),
            "a bulk run was left behind"
        );
    }
    result
}

pub(super) fn through<T: Serialize + DeserializeOwned + 'static>(value: &T) -> T {
    convert(value).unwrap()
}

#[track_caller]
pub(super) fn same<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(value: T) {
    assert_eq!(through(&value), value);
}

pub(super) fn body<T: Serialize + 'static>(value: &T) -> Vec<u8> {
    let mut message = Message::default();
    encode(value, &mut message).unwrap();
    message.body
}
