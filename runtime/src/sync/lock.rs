//! A lock of processes and threads whose holder's death is found: the ground that the rest stands on.
//!
//! Its state and how that changes is in [`word`](super::word), what the kernel does in [`robust`](crate::sys::robust). The steps:
//!
//! | step | what a death after it costs |
//! |---|---|
//! | lock: mark it as pending | the kernel wakes one who sleeps, if nobody holds it |
//! | take it, if it is free | it names the dead thread: the kernel says so to the next |
//! | else register, and sleep until it is free | a count too high: unlocking is a system call from then on |
//! | put it in the thread's list; settle | the same as with the lock taken |
//! | unlock: mark it as pending, take it off the list | the same |
//! | make it free | the kernel wakes one who sleeps, or the new holder will, for `WAITERS` is set |
//! | wake one; settle | nothing |
//!
//! `model` goes through all of it, with a death at each step.
#![allow(unsafe_code)] // the thread's list needs promises about the memory

use super::word::State;
use crate::sys::futex::{self, Woken};
use crate::sys::robust::{Me, Node, is_there, me};
use crate::sys::wait::Deadline;
use std::hint::spin_loop;
use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::Duration;

/// A lock within a [`Segment`](super::segment::Segment), which it keeps borrowed.
#[derive(Clone, Copy)]
pub(crate) struct Lock<'a> {
    state: &'a AtomicU64,
    node: &'a Node,
    /// Private, too: the token of the thread that has put the node into its list, or 0.
    owner: &'a AtomicU64,
    /// When nobody has it or waits.
    idle: State,
}

/// How a lock was got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// As its last holder gave it back.
    Clean,
    /// Its last holder died.
    Abandoned,
}

/// How often a look at a held lock is worth more than a sleep: about a microsecond's worth.
const SPINS: u32 = 100;

/// How long a thread that has given up its locks may take to be gone.
const LAST_MOMENT: Duration = Duration::from_secs(10);

impl<'a> Lock<'a> {
    /// Of a word and its node.
    ///
    /// # Safety
    ///
    /// They belong to each other as [`robust`](crate::sys::robust) has it, and stay mapped while the node is linked.
    #[inline(always)]
    pub(super) unsafe fn new(state: &'a AtomicU64, node: &'a Node, owner: &'a AtomicU64) -> Self {
        let idle = State::FREE;
        Self {
            state,
            node,
            owner,
            idle,
        }
    }

    /// The same as a lock that is watched: at its holder's death the kernel wakes somebody who sleeps on its word, even if nobody has
    /// registered. To be used by all, after [`prepare`](Self::prepare).
    #[inline(always)]
    pub(crate) fn watched(self) -> Self {
        let idle = State::WATCHED;
        Self { idle, ..self }
    }

    /// Makes fresh memory an idle lock; nothing if somebody else has done that.
    pub(crate) fn prepare(&self) {
        self.change(|state| (state == State::FREE).then_some(self.idle));
    }

    /// Takes it if nobody has it.
    #[inline(always)]
    pub(crate) fn try_lock(&self) -> Option<Taken> {
        self.try_change(State::taken)
    }

    /// Takes it if nobody has it and its last holder hasn't died; whether it did.
    pub(super) fn try_lock_unmarked(&self) -> bool {
        self.try_change(State::taken_unmarked).is_some()
    }

    #[inline(always)]
    fn try_change(&self, to: impl Fn(State, u32) -> Option<State>) -> Option<Taken> {
        let me = me();
        self.pend(me);
        let taken = self.change(|state| to(state, me.tid())).map(how);
        if taken.is_some() {
            self.link(me);
        }
        me.settle();
        taken
    }

    /// Takes it, and waits for that until the deadline.
    #[inline(always)]
    pub(crate) fn lock(&self, deadline: Deadline) -> Option<Taken> {
        let me = me();
        self.pend(me);
        let mut taken = self.take_new(me);
        if taken.is_none() {
            taken = self.wait(me, deadline);
        }
        if taken.is_some() {
            self.link(me);
        }
        me.settle();
        taken
    }

    /// Gives it back. Does nothing if this thread hasn't got it, as after a fork.
    #[inline(always)]
    pub(crate) fn unlock(&self) {
        self.unlock_and(|| ());
    }

    /// [`unlock`](Self::unlock), and then something that others wait for who sleep on the word: if this thread dies before that
    /// is done, one of them is woken.
    #[inline(always)]
    pub(super) fn unlock_and(&self, then: impl FnOnce()) {
        let me = me();
        if self.is_held_by(me) {
            self.give_back(me, then);
        }
    }

    /// [`unlock`](Self::unlock), by a guard: if this thread is the one that got it.
    #[inline(always)]
    pub(super) fn unlock_by(&self, holder: &Holder) {
        let me = me();
        if me.token == holder.token && self.owner.load(Relaxed) == me.token {
            self.give_back(me, || ());
        }
    }

    #[inline(always)]
    fn give_back(&self, me: Me, then: impl FnOnce()) {
        self.pend(me);
        // SAFETY: it was linked when it was taken, by this thread, which holds it.
        unsafe { me.unlink(self.node) };
        self.owner.store(0, Relaxed);
        let alone = self.idle.taken_alone(me.tid());
        if self
            .state
            .compare_exchange(alone.0, self.idle.0, Release, Relaxed)
            .is_err()
        {
            self.release_and_wake();
        }
        then();
        me.settle();
    }

    /// Whether the calling thread has it.
    #[inline]
    pub(crate) fn is_mine(&self) -> bool {
        self.is_held_by(me())
    }

    /// Whether a thread of this process has it, or has ended with it.
    pub(super) fn is_linked(&self) -> bool {
        self.node.is_linked()
    }

    #[inline(always)]
    fn is_held_by(&self, me: Me) -> bool {
        self.load().holder() == me.tid() && self.owner.load(Relaxed) == me.token
    }

    #[inline(always)]
    pub(super) fn load(&self) -> State {
        State(self.state.load(Relaxed))
    }

    /// What to sleep on.
    #[inline]
    pub(crate) fn word(&self) -> &'a AtomicU32 {
        // SAFETY: it is the low half of the state, which lies first. Only the kernel reads by it.
        unsafe { &*ptr::from_ref(self.state).cast() }
    }

    /// What [`word`](Self::word) is.
    pub(crate) fn load_word(&self) -> u32 {
        self.load().word()
    }

    /// Marks it as pending: if this thread dies before it [settles](Me::settle), and nobody has the lock, the kernel wakes one who sleeps on its word.
    #[inline(always)]
    pub(crate) fn pend(&self, me: Me) {
        // SAFETY: they stay mapped as long as `self` lives, and everybody settles before that ends.
        unsafe { me.pend(self.node) };
    }

    #[inline(always)]
    fn link(&self, me: Me) {
        if self.owner.load(Relaxed) != 0 {
            self.check_abandoned(me);
        }
        self.owner.store(me.token, Relaxed);
        // SAFETY: this thread has just taken it; by the contract of `new` it stays mapped.
        unsafe { me.link(self.node) };
    }

    /// A node may be put into another list only if the thread is gone in whose list it is. The word, which says so,
    /// can be written by others. The kernel says so, too, a moment before it is.
    #[cold]
    #[inline(never)]
    fn check_abandoned(&self, me: Me) {
        let deadline = Deadline::after(LAST_MOMENT);
        while is_there(self.owner.load(Relaxed)) {
            if deadline.has_passed() {
                // The others can have it.
                self.release_and_wake();
                me.settle();
                panic!("another process has overwritten a lock that this one holds");
            }
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    #[inline(always)]
    fn take_new(&self, me: Me) -> Option<Taken> {
        let alone = self.idle.taken_alone(me.tid());
        self.state
            .compare_exchange(self.idle.0, alone.0, Acquire, Relaxed)
            .ok()
            .map(|_| Taken::Clean)
    }

    #[inline(always)]
    fn take(&self, me: Me) -> Option<Taken> {
        self.change(|state| state.taken(me.tid())).map(how)
    }

    #[cold]
    #[inline(never)]
    fn wait(&self, me: Me, deadline: Deadline) -> Option<Taken> {
        for _ in 0..SPINS {
            if self.load().holder() == 0
                && let Some(taken) = self.take(me)
            {
                return Some(taken);
            }
            spin_loop();
        }
        self.register();
        self.take_in_turn(me, deadline)
    }

    /// Lets its holder wake somebody when it gives the lock back. To be followed by [`leave`](Self::leave).
    pub(super) fn register(&self) {
        self.change(|state| Some(state.registered()));
    }

    /// Takes back what [`register`](Self::register) announced.
    pub(super) fn leave(&self) {
        self.change(|state| Some(state.left()));
    }

    /// Waits as one that has registered, and is registered no more after that. It must be pending.
    fn take_in_turn(&self, me: Me, deadline: Deadline) -> Option<Taken> {
        let mut is_late = false;
        loop {
            if let Some(before) = self.change(|state| state.taken_in_turn(me.tid())) {
                return Some(how(before));
            }
            let state = self.load();
            if state.holder() == 0 {
                continue;
            }
            if is_late {
                let leave = |state: State| (state.holder() != 0).then(|| state.left());
                if self.change(leave).is_some() {
                    return None;
                }
                continue;
            }
            is_late = futex::wait(self.word(), state.word(), deadline) == Woken::TimedOut;
        }
    }

    #[cold]
    #[inline(never)]
    fn release_and_wake(&self) {
        let before = self.change(|state| Some(state.released()));
        if before.is_some_and(|state| state.waiting() > self.idle.waiting()) {
            futex::wake(self.word(), 1);
        }
    }

    /// Puts what `to` makes of the state in its place; returns what it was, if `to` made something of it.
    #[inline(always)]
    fn change(&self, to: impl Fn(State) -> Option<State>) -> Option<State> {
        let mut state = self.load();
        loop {
            let new = to(state)?;
            match self.state.compare_exchange_weak(
                state.0,
                new.0,
                std::sync::atomic::Ordering::AcqRel,
                Relaxed,
            ) {
                Ok(_) => return Some(state),
                Err(found) => state = State(found),
            }
        }
    }
}

/// The thread that has got a guard, which can't leave it other than by a fork: in that it is another.
#[derive(Debug)]
pub(crate) struct Holder {
    token: u64,
    of_this_thread: PhantomData<*mut ()>,
}

impl Holder {
    #[inline(always)]
    pub(crate) fn me() -> Self {
        let token = me().token;
        let of_this_thread = PhantomData;
        Self {
            token,
            of_this_thread,
        }
    }

    #[inline(always)]
    pub(crate) fn is_me(&self) -> bool {
        me().token == self.token
    }
}

fn how(before: State) -> Taken {
    if before.owner_died() {
        Taken::Abandoned
    } else {
        Taken::Clean
    }
}
