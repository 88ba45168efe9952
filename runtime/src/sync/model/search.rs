//! The search through all that can happen.

use super::program::{Count, Flow, Op, Program};
use super::world::{Phase, TIMED_OUT, Waited, World};
pub(super) use crate::model::FOR_EVER;
use crate::model::{Found, Model, Step};
use std::fmt::Write as _;

type Check = Box<dyn Fn(&World) -> Result<(), &'static str>>;
type Note = Box<dyn Fn(&mut World, usize)>;

/// Some processes, each with its program. All may be killed.
pub(super) struct System {
    pub(super) programs: Vec<Program>,
    pub(super) start: World,
    /// What must hold when nobody can go on.
    pub(super) end: Check,
    /// What is noted of a death for that.
    pub(super) note: Note,
}

impl System {
    /// Begins the search when this process sleeps, as the first to run.
    pub(super) fn begin_asleep(&mut self, me: usize) {
        loop {
            let mut next = Vec::new();
            let gone_on = self.go_on(&self.start, me, &mut next);
            assert!(gone_on.is_ok(), "{gone_on:?}");
            match next.pop() {
                Some((_, world)) => self.start = world,
                None => return,
            }
        }
    }

    /// Begins the search when the next step of this process, as the first to run, is this one.
    pub(super) fn begin_at(&mut self, me: usize, name: &str) {
        while self.name_of_next(me) != Some(name) {
            let mut next = Vec::new();
            let gone_on = self.go_on(&self.start, me, &mut next);
            assert!(gone_on.is_ok(), "{gone_on:?}");
            self.start = next.pop().expect("it gets there").1;
        }
    }

    fn name_of_next(&self, me: usize) -> Option<&'static str> {
        let (name, _) = self.programs[me].op(self.start.processes[me].at)?;
        Some(name)
    }

    /// Kills a process, before any of what it does by itself until its next step.
    fn die(
        &self,
        world: &World,
        me: usize,
        next: &mut Vec<(Step, World)>,
    ) -> Result<(), &'static str> {
        let program = &self.programs[me];
        let mut world = world.clone();
        world.deaths -= 1;
        loop {
            let mut dead = world.clone();
            (self.note)(&mut dead, me);
            dead.kill(me);
            next.push((Step(me, "is killed"), dead));
            let process = &mut world.processes[me];
            let Some((_, Op::Local(local))) = program.op(process.at) else {
                return Ok(());
            };
            local(process);
            program.follow(process, Flow::Next)?;
        }
    }

    /// What a process can do next.
    fn go_on(
        &self,
        world: &World,
        me: usize,
        next: &mut Vec<(Step, World)>,
    ) -> Result<(), &'static str> {
        match world.processes[me].phase {
            Phase::Dead | Phase::Finished => return Ok(()),
            Phase::Dying | Phase::DyingWakes(_) => {
                let step = Step(me, "is buried");
                next.extend(world.bury(me).into_iter().map(|world| (step, world)));
                return Ok(());
            }
            Phase::Running => {}
        }
        let program = &self.programs[me];
        let mut after = world.clone();
        while let Some((_, Op::Local(local))) = program.op(after.processes[me].at) {
            local(&mut after.processes[me]);
            program.follow(&mut after.processes[me], Flow::Next)?;
        }
        let Some((name, op)) = program.op(after.processes[me].at) else {
            after.processes[me].finish();
            next.push((Step(me, "ends"), after));
            return Ok(());
        };
        let step = Step(me, name);
        match op {
            Op::Local(_) | Op::Choose(_) => unreachable!("these are done by now"),
            Op::Act(act) => {
                let flow = act(&mut after, me);
                program.follow(&mut after.processes[me], flow)?;
                next.push((step, after));
            }
            Op::Perhaps(result) => {
                let mut other = after.clone();
                other.processes[me].locals[*result] = 1;
                for mut world in [after, other] {
                    program.follow(&mut world.processes[me], Flow::Next)?;
                    next.push((step, world));
                }
            }
            Op::Wake(before, place, count) => {
                let flow = before
                    .as_ref()
                    .map_or(Flow::Next, |act| act(&mut after, me));
                program.follow(&mut after.processes[me], flow)?;
                match count {
                    Count::One => {
                        let worlds = after.wake_one(*place);
                        next.extend(worlds.into_iter().map(|world| (step, world)));
                    }
                    Count::All => {
                        after.wake_all(*place);
                        next.push((step, after));
                    }
                }
            }
            Op::Wait(list, result, may_time_out) => {
                let list = list(&after.processes[me]);
                let woken = match after.wait(me, &list) {
                    Waited::Goes => None,
                    Waited::Ends(with) => Some(with),
                    Waited::Sleeps if *may_time_out => {
                        after.leave_queues(me);
                        Some(TIMED_OUT)
                    }
                    Waited::Sleeps => return Ok(()),
                };
                if let Some(woken) = woken {
                    after.processes[me].locals[*result] = woken;
                    program.follow(&mut after.processes[me], Flow::Next)?;
                }
                next.push((step, after));
            }
        }
        Ok(())
    }
}

impl Model for System {
    type State = World;

    fn start(&self) -> World {
        self.start.clone()
    }

    fn fingerprint(&self, world: &World) -> u64 {
        world.fingerprint()
    }

    fn successors(&self, world: &World) -> Found<World> {
        let mut next = Vec::new();
        for me in 0..self.programs.len() {
            self.go_on(world, me, &mut next)?;
        }
        if next.is_empty() {
            (self.end)(world)?;
        }
        if world.deaths > 0 {
            for me in 0..self.programs.len() {
                if world.processes[me].phase == Phase::Running {
                    self.die(world, me, &mut next)?;
                }
            }
        }
        Ok(next)
    }

    fn describe(&self, world: &World) -> String {
        let mut text = String::from("the memory is");
        for word in world.memory {
            let _ = write!(text, " {:x}:{:08x}", word >> 32, word as u32);
        }
        text
    }
}
