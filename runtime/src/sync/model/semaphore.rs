//! The semaphore: users take permits and give them back, others add some, or forget theirs.
//!
//! - Those who live never have more permits than there are.
//! - Who sleeps when nobody can go on: no permit is free, of those that there are and that no living one has.

use super::Flaw;
use super::calls::{self, Latch, NOT, Patience, TAKEN, WOKEN, change, link, pend, settle, took};
use super::program::{Count, Flow, Label, Map, Program};
use super::search::System;
use super::world::{Phase, Place, TIMED_OUT, World, tid};
use crate::model::Model as _;
use crate::sync::word::State;
use Patience::{ForEver, SomeTime};
use Role::{Adds, Forgets, Uses};

const SLOTS: usize = 2;

/// Local variables: what a look finds.
const TOTAL: usize = 4;
const USED: usize = 5;
const HELD: usize = 6;
/// Slots, from 1 on.
const MINE: usize = 7;
const FREE: usize = 8;
const WORDS: usize = 9;
const TICKET: usize = 11;
/// Which slot it has got, and how many permits.
const SLOT: usize = 12;
const PERMITS: usize = 13;

const TOO_MANY: &str = "there are more permits out than there are";
const ASLEEP: &str = "a permit is free, and somebody sleeps";

#[derive(Clone, Copy)]
struct Semaphore {
    turnstile: Latch,
    bell: Latch,
    slots: [Latch; SLOTS],
    held: [Place; SLOTS],
    changes: Place,
    total: Place,
    sleeping: Place,
    used: Place,
    /// How many permits the living have.
    out: Place,
    flaw: Flaw,
}

/// What one does with the semaphore.
#[derive(Clone, Copy)]
enum Role {
    /// Takes so many permits, and gives them back.
    Uses(Patience, usize),
    /// Takes so many, forgets one, and keeps the others.
    Forgets(usize),
    /// Adds one.
    Adds,
}

fn clear(locals: &mut [u32]) {
    locals[TOTAL..=TICKET].fill(0);
}

fn read_total(p: &mut Program, it: Semaphore) {
    p.plain("looks at the total", move |world, me| {
        world.processes[me].locals[TOTAL] = world.word(it.total);
    });
}

fn look(p: &mut Program, it: Semaphore) {
    let total_first = it.flaw == Flaw::TotalFirst;
    if total_first {
        read_total(p, it);
    }
    p.plain("looks which slots are used", move |world, me| {
        let used = world.word(it.used);
        let locals = &mut world.processes[me].locals;
        locals[USED] = used;
        (locals[HELD], locals[MINE]) = (0, 0);
        locals[FREE] = if used < SLOTS as u32 { used + 1 } else { 0 };
    });
    for index in 0..SLOTS {
        let next = p.label();
        p.choose(move |process| match process.locals[USED] as usize > index {
            true => Flow::Next,
            false => Flow::To(next),
        });
        p.act("looks at a slot", move |world, me| {
            let state = world.state(it.slots[index].place);
            let locals = &mut world.processes[me].locals;
            locals[WORDS + index] = state.word();
            if state.holder() == 0 {
                locals[FREE] = index as u32 + 1;
                return Flow::To(next);
            }
            if state.holder() == tid(me) {
                locals[MINE] = index as u32 + 1;
            }
            Flow::Next
        });
        p.plain("looks what its holder has", move |world, me| {
            let held = world.word(it.held[index]);
            world.processes[me].locals[HELD] += held;
        });
        p.place(next);
    }
    if !total_first {
        read_total(p, it);
    }
}

fn count_permit(world: &mut World, me: usize, it: Semaphore, slot: usize, got: Label) -> Flow {
    if world.get(it.out) >= world.get(it.total) {
        return Flow::Wrong(TOO_MANY);
    }
    world.add(it.out, 1);
    let locals = &mut world.processes[me].locals;
    locals[PERMITS] += 1;
    locals[SLOT] = slot as u32 + 1;
    clear(locals);
    Flow::To(got)
}

/// Goes to `got` with a permit if one is free.
fn grant(p: &mut Program, it: Semaphore, got: Label) {
    let end = p.label();
    p.choose(
        move |process| match process.locals[TOTAL] > process.locals[HELD] {
            true => Flow::Next,
            false => Flow::To(end),
        },
    );
    for index in 0..SLOTS {
        let next = p.label();
        p.choose(
            move |process| match process.locals[MINE] as usize == index + 1 {
                true => Flow::Next,
                false => Flow::To(next),
            },
        );
        p.act("counts one more", move |world, me| {
            world.add(it.held[index], 1);
            count_permit(world, me, it, index, got)
        });
        p.place(next);
    }
    for index in 0..SLOTS {
        let (next, is_used, has_slot) = (p.label(), p.label(), p.label());
        let slot = it.slots[index];
        p.choose(
            move |process| match process.locals[FREE] as usize == index + 1 {
                true => Flow::Next,
                false => Flow::To(next),
            },
        );
        p.choose(
            move |process| match process.locals[USED] as usize <= index {
                true => Flow::Next,
                false => Flow::To(is_used),
            },
        );
        p.plain("prepares a slot", move |world, _| {
            change(world, slot, |state| {
                (state == State::FREE).then_some(slot.idle)
            });
        });
        p.plain("uses one more slot", move |world, _| {
            world.set(it.used, index as u64 + 1);
        });
        p.place(is_used);
        p.plain("empties the slot", move |world, _| {
            world.set(it.held[index], 0);
        });
        pend(p, slot);
        p.act("takes the slot", move |world, me| {
            let before = change(world, slot, |state| state.taken(tid(me)));
            took(world, me, slot, before, has_slot)
        });
        settle(p);
        p.go_to(end);
        p.place(has_slot);
        link(p, slot);
        settle(p);
        p.act("counts the first", move |world, me| {
            world.set(it.held[index], 1);
            world.processes[me].locals[TAKEN] = 0;
            count_permit(world, me, it, index, got)
        });
        p.place(next);
    }
    p.place(end);
}

/// Leaves whether it has got a permit.
fn take(p: &mut Program, it: Semaphore, patience: Patience) {
    let (first, again, later, late, leave, end) = (
        p.label(),
        p.label(),
        p.label(),
        p.label(),
        p.label(),
        p.label(),
    );
    calls::lock(p, it.turnstile, patience);
    p.choose(
        move |process| match std::mem::take(&mut process.locals[TAKEN]) {
            NOT => Flow::To(end),
            _ => Flow::To(first),
        },
    );
    p.place(first);
    look(p, it);
    grant(p, it, leave);
    p.choose(|process| {
        clear(&mut process.locals);
        Flow::Next
    });
    if it.flaw != Flaw::SaysNothing {
        p.plain("says that it sleeps", move |world, _| {
            world.set(it.sleeping, 1);
        });
    }
    p.place(again);
    p.plain("takes a ticket", move |world, me| {
        world.processes[me].locals[TICKET] = world.word(it.changes);
    });
    look(p, it);
    grant(p, it, later);
    p.wait(
        "sleeps",
        move |process| {
            let locals = &process.locals;
            let mut list = vec![
                (it.changes, locals[TICKET]),
                (it.bell.place, 0),
                (it.total, locals[TOTAL]),
            ];
            match it.flaw {
                Flaw::IgnoresTotal => drop(list.pop()),
                Flaw::BellLast => list.swap(1, 2),
                _ => {}
            }
            if it.flaw != Flaw::IgnoresSlots {
                let used = locals[USED] as usize;
                let words = it.slots.iter().zip(&locals[WORDS..]).take(used);
                list.extend(words.map(|(slot, word)| (slot.place, *word)));
            }
            list
        },
        WOKEN,
        patience == SomeTime,
    );
    p.choose(move |process| {
        clear(&mut process.locals);
        match std::mem::take(&mut process.locals[WOKEN]) {
            TIMED_OUT => Flow::To(late),
            _ => Flow::To(again),
        }
    });
    p.place(late);
    p.place(later);
    p.plain("sleeps no more", move |world, _| {
        world.set(it.sleeping, 0);
    });
    p.place(leave);
    calls::unlock(p, it.turnstile);
    p.place(end);
}

fn wake(p: &mut Program, it: Semaphore) {
    let done = p.label();
    p.plain("counts a change", move |world, _| world.add(it.changes, 1));
    p.act("looks whether one sleeps", move |world, _| {
        match world.get(it.sleeping) {
            0 => Flow::To(done),
            _ => Flow::Next,
        }
    });
    p.wake("wakes it", it.changes, Count::One);
    p.place(done);
}

fn no_longer_out(world: &mut World, me: usize, it: Semaphore) {
    world.add(it.out, -1);
    world.processes[me].locals[PERMITS] -= 1;
}

fn give_back(
    p: &mut Program,
    it: Semaphore,
    is_silent: bool,
    note: impl Fn(&mut World, usize) + Copy + 'static,
) {
    let end = p.label();
    let and = |p: &mut Program| {
        if !is_silent {
            wake(p, it);
        }
    };
    for index in 0..SLOTS {
        let (next, last) = (p.label(), p.label());
        p.choose(
            move |process| match process.locals[SLOT] as usize == index + 1 {
                true => Flow::Next,
                false => Flow::To(next),
            },
        );
        // One step, though it is a load and a store: only its holder changes it.
        p.act("counts one less", move |world, me| {
            if world.get(it.held[index]) <= 1 {
                return Flow::To(last);
            }
            world.add(it.held[index], -1);
            note(world, me);
            Flow::Next
        });
        and(p);
        p.go_to(end);
        p.place(last);
        p.plain("begins to give the last back", move |world, me| {
            note(world, me);
            world.processes[me].locals[SLOT] = 0;
        });
        calls::unlock_and(p, it.slots[index], and);
        p.go_to(end);
        p.place(next);
    }
    p.place(end);
}

fn program(it: Semaphore, role: Role) -> Program {
    let mut p = Program::default();
    let no_longer = move |world: &mut World, me: usize| no_longer_out(world, me, it);
    match role {
        Uses(patience, permits) => {
            for _ in 0..permits {
                take(&mut p, it, patience);
            }
            for _ in 0..permits {
                give_back(&mut p, it, false, no_longer);
            }
        }
        Forgets(permits) => {
            for _ in 0..permits {
                take(&mut p, it, ForEver);
            }
            p.plain("lowers the total", move |world, me| {
                world.add(it.total, -1);
                no_longer_out(world, me, it);
            });
            give_back(&mut p, it, it.flaw == Flaw::ForgetsInSilence, |_, _| ());
        }
        Adds => {
            if it.flaw != Flaw::NoBell {
                pend(&mut p, it.bell);
            }
            p.plain("raises the total", move |world, _| world.add(it.total, 1));
            wake(&mut p, it);
            settle(&mut p);
        }
    }
    p
}

fn system(total: u64, roles: &[Role], deaths: u8, flaw: Flaw) -> System {
    let mut map = Map::default();
    let it = Semaphore {
        turnstile: Latch::plain(map.place()),
        bell: Latch::plain(map.place()),
        slots: [(); SLOTS].map(|()| Latch::watched(map.place())),
        held: [(); SLOTS].map(|()| map.place()),
        changes: map.place(),
        total: map.place(),
        sleeping: map.place(),
        used: map.place(),
        out: map.place(),
        flaw,
    };
    let mut start = World::new(roles.len(), deaths);
    start.set(it.total, total);
    System {
        programs: roles.iter().map(|role| program(it, *role)).collect(),
        start,
        note: Box::new(move |world, me| {
            let permits = world.processes[me].locals[PERMITS];
            world.add(it.out, -i64::from(permits));
        }),
        end: Box::new(move |world| {
            let asleep = world
                .processes
                .iter()
                .any(|one| one.phase == Phase::Running);
            match asleep && world.get(it.total) > world.get(it.out) {
                true => Err(ASLEEP),
                false => Ok(()),
            }
        }),
    }
}

const ONE: Role = Uses(ForEver, 1);
const LATE: Role = Uses(SomeTime, 1);
const BOTH: Role = Uses(ForEver, 2);

#[test]
fn two_users_and_others() {
    for deaths in [0, 1] {
        system(1, &[ONE, ONE], deaths, Flaw::None).holds();
        system(2, &[BOTH, ONE], deaths, Flaw::None).holds();
        system(1, &[ONE, LATE], deaths, Flaw::None).holds();
        system(0, &[ONE, Adds], deaths, Flaw::None).holds();
        system(2, &[Forgets(2), ONE], deaths, Flaw::None).holds();
    }
    system(0, &[ONE, LATE, Adds], 1, Flaw::None).holds();
    system(1, &[ONE, ONE, Adds], 1, Flaw::None).holds();
}

#[test]
#[ignore = "takes long without optimizations"]
fn three_users_or_two_deaths() {
    system(1, &[ONE; 3], 1, Flaw::None).holds();
    system(2, &[BOTH, ONE, LATE], 1, Flaw::None).holds();
    for deaths in [1, 2] {
        system(1, &[ONE, ONE, Adds], deaths, Flaw::None).holds();
        system(2, &[Forgets(2), ONE, Adds], deaths, Flaw::None).holds();
        system(0, &[ONE, LATE, Adds], deaths, Flaw::None).holds();
        system(0, &[ONE, Adds, Adds], deaths, Flaw::None).holds();
    }
}

#[test]
fn flaws_are_found() {
    let adds = [ONE, Adds];
    let forgets = [Forgets(2), ONE];
    let all = [Forgets(2), ONE, Adds];
    for (flaw, total, roles, deaths, what) in [
        (Flaw::SaysNothing, 0, &adds as &[_], 0, ASLEEP),
        (Flaw::IgnoresTotal, 0, &adds, 1, ASLEEP),
        (Flaw::BellLast, 0, &adds, 1, ASLEEP),
        (Flaw::NoBell, 0, &adds, 1, ASLEEP),
        (Flaw::IgnoresSlots, 1, &[ONE, ONE], 1, ASLEEP),
        (Flaw::TotalFirst, 2, &forgets, 0, TOO_MANY),
        (Flaw::ForgetsInSilence, 2, &all, 1, ASLEEP),
    ] {
        println!("{flaw:?}");
        system(total, roles, deaths, flaw).fails(what);
    }
}
