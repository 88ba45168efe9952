//! What goes in comes out: serde's data model, and what lies beside the body.

mod descriptors;
mod hostile;
mod misuse;
mod plain;
mod serde_types;

use std::fmt::Debug;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::message::{Arrival, Beside, Bulk, Element, Message, with_elements};
use super::*;
use crate::wire::message::Buffer;

/// A message as it arrives at the other end.
pub(super) fn arrived(message: Message<'_>) -> (Vec<u8>, Beside) {
    let receive = |run: &Bulk<'_>| Buffer::copied(run.element(), run.bytes());
    let bulk = message.bulk.iter().map(receive).collect();
    let receive = |fd: &Arc<OwnedFd>| Arrival::Here(fd.try_clone().unwrap());
    let fds = message.fds.iter().map(receive).collect();
    (message.body, Beside { bulk, fds })
}

/// Bulk runs that have arrived.
pub(super) fn runs<const N: usize>(bulk: [Option<Buffer>; N]) -> Beside {
    Beside {
        bulk: bulk.into(),
        ..Beside::default()
    }
}

/// Sends a value as a `T` and receives it as a `U`.
pub(super) fn convert<T: Serialize + 'static, U: DeserializeOwned + 'static>(
    value: &T,
) -> Result<U> {
    let mut message = Message::default();
    encode(value, &mut message)?;
    let (body, mut beside) = arrived(message);
    let result = decode(&body, &mut beside);
    if result.is_ok() {
        let is_taken = |fd: &Arrival| matches!(fd, Arrival::Taken);
        assert!(
            beside.bulk.iter().all(Option::is_none) && beside.fds.iter().all(is_taken),
            "something was left behind"
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
