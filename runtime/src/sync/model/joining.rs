//! How those wait who [join](crate::Queue::join) a queue, and how the last `task_done` wakes them: `wait` of the queue.
//!
//! - Who waits when nobody can go on: something isn't done.
//! - Who goes on, other than late: all was done at some moment since it began.
//!
//! To put an item is to count it. What those do who put and get is no part of this.

use super::Flaw;
use super::calls::{Latch, Patience, WOKEN, pend, settle};
use super::program::{Count, Flow, Map, Program};
use super::search::System;
use super::world::{Phase, Place, TIMED_OUT, World};
use crate::model::Model as _;
use Patience::{ForEver, SomeTime};
use Role::{Does, Joins, PutsAndDoes};

/// Local variables.
const TICKET: usize = 4;
const SEEN: usize = 5;
const DONE: usize = 6;
const HAS_SLEPT: usize = 7;
const IS_LATE: usize = 8;
/// Of one that joins, for checks: whether all was done since it began.
const MAY_GO: usize = 9;

/// Values of `MAY_GO`.
const NO: u32 = 1;
const YES: u32 = 2;

const ASLEEP: &str = "all is done, and somebody sleeps";
const EARLY: &str = "somebody goes on, and all was never done meanwhile";

#[derive(Clone, Copy)]
struct Queue {
    bell: Latch,
    flag: Place,
    finished: Place,
    done: Place,
    put: Place,
    flaw: Flaw,
}

#[derive(Clone, Copy)]
enum Role {
    Joins(Patience),
    /// Does one item.
    Does,
    /// Puts one, and does one.
    PutsAndDoes,
}

impl Queue {
    fn is_all_done(self, world: &World) -> bool {
        world.get(self.done) == world.get(self.put)
    }
}

/// `Control::unfinished`, without the comparison.
fn look_at_done(p: &mut Program, it: Queue) {
    p.plain("looks at what is done", move |world, me| {
        world.processes[me].locals[DONE] = world.word(it.done);
    });
}

/// `Inner::join`.
fn join(p: &mut Program, it: Queue, patience: Patience) {
    let (again, found, told, go, end) = (p.label(), p.label(), p.label(), p.label(), p.label());
    let is_pending = it.flaw != Flaw::JoinsUnannounced;
    let settles_between = it.flaw == Flaw::SettlesBetween;
    let looks_at_once = settles_between || it.flaw == Flaw::PassesNothingOnLater;
    let read_count = |p: &mut Program| {
        p.plain("reads the count", move |world, me| {
            world.processes[me].locals[SEEN] = world.word(it.done);
        });
    };
    if is_pending && !settles_between {
        pend(p, it.bell);
    }
    p.place(again);
    p.plain("takes a ticket", move |world, me| {
        let is_all_done = it.is_all_done(world);
        let ticket = world.word(it.finished);
        let locals = &mut world.processes[me].locals;
        locals[TICKET] = ticket;
        if locals[MAY_GO] == 0 {
            locals[MAY_GO] = if is_all_done { YES } else { NO };
        }
    });
    if it.flaw != Flaw::CountsLate {
        read_count(p);
    }
    p.plain("raises the flag", move |world, _| world.set(it.flag, 1));
    look_at_done(p, it);
    p.act("looks at what was put", move |world, me| {
        let is_all_done = world.processes[me].locals[DONE] == world.word(it.put);
        world.processes[me].locals[DONE] = 0;
        match is_all_done {
            true => Flow::To(found),
            false => Flow::Next,
        }
    });
    if it.flaw == Flaw::CountsLate {
        read_count(p);
    }
    p.choose(move |process| match process.locals[IS_LATE] {
        0 => Flow::Next,
        _ => Flow::To(end),
    });
    if settles_between {
        pend(p, it.bell);
    }
    p.wait(
        "sleeps",
        move |process| {
            let locals = &process.locals;
            let (bell, done) = ((it.bell.place, 0), (it.done, locals[SEEN]));
            let (flag, finished) = ((it.flag, 1), (it.finished, locals[TICKET]));
            match it.flaw {
                Flaw::BellLast => vec![done, flag, finished, bell],
                Flaw::IgnoresCount => vec![bell, flag, finished],
                Flaw::IgnoresFlag => vec![bell, done, finished],
                _ => vec![bell, done, flag, finished],
            }
        },
        WOKEN,
        patience == SomeTime,
    );
    p.choose(move |process| {
        let locals = &mut process.locals;
        let is_late = std::mem::take(&mut locals[WOKEN]) == TIMED_OUT;
        (locals[IS_LATE], locals[HAS_SLEPT], locals[SEEN]) = (is_late.into(), 1, 0);
        Flow::Next
    });
    if it.flaw == Flaw::TrustsWhatIsSaid {
        p.act("looks whether it was told", move |world, me| {
            match world.processes[me].locals[TICKET] == world.word(it.finished) {
                true => Flow::Next,
                false => Flow::To(told),
            }
        });
    }
    if looks_at_once {
        look_at_done(p, it);
        p.act("looks at what was put", move |world, me| {
            let done = std::mem::take(&mut world.processes[me].locals[DONE]);
            match done == world.word(it.put) {
                true => Flow::To(told),
                false => Flow::Next,
            }
        });
    }
    if settles_between {
        settle(p);
    }
    p.go_to(again);
    p.place(found);
    p.choose(move |process| {
        let is_silent = looks_at_once && !settles_between || it.flaw == Flaw::PassesNothingOn;
        match process.locals[HAS_SLEPT] == 0 || is_silent {
            true => Flow::To(go),
            false => Flow::Next,
        }
    });
    p.place(told);
    p.add_and_wake("wakes the others", it.finished, Count::All, |_, _| ());
    p.place(go);
    p.act("goes on", |world, me| {
        match world.processes[me].locals[MAY_GO] {
            YES => Flow::Next,
            _ => Flow::Wrong(EARLY),
        }
    });
    p.place(end);
    settle(p);
}

/// `Inner::task_done`.
fn task_done(p: &mut Program, it: Queue) {
    let (again, counted, quiet) = (p.label(), p.label(), p.label());
    if it.flaw != Flaw::NoBell {
        pend(p, it.bell);
    }
    p.place(again);
    look_at_done(p, it);
    p.act("looks whether that is all", move |world, me| {
        match world.processes[me].locals[DONE] < world.word(it.put) {
            true => Flow::Next,
            false => Flow::To(counted),
        }
    });
    p.act("counts one more", move |world, me| {
        if world.processes[me].locals[DONE] != world.word(it.done) {
            return Flow::To(again);
        }
        world.add(it.done, 1);
        if it.is_all_done(world) {
            for process in &mut world.processes {
                if process.locals[MAY_GO] == NO {
                    process.locals[MAY_GO] = YES;
                }
            }
        }
        Flow::Next
    });
    p.place(counted);
    look_at_done(p, it);
    p.act("looks whether all is done", move |world, me| {
        let done = std::mem::take(&mut world.processes[me].locals[DONE]);
        match done == world.word(it.put) {
            true => Flow::Next,
            false => Flow::To(quiet),
        }
    });
    p.act("looks at the flag", move |world, _| {
        match world.get(it.flag) {
            0 => Flow::To(quiet),
            _ => Flow::Next,
        }
    });
    let lower = |p: &mut Program| {
        p.plain("lowers the flag", move |world, _| world.set(it.flag, 0));
    };
    if it.flaw != Flaw::LowersLate {
        lower(p);
    }
    if it.flaw != Flaw::LowersInSilence {
        p.add_and_wake("tells all", it.finished, Count::All, |_, _| ());
    }
    if it.flaw == Flaw::LowersLate {
        lower(p);
    }
    p.place(quiet);
    settle(p);
}

fn program(it: Queue, role: Role) -> Program {
    let mut p = Program::default();
    match role {
        Joins(patience) => join(&mut p, it, patience),
        Does => task_done(&mut p, it),
        PutsAndDoes => {
            p.plain("puts an item", move |world, _| world.add(it.put, 1));
            task_done(&mut p, it);
        }
    }
    p
}

/// With so many items that were put; the first that join sleep already.
fn system(put: u64, asleep: usize, roles: &[Role], deaths: u8, flaw: Flaw) -> System {
    let mut map = Map::default();
    let it = Queue {
        bell: Latch::plain(map.place()),
        flag: map.place(),
        finished: map.place(),
        done: map.place(),
        put: map.place(),
        flaw,
    };
    let mut start = World::new(roles.len(), deaths);
    start.set(it.put, put);
    let mut system = System {
        programs: roles.iter().map(|role| program(it, *role)).collect(),
        start,
        note: Box::new(|_, _| ()),
        end: Box::new(move |world| {
            let mut all = world.processes.iter();
            match it.is_all_done(world) && all.any(|one| one.phase == Phase::Running) {
                true => Err(ASLEEP),
                false => Ok(()),
            }
        }),
    };
    for me in 0..asleep {
        system.begin_asleep(me);
    }
    system
}

/// Two sleep, another has lowered the flag, and a fourth is about to put an item.
fn about_to_tell(deaths: u8, flaw: Flaw) -> System {
    let roles = [JOINS, JOINS, Does, PutsAndDoes];
    let mut system = system(1, 2, &roles, deaths, flaw);
    system.begin_at(2, "tells all");
    system
}

const JOINS: Role = Joins(ForEver);
const JOINS_SOON: Role = Joins(SomeTime);

#[test]
fn two_or_three_processes() {
    for deaths in 0..=2 {
        for roles in [[JOINS, Does], [JOINS_SOON, Does], [JOINS, PutsAndDoes]] {
            system(1, 0, &roles, deaths, Flaw::None).holds();
        }
    }
    for deaths in 0..=1 {
        system(1, 0, &[JOINS, Does, PutsAndDoes], deaths, Flaw::None).holds();
        system(1, 2, &[JOINS, JOINS, Does], deaths, Flaw::None).holds();
    }
    system(1, 0, &[JOINS, JOINS_SOON, Does], 0, Flaw::None).holds();
    about_to_tell(0, Flaw::None).holds();
}

#[test]
#[ignore = "takes long without optimizations"]
fn more_processes_and_deaths() {
    for deaths in 1..=2 {
        for roles in [
            [JOINS, Does, PutsAndDoes],
            [JOINS, JOINS, Does],
            [JOINS, JOINS_SOON, Does],
        ] {
            system(1, 0, &roles, deaths, Flaw::None).holds();
        }
        for roles in [
            [JOINS, JOINS, Does, PutsAndDoes],
            [JOINS, JOINS, JOINS, Does],
        ] {
            system(1, 2, &roles, deaths, Flaw::None).holds();
        }
        about_to_tell(deaths, Flaw::None).holds();
        let late = [JOINS, JOINS_SOON, Does, PutsAndDoes];
        system(1, 1, &late, deaths, Flaw::None).holds();
    }
    system(2, 0, &[JOINS, Does, Does], 2, Flaw::None).holds();
    system(2, 2, &[JOINS, JOINS, Does, Does], 2, Flaw::None).holds();
}

#[test]
fn flaws_are_found() {
    let one = [JOINS, Does];
    let two = [JOINS, JOINS, Does];
    let others = [JOINS, Does, PutsAndDoes];
    for (flaw, asleep, roles, deaths, what) in [
        (Flaw::LowersInSilence, 0, &one as &[_], 0, ASLEEP),
        (Flaw::TrustsWhatIsSaid, 0, &others, 0, EARLY),
        (Flaw::LowersLate, 0, &others, 0, ASLEEP),
        (Flaw::BellLast, 0, &one, 1, ASLEEP),
        (Flaw::NoBell, 0, &one, 1, ASLEEP),
        (Flaw::IgnoresCount, 0, &one, 1, ASLEEP),
        (Flaw::CountsLate, 0, &one, 1, ASLEEP),
        (Flaw::IgnoresFlag, 0, &others, 1, ASLEEP),
        (Flaw::PassesNothingOn, 2, &two, 1, ASLEEP),
        (Flaw::JoinsUnannounced, 2, &two, 2, ASLEEP),
    ] {
        println!("{flaw:?}");
        system(1, asleep, roles, deaths, flaw).fails(what);
    }
    about_to_tell(1, Flaw::PassesNothingOnLater).fails(ASLEEP);
    about_to_tell(2, Flaw::SettlesBetween).fails(ASLEEP);
}
