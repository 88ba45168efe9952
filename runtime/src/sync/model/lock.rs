//! The lock itself: each of some users takes it and gives it back.
//!
//! - No two have it. Who takes it after its holder's death is told, and nobody else.
//! - Nobody sleeps for ever, whoever dies when, and also if some give up.
//! - Without deaths it is idle in the end.

use super::Flaw;
use super::calls::{self, Latch, NOT, Patience, TAKEN};
use super::program::{Flow, Map, Program};
use super::search::System;
use super::world::{Phase, World};
use crate::model::Model as _;
use Patience::{ForEver, SomeTime};

fn user(latch: Latch, patience: Patience) -> Program {
    let mut p = Program::default();
    let end = p.label();
    calls::lock(&mut p, latch, patience);
    p.choose(
        move |process| match std::mem::take(&mut process.locals[TAKEN]) {
            NOT => Flow::To(end),
            _ => Flow::Next,
        },
    );
    calls::unlock(&mut p, latch);
    p.place(end);
    p
}

fn system(latch: Latch, users: &[Patience], deaths: u8) -> System {
    let mut start = World::new(users.len(), deaths);
    start.set(latch.place, latch.idle.0);
    System {
        programs: users
            .iter()
            .map(|patience| user(latch, *patience))
            .collect(),
        start,
        note: Box::new(|_, _| ()),
        end: Box::new(move |world| {
            if world
                .processes
                .iter()
                .any(|one| one.phase == Phase::Running)
            {
                return Err("somebody sleeps for ever");
            }
            if deaths == 0 && world.state(latch.place) != latch.idle {
                return Err("it isn't idle again");
            }
            Ok(())
        }),
    }
}

fn plain() -> Latch {
    Latch::plain(Map::default().place())
}

fn watched() -> Latch {
    Latch::watched(Map::default().place())
}

#[test]
fn three_users() {
    for latch in [plain(), watched()] {
        system(latch, &[ForEver; 3], 0).holds();
        system(latch, &[ForEver, SomeTime, SomeTime], 0).holds();
    }
}

#[test]
fn three_users_and_a_death() {
    system(plain(), &[ForEver; 3], 1).holds();
    system(watched(), &[ForEver, SomeTime, ForEver], 1).holds();
}

#[test]
fn two_users_and_two_deaths() {
    system(plain(), &[ForEver; 2], 2).holds();
    system(watched(), &[ForEver, SomeTime], 2).holds();
}

#[test]
#[ignore = "takes long without optimizations"]
fn four_users_and_two_deaths() {
    for latch in [plain(), watched()] {
        system(latch, &[ForEver; 4], 2).holds();
        system(latch, &[ForEver, ForEver, SomeTime, SomeTime], 2).holds();
    }
}

#[test]
fn flaws_are_found_without_deaths() {
    const ASLEEP: &str = "somebody sleeps for ever";
    const BUSY: &str = "it isn't idle again";
    for (flaw, what) in [
        (Flaw::ForgetsWaiters, ASLEEP),
        (Flaw::WakesNobody, ASLEEP),
        (Flaw::StaysCounted, BUSY),
    ] {
        system(plain().with(flaw), &[ForEver; 3], 0).fails(what);
    }
}

#[test]
fn flaws_are_found_by_a_death() {
    for flaw in [
        Flaw::HidesWaiters,
        Flaw::TakesUnannounced,
        Flaw::FreesUnannounced,
        Flaw::WakesUnannounced,
    ] {
        let latch = plain().with(flaw);
        system(latch, &[ForEver; 2], 0).holds();
        system(latch, &[ForEver; 2], 1).fails("somebody sleeps for ever");
    }
}

#[test]
fn an_old_kernel_is_not_enough() {
    let mut system = system(plain(), &[ForEver; 2], 1);
    system.start.is_old = true;
    system.fails("somebody sleeps for ever");
}
