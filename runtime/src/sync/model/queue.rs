//! How those wait who find a [queue](crate::queue) empty or full, and how it is closed: `wait` and `inner` there.
//!
//! - Who waits for an item when nobody can go on: there is none, and the queue is open. Who waits for room: there is none, and the queue
//!   is open. Nobody waits for the locks.
//! - If a getter was told of the end, nothing is left.
//!
//! An item is a count: what lies in the ring is no part of this.

use super::Flaw;
use super::calls::{self, Latch, NOT, Patience, TAKEN, WOKEN, pend, settle, unlock};
use super::program::{Count, Flow, Label, Map, Program};
use super::search::{FOR_EVER, System};
use super::world::{Phase, Place, Process, TIMED_OUT, World};
use crate::model::Model as _;
use Patience::{ForEver, SomeTime};
use Role::{Closes, Gets, Puts};

/// Local variables.
const SEEN: usize = 4;
const IS_LATE: usize = 5;
const RESULT: usize = 6;
const IS_CLOSED: usize = 7;

/// Values of `RESULT`.
const NOTHING: u32 = 0;
const DONE: u32 = 1;
const CLOSED: u32 = 2;

const ITEM: &str = "there is an item, and somebody sleeps who wants one";
const ROOM: &str = "there is room, and somebody sleeps who wants some";
const END: &str = "it is closed, and somebody sleeps";
const LEFT: &str = "somebody was told of the end, and there is an item";
const STUCK: &str = "somebody sleeps for ever at a lock";

/// Where those wait who can't get, or can't put.
#[derive(Clone, Copy)]
struct Side {
    turnstile: Latch,
    bell: Latch,
    flag: Place,
    count: Place,
}

#[derive(Clone, Copy)]
struct Queue {
    putters: Latch,
    getters: Latch,
    items: Side,
    room: Side,
    head_seen: Place,
    tail_seen: Place,
    closed: Place,
    /// Whether somebody was told of the end.
    ended: Place,
    bound: u64,
    flaw: Flaw,
}

#[derive(Clone, Copy)]
enum Role {
    Puts(Patience, usize),
    Gets(Patience, usize),
    Closes,
}

impl Queue {
    fn new(bound: u64, flaw: Flaw) -> Self {
        let mut map = Map::default();
        let mut latch = || Latch::plain(map.place());
        let [putters, getters] = [(); 2].map(|()| latch());
        let [items, room] = [(); 2].map(|()| (latch(), latch()));
        let mut side = |(turnstile, bell)| Side {
            turnstile,
            bell,
            flag: map.place(),
            count: map.place(),
        };
        let (items, room) = (side(items), side(room));
        Self {
            putters,
            getters,
            items,
            room,
            head_seen: map.place(),
            tail_seen: map.place(),
            closed: map.place(),
            ended: map.place(),
            bound,
            flaw,
        }
    }

    fn tail(self, world: &World) -> u64 {
        world.get(self.items.count)
    }

    fn head(self, world: &World) -> u64 {
        world.get(self.room.count)
    }

    fn has_items(self, world: &World) -> bool {
        self.tail(world) > self.head(world)
    }

    fn has_room(self, world: &World) -> bool {
        self.tail(world) - self.head(world) < self.bound
    }
}

/// Goes to `none` if it gives up; it is late then.
fn lock(p: &mut Program, latch: Latch, patience: Patience, none: Label) {
    calls::lock(p, latch, patience);
    p.choose(
        move |process| match std::mem::take(&mut process.locals[TAKEN]) {
            NOT => {
                process.locals[IS_LATE] = 1;
                Flow::To(none)
            }
            _ => Flow::Next,
        },
    );
}

/// `Side::until`; leaves the result.
fn until(
    p: &mut Program,
    it: Queue,
    side: Side,
    patience: Patience,
    attempt: &dyn Fn(&mut Program),
) {
    let (again, lower, end) = (p.label(), p.label(), p.label());
    // Goes to `out` if there is a result or no time left, which may be so at any moment.
    let is_over = |p: &mut Program, out: Label| {
        if patience == SomeTime {
            p.perhaps("looks at the time", IS_LATE);
        }
        p.choose(move |process| {
            match process.locals[RESULT] == NOTHING && process.locals[IS_LATE] == 0 {
                true => Flow::Next,
                false => Flow::To(out),
            }
        });
    };
    attempt(p);
    is_over(p, end);
    let has_turnstile = it.flaw != Flaw::SleepsInCrowds;
    if has_turnstile {
        lock(p, side.turnstile, patience, end);
    }
    let read_count = |p: &mut Program| {
        p.plain("reads the count", move |world, me| {
            world.processes[me].locals[SEEN] = world.word(side.count);
        });
    };
    p.place(again);
    if it.flaw != Flaw::CountsLate {
        read_count(p);
    }
    if it.flaw != Flaw::RaisesNothing {
        p.plain("raises the flag", move |world, _| world.set(side.flag, 1));
    }
    if it.flaw != Flaw::SleepsBlind {
        attempt(p);
        is_over(p, lower);
    }
    if it.flaw == Flaw::CountsLate {
        read_count(p);
    }
    p.wait(
        "sleeps",
        move |process| {
            let (bell, count) = ((side.bell.place, 0), (side.count, process.locals[SEEN]));
            let (flag, closed) = ((side.flag, 1), (it.closed, 0));
            match it.flaw {
                Flaw::BellLast => vec![count, flag, closed, bell],
                Flaw::IgnoresCount => vec![bell, flag, closed],
                Flaw::IgnoresFlag => vec![bell, count, closed],
                Flaw::IgnoresClosing => vec![bell, count, flag],
                _ => vec![bell, count, flag, closed],
            }
        },
        WOKEN,
        patience == SomeTime,
    );
    p.choose(move |process| {
        let locals = &mut process.locals;
        locals[SEEN] = 0;
        let is_late = std::mem::take(&mut locals[WOKEN]) == TIMED_OUT;
        locals[IS_LATE] = is_late.into();
        Flow::To(again)
    });
    p.place(lower);
    p.plain("lowers its flag", move |world, me| {
        world.set(side.flag, 0);
        world.processes[me].locals[SEEN] = 0;
    });
    if has_turnstile {
        unlock(p, side.turnstile);
    }
    p.place(end);
}

/// `Side::change`: one more of it.
fn change(p: &mut Program, it: Queue, side: Side) {
    let (first, quiet) = (p.label(), p.label());
    if it.flaw != Flaw::NoBell {
        pend(p, side.bell);
    }
    let count =
        |p: &mut Program| p.plain("stores the count", move |world, _| world.add(side.count, 1));
    if it.flaw == Flaw::LooksBeforeChange {
        p.act("looks at the flag early", move |world, _| {
            match world.get(side.flag) {
                0 => Flow::To(first),
                _ => Flow::Next,
            }
        });
        count(p);
        p.plain("lowers the flag", move |world, _| world.set(side.flag, 0));
        p.wake("wakes the sleeper", side.flag, Count::One);
        p.go_to(quiet);
        p.place(first);
        count(p);
        p.place(quiet);
        settle(p);
        return;
    }
    count(p);
    if it.flaw == Flaw::WakesUnannounced {
        settle(p);
    }
    p.act("looks at the flag", move |world, _| {
        match world.get(side.flag) {
            0 => Flow::To(quiet),
            _ => Flow::Next,
        }
    });
    p.act("lowers the flag", move |world, _| {
        let was_raised = world.get(side.flag) != 0;
        world.set(side.flag, 0);
        match was_raised && it.flaw != Flaw::LowersInSilence {
            true => Flow::Next,
            false => Flow::To(quiet),
        }
    });
    p.wake("wakes the sleeper", side.flag, Count::One);
    p.place(quiet);
    settle(p);
}

fn set_result(p: &mut Program, result: u32) {
    p.choose(move |process| {
        process.locals[RESULT] = result;
        Flow::Next
    });
}

/// `Inner::put_now`.
fn put_now(p: &mut Program, it: Queue, patience: Patience) {
    let (put, out, none) = (p.label(), p.label(), p.label());
    lock(p, it.putters, patience, none);
    // One step: who has the lock finds both as they are.
    p.act(
        "looks whether it is closed, and at the head as it was",
        move |world, me| {
            if world.get(it.closed) != 0 {
                world.processes[me].locals[RESULT] = CLOSED;
                return Flow::To(out);
            }
            match it.tail(world) - world.get(it.head_seen) < it.bound {
                true => Flow::To(put),
                false if it.flaw == Flaw::TrustsOldLooks => Flow::To(out),
                false => Flow::Next,
            }
        },
    );
    p.act("looks at the head", move |world, _| {
        world.set(it.head_seen, it.head(world));
        match it.has_room(world) {
            true => Flow::To(put),
            false => Flow::To(out),
        }
    });
    p.place(put);
    change(p, it, it.items);
    set_result(p, DONE);
    p.place(out);
    unlock(p, it.putters);
    p.place(none);
}

/// `Inner::get_now`.
fn get_now(p: &mut Program, it: Queue, patience: Patience) {
    let (get, out, none) = (p.label(), p.label(), p.label());
    lock(p, it.getters, patience, none);
    p.act("looks at the tail as it was", move |world, _| {
        match world.get(it.tail_seen) > it.head(world) {
            true => Flow::To(get),
            false if it.flaw == Flaw::TrustsOldLooks => Flow::To(out),
            false => Flow::Next,
        }
    });
    let look_for_end = move |world: &mut World, me: usize| {
        world.processes[me].locals[IS_CLOSED] = u32::from(world.get(it.closed) != 0);
    };
    let look_for_items = move |world: &mut World, _| world.set(it.tail_seen, it.tail(world));
    let conclude = move |world: &mut World, me: usize| {
        let is_closed = std::mem::take(&mut world.processes[me].locals[IS_CLOSED]) != 0;
        if world.get(it.tail_seen) > it.head(world) {
            return Flow::To(get);
        }
        if is_closed {
            world.set(it.ended, 1);
            world.processes[me].locals[RESULT] = CLOSED;
        }
        Flow::To(out)
    };
    if it.flaw == Flaw::LooksForEndLast {
        p.plain("looks at the tail", look_for_items);
        p.act("looks whether it is closed", move |world, me| {
            look_for_end(world, me);
            conclude(world, me)
        });
    } else {
        p.plain("looks whether it is closed", look_for_end);
        p.act("looks at the tail", move |world, me| {
            look_for_items(world, me);
            conclude(world, me)
        });
    }
    p.place(get);
    change(p, it, it.room);
    set_result(p, DONE);
    p.place(out);
    unlock(p, it.getters);
    p.place(none);
}

fn close(p: &mut Program, it: Queue) {
    let (done, none) = (p.label(), p.label());
    let is_held = it.flaw != Flaw::ClosesOutside;
    if is_held {
        lock(p, it.putters, ForEver, none);
    }
    p.act("looks whether it is closed", move |world, _| {
        match world.get(it.closed) {
            0 => Flow::Next,
            _ => Flow::To(done),
        }
    });
    if it.flaw == Flaw::ClosesInTwoSteps {
        p.plain("closes it", move |world, _| world.add(it.closed, 1));
        p.wake("wakes all", it.closed, Count::All);
    } else {
        p.add_and_wake("closes it and wakes all", it.closed, Count::All, |_, _| ());
    }
    p.place(done);
    if is_held {
        unlock(p, it.putters);
    }
    p.place(none);
}

fn program(it: Queue, role: Role) -> Program {
    let mut p = Program::default();
    let end = p.label();
    let (side, patience, times, attempt): (_, _, _, fn(&mut Program, Queue, Patience)) = match role
    {
        Puts(patience, times) => (it.room, patience, times, put_now),
        Gets(patience, times) => (it.items, patience, times, get_now),
        Closes => {
            close(&mut p, it);
            return p;
        }
    };
    for _ in 0..times {
        until(&mut p, it, side, patience, &|p| attempt(p, it, patience));
        p.choose(
            move |process| match std::mem::take(&mut process.locals[RESULT]) {
                DONE => {
                    process.locals[IS_LATE] = 0;
                    Flow::Next
                }
                _ => Flow::To(end),
            },
        );
    }
    p.place(end);
    p
}

/// What is wrong with it that this one sleeps.
fn asleep(it: Queue, world: &World, process: &Process, role: Role) -> Result<(), &'static str> {
    let at_lock = |latch: &Latch| process.sleeps_on(latch.place);
    if [it.putters, it.getters].iter().any(at_lock) {
        return Err(STUCK);
    }
    let has_nobody =
        |side: Side| at_lock(&side.turnstile) && world.state(side.turnstile.place).holder() == 0;
    if [it.items, it.room].into_iter().any(has_nobody) {
        return Err(STUCK);
    }
    match role {
        _ if world.get(it.closed) != 0 => Err(END),
        Gets(..) if it.has_items(world) => Err(ITEM),
        Puts(..) if it.has_room(world) => Err(ROOM),
        _ => Ok(()),
    }
}

/// With room for so many items, of which so many are there.
fn system((bound, items): (u64, u64), roles: &[Role], deaths: u8, flaw: Flaw) -> System {
    let it = Queue::new(bound, flaw);
    let mut start = World::new(roles.len(), deaths);
    start.set(it.items.count, items);
    start.set(it.tail_seen, items);
    let programs = roles.iter().map(|role| program(it, *role)).collect();
    let roles = roles.to_vec();
    System {
        programs,
        start,
        note: Box::new(|_, _| ()),
        end: Box::new(move |world| {
            for (process, role) in world.processes.iter().zip(&roles) {
                if process.phase == Phase::Running {
                    asleep(it, world, process, *role)?;
                }
            }
            match world.get(it.ended) != 0 && it.has_items(world) {
                true => Err(LEFT),
                false => Ok(()),
            }
        }),
    }
}

const PUTS: Role = Puts(ForEver, 1);
const GETS: Role = Gets(ForEver, 1);
const PUTS_SOON: Role = Puts(SomeTime, 1);
const GETS_SOON: Role = Gets(SomeTime, 1);

/// The first of them sleep already.
fn begun(asleep: usize, content: (u64, u64), roles: &[Role], deaths: u8, flaw: Flaw) -> System {
    let mut system = system(content, roles, deaths, flaw);
    for me in 0..asleep {
        system.begin_asleep(me);
    }
    system
}

const EMPTY: (u64, u64) = (1, 0);
const FULL: (u64, u64) = (1, 1);

#[test]
fn two_processes() {
    for deaths in 0..=1 {
        for roles in [
            [GETS, PUTS],
            [GETS_SOON, PUTS],
            [GETS, PUTS_SOON],
            [GETS, Closes],
        ] {
            system(EMPTY, &roles, deaths, Flaw::None).holds();
        }
        for roles in [
            [PUTS, GETS],
            [PUTS_SOON, GETS],
            [PUTS, GETS_SOON],
            [PUTS, Closes],
        ] {
            system(FULL, &roles, deaths, Flaw::None).holds();
        }
    }
    for roles in [[GETS, PUTS], [GETS, Closes]] {
        system(EMPTY, &roles, 2, Flaw::None).holds();
    }
    let twice = [Gets(ForEver, 2), Puts(ForEver, 2)];
    system(EMPTY, &twice, 0, Flaw::None).holds();
}

#[test]
fn those_that_sleep_and_a_third() {
    for deaths in 0..=1 {
        begun(2, EMPTY, &[GETS, GETS, PUTS], deaths, Flaw::None).holds();
        begun(2, FULL, &[PUTS, PUTS, GETS], deaths, Flaw::None).holds();
        begun(2, EMPTY, &[GETS, GETS, Closes], deaths, Flaw::None).holds();
    }
    begun(1, EMPTY, &[GETS, GETS, PUTS], 0, Flaw::None).holds();
    begun(1, EMPTY, &[GETS, GETS_SOON, PUTS], 0, Flaw::None).holds();
    begun(1, EMPTY, &[GETS, PUTS, Closes], 1, Flaw::None).holds();
    begun(2, (2, 0), &[GETS, GETS, Puts(ForEver, 2)], 0, Flaw::None).holds();
}

#[test]
#[ignore = "takes long without optimizations"]
fn three_processes() {
    for roles in [
        [GETS, GETS, PUTS],
        [GETS, GETS_SOON, PUTS],
        [GETS, PUTS, PUTS],
        [GETS, PUTS, Closes],
        [GETS, GETS, Closes],
        [GETS_SOON, PUTS, Closes],
        [GETS, GETS, Puts(ForEver, 2)],
    ] {
        for deaths in 0..=1 {
            system(EMPTY, &roles, deaths, Flaw::None).holds();
        }
        system((2, 0), &roles, 1, Flaw::None).holds();
        begun(1, EMPTY, &roles, 2, Flaw::None).holds();
    }
    for roles in [
        [PUTS, PUTS, GETS],
        [PUTS, PUTS_SOON, GETS],
        [PUTS, PUTS, Closes],
    ] {
        for deaths in 0..=1 {
            system(FULL, &roles, deaths, Flaw::None).holds();
        }
        begun(1, FULL, &roles, 2, Flaw::None).holds();
    }
}

#[test]
#[ignore = "takes long without optimizations"]
fn those_that_sleep_and_two_others() {
    for others in [
        [PUTS, PUTS],
        [PUTS, GETS],
        [PUTS, Closes],
        [PUTS, GETS_SOON],
    ] {
        let roles = [GETS, GETS, others[0], others[1]];
        begun(2, (2, 0), &roles, 1, Flaw::None).holds();
    }
}

#[test]
fn flaws_are_found() {
    let one = [GETS, PUTS];
    let two = [GETS, GETS, Puts(ForEver, 2)];
    let twice = [Gets(ForEver, 2), Puts(ForEver, 2)];
    let closes = [GETS, Closes];
    let all = [GETS, PUTS, Closes];
    for (flaw, roles, deaths, what) in [
        (Flaw::RaisesNothing, &one as &[_], 0, FOR_EVER),
        (Flaw::SleepsBlind, &one, 0, ITEM),
        (Flaw::LooksBeforeChange, &one, 0, ITEM),
        (Flaw::LowersInSilence, &one, 0, ITEM),
        (Flaw::TrustsOldLooks, &one, 0, ITEM),
        (Flaw::SleepsInCrowds, &two, 0, ITEM),
        (Flaw::IgnoresFlag, &twice, 0, ITEM),
        (Flaw::IgnoresClosing, &closes, 0, END),
        (Flaw::LooksForEndLast, &all, 0, LEFT),
        (Flaw::ClosesOutside, &all, 0, LEFT),
        (Flaw::BellLast, &one, 1, ITEM),
        (Flaw::NoBell, &one, 1, ITEM),
        (Flaw::WakesUnannounced, &one, 1, ITEM),
        (Flaw::IgnoresCount, &one, 1, ITEM),
        (Flaw::CountsLate, &one, 1, ITEM),
        (Flaw::ClosesInTwoSteps, &closes, 1, END),
    ] {
        println!("{flaw:?}");
        if deaths > 0 {
            system((2, 0), roles, 0, flaw).holds();
        }
        system((2, 0), roles, deaths, flaw).fails(what);
    }
    for flaw in [Flaw::NoBell, Flaw::IgnoresCount] {
        system(FULL, &[PUTS, GETS], 1, flaw).fails(ROOM);
    }
}
