//! What a process does, as a list of atomic steps.

use super::world::{PLACES, Place, Process, World};

/// Where to go on; placed once in a program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label(usize);

/// What comes after a step.
pub(super) enum Flow {
    Next,
    To(Label),
    /// This must not happen.
    Wrong(&'static str),
}

/// How many to wake.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    One,
    All,
}

type Act = Box<dyn Fn(&mut World, usize) -> Flow>;
type Local = Box<dyn Fn(&mut Process)>;
type Choice = Box<dyn Fn(&mut Process) -> Flow>;
type List = Box<dyn Fn(&Process) -> Vec<(Place, u32)>>;

pub(super) enum Op {
    /// Reads and writes shared memory, in one step.
    Act(Act),
    /// Tells the kernel something about this process, which only matters if it dies.
    Local(Local),
    /// Chooses by local variables, in no time.
    Choose(Choice),
    /// Finds out something that may be so at any time; the local variable is 1 then.
    Perhaps(usize),
    /// Wakes one or all who sleep on a word: FUTEX_WAKE; with something done before, in the same step, FUTEX_WAKE_OP.
    Wake(Option<Act>, Place, Count),
    /// FUTEX_WAIT or futex_waitv; the local variable gets what came of it; whether there is a deadline.
    Wait(List, usize, bool),
}

#[derive(Default)]
pub(super) struct Program {
    ops: Vec<(&'static str, Op)>,
    labels: Vec<usize>,
}

impl Program {
    pub(super) fn op(&self, at: u16) -> Option<&(&'static str, Op)> {
        self.ops.get(usize::from(at))
    }

    /// Where a process is after a step.
    pub(super) fn follow(&self, process: &mut Process, flow: Flow) -> Result<(), &'static str> {
        match flow {
            Flow::Next => process.at += 1,
            Flow::To(label) => process.at = self.labels[label.0] as u16,
            Flow::Wrong(what) => return Err(what),
        }
        match self.op(process.at) {
            Some((_, Op::Choose(choice))) => {
                let flow = choice(process);
                self.follow(process, flow)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn label(&mut self) -> Label {
        self.labels.push(usize::MAX);
        Label(self.labels.len() - 1)
    }

    pub(super) fn place(&mut self, label: Label) {
        self.labels[label.0] = self.ops.len();
    }

    fn push(&mut self, name: &'static str, op: Op) {
        self.ops.push((name, op));
    }

    pub(super) fn act(
        &mut self,
        name: &'static str,
        act: impl Fn(&mut World, usize) -> Flow + 'static,
    ) {
        self.push(name, Op::Act(Box::new(act)));
    }

    /// A step that always goes on with the next.
    pub(super) fn plain(&mut self, name: &'static str, act: impl Fn(&mut World, usize) + 'static) {
        self.act(name, move |world, me| {
            act(world, me);
            Flow::Next
        });
    }

    pub(super) fn local(&mut self, name: &'static str, local: impl Fn(&mut Process) + 'static) {
        self.push(name, Op::Local(Box::new(local)));
    }

    pub(super) fn choose(&mut self, choice: impl Fn(&mut Process) -> Flow + 'static) {
        self.push("chooses", Op::Choose(Box::new(choice)));
    }

    pub(super) fn go_to(&mut self, label: Label) {
        self.choose(move |_| Flow::To(label));
    }

    pub(super) fn perhaps(&mut self, name: &'static str, result: usize) {
        self.push(name, Op::Perhaps(result));
    }

    pub(super) fn wake(&mut self, name: &'static str, place: Place, count: Count) {
        self.push(name, Op::Wake(None, place, count));
    }

    /// FUTEX_WAKE_OP as `add_and_wake` has it, and what is noted of it.
    pub(super) fn add_and_wake(
        &mut self,
        name: &'static str,
        place: Place,
        count: Count,
        note: impl Fn(&mut World, usize) + 'static,
    ) {
        let act: Act = Box::new(move |world, me| {
            world.add(place, 1);
            note(world, me);
            Flow::Next
        });
        self.push(name, Op::Wake(Some(act), place, count));
    }

    pub(super) fn wait(
        &mut self,
        name: &'static str,
        list: impl Fn(&Process) -> Vec<(Place, u32)> + 'static,
        result: usize,
        may_time_out: bool,
    ) {
        self.push(name, Op::Wait(Box::new(list), result, may_time_out));
    }
}

/// Gives out places.
#[derive(Default)]
pub(super) struct Map(u8);

impl Map {
    pub(super) fn place(&mut self) -> Place {
        assert!(usize::from(self.0) < PLACES);
        self.0 += 1;
        Place(self.0 - 1)
    }
}
