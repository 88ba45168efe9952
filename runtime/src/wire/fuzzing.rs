//! The decoder and the reader of frames as fuzzers use them.
#![allow(missing_docs, missing_debug_implementations)] // not public

use super::codec::{self, CodecError};
use super::frame::{Incoming, Kind, Outgoing, Progress};
use super::message::{Arrival, Beside, Bulk, Element, Message, Received};
use super::order::{Order, PanicReport};
use super::{Buffer, Portable};
use crate::sys::socket;
use nix::errno::Errno;
use serde::Serialize;
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

/// A message in parts that anybody can make up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    pub body: Vec<u8>,
    /// What they are made of, of which some number is taken, and their bytes.
    pub runs: Vec<(u8, Vec<u8>)>,
    /// Whether the kernel hands them out.
    pub fds: Vec<bool>,
}

impl Parts {
    /// As they arrive. What is behind the last whole element of a run is left out.
    fn arrived(&self) -> Received {
        let elements: Vec<_> = (0..=u8::MAX).map_while(Element::from_wire).collect();
        let run = |(number, bytes): &(u8, Vec<u8>)| {
            let element = elements[usize::from(*number) % elements.len()];
            let whole = bytes.len() - bytes.len() % element.width();
            Buffer::copied(element, &bytes[..whole])
        };
        let fd = |is_here: &bool| match is_here {
            true => Arrival::Here(null()),
            false => Arrival::Withheld(Errno::EMFILE),
        };
        Received {
            body: self.body.clone(),
            beside: Beside {
                bulk: self.runs.iter().map(run).collect(),
                fds: self.fds.iter().map(fd).collect(),
            },
        }
    }
}

fn null() -> OwnedFd {
    File::open("/dev/null").expect("/dev/null").into()
}

/// Descriptors to send.
fn nulls(count: u8) -> Vec<Arc<OwnedFd>> {
    (0..count).map(|_| Arc::new(null())).collect()
}

fn arrived(message: &Message<'_>) -> Received {
    let run = |run: &Bulk<'_>| Buffer::copied(run.element(), run.bytes());
    let fd = |fd: &Arc<OwnedFd>| Arrival::Here(fd.try_clone().expect("a descriptor"));
    Received {
        body: message.body.clone(),
        beside: Beside {
            bulk: message.bulk.iter().map(run).collect(),
            fds: message.fds.iter().map(fd).collect(),
        },
    }
}

pub fn decode<T: Portable>(parts: &Parts) -> Result<T, CodecError> {
    value(parts.arrived())
}

pub fn encode<T: Portable>(value: &T) -> Result<Parts, CodecError> {
    let mut message = Message::default();
    value.encode(&mut message)?;
    let run = |run: &Bulk<'_>| (run.element() as u8, run.bytes().to_vec());
    Ok(Parts {
        runs: message.bulk.iter().map(run).collect(),
        fds: vec![true; message.fds.len()],
        body: message.body,
    })
}

/// A value that has arrived.
pub fn value<T: Portable>(mut received: Received) -> Result<T, CodecError> {
    T::decode(&received.body, &mut received.beside)
}

/// A value as another process gets it, maybe as another type.
pub fn pass<A: Serialize + 'static, B: Portable>(value: &A) -> Result<B, CodecError> {
    let mut message = Message::default();
    codec::encode(value, &mut message)?;
    let received = arrived(&message);
    message.sent();
    self::value(received)
}

/// A frame that is being received.
pub struct Frame(Incoming);

impl Frame {
    pub fn new(limit: u64, accept_fds: bool) -> Self {
        Self(Incoming::new(limit, accept_fds))
    }

    /// What it is for and what is in it, once that has come.
    pub fn receive(&mut self, from: BorrowedFd<'_>) -> Result<Option<(u8, Received)>, String> {
        match self.0.receive(from, false) {
            Ok(Progress::Pending) => Ok(None),
            Ok(Progress::Complete(kind, received)) => Ok(Some((kind as u8, received))),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Sends a value in a frame, of which the socket takes as much as it has room for.
pub fn frame<T: Portable>(value: &T, to: BorrowedFd<'_>) -> Result<bool, CodecError> {
    let mut message = Message::default();
    value.encode(&mut message)?;
    let sent = Outgoing::new(Kind::Returned, message).and_then(|mut frame| frame.send(to, false));
    sent.map_err(CodecError::new)
}

/// Sends bytes, and with them so many descriptors.
pub fn send(to: BorrowedFd<'_>, bytes: &[u8], fds: u8) -> io::Result<usize> {
    socket::send(to, &[IoSlice::new(bytes)], &nulls(fds), false)
}

/// What is not encoded by serde.
pub fn read_report(received: &Received) {
    if let Ok(order) = Order::decode(&received.body) {
        assert_eq!(Order::decode(&order.encode()).as_ref(), Ok(&order));
    }
    if let Ok(report) = PanicReport::decode(&received.body) {
        assert_eq!(PanicReport::decode(&report.encode()).as_ref(), Ok(&report));
    }
}
