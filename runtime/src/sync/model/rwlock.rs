//! The lock for one writer or many readers: each process reads or writes once.
//!
//! - While one writes, nobody else reads or writes.
//! - Who comes after a writer that died in the midst of it is told, until a writer has repaired the data and said so. Nobody is told
//!   without that: a death of a reader, or of one that waits, is none of theirs.
//! - Nobody sleeps for ever, whoever dies when, and also if some give up.
//! - Without deaths all locks are idle in the end.

use super::Flaw;
use super::calls::{self, ABANDONED, Latch, NOT, Patience, TAKEN, WOKEN, change, try_lock, unlock};
use super::program::{Flow, Label, Map, Program};
use super::search::System;
use super::world::{Phase, Place, Process, TIMED_OUT, World};
use crate::model::Model as _;
use crate::sync::word::State;
use Patience::{ForEver, SomeTime};
use Role::{Keeps, Reads, Writes};

const SHARES: usize = 2;

/// Local variables: which share it has, from 1 on; what it does with the data.
const SHARE: usize = 4;
const INSIDE: usize = 5;
/// Whether it is the one that has said that it writes.
const WRITER: usize = 6;
const IS_TOLD: usize = 7;
const USED: usize = 8;
const IS_FREE: usize = 9;
const IS_LATE: usize = 10;
const WORDS: usize = 11;

/// Values of `INSIDE`.
const READING: u32 = 1;
const WRITING: u32 = 2;

const BOTH: &str = "one writes, and another reads or writes";
const UNTOLD: &str = "somebody isn't told that a writer died";
const MISTOLD: &str = "somebody is told of a death that wasn't a writer's";
const ASLEEP: &str = "somebody sleeps for ever";
const BUSY: &str = "it isn't idle again";

#[derive(Clone, Copy)]
struct RwLock {
    entrance: Latch,
    shares: [Latch; SHARES],
    poisoned: Place,
    writing: Place,
    used: Place,
    /// Whether the data are torn.
    torn: Place,
    /// Whether a writer has died since the poison was last cleared.
    mourned: Place,
    flaw: Flaw,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Reads(Patience),
    /// Reads, and keeps its share.
    Keeps,
    Writes(Patience),
}

/// Goes to `end` if it gives up.
fn enter(p: &mut Program, it: RwLock, patience: Patience, end: Label) {
    let entered = p.label();
    calls::lock(p, it.entrance, patience);
    p.choose(
        move |process| match std::mem::take(&mut process.locals[TAKEN]) {
            NOT => Flow::To(end),
            ABANDONED => Flow::Next,
            _ => Flow::To(entered),
        },
    );
    if it.flaw == Flaw::UnmarksBeforePoison {
        let none = p.label();
        p.act(
            "unmarks the dead writer",
            move |world, _| match std::mem::take(&mut world.memory[usize::from(it.writing.0)]) {
                0 => Flow::To(none),
                _ => Flow::Next,
            },
        );
        p.plain("poisons", move |world, _| world.set(it.poisoned, 1));
        p.place(none);
    } else {
        let unmark = p.label();
        p.act("looks whether the dead one wrote", move |world, _| {
            match world.get(it.writing) == 0 && it.flaw != Flaw::PoisonsAlways {
                true => Flow::To(unmark),
                false => Flow::Next,
            }
        });
        p.plain("poisons", move |world, _| world.set(it.poisoned, 1));
        p.place(unmark);
        p.plain("says that nobody writes", move |world, _| {
            world.set(it.writing, 0);
        });
    }
    p.place(entered);
}

/// Goes to `got` if it gets one.
fn free_share(p: &mut Program, it: RwLock, got: Label) {
    for (index, share) in it.shares.into_iter().enumerate() {
        let next = p.label();
        p.act("looks at a share", move |world, _| {
            match world.state(share.place).holder() {
                0 => Flow::Next,
                _ => Flow::To(next),
            }
        });
        try_lock(p, share);
        p.choose(
            move |process| match std::mem::take(&mut process.locals[TAKEN]) {
                NOT => Flow::To(next),
                _ => {
                    process.locals[SHARE] = index as u32 + 1;
                    Flow::Next
                }
            },
        );
        if it.flaw != Flaw::UsesInSilence {
            // One step, though it is a load and a store: only who has the entrance writes it.
            p.plain("counts the share as used", move |world, _| {
                let count = index as u64 + 1;
                world.set(it.used, world.get(it.used).max(count));
            });
        }
        p.go_to(got);
        p.place(next);
    }
}

/// Waits for one with the entrance held; goes to `got` if it gets one.
fn next_share(p: &mut Program, it: RwLock, patience: Patience, got: Label) {
    let (again, asleep, late) = (p.label(), p.label(), p.label());
    p.place(again);
    for (index, share) in it.shares.into_iter().enumerate() {
        p.plain("looks at a share's word", move |world, me| {
            let state = world.state(share.place);
            let locals = &mut world.processes[me].locals;
            locals[WORDS + index] = state.word();
            locals[IS_FREE] |= u32::from(state.holder() == 0);
        });
    }
    p.choose(
        move |process| match std::mem::take(&mut process.locals[IS_FREE]) {
            0 => Flow::To(asleep),
            _ => Flow::Next,
        },
    );
    free_share(p, it, got);
    p.place(asleep);
    p.choose(move |process| match process.locals[IS_LATE] {
        0 => Flow::Next,
        _ => Flow::To(late),
    });
    p.wait(
        "sleeps on all shares",
        move |process| {
            let words = it.shares.iter().zip(&process.locals[WORDS..]);
            let mut list: Vec<_> = words.map(|(share, word)| (share.place, *word)).collect();
            if it.flaw == Flaw::SleepsOnOne {
                list.truncate(1);
            }
            list
        },
        WOKEN,
        patience == SomeTime,
    );
    p.choose(move |process| {
        let locals = &mut process.locals;
        let is_late = std::mem::take(&mut locals[WOKEN]) == TIMED_OUT;
        locals[IS_LATE] = is_late.into();
        locals[WORDS..WORDS + SHARES].fill(0);
        Flow::To(again)
    });
    p.place(late);
}

fn register_at_all(p: &mut Program, it: RwLock, to: fn(State) -> State) {
    let count = match it.flaw {
        Flaw::RegistersAtNone => 0,
        Flaw::RegistersAtOne => 1,
        _ => SHARES,
    };
    for share in &it.shares[..count] {
        let share = *share;
        p.plain("registers at a share, or leaves", move |world, _| {
            change(world, share, |state| Some(to(state)));
        });
    }
}

/// With a share, if it gets one; else goes to `end`.
fn share(p: &mut Program, it: RwLock, patience: Patience, end: Label) {
    let (got, leave) = (p.label(), p.label());
    enter(p, it, patience, end);
    if it.flaw == Flaw::SharesOutside {
        unlock(p, it.entrance);
    }
    free_share(p, it, got);
    if it.flaw == Flaw::SharesOutside {
        p.go_to(end);
    }
    register_at_all(p, it, State::registered);
    next_share(p, it, patience, leave);
    p.place(leave);
    p.choose(|process| {
        process.locals[IS_LATE] = 0;
        process.locals[WORDS..WORDS + SHARES].fill(0);
        Flow::Next
    });
    if it.flaw != Flaw::StaysRegistered {
        register_at_all(p, it, State::left);
    }
    p.place(got);
    if it.flaw != Flaw::SharesOutside {
        unlock(p, it.entrance);
    }
    p.choose(move |process| match process.locals[SHARE] {
        0 => Flow::To(end),
        _ => Flow::Next,
    });
}

/// Looks whether the data are poisoned, and begins to use them.
fn begin(world: &mut World, me: usize, it: RwLock, what: u32) -> Flow {
    let is_kept_out = |other: u32| other == WRITING || other != 0 && what == WRITING;
    let (is_torn, is_told) = (world.get(it.torn) != 0, world.get(it.poisoned) != 0);
    if world
        .processes
        .iter()
        .any(|one| is_kept_out(one.locals[INSIDE]))
    {
        return Flow::Wrong(BOTH);
    }
    if is_torn && !is_told {
        return Flow::Wrong(UNTOLD);
    }
    if is_told && world.get(it.mourned) == 0 {
        return Flow::Wrong(MISTOLD);
    }
    let locals = &mut world.processes[me].locals;
    (locals[INSIDE], locals[IS_TOLD]) = (what, is_told.into());
    Flow::Next
}

fn reader(it: RwLock, patience: Patience, keeps: bool) -> Program {
    let mut p = Program::default();
    let end = p.label();
    share(&mut p, it, patience, end);
    p.act("begins to read", move |world, me| {
        begin(world, me, it, READING)
    });
    p.plain("has read", |world, me| {
        let locals = &mut world.processes[me].locals;
        (locals[INSIDE], locals[IS_TOLD]) = (0, 0);
    });
    if keeps {
        p.go_to(end);
    }
    for (index, share) in it.shares.into_iter().enumerate() {
        let next = p.label();
        p.choose(
            move |process| match process.locals[SHARE] as usize == index + 1 {
                true => Flow::Next,
                false => Flow::To(next),
            },
        );
        unlock(&mut p, share);
        p.place(next);
    }
    p.place(end);
    p
}

/// Waits until the readers have left; goes to `late` if it gives up.
fn drain(p: &mut Program, it: RwLock, patience: Patience, late: Label) {
    p.plain("looks which shares are used", move |world, me| {
        world.processes[me].locals[USED] = world.word(it.used);
    });
    for (index, share) in it.shares.into_iter().enumerate() {
        let next = p.label();
        p.act("looks at a reader", move |world, me| {
            let is_used = world.processes[me].locals[USED] as usize > index;
            match is_used && world.state(share.place).holder() != 0 {
                true => Flow::Next,
                false => Flow::To(next),
            }
        });
        calls::lock(p, share, patience);
        p.choose(
            move |process| match std::mem::take(&mut process.locals[TAKEN]) {
                NOT => Flow::To(late),
                _ => Flow::Next,
            },
        );
        unlock(p, share);
        p.place(next);
    }
}

fn writer(it: RwLock, patience: Patience) -> Program {
    let mut p = Program::default();
    let (late, clean, end) = (p.label(), p.label(), p.label());
    let mark = |p: &mut Program| {
        p.plain("says that it writes", move |world, me| {
            world.set(it.writing, 1);
            world.processes[me].locals[WRITER] = 1;
        });
    };
    let unmark = |p: &mut Program| {
        p.plain("says that it has written", move |world, me| {
            world.set(it.writing, 0);
            world.processes[me].locals[WRITER] = 0;
        });
    };
    enter(&mut p, it, patience, end);
    if it.flaw == Flaw::MarksBeforeDraining {
        p.plain("says early that it writes", move |world, _| {
            world.set(it.writing, 1);
        });
    }
    drain(&mut p, it, patience, late);
    p.choose(|process| {
        process.locals[USED] = 0;
        Flow::Next
    });
    if it.flaw == Flaw::LeavesOpen {
        unlock(&mut p, it.entrance);
    }
    if it.flaw != Flaw::WritesUnmarked {
        mark(&mut p);
    }
    p.act("begins to write", move |world, me| {
        let flow = begin(world, me, it, WRITING);
        world.set(it.torn, 1);
        flow
    });
    p.act("has written all", move |world, me| {
        world.set(it.torn, 0);
        match std::mem::take(&mut world.processes[me].locals[IS_TOLD]) {
            0 => Flow::To(clean),
            _ => Flow::Next,
        }
    });
    p.plain("clears the poison", move |world, _| {
        world.set(it.poisoned, 0);
        world.set(it.mourned, 0);
    });
    p.place(clean);
    p.plain("lets go of the data", |world, me| {
        world.processes[me].locals[INSIDE] = 0;
    });
    if it.flaw != Flaw::UnmarksLate {
        unmark(&mut p);
    }
    p.place(late);
    if it.flaw != Flaw::LeavesOpen {
        unlock(&mut p, it.entrance);
    }
    if it.flaw == Flaw::UnmarksLate {
        unmark(&mut p);
    }
    p.place(end);
    p
}

fn lock(flaw: Flaw) -> RwLock {
    let mut map = Map::default();
    RwLock {
        entrance: Latch::plain(map.place()),
        shares: [(); SHARES].map(|()| Latch::plain(map.place())),
        poisoned: map.place(),
        writing: map.place(),
        used: map.place(),
        torn: map.place(),
        mourned: map.place(),
        flaw,
    }
}

fn system(roles: &[Role], deaths: u8, flaw: Flaw) -> System {
    let it = lock(flaw);
    let is_given_back = deaths == 0 && !roles.contains(&Keeps);
    let program = |role: &Role| match role {
        Reads(patience) => reader(it, *patience, false),
        Keeps => reader(it, ForEver, true),
        Writes(patience) => writer(it, *patience),
    };
    System {
        programs: roles.iter().map(program).collect(),
        start: World::new(roles.len(), deaths),
        note: Box::new(move |world, me| {
            if world.processes[me].locals[WRITER] != 0 {
                world.set(it.mourned, 1);
            }
        }),
        end: Box::new(move |world| {
            let is_asleep = |one: &Process| one.phase == Phase::Running;
            if world.processes.iter().any(is_asleep) {
                return Err(ASLEEP);
            }
            let is_idle = |latch: &Latch| world.state(latch.place) == latch.idle;
            let all_idle = it.shares.iter().all(is_idle) && is_idle(&it.entrance);
            match is_given_back && !(all_idle && world.get(it.writing) == 0) {
                true => Err(BUSY),
                false => Ok(()),
            }
        }),
    }
}

/// All shares are taken by others that are long there, so that readers wait for one.
fn full(roles: &[Role], deaths: u8, flaw: Flaw) -> System {
    let mut system = system(roles, deaths, flaw);
    let mut readers = 0;
    for (me, role) in roles.iter().enumerate() {
        if readers < SHARES && matches!(role, Reads(_) | Keeps) {
            system.begin_at(me, "has read");
            readers += 1;
        }
    }
    system
}

const READS: Role = Reads(ForEver);
const READS_SOON: Role = Reads(SomeTime);
const WRITES: Role = Writes(ForEver);
const WRITES_SOON: Role = Writes(SomeTime);

#[test]
fn two_processes() {
    for deaths in 0..=2 {
        for roles in [
            [READS, READS],
            [READS, WRITES],
            [READS_SOON, WRITES],
            [READS, WRITES_SOON],
            [WRITES, WRITES],
            [WRITES, WRITES_SOON],
        ] {
            system(&roles, deaths, Flaw::None).holds();
        }
    }
}

#[test]
fn one_that_waits_for_a_share() {
    for deaths in 0..=2 {
        full(&[READS, READS, READS], deaths, Flaw::None).holds();
        full(&[READS, READS, READS_SOON], deaths, Flaw::None).holds();
        full(&[Keeps, READS, READS], deaths, Flaw::None).holds();
    }
}

#[test]
fn three_processes() {
    system(&[READS, READS, WRITES], 0, Flaw::None).holds();
    system(&[WRITES, WRITES, READS], 0, Flaw::None).holds();
    system(&[READS, READS, WRITES], 1, Flaw::None).holds();
    system(&[READS, WRITES, WRITES], 1, Flaw::None).holds();
}

#[test]
#[ignore = "takes long without optimizations"]
fn more_processes_or_deaths() {
    for roles in [
        [READS, READS, READS],
        [READS, READS, WRITES],
        [READS, WRITES, WRITES],
        [WRITES, WRITES, WRITES],
        [READS_SOON, WRITES_SOON, WRITES],
        [READS, READS_SOON, WRITES_SOON],
    ] {
        for deaths in [1, 2] {
            system(&roles, deaths, Flaw::None).holds();
        }
    }
    for deaths in 0..=1 {
        full(&[READS, READS, READS, READS_SOON], deaths, Flaw::None).holds();
        full(&[READS, READS, READS, WRITES], deaths, Flaw::None).holds();
        full(&[Keeps, READS, READS_SOON, READS], deaths, Flaw::None).holds();
    }
}

#[test]
fn flaws_are_found() {
    let three = [READS; 3];
    let writers = [WRITES, WRITES, READS];
    for (flaw, roles, deaths, what) in [
        (Flaw::SharesOutside, &[READS, WRITES] as &[_], 0, BOTH),
        (Flaw::UsesInSilence, &[READS, WRITES], 0, BOTH),
        (Flaw::LeavesOpen, &[READS, WRITES], 0, BOTH),
        (Flaw::WritesUnmarked, &[READS, WRITES], 1, UNTOLD),
        (Flaw::UnmarksLate, &writers, 1, MISTOLD),
        (Flaw::PoisonsAlways, &[READS, READS], 1, MISTOLD),
        (Flaw::MarksBeforeDraining, &[READS, WRITES], 1, MISTOLD),
    ] {
        println!("{flaw:?}");
        system(roles, deaths, flaw).fails(what);
    }
    let mut torn = system(&writers, 2, Flaw::UnmarksBeforePoison);
    torn.begin_at(0, "has written all");
    torn.fails(UNTOLD);
    for (flaw, roles, what) in [
        (Flaw::RegistersAtNone, &three, ASLEEP),
        (Flaw::RegistersAtOne, &[Keeps, READS, READS], ASLEEP),
        (Flaw::SleepsOnOne, &[Keeps, READS, READS], ASLEEP),
        (Flaw::StaysRegistered, &three, BUSY),
    ] {
        println!("{flaw:?}");
        full(roles, 0, flaw).fails(what);
    }
}
