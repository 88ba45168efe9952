//! A lock's state and its transitions, without the memory and the kernel: what the model checks and
//! the lock does.
//!
//! A state is 64 bits. The low half is the word that the kernel knows (see [`robust`](crate::sys::robust)): the number of the thread that
//! holds the lock, or 0; [`WAITERS`]; and [`OWNER_DIED`], which the kernel puts there in place of the holder. The high
//! half counts those who have registered to wait. Both change in one step, which is what makes the lock safe
//! against a death at any instruction:
//!
//! - `WAITERS` is set exactly as long as the count isn't 0. So the kernel wakes somebody if a holder dies, and a holder wakes somebody
//!   when it gives the lock back, as long as anyone is registered.
//! - A waiter that dies stays counted. That costs a system call at each unlock from then on, and nothing else.
//! - A waiter that was woken and dies before it has the lock has used up a wake-up. If the lock is held by then, its
//!   holder will wake the next, for the count isn't 0. If it is free, the kernel does so, for it is pending.
//! - The same goes for a holder that has given the lock back and dies before it has woken anyone.

/// Of the low half: who holds it.
pub(super) const HOLDER: u32 = 0x3fff_ffff;
/// Of the low half: the holder has died.
pub(super) const OWNER_DIED: u32 = 0x4000_0000;
/// Of the low half: at a change of the holder somebody is to be woken.
pub(super) const WAITERS: u32 = 0x8000_0000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct State(pub(super) u64);

impl State {
    pub(super) const FREE: Self = Self(0);

    pub(super) const fn new(word: u32, waiting: u32) -> Self {
        Self((waiting as u64) << 32 | word as u64)
    }

    /// Free, with somebody counted who isn't there: the kernel then always wakes at a death.
    pub(super) const WATCHED: Self = Self::new(WAITERS, 1);

    pub(super) const fn word(self) -> u32 {
        self.0 as u32
    }

    pub(super) const fn waiting(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(super) const fn holder(self) -> u32 {
        self.word() & HOLDER
    }

    pub(super) const fn owner_died(self) -> bool {
        self.word() & OWNER_DIED != 0
    }

    const fn with(word: u32, waiting: u32) -> Self {
        Self::new(if waiting == 0 { word } else { word | WAITERS }, waiting)
    }

    /// After `tid` has taken it, which was idle.
    pub(super) const fn taken_alone(self, tid: u32) -> Self {
        Self::with(tid, self.waiting())
    }

    /// After `tid` has taken it, if nobody holds it.
    pub(super) const fn taken(self, tid: u32) -> Option<Self> {
        if self.holder() == 0 {
            Some(Self::with(tid, self.waiting()))
        } else {
            None
        }
    }

    /// The same, but not if the holder has died: that is left for another to find.
    pub(super) const fn taken_unmarked(self, tid: u32) -> Option<Self> {
        if self.owner_died() {
            None
        } else {
            self.taken(tid)
        }
    }

    /// After `tid` has taken it that was registered.
    pub(super) const fn taken_in_turn(self, tid: u32) -> Option<Self> {
        if self.holder() == 0 {
            Some(Self::with(tid, self.waiting().saturating_sub(1)))
        } else {
            None
        }
    }

    /// After one more has registered.
    pub(super) const fn registered(self) -> Self {
        Self::with(self.word() & !WAITERS, self.waiting().saturating_add(1))
    }

    /// After one that was registered has given up.
    pub(super) const fn left(self) -> Self {
        Self::with(self.word() & !WAITERS, self.waiting().saturating_sub(1))
    }

    /// After its holder has given it back.
    pub(super) const fn released(self) -> Self {
        Self::with(0, self.waiting())
    }

    /// What the kernel makes of it when the holder dies.
    #[cfg(test)]
    pub(super) const fn abandoned(self) -> Self {
        Self::new(self.word() & WAITERS | OWNER_DIED, self.waiting())
    }
}
