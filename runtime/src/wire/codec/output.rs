//! Writing the parts that values consist of.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::super::message::{Bulk, Element, Message};
use super::{BULK_FROM, CodecError, Result, tag};
use crate::sys::socket::MAX_FDS;

pub(super) fn count(body: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        body.push(number as u8 | 0x80);
        number >>= 7;
    }
    body.push(number as u8);
}

/// A tag and a count of bytes, and the bytes.
pub(super) fn inline(body: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    // At most 10 bytes of count: one check of the capacity instead of several.
    body.reserve(bytes.len().saturating_add(11));
    body.push(tag);
    count(body, bytes.len() as u64);
    body.extend_from_slice(bytes);
}

pub(super) fn text<'a>(message: &mut Message<'a>, text: &'a str) {
    let bytes = text.as_bytes();
    if bytes.len() < BULK_FROM {
        inline(&mut message.body, tag::STR, bytes);
    } else {
        let element = Element::U8;
        bulk(message, tag::BULK_STR, Bulk::Borrowed { element, bytes });
    }
}

/// Plain elements in one piece.
pub(super) fn run<'a>(message: &mut Message<'a>, run: Bulk<'a>) {
    let (element, bytes) = (run.element(), run.bytes());
    if bytes.len() >= BULK_FROM {
        bulk(message, tag::BULK, run);
    } else if element == Element::U8 {
        inline(&mut message.body, tag::BYTES, bytes);
    } else {
        message.body.push(tag::RUN);
        inline(&mut message.body, element as u8, bytes);
    }
}

/// Puts a run beside the body, and its index into it.
fn bulk<'a>(message: &mut Message<'a>, tag: u8, run: Bulk<'a>) {
    message.body.push(tag);
    count(&mut message.body, message.bulk.len() as u64);
    message.bulk.push(run);
}

/// Puts a descriptor beside the body, and its index into it.
pub(super) fn descriptor(message: &mut Message<'_>, fd: Arc<OwnedFd>) -> Result<()> {
    if message.fds.len() == MAX_FDS {
        return Err(CodecError::new(format_args!(
            "a call or a message can carry {MAX_FDS} handles at most"
        )));
    }
    message.body.push(tag::FD);
    count(&mut message.body, message.fds.len() as u64);
    message.fds.push(fd);
    Ok(())
}
