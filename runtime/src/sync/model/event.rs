//! The event: some wait, one sets it, others clear it.
//!
//! - Who sleeps when nobody can go on: it isn't set, and wasn't since that one looked first.
//! - Whoever begins to clear it when it has been set leaves it cleared, unless it is set again.

use super::Flaw;
use super::calls::WOKEN;
use super::program::{Count, Flow, Map, Program};
use super::search::System;
use super::world::{Phase, Place, World};
use crate::model::Model as _;

/// Local variables: how often it was set when a waiter looked first, and when another did.
const BEFORE: usize = 2;
const SETS: usize = 3;

const MISSED: &str = "it was set, and somebody sleeps";
const BACK: &str = "it was cleared, and is set";

#[derive(Clone, Copy)]
struct Event {
    sets: Place,
    cleared: Place,
    /// What all who have cleared it saw, the last.
    undone: Place,
    flaw: Flaw,
}

fn waiter(event: Event) -> Program {
    let mut p = Program::default();
    let (asleep, end) = (p.label(), p.label());
    p.plain("looks how often it was set", move |world, me| {
        world.processes[me].locals[BEFORE] = world.word(event.sets);
    });
    p.act("looks whether that is cleared", move |world, me| {
        match world.processes[me].locals[BEFORE] == world.word(event.cleared) {
            true => Flow::Next,
            false => Flow::To(end),
        }
    });
    p.place(asleep);
    p.wait(
        "sleeps",
        move |process| vec![(event.sets, process.locals[BEFORE])],
        WOKEN,
        false,
    );
    p.act("looks whether it was set", move |world, me| {
        let locals = &mut world.processes[me].locals;
        locals[WOKEN] = 0;
        let before = locals[BEFORE];
        match world.word(event.sets) == before {
            true => Flow::To(asleep),
            false => Flow::To(end),
        }
    });
    p.place(end);
    p
}

fn setter(event: Event) -> Program {
    let mut p = Program::default();
    let (set, end) = (p.label(), p.label());
    p.plain("looks how often it was set", move |world, me| {
        world.processes[me].locals[SETS] = world.word(event.sets);
    });
    p.act("looks whether that is cleared", move |world, me| {
        match world.processes[me].locals[SETS] == world.word(event.cleared) {
            true => Flow::To(set),
            false => Flow::To(end),
        }
    });
    p.place(set);
    if event.flaw == Flaw::SetsInTwoSteps {
        p.plain("sets it", move |world, _| world.add(event.sets, 1));
        p.wake("wakes all", event.sets, Count::All);
    } else {
        p.add_and_wake("sets it", event.sets, Count::All, |_, _| ());
    }
    p.place(end);
    p
}

fn clearer(event: Event) -> Program {
    let mut p = Program::default();
    p.plain("looks how often it was set", move |world, me| {
        world.processes[me].locals[SETS] = world.word(event.sets);
    });
    p.plain("clears that", move |world, me| {
        let sets = world.processes[me].locals[SETS];
        let newer = sets.wrapping_sub(world.word(event.cleared)) as i32 > 0;
        if newer || event.flaw == Flaw::ClearsBackwards {
            world.set(event.cleared, u64::from(sets));
        }
        world.set(event.undone, world.get(event.undone).max(sets.into()));
    });
    p
}

fn system(programs: &[fn(Event) -> Program], deaths: u8, flaw: Flaw) -> System {
    let mut map = Map::default();
    let event = Event {
        sets: map.place(),
        cleared: map.place(),
        undone: map.place(),
        flaw,
    };
    System {
        programs: programs.iter().map(|program| program(event)).collect(),
        start: World::new(programs.len(), deaths),
        note: Box::new(|_, _| ()),
        end: Box::new(move |world| {
            let is_set = world.word(event.sets) != world.word(event.cleared);
            for process in &world.processes {
                let missed = process.locals[BEFORE] != world.word(event.sets);
                if process.phase == Phase::Running && (is_set || missed) {
                    return Err(MISSED);
                }
            }
            if is_set && world.word(event.undone) == world.word(event.sets) {
                return Err(BACK);
            }
            Ok(())
        }),
    }
}

#[test]
fn whoever_dies() {
    for deaths in 0..=2 {
        system(&[waiter, waiter, setter, clearer], deaths, Flaw::None).holds();
        system(&[waiter, setter, setter, clearer], deaths, Flaw::None).holds();
        system(&[waiter, setter, clearer, clearer], deaths, Flaw::None).holds();
    }
}

#[test]
fn flaws_are_found() {
    let clear_twice = [setter, clearer, clearer];
    system(&clear_twice, 0, Flaw::ClearsBackwards).fails(BACK);
    let wait = [waiter, setter];
    system(&wait, 0, Flaw::SetsInTwoSteps).holds();
    system(&wait, 1, Flaw::SetsInTwoSteps).fails(MISSED);
}
