//! Putting and getting, with the locks.
//!
//! Putters have a lock and getters have another, so that a putter and a getter don't meet but where one waits for the other. What a death does:
//!
//! | put | a death after it |
//! |---|---|
//! | encode the item | nothing: no lock is held |
//! | lock the putters' side | the next one gets the lock |
//! | if the ring is too small, take the getters' lock and [resize](super::resize) | both are free again, the ring is as it was |
//! | write the item behind the last | the same; what is there isn't part of the queue |
//! | ring the [alarm](super::alarm), if it is armed | those that are woken find nothing, and arm it again |
//! | make the getters' bell pending; store the new `tail` | the item is in, and the kernel rings the bell, which wakes the one who waits for it |
//! | if somebody waits, wake it; settle | the next one gets the lock |
//! | unlock | nothing |
//!
//! | get | a death after it |
//! |---|---|
//! | lock the getters' side | the next one gets the lock |
//! | copy the first item | the item stays |
//! | make the putters' bell pending; store the new `head` | the item is lost with its getter, and the kernel rings the bell, which wakes the one who waits for room |
//! | if somebody waits, wake it; settle; unlock; decode | the same, and nothing else |
//!
//! So whoever finds one of these locks abandoned has nothing to repair. How those wait who find the queue full or empty is in [`wait`](super::wait).

use super::alarm::Alarm;
use super::control::{Content, Control, Place};
use super::error::Trouble;
use super::item::{self, Item};
use super::ring::{Lap, Ring};
use super::wait::Side;
use crate::fault;
use crate::sync::{Lock, Shared};
use crate::sys::futex;
use crate::sys::wait::Deadline;
use crate::wire::Received;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::{Relaxed, Release, SeqCst};
use std::time::Duration;

// The locks of both sides are on pages of their own, for they are written all the time.
const PUTTERS: usize = 0;
const ITEMS_BELL: usize = 1;
const GETTERS: usize = 2;
const ROOM_BELL: usize = 3;
const ITEMS_TURNSTILE: usize = 4;
const ROOM_TURNSTILE: usize = 5;
const DONE_BELL: usize = 6;
const WORDS: usize = 7;

/// How long somebody who won't wait gives others to leave a lock, which they only hold for a moment.
const PASSING: Duration = Duration::from_millis(100);

pub(super) struct Inner {
    pub(super) control: Shared<Control>,
    pub(super) ring: Ring,
    pub(super) alarm: Alarm,
}

/// A lock that is given back on drop.
pub(super) struct Held<'a>(Lock<'a>);

impl<'a> Held<'a> {
    /// Takes it; `None` if it can't be had until the deadline.
    pub(super) fn take(lock: Lock<'a>, deadline: Deadline) -> Option<Self> {
        let taken = match lock.try_lock() {
            None if deadline.is_never() => lock.lock(deadline),
            None => lock.lock(deadline.at_least(PASSING)),
            taken => taken,
        };
        // Whoever died with it has left nothing undone.
        taken.map(|_| Self(lock))
    }

    /// The same for one that may be held for long.
    pub(super) fn within(lock: Lock<'a>, deadline: Deadline) -> Option<Self> {
        lock.lock(deadline).map(|_| Self(lock))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.unlock();
    }
}

impl Inner {
    pub(super) fn create(bound: u32) -> io::Result<Self> {
        let inner = Self {
            control: Shared::create(c"offspring-queue", WORDS)?,
            ring: Ring::create()?,
            alarm: Alarm::create()?,
        };
        let common = &inner.control.body().common;
        common.lap.store(Lap::SMALLEST.bits(), Relaxed);
        common.bound.store(bound, Relaxed);
        Ok(inner)
    }

    pub(super) fn open(control: OwnedFd, items: OwnedFd, alarm: OwnedFd) -> io::Result<Self> {
        Ok(Self {
            control: Shared::open(control, WORDS)?,
            ring: Ring::open(items)?,
            alarm: Alarm::open(alarm)?,
        })
    }

    pub(super) fn putters(&self, deadline: Deadline) -> Option<Held<'_>> {
        Held::take(self.control.lock(PUTTERS), deadline)
    }

    /// The same for one that can come back later.
    pub(super) fn putters_within(&self, time: Duration) -> Option<Held<'_>> {
        Held::within(self.control.lock(PUTTERS), Deadline::after(time))
    }

    pub(super) fn getters(&self, deadline: Deadline) -> Option<Held<'_>> {
        Held::take(self.control.lock(GETTERS), deadline)
    }

    /// Where those wait who find no item.
    pub(super) fn items(&self) -> Side<'_> {
        let control = self.control.body();
        Side {
            turnstile: self.control.lock(ITEMS_TURNSTILE),
            bell: self.control.lock(ITEMS_BELL),
            flag: &control.items_flag,
            place: &control.putting.tail,
            closed: &control.common.closed,
        }
    }

    /// Where those wait who find no room.
    pub(super) fn room(&self) -> Side<'_> {
        let control = self.control.body();
        Side {
            turnstile: self.control.lock(ROOM_TURNSTILE),
            bell: self.control.lock(ROOM_BELL),
            flag: &control.room_flag,
            place: &control.getting.head,
            closed: &control.common.closed,
        }
    }

    pub(super) fn done_bell(&self) -> Lock<'_> {
        self.control.lock(DONE_BELL)
    }

    /// Puts an item, if there is room; `None` if not, or if others didn't leave the lock.
    pub(super) fn put_now(
        &self,
        item: &Item<'_>,
        deadline: Deadline,
    ) -> Result<Option<()>, Trouble> {
        let Some(_held) = self.putters(deadline) else {
            return Ok(None);
        };
        fault::step();
        let control = self.control.body();
        if control.is_closed() {
            return Err(Trouble::Closed);
        }
        let tail = control.tail();
        control.count_halves(tail);
        let Some(mut content) = self.with_room(tail, item.words())? else {
            return Ok(None);
        };
        if !fits(&content, item) {
            let Some(_held) = self.getters(deadline) else {
                return Ok(None);
            };
            self.grow(item.words())?;
            content = Content::between(control.head(), tail, control.lap(&self.ring)?)?;
            if !fits(&content, item) {
                return Err(Trouble::Damaged);
            }
        }
        self.provide(&content, tail.position, item.words())?;
        fault::step();
        item.write(&self.ring, content.lap, tail.position);
        fault::step();
        self.announce();
        let new = tail.after(item.words());
        self.items()
            .change(|| control.putting.tail.store(new.word(), SeqCst));
        Ok(Some(()))
    }

    /// The content as a putter sees it, if another item may be put. It looks where getters are only if it has to.
    fn with_room(&self, tail: Place, words: u32) -> Result<Option<Content>, Trouble> {
        let control = self.control.body();
        let (lap, bound) = (control.lap(&self.ring)?, control.bound());
        let seen = Place::load(&control.putting.head_seen);
        if let Ok(content) = Content::between(seen, tail, lap)
            && content.items < bound
            && content.words.saturating_add(words) <= lap.words()
        {
            return Ok(Some(content));
        }
        let head = control.head();
        control.putting.head_seen.store(head.word(), Relaxed);
        let content = Content::between(head, tail, lap)?;
        Ok((content.items < bound).then_some(content))
    }

    /// Gets the first item; `None` if there is none, or others didn't leave the lock.
    pub(super) fn get_now(&self, deadline: Deadline) -> Result<Option<Received>, Trouble> {
        let Some(held) = self.getters(deadline) else {
            return Ok(None);
        };
        fault::step();
        let control = self.control.body();
        let Some(content) = self.with_items()? else {
            return Ok(None);
        };
        let (received, words) = item::read(
            &self.ring,
            content.lap,
            content.head.position,
            content.words,
        )?;
        let new = content.head.after(words);
        self.room()
            .change(|| control.getting.head.store(new.word(), SeqCst));
        drop(held);
        fault::step();
        if content.lap > Lap::KEPT {
            self.shrink();
        }
        Ok(Some(received))
    }

    /// The content as a getter sees it, if there is any. It looks where putters are only if it has to.
    fn with_items(&self) -> Result<Option<Content>, Trouble> {
        let control = self.control.body();
        let (lap, head) = (control.lap(&self.ring)?, control.head());
        let seen = Place::load(&control.getting.tail_seen);
        if let Ok(content) = Content::between(head, seen, lap)
            && content.items > 0
        {
            return Ok(Some(content));
        }
        // First this: what was put before it is closed is still to be got.
        let is_closed = control.is_closed();
        let tail = control.tail();
        control.getting.tail_seen.store(tail.word(), Release);
        let content = Content::between(head, tail, lap)?;
        match content.items {
            0 if is_closed => Err(Trouble::Closed),
            0 => Ok(None),
            _ => Ok(Some(content)),
        }
    }

    /// Keeps all from putting, and wakes those who wait.
    pub(super) fn close(&self) {
        // None is in the midst of a put after that.
        let _held = self.putters(Deadline::NEVER);
        fault::step();
        if !self.control.body().is_closed() {
            self.announce();
            futex::add_and_wake(&self.control.body().common.closed, i32::MAX);
        }
        fault::step();
    }
}

fn fits(content: &Content, item: &Item<'_>) -> bool {
    content.words.saturating_add(item.words()) <= content.lap.words()
}
