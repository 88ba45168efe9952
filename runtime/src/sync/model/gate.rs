//! The functions of `gate` as steps.

use super::Flaw;
use super::calls::{
    ABANDONED, Latch, NOT, TAKEN, WOKEN, change, link, pend, settle, took, try_lock, unlock,
};
use super::program::{Count, Flow, Map, Program};
use super::world::{Place, Process, TIMED_OUT, World, tid};
use crate::sync::word::State;

/// Local variables.
pub(super) const TICKET: usize = 4;
const USED: usize = 5;
/// Which seat it has, from 1 on.
pub(super) const SEAT: usize = 6;
pub(super) const REASON: usize = 7;
const WORDS: usize = 8;

/// Values of `REASON`.
pub(super) const CHANGE: u32 = 0;
pub(super) const DEATH: u32 = 1;
pub(super) const LATE: u32 = 2;

const SEATS: usize = 3;

#[derive(Clone, Copy)]
pub(super) struct Gate {
    pub(super) changes: Place,
    used: Place,
    seats: [Latch; SEATS],
    count: usize,
    /// Instead of the seats, with [`Flaw::MereBell`].
    bell: Latch,
    pub(super) flaw: Flaw,
}

impl Gate {
    /// With so many seats.
    pub(super) fn new(map: &mut Map, count: usize, flaw: Flaw) -> Self {
        Self {
            flaw,
            count,
            bell: Latch::plain(map.place()),
            changes: map.place(),
            used: map.place(),
            seats: [(); SEATS].map(|()| Latch::watched(map.place())),
        }
    }

    /// As if so many had had a seat already.
    pub(super) fn used_before(self, world: &mut World, used: usize) {
        world.set(self.used, used as u64);
        for seat in &self.seats[..used] {
            world.set(seat.place, seat.idle.0);
        }
    }

    pub(super) fn has_seat(self, process: &Process) -> bool {
        let has = |seat: &Latch| process.holds & seat.bit() != 0;
        self.seats.iter().any(has)
    }

    pub(super) fn is_marked(self, world: &World) -> bool {
        let marked = |seat: &Latch| world.state(seat.place).owner_died();
        self.seats.iter().any(marked)
    }
}

pub(super) fn sit(p: &mut Program, gate: Gate) {
    if gate.flaw == Flaw::MereBell {
        return;
    }
    let done = p.label();
    for (index, seat) in gate.seats.into_iter().enumerate().take(gate.count) {
        let (is_used, next, got) = (p.label(), p.label(), p.label());
        p.plain("prepares a seat", move |world, _| {
            let is_used = world.get(gate.used) as usize > index;
            if is_used && gate.flaw == Flaw::PreparesOnce {
                return;
            }
            let is_fresh = |state| state == State::FREE;
            change(world, seat, |state| is_fresh(state).then_some(seat.idle));
        });
        p.act("looks which seats are used", move |world, _| {
            match world.get(gate.used) as usize > index {
                true => Flow::To(is_used),
                false => Flow::Next,
            }
        });
        p.add_and_wake("uses one more seat", gate.used, Count::All, |_, _| ());
        p.place(is_used);
        p.act("looks at a seat", move |world, _| {
            match world.state(seat.place).holder() {
                0 => Flow::Next,
                _ => Flow::To(next),
            }
        });
        pend(p, seat);
        p.act("takes the seat", move |world, me| {
            let before = change(world, seat, |state| match gate.flaw {
                Flaw::ErasesMark => state.taken(tid(me)),
                _ => state.taken_unmarked(tid(me)),
            });
            took(world, me, seat, before, got)
        });
        settle(p);
        p.go_to(next);
        p.place(got);
        link(p, seat);
        settle(p);
        p.choose(move |process| {
            process.locals[TAKEN] = 0;
            process.locals[SEAT] = index as u32 + 1;
            Flow::To(done)
        });
        p.place(next);
    }
    p.place(done);
}

/// Sleeps once; leaves the reason.
pub(super) fn sleep(p: &mut Program, gate: Gate, may_time_out: bool) {
    let (again, end) = (p.label(), p.label());
    if gate.flaw == Flaw::MereBell {
        pend(p, gate.bell);
    }
    p.place(again);
    p.plain("looks which seats are used", move |world, me| {
        world.processes[me].locals[USED] = world.word(gate.used).min(gate.count as u32);
    });
    for (index, seat) in gate.seats.into_iter().enumerate().take(gate.count) {
        let next = p.label();
        p.choose(move |process| match process.locals[USED] as usize > index {
            true => Flow::Next,
            false => Flow::To(next),
        });
        p.act("looks at a seat", move |world, me| {
            let state = world.state(seat.place);
            let locals = &mut world.processes[me].locals;
            if state.owner_died() && gate.flaw != Flaw::IgnoresMarks {
                clear(locals);
                locals[REASON] = DEATH;
                return Flow::To(end);
            }
            locals[WORDS + index] = state.word();
            Flow::Next
        });
        p.place(next);
    }
    p.act("looks at the counter", move |world, me| {
        let changes = world.word(gate.changes);
        let locals = &mut world.processes[me].locals;
        if changes != locals[TICKET] {
            clear(locals);
            locals[REASON] = CHANGE;
            return Flow::To(end);
        }
        Flow::Next
    });
    p.wait(
        "sleeps",
        move |process| {
            let locals = &process.locals;
            let mut list = vec![(gate.changes, locals[TICKET]), (gate.used, locals[USED])];
            match gate.flaw {
                Flaw::MereBell => return vec![(gate.bell.place, 0), list[0], (gate.bell.place, 0)],
                Flaw::IgnoresSeats => return list,
                Flaw::IgnoresNewSeats => list.truncate(1),
                _ => {}
            }
            for (index, seat) in gate.seats.iter().enumerate().take(locals[USED] as usize) {
                list.push((seat.place, locals[WORDS + index]));
            }
            list
        },
        WOKEN,
        may_time_out,
    );
    p.choose(move |process| {
        let woken = std::mem::take(&mut process.locals[WOKEN]);
        clear(&mut process.locals);
        if woken == TIMED_OUT {
            process.locals[REASON] = LATE;
            return Flow::To(end);
        }
        match (gate.flaw, woken) {
            // The bell was rung.
            (Flaw::MereBell, 0 | 2) => Flow::Next,
            _ => Flow::To(again),
        }
    });
    if gate.flaw == Flaw::MereBell {
        wake(p, gate, Count::All);
        p.go_to(again);
    }
    p.place(end);
    if gate.flaw == Flaw::MereBell {
        settle(p);
    }
}

fn clear(locals: &mut [u32]) {
    locals[USED] = 0;
    locals[WORDS..WORDS + SEATS].fill(0);
}

/// For each seat that is marked, does `act`.
pub(super) fn bury(p: &mut Program, gate: Gate, act: impl Fn(&mut Program)) {
    for (index, seat) in gate.seats.into_iter().enumerate().take(gate.count) {
        let (next, free) = (p.label(), p.label());
        p.act("looks for a mark", move |world, _| {
            let is_used = world.get(gate.used) as usize > index;
            match is_used && world.state(seat.place).owner_died() {
                true => Flow::Next,
                false => Flow::To(next),
            }
        });
        try_lock(p, seat);
        p.choose(
            move |process| match std::mem::take(&mut process.locals[TAKEN]) {
                NOT => Flow::To(next),
                ABANDONED => Flow::Next,
                _ => Flow::To(free),
            },
        );
        act(p);
        p.place(free);
        unlock(p, seat);
        p.place(next);
    }
}

pub(super) fn leave(p: &mut Program, gate: Gate) {
    let done = p.label();
    for (index, seat) in gate.seats.into_iter().enumerate().take(gate.count) {
        let next = p.label();
        p.choose(
            move |process| match process.locals[SEAT] as usize == index + 1 {
                true => Flow::Next,
                false => Flow::To(next),
            },
        );
        unlock(p, seat);
        p.choose(move |process| {
            process.locals[SEAT] = 0;
            Flow::To(done)
        });
        p.place(next);
    }
    p.place(done);
}

pub(super) fn wake(p: &mut Program, gate: Gate, count: Count) {
    wake_and_note(p, gate, count, |_, _| ());
}

pub(super) fn wake_and_note(
    p: &mut Program,
    gate: Gate,
    count: Count,
    note: impl Fn(&mut World, usize) + 'static,
) {
    if gate.flaw == Flaw::WakesInTwoSteps {
        p.plain("counts a change", move |world, me| {
            world.add(gate.changes, 1);
            note(world, me);
        });
        p.wake("wakes", gate.changes, count);
    } else {
        p.add_and_wake("counts a change and wakes", gate.changes, count, note);
    }
}
