//! The functions of `lock` as steps.

use super::Flaw;
use super::program::{Count, Flow, Label, Program};
use super::world::{Place, Process, TIMED_OUT, World, tid};
use crate::sync::word::State;

/// Local variables.
pub(super) const TAKEN: usize = 0;
pub(super) const WOKEN: usize = 1;
pub(super) const SEEN: usize = 2;
pub(super) const LATE: usize = 3;

/// Values of `TAKEN`.
pub(super) const NOT: u32 = 0;
pub(super) const CLEAN: u32 = 1;
pub(super) const ABANDONED: u32 = 2;

/// A lock, what it is when idle, and what is wrong with it.
#[derive(Clone, Copy)]
pub(super) struct Latch {
    pub(super) place: Place,
    pub(super) idle: State,
    flaw: Flaw,
}

/// How long to wait for a lock.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    ForEver,
    SomeTime,
}

impl Latch {
    pub(super) fn plain(place: Place) -> Self {
        let (idle, flaw) = (State::FREE, Flaw::None);
        Self { place, idle, flaw }
    }

    pub(super) fn watched(place: Place) -> Self {
        let (idle, flaw) = (State::WATCHED, Flaw::None);
        Self { place, idle, flaw }
    }

    pub(super) fn with(self, flaw: Flaw) -> Self {
        Self { flaw, ..self }
    }

    pub(super) fn bit(self) -> u16 {
        1 << self.place.0
    }
}

pub(super) fn pend(p: &mut Program, lock: Latch) {
    p.local("pends", move |process| process.pending = Some(lock.place));
}

pub(super) fn settle(p: &mut Program) {
    p.plain("settles", |world, me| world.processes[me].pending = None);
}

pub(super) fn link(p: &mut Program, lock: Latch) {
    p.local("links", move |process| process.link(lock.place));
}

pub(super) fn unlink(p: &mut Program, lock: Latch) {
    p.local("unlinks", move |process| process.unlink(lock.place));
}

/// Puts what `to` makes of the state in its place; returns what it was, if `to` made something of it.
pub(super) fn change(
    world: &mut World,
    lock: Latch,
    to: impl Fn(State) -> Option<State>,
) -> Option<State> {
    let before = world.state(lock.place);
    let after = to(before)?;
    world.set(lock.place, after.0);
    Some(before)
}

/// Checks a take, and goes to `got` if there was one.
pub(super) fn took(
    world: &mut World,
    me: usize,
    lock: Latch,
    before: Option<State>,
    got: Label,
) -> Flow {
    let Some(before) = before else {
        return Flow::Next;
    };
    let held = |process: &Process| process.holds & lock.bit() != 0;
    if world.processes.iter().any(held) {
        return Flow::Wrong("two have the lock");
    }
    let is_orphaned = world.orphaned & lock.bit() != 0;
    if is_orphaned != before.owner_died() {
        return Flow::Wrong("the next one isn't told of a death, or of one that wasn't");
    }
    world.orphaned &= !lock.bit();
    let process = &mut world.processes[me];
    process.holds |= lock.bit();
    process.locals[LATE] = 0;
    process.locals[SEEN] = 0;
    process.locals[TAKEN] = if is_orphaned { ABANDONED } else { CLEAN };
    Flow::To(got)
}

pub(super) fn lock(p: &mut Program, lock: Latch, patience: Patience) {
    let (again, leave, got, end) = (p.label(), p.label(), p.label(), p.label());
    if lock.flaw != Flaw::TakesUnannounced {
        pend(p, lock);
    }
    p.act("takes it if it is idle", move |world, me| {
        let alone = |state| (state == lock.idle).then(|| lock.idle.taken_alone(tid(me)));
        let before = change(world, lock, alone);
        took(world, me, lock, before, got)
    });
    p.act("takes it if it is free", move |world, me| {
        let before = change(world, lock, |state| state.taken(tid(me)));
        took(world, me, lock, before, got)
    });
    p.plain("registers", move |world, _| {
        let registered = |state: State| match lock.flaw {
            Flaw::HidesWaiters => State::new(state.word(), state.waiting() + 1),
            _ => state.registered(),
        };
        change(world, lock, |state| Some(registered(state)));
    });
    p.place(again);
    p.act("takes it in turn", move |world, me| {
        let before = change(world, lock, |state| match lock.flaw {
            Flaw::StaysCounted => state.taken(tid(me)),
            _ => state.taken_in_turn(tid(me)),
        });
        took(world, me, lock, before, got)
    });
    p.act("looks at it", move |world, me| {
        let state = world.state(lock.place);
        let locals = &mut world.processes[me].locals;
        match (state.holder(), locals[LATE]) {
            (0, _) => Flow::To(again),
            (_, 0) => {
                locals[SEEN] = state.word();
                Flow::Next
            }
            _ => Flow::To(leave),
        }
    });
    p.wait(
        "sleeps",
        move |process| vec![(lock.place, process.locals[SEEN])],
        WOKEN,
        patience == Patience::SomeTime,
    );
    p.choose(move |process| {
        let locals = &mut process.locals;
        locals[LATE] = u32::from(locals[WOKEN] == TIMED_OUT);
        locals[WOKEN] = 0;
        locals[SEEN] = 0;
        Flow::To(again)
    });
    p.place(leave);
    p.act("gives up", move |world, me| {
        let left = |state: State| (state.holder() != 0).then(|| state.left());
        match change(world, lock, left) {
            None => Flow::To(again),
            Some(_) => {
                let locals = &mut world.processes[me].locals;
                (locals[TAKEN], locals[LATE], locals[SEEN]) = (NOT, 0, 0);
                Flow::Next
            }
        }
    });
    settle(p);
    p.go_to(end);
    p.place(got);
    link(p, lock);
    settle(p);
    p.place(end);
}

pub(super) fn try_lock(p: &mut Program, lock: Latch) {
    let (got, end) = (p.label(), p.label());
    pend(p, lock);
    p.act("takes it if it is free", move |world, me| {
        world.processes[me].locals[TAKEN] = NOT;
        let before = change(world, lock, |state| state.taken(tid(me)));
        took(world, me, lock, before, got)
    });
    settle(p);
    p.go_to(end);
    p.place(got);
    link(p, lock);
    settle(p);
    p.place(end);
}

pub(super) fn unlock(p: &mut Program, lock: Latch) {
    unlock_and(p, lock, |_| ());
}

pub(super) fn unlock_and(p: &mut Program, lock: Latch, then: impl FnOnce(&mut Program)) {
    let done = p.label();
    if lock.flaw != Flaw::FreesUnannounced {
        pend(p, lock);
    }
    unlink(p, lock);
    p.act("frees it if nobody waits", move |world, me| {
        let alone = lock.idle.taken_alone(tid(me));
        let idle = |state| (state == alone).then_some(lock.idle);
        match change(world, lock, idle) {
            None => Flow::Next,
            Some(_) => {
                world.processes[me].holds &= !lock.bit();
                Flow::To(done)
            }
        }
    });
    p.act("frees it", move |world, me| {
        world.processes[me].holds &= !lock.bit();
        let before = change(world, lock, |state| match lock.flaw {
            Flaw::ForgetsWaiters => Some(lock.idle),
            _ => Some(state.released()),
        });
        let others = before.is_some_and(|state| state.waiting() > lock.idle.waiting());
        match others && lock.flaw != Flaw::WakesNobody {
            true => Flow::Next,
            false => Flow::To(done),
        }
    });
    if lock.flaw == Flaw::WakesUnannounced {
        settle(p);
    }
    p.wake("wakes one", lock.place, Count::One);
    p.place(done);
    then(p);
    settle(p);
}
