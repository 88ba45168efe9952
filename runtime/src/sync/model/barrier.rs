//! The barrier: parties wait at it, some more than once, and another one may abort and reset it.
//!
//! Whoever dies, and when:
//!
//! - All who return from a pass are told the same, and exactly one leads a pass in which all have met.
//! - Who comes when another one has died in `wait` is told that the barrier is broken, or that other one had already met.
//! - Who sleeps when nobody can go on: its pass hasn't ended, and nobody in it has died; somebody died elsewhere, so that not all come.

use super::Flaw;
use super::calls::{self, ABANDONED, Latch, Patience, TAKEN};
use super::gate::{self, Gate, REASON, TICKET};
use super::program::{Count, Flow, Label, Map, Program};
use super::search::{FOR_EVER, System};
use super::world::{Phase, Place, World};
use crate::model::Model as _;
use Patience::{ForEver, SomeTime};
use Role::{AbortsAndResets, Waits};

/// Local variables: the pass that it waits for, and whether somebody had died in that when it came.
const PASS: usize = 12;
const WARNED: usize = 13;

const ASLEEP: &str = "somebody sleeps who should know";
const WRONG: &str = "one is told other than what was";
const DEAD: &str = "they have met a dead one";

#[derive(Clone, Copy)]
struct Barrier {
    lock: Latch,
    gate: Gate,
    parties: u64,
    waiting: Place,
    passes: Place,
    broken: Place,
    met: Place,
    /// What came of each pass, in two bits: met, or not.
    truth: Place,
    /// How many died in the pass that is on, and how many elsewhere.
    dead: Place,
    elsewhere: Place,
    flaw: Flaw,
}

/// What one does with the barrier.
#[derive(Clone, Copy)]
enum Role {
    /// Waits so many times, or until it is told that the barrier is broken.
    Waits(Patience, usize),
    AbortsAndResets,
}

fn end_pass(p: &mut Program, it: Barrier, met: bool) {
    p.plain("says what came of it", move |world, _| {
        let pass = world.get(it.passes);
        let bits = world.get(it.met);
        let bits = match (met, it.flaw) {
            // The last that failed, plus one.
            (false, Flaw::RemembersFailure) => pass + 1,
            (true, Flaw::RemembersFailure) => bits,
            (true, _) => bits | 1 << pass,
            (false, _) => bits & !(1 << pass),
        };
        world.set(it.met, bits);
    });
    p.act("ends the pass", move |world, _| {
        let pass = world.get(it.passes);
        let known = world.get(it.truth);
        if known >> (2 * pass) & 3 != 0 {
            return Flow::Wrong("a pass ends twice");
        }
        world.set(it.truth, known | (if met { 1 } else { 2 }) << (2 * pass));
        world.set(it.passes, pass + 1);
        world.set(it.dead, 0);
        Flow::Next
    });
    p.plain("counts from 0 again", move |world, _| {
        world.set(it.waiting, 0);
    });
    gate::wake(p, it.gate, Count::All);
}

fn break_it(p: &mut Program, it: Barrier) {
    p.plain("breaks it", move |world, _| world.set(it.broken, 1));
    end_pass(p, it, false);
}

fn enter(p: &mut Program, it: Barrier) {
    let (quiet, broken) = (p.label(), p.label());
    calls::lock(p, it.lock, ForEver);
    p.choose(
        move |process| match std::mem::take(&mut process.locals[TAKEN]) {
            ABANDONED => Flow::To(broken),
            _ => Flow::To(quiet),
        },
    );
    p.place(broken);
    break_it(p, it);
    p.place(quiet);
    if it.flaw != Flaw::ComesBlind {
        gate::bury(p, it.gate, |p| break_it(p, it));
    }
}

fn wait(p: &mut Program, it: Barrier, patience: Patience, failed: Label) {
    let (lead, again, out, late, fail) = (p.label(), p.label(), p.label(), p.label(), p.label());
    let sits_late = it.flaw == Flaw::SitsLate;
    p.plain("comes", move |world, me| {
        let is_dying =
            |one: &super::world::Process| matches!(one.phase, Phase::Dying | Phase::DyingWakes(_));
        let is_over = !world.processes.iter().any(is_dying);
        world.processes[me].locals[WARNED] = u32::from(is_over && world.get(it.dead) != 0);
    });
    if !sits_late {
        gate::sit(p, it.gate);
    }
    enter(p, it);
    p.act("looks whether it is broken", move |world, _| {
        match world.get(it.broken) {
            0 => Flow::Next,
            _ => Flow::To(fail),
        }
    });
    p.act("counts itself", move |world, me| {
        let pass = world.word(it.passes);
        world.processes[me].locals[PASS] = pass;
        world.add(it.waiting, 1);
        match world.get(it.waiting) >= it.parties {
            true => Flow::To(lead),
            false => Flow::Next,
        }
    });
    p.place(again);
    p.plain("takes a ticket", move |world, me| {
        let ticket = world.word(it.gate.changes);
        world.processes[me].locals[TICKET] = ticket;
    });
    calls::unlock(p, it.lock);
    if sits_late {
        gate::sit(p, it.gate);
    }
    gate::sleep(p, it.gate, patience == SomeTime);
    p.choose(move |process| {
        process.locals[TICKET] = 0;
        Flow::Next
    });
    enter(p, it);
    p.act("looks whether its pass has ended", move |world, me| {
        let (passes, bits) = (world.get(it.passes), world.get(it.met));
        let truth = world.get(it.truth);
        let locals = &mut world.processes[me].locals;
        let pass = u64::from(locals[PASS]);
        let is_late = std::mem::take(&mut locals[REASON]) == gate::LATE;
        if passes == pass {
            return if is_late {
                Flow::To(late)
            } else {
                Flow::To(again)
            };
        }
        let met = match it.flaw {
            Flaw::RemembersFailure => bits != pass + 1,
            _ => bits >> pass & 1 != 0,
        };
        if met != (truth >> (2 * pass) & 3 == 1) {
            return Flow::Wrong(WRONG);
        }
        (locals[PASS], locals[WARNED]) = (0, 0);
        if met { Flow::To(out) } else { Flow::To(fail) }
    });
    p.place(lead);
    p.act("leads", move |world, me| {
        let locals = &mut world.processes[me].locals;
        locals[PASS] = 0;
        match std::mem::take(&mut locals[WARNED]) {
            0 => Flow::Next,
            _ => Flow::Wrong(DEAD),
        }
    });
    end_pass(p, it, true);
    p.go_to(out);
    p.place(late);
    break_it(p, it);
    p.place(fail);
    calls::unlock(p, it.lock);
    gate::leave(p, it.gate);
    p.choose(move |process| {
        (process.locals[PASS], process.locals[WARNED]) = (0, 0);
        Flow::To(failed)
    });
    p.place(out);
    calls::unlock(p, it.lock);
    gate::leave(p, it.gate);
}

fn program(it: Barrier, role: Role) -> Program {
    let mut p = Program::default();
    match role {
        Waits(patience, times) => {
            let failed = p.label();
            for _ in 0..times {
                wait(&mut p, it, patience, failed);
            }
            p.place(failed);
        }
        AbortsAndResets => {
            gate::sit(&mut p, it.gate);
            enter(&mut p, it);
            break_it(&mut p, it);
            calls::unlock(&mut p, it.lock);
            gate::leave(&mut p, it.gate);
            gate::sit(&mut p, it.gate);
            enter(&mut p, it);
            end_pass(&mut p, it, false);
            p.plain("mends it", move |world, _| world.set(it.broken, 0));
            calls::unlock(&mut p, it.lock);
            gate::leave(&mut p, it.gate);
        }
    }
    p
}

/// For so many parties.
fn system(parties: u64, roles: &[Role], deaths: u8, flaw: Flaw) -> System {
    with_seats_used(roles.len(), parties, roles, deaths, flaw)
}

fn with_seats_used(used: usize, parties: u64, roles: &[Role], deaths: u8, flaw: Flaw) -> System {
    let mut map = Map::default();
    let it = Barrier {
        lock: Latch::plain(map.place()),
        gate: Gate::new(&mut map, roles.len(), flaw),
        parties,
        waiting: map.place(),
        passes: map.place(),
        broken: map.place(),
        met: map.place(),
        truth: map.place(),
        dead: map.place(),
        elsewhere: map.place(),
        flaw,
    };
    let mut start = World::new(roles.len(), deaths);
    it.gate.used_before(&mut start, used);
    let waits = |role: &Role| matches!(role, Waits(..));
    let all_come = roles.len() as u64 == parties && roles.iter().all(waits);
    System {
        programs: roles.iter().map(|role| program(it, *role)).collect(),
        start,
        note: Box::new(move |world, me| {
            let is_here = it.gate.has_seat(&world.processes[me]);
            world.add(if is_here { it.dead } else { it.elsewhere }, 1);
        }),
        end: Box::new(move |world| {
            for process in &world.processes {
                if process.phase != Phase::Running {
                    continue;
                }
                let has_ended = world.word(it.passes) != process.locals[PASS];
                let missed = has_ended || world.get(it.broken) != 0 || it.gate.is_marked(world);
                let all_came = all_come && world.get(it.elsewhere) == 0;
                if missed || all_came || world.get(it.dead) != 0 || process.sleeps_on(it.lock.place)
                {
                    return Err(ASLEEP);
                }
            }
            Ok(())
        }),
    }
}

const ONCE: Role = Waits(ForEver, 1);
const TWICE: Role = Waits(ForEver, 2);
const LATE: Role = Waits(SomeTime, 1);

#[test]
fn parties_of_two() {
    for deaths in [0, 1] {
        system(2, &[ONCE; 2], deaths, Flaw::None).holds();
        system(2, &[TWICE; 2], deaths, Flaw::None).holds();
        system(2, &[ONCE, LATE], deaths, Flaw::None).holds();
        system(2, &[ONCE, AbortsAndResets], deaths, Flaw::None).holds();
    }
}

#[test]
fn parties_of_two_in_fresh_seats() {
    for deaths in [0, 1] {
        for used in [0, 1] {
            with_seats_used(used, 2, &[ONCE; 2], deaths, Flaw::None).holds();
        }
    }
}

#[test]
fn a_party_of_three() {
    for deaths in [0, 1] {
        let mut system = system(3, &[ONCE; 3], deaths, Flaw::None);
        system.begin_asleep(0);
        system.begin_asleep(1);
        system.holds();
    }
}

#[test]
#[ignore = "takes long without optimizations"]
fn more_parties_and_deaths() {
    system(2, &[TWICE; 2], 2, Flaw::None).holds();
    system(2, &[ONCE; 3], 1, Flaw::None).holds();
    for deaths in [0, 1] {
        system(2, &[ONCE, ONCE, AbortsAndResets], deaths, Flaw::None).holds();
    }
    for deaths in [0, 1, 2] {
        system(3, &[ONCE; 3], deaths, Flaw::None).holds();
        system(3, &[ONCE, ONCE, LATE], deaths, Flaw::None).holds();
    }
}

#[test]
fn flaws_are_found() {
    let aborted = [ONCE, AbortsAndResets];
    for (flaw, roles, deaths, what) in [
        (Flaw::RemembersFailure, &aborted, 0, WRONG),
        (Flaw::SitsLate, &[ONCE; 2], 1, ASLEEP),
        (Flaw::ErasesMark, &[ONCE; 2], 1, ASLEEP),
        (Flaw::ComesBlind, &[ONCE; 2], 1, FOR_EVER),
        (Flaw::IgnoresSeats, &[ONCE; 2], 1, ASLEEP),
        (Flaw::IgnoresMarks, &[ONCE; 2], 1, ASLEEP),
    ] {
        println!("{flaw:?}");
        system(2, roles, deaths, flaw).fails(what);
    }
    for flaw in [Flaw::IgnoresNewSeats, Flaw::PreparesOnce] {
        println!("{flaw:?}");
        with_seats_used(0, 2, &[ONCE; 2], 1, flaw).fails(ASLEEP);
    }
}
