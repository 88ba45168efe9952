//! The ring grows with what is in it, and shrinks again.
//!
//! With both locks held. Where a position lies changes with the lap; but as all that is in the queue is at most one lap long, of the smaller one, no
//! two of its words lie at the same place in either lap. So the words are copied to where they will lie, which nobody uses, and one store of the lap makes that
//! their place. Who dies before it has changed nothing.
//!
//! It grows to the smallest that holds what there is and what comes, and shrinks if less than an eighth is in use, to four times as much as that, but not below
//! [`Lap::KEPT`]. So as many words as are copied were put or got in between.
//!
//! Up to `provided` the system has been asked for the memory, in steps. What is behind a lap that has become shorter goes back to the system: first
//! `provided` is lowered, for the case that this process dies before the other.

use super::control::Content;
use super::error::Trouble;
use super::inner::Inner;
use super::ring::{CHUNK, Lap, WORD};
use crate::fault;
use crate::sys::wait::Deadline;
use std::io;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::Duration;

/// So much is asked for at once, or as much as there is already if that is less.
const STEP: usize = 1 << 20;

impl Inner {
    /// Makes room for so many words more; with both locks.
    pub(super) fn grow(&self, more: u32) -> Result<(), Trouble> {
        let content = self.content()?;
        let needed = u64::from(content.words) + u64::from(more);
        if needed > u64::from(self.ring.range().words()) {
            let gibibytes = (self.ring.range().bytes() as f64) / f64::from(1 << 30);
            let text = format!("its items take all of its {gibibytes} GiB of addresses");
            return Err(Trouble::NoMemory(text));
        }
        let lap = Lap::of(needed);
        if lap > content.lap {
            self.resize(&content, lap)?;
        }
        Ok(())
    }

    /// Makes the ring smaller if little of it is in use.
    pub(super) fn shrink(&self) {
        let control = self.control.body();
        let is_worth_it = |content: &Content| {
            let lap = Lap::of(u64::from(content.words) * 4).max(Lap::KEPT);
            (content.words <= content.lap.words() / 8 && lap < content.lap).then_some(lap)
        };
        let look = |head| Content::between(head, control.tail(), control.lap(&self.ring)?);
        if look(control.head()).is_ok_and(|content| is_worth_it(&content).is_none()) {
            return;
        }
        let soon = Deadline::after(Duration::ZERO);
        let Some(_putters) = self.putters(soon) else {
            return;
        };
        let Some(_getters) = self.getters(soon) else {
            return;
        };
        // If it is damaged, the next put and get say so.
        if let Ok(content) = self.content()
            && let Some(lap) = is_worth_it(&content)
            && self.resize(&content, lap).is_ok()
        {
            let provided = &control.putting.provided;
            let end = provided.load(Relaxed) as usize;
            provided.store(end.min(lap.bytes()) as u64, SeqCst);
            fault::step();
            // If that fails, the memory stays in use, and is used if the ring grows again.
            let _ = self.ring.give_back(lap.bytes(), content.lap.bytes());
        }
    }

    fn content(&self) -> Result<Content, Trouble> {
        let control = self.control.body();
        Content::between(control.head(), control.tail(), control.lap(&self.ring)?)
    }

    fn resize(&self, content: &Content, lap: Lap) -> Result<(), Trouble> {
        let start = content.head.position;
        let mut done = 0;
        while done < content.words {
            let at = start.wrapping_add(done);
            // Up to the next multiple, so that a chunk lies in one piece.
            let words = (CHUNK - at % CHUNK).min(content.words - done);
            if lap.index(at) != content.lap.index(at) {
                self.provide_up_to((lap.index(at) + words as usize) * WORD)?;
                self.ring.relay(content.lap, lap, at, words);
                fault::step();
            }
            done += words;
        }
        self.control.body().common.lap.store(lap.bits(), SeqCst);
        fault::step();
        Ok(())
    }

    /// Makes sure that there is memory for words that are to be written from a position on.
    pub(super) fn provide(&self, content: &Content, at: u32, words: u32) -> Result<(), Trouble> {
        let end = content.lap.index(at) + words as usize;
        let end = end.min(content.lap.words() as usize);
        self.provide_up_to(end * WORD)
    }

    fn provide_up_to(&self, end: usize) -> Result<(), Trouble> {
        let provided = &self.control.body().putting.provided;
        let mut from = provided.load(Relaxed) as usize;
        while from < end {
            let step = from.clamp(Lap::SMALLEST.bytes(), STEP);
            let to = from.saturating_add(step);
            self.ring.provide(from, to).map_err(no_memory)?;
            fault::step();
            provided.store(to as u64, SeqCst);
            from = to;
        }
        Ok(())
    }
}

fn no_memory(error: io::Error) -> Trouble {
    Trouble::no_memory(error)
}

/// For tests that need to begin late.
#[cfg(test)]
impl Inner {
    pub(super) fn begin_at(&self, position: u32, puts: u64) {
        let control = self.control.body();
        let count = puts as u32;
        let place = super::control::Place { position, count }.word();
        control.putting.tail.store(place, SeqCst);
        control.putting.head_seen.store(place, SeqCst);
        control.getting.head.store(place, SeqCst);
        control.getting.tail_seen.store(place, SeqCst);
        control.putting.halves.store(puts >> 31, SeqCst);
        control.done_count.store(puts, SeqCst);
    }
}
