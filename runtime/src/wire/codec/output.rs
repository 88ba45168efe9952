//! Writing the parts that values consist of.

use std::sync::Arc;

use super::super::message::{Bulk, Element, Message};
use super::{BULK_FROM, tag};

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
    if text.len() < BULK_FROM {
        inline(&mut message.body, tag::STR, text.as_bytes());
    } else {
        message.body.push(tag::BULK_STR);
        bulk(
            message,
            Bulk::Borrowed {
                element: Element::U8,
                bytes: text.as_bytes(),
            },
        );
    }
}

pub(super) fn bytes<'a>(message: &mut Message<'a>, bytes: &'a [u8]) {
    if bytes.len() < BULK_FROM {
        inline(&mut message.body, tag::BYTES, bytes);
    } else {
        message.body.push(tag::BULK_BYTES);
        bulk(
            message,
            Bulk::Borrowed {
                element: Element::U8,
                bytes,
            },
        );
    }
}

pub(super) fn shared(message: &mut Message<'_>, bytes: Arc<Vec<u8>>) {
    if bytes.len() < BULK_FROM {
        inline(&mut message.body, tag::BYTES, &bytes);
    } else {
        message.body.push(tag::BULK_BYTES);
        bulk(message, Bulk::Shared(bytes));
    }
}

/// Plain elements as a whole value.
pub(super) fn run<'a>(message: &mut Message<'a>, element: Element, bytes: &'a [u8]) {
    if bytes.len() < BULK_FROM {
        message.body.extend([tag::RUN, element as u8]);
        count(&mut message.body, bytes.len() as u64);
        message.body.extend_from_slice(bytes);
    } else {
        message.body.extend([tag::BULK_RUN, element as u8]);
        bulk(message, Bulk::Borrowed { element, bytes });
    }
}

/// Puts a run beside the body, and its index into it.
fn bulk<'a>(message: &mut Message<'a>, run: Bulk<'a>) {
    count(&mut message.body, message.bulk.len() as u64);
    message.bulk.push(run);
}
