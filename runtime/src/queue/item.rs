//! How an item lies in the ring.
//!
//! ```text
//! head   length of the body in bytes, 32 bits; number of bulk runs, 32 bits
//! table  for each run: its length in bytes, 56 bits; its element, 8 bits
//! body
//! runs, one after the other
//! ```
//!
//! Each part begins with a word. Whoever reads believes none of it.

use super::error::Trouble;
use super::ring::{Lap, Ring, WORD};
use crate::wire::message::{Element, Message};
use crate::wire::{Beside, CodecError, Portable, Received};

/// The shortest item: a head, and a body.
pub(super) const SHORTEST: u32 = 2;

/// No item may have more words: 8 GiB.
const LONGEST: u64 = 1 << 30;

/// One that is to be put.
pub(super) struct Item<'a> {
    message: Message<'a>,
    words: u32,
}

impl<'a> Item<'a> {
    pub(super) fn of<T: Portable>(value: &'a T) -> Result<Self, CodecError> {
        let mut message = Message::default();
        value.encode(&mut message)?;
        if !message.fds.is_empty() {
            return Err(CodecError::new(
                "a handle can't be in an item of a queue: pass it as an argument of a call, or send it through a channel",
            ));
        }
        match words(&message) {
            Some(words) => Ok(Self { message, words }),
            None => Err(CodecError::new(
                "it is too long for an item of a queue: 4 GiB, or 8 with the bytes beside it",
            )),
        }
    }

    pub(super) fn words(&self) -> u32 {
        self.words
    }

    pub(super) fn write(&self, ring: &Ring, lap: Lap, at: u32) {
        let Message { body, bulk, .. } = &self.message;
        let mut place = at;
        let mut advance = |words: u32| {
            let next = place.wrapping_add(words);
            std::mem::replace(&mut place, next)
        };
        let head = body.len() as u64 | (bulk.len() as u64) << 32;
        ring.put_word(lap, advance(1), head);
        for run in bulk {
            let row = run.bytes().len() as u64 | (run.element() as u64) << 56;
            ring.put_word(lap, advance(1), row);
        }
        for part in std::iter::once(&body[..]).chain(bulk.iter().map(|run| run.bytes())) {
            ring.put(lap, advance(part.len().div_ceil(WORD) as u32), part);
        }
    }
}

fn words(message: &Message<'_>) -> Option<u32> {
    let (body, runs) = (&message.body, &message.bulk);
    u32::try_from(body.len()).ok()?;
    let bulk = runs
        .iter()
        .map(|run| 1 + run.bytes().len().div_ceil(WORD) as u64);
    let words = 1 + body.len().div_ceil(WORD) as u64 + bulk.sum::<u64>();
    u32::try_from(words).ok().filter(|_| words <= LONGEST)
}

/// Reads the item at a position, behind which there are at most so many words; says how many it has.
pub(super) fn read(ring: &Ring, lap: Lap, at: u32, most: u32) -> Result<(Received, u32), Trouble> {
    let head = ring.word(lap, at);
    let (body, runs) = (head as u32 as usize, (head >> 32) as u32);
    let mut left = most.checked_sub(1).ok_or(Trouble::Damaged)?;
    let mut claim = |bytes: usize| {
        let words = u32::try_from(bytes.div_ceil(WORD)).map_err(|_| Trouble::Damaged)?;
        left = left.checked_sub(words).ok_or(Trouble::Damaged)?;
        Ok(words)
    };
    let table = at.wrapping_add(1);
    claim((runs as usize) * WORD)?;
    let mut place = table.wrapping_add(runs);
    let mut take = |element: Element, bytes: usize| {
        if !bytes.is_multiple_of(element.width()) {
            return Err(Trouble::Damaged);
        }
        let words = claim(bytes)?;
        let buffer = ring.elements(lap, place, element, bytes);
        place = place.wrapping_add(words);
        buffer.ok_or_else(|| Trouble::no_memory(format!("for the {bytes} bytes of an item")))
    };
    let body = take(Element::U8, body)?;
    let mut beside = Beside::default();
    for index in 0..runs {
        let row = ring.word(lap, table.wrapping_add(index));
        let element = Element::from_wire((row >> 56) as u8).ok_or(Trouble::Damaged)?;
        let bytes = (row & (u64::MAX >> 8)) as usize;
        beside.bulk.push(Some(take(element, bytes)?));
    }
    let body = body.into_vec::<u8>().map_err(|_| Trouble::Damaged)?;
    let words = place.wrapping_sub(at);
    Ok((Received { body, beside }, words))
}
