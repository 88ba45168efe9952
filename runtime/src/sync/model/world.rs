//! Memory, processes and the kernel's part: what a state of the search is.

use crate::sync::word::State;

/// A word of the shared memory. Locks and counters are words; the kernel looks at the low 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(pub(super) u8);

/// How many words there are.
pub(super) const PLACES: usize = 18;
/// How many processes there can be.
pub(super) const PROCESSES: usize = 4;
/// How many locks one can hold.
const HELD: usize = 3;
/// How many words one can sleep on.
const LIST: usize = 8;
/// How many local variables each has.
pub(super) const LOCALS: usize = 14;

/// What a [`Wait`](super::program::Op::Wait) says if no word was woken.
pub(super) const CHANGED: u32 = 100;
pub(super) const TIMED_OUT: u32 = 101;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Running,
    /// Killed; the kernel goes through its locks.
    Dying,
    /// Killed; the kernel is about to wake one on this word.
    DyingWakes(Place),
    Dead,
    Finished,
}

#[derive(Clone)]
pub(super) struct Process {
    pub(super) phase: Phase,
    /// Its next step; of one that is dying: how many of its locks the kernel has seen.
    pub(super) at: u16,
    pub(super) pending: Option<Place>,
    /// The list, first the last that was put in.
    linked: [Option<Place>; HELD],
    /// Whose state names it, which the kernel doesn't know: for checks.
    pub(super) holds: u16,
    pub(super) locals: [u32; LOCALS],
    /// In a wait: the words that it is queued on, and which of these were woken.
    queued: [Option<Place>; LIST],
    woken: u8,
}

#[derive(Clone)]
pub(super) struct World {
    pub(super) memory: [u64; PLACES],
    pub(super) processes: [Process; PROCESSES],
    /// How many may still die.
    pub(super) deaths: u8,
    /// The kernel is from before December 2022.
    pub(super) is_old: bool,
    /// Locks whose holder has died and that nobody has taken since: for checks.
    pub(super) orphaned: u16,
}

impl Process {
    const ABSENT: Self = Self {
        phase: Phase::Finished,
        at: 0,
        pending: None,
        linked: [None; HELD],
        holds: 0,
        locals: [0; LOCALS],
        queued: [None; LIST],
        woken: 0,
    };

    pub(super) fn link(&mut self, lock: Place) {
        assert!(self.linked[HELD - 1].is_none(), "holds too many locks");
        self.linked.rotate_right(1);
        self.linked[0] = Some(lock);
    }

    pub(super) fn unlink(&mut self, lock: Place) {
        let at = self.linked.iter().position(|linked| *linked == Some(lock));
        let at = at.expect("it is linked");
        self.linked[at..].rotate_left(1);
        self.linked[HELD - 1] = None;
    }

    pub(super) fn finish(&mut self) {
        self.phase = Phase::Finished;
        self.at = 0;
        self.locals = [0; LOCALS];
    }

    pub(super) fn sleeps_on(&self, place: Place) -> bool {
        self.queued.contains(&Some(place))
    }

    fn mix(&self, mixer: &mut Mixer) {
        let phase = match self.phase {
            Phase::Running => 0,
            Phase::Dying => 1,
            Phase::Dead => 2,
            Phase::Finished => 3,
            Phase::DyingWakes(place) => 4 + u64::from(place.0),
        };
        mixer.mix(
            phase << 48
                | u64::from(self.at) << 32
                | u64::from(self.holds) << 16
                | u64::from(self.woken),
        );
        mixer.mix(bytes(&self.linked) << 8 | byte(self.pending));
        mixer.mix(bytes(&self.queued));
        for pair in self.locals.chunks_exact(2) {
            mixer.mix(u64::from(pair[0]) << 32 | u64::from(pair[1]));
        }
    }

    fn queued_count(&self) -> usize {
        self.queued.iter().flatten().count()
    }
}

fn byte(place: Option<Place>) -> u64 {
    place.map_or(0, |place| u64::from(place.0) + 1)
}

fn bytes(places: &[Option<Place>]) -> u64 {
    places.iter().fold(0, |all, place| all << 8 | byte(*place))
}

/// The thread number of a process.
pub(super) fn tid(process: usize) -> u32 {
    process as u32 + 1
}

impl World {
    pub(super) fn new(processes: usize, deaths: u8) -> Self {
        let mut world = Self {
            memory: [0; PLACES],
            processes: [const { Process::ABSENT }; PROCESSES],
            deaths,
            is_old: false,
            orphaned: 0,
        };
        for process in &mut world.processes[..processes] {
            process.phase = Phase::Running;
        }
        world
    }

    pub(super) fn get(&self, place: Place) -> u64 {
        self.memory[usize::from(place.0)]
    }

    pub(super) fn set(&mut self, place: Place, value: u64) {
        self.memory[usize::from(place.0)] = value;
    }

    pub(super) fn add(&mut self, place: Place, value: i64) {
        self.set(place, self.get(place).wrapping_add_signed(value));
    }

    pub(super) fn state(&self, lock: Place) -> State {
        State(self.get(lock))
    }

    pub(super) fn word(&self, place: Place) -> u32 {
        self.get(place) as u32
    }

    /// Everything that FUTEX_WAKE can do that wakes at most one: it may be any.
    pub(super) fn wake_one(&self, place: Place) -> Vec<Self> {
        let mut worlds = Vec::new();
        for (index, process) in self.processes.iter().enumerate() {
            for (position, queued) in process.queued.iter().enumerate() {
                if *queued == Some(place) && process.woken & 1 << position == 0 {
                    let mut world = self.clone();
                    world.processes[index].woken |= 1 << position;
                    worlds.push(world);
                }
            }
        }
        if worlds.is_empty() {
            worlds.push(self.clone());
        }
        worlds
    }

    pub(super) fn wake_all(&mut self, place: Place) {
        for process in &mut self.processes {
            for position in 0..LIST {
                if process.queued[position] == Some(place) {
                    process.woken |= 1 << position;
                }
            }
        }
    }

    /// One step of a wait. The kernel compares the words and queues the sleeper on them one after the other; if one has changed, or the sleeper has
    /// been woken when it is through, it leaves all queues and says which word was woken, the last of them.
    pub(super) fn wait(&mut self, me: usize, list: &[(Place, u32)]) -> Waited {
        let process = &self.processes[me];
        let done = process.queued_count();
        if let Some((place, expected)) = list.get(done) {
            if self.word(*place) == *expected {
                self.processes[me].queued[done] = Some(*place);
                return Waited::Goes;
            }
            return Waited::Ends(self.leave_queues(me).unwrap_or(CHANGED));
        }
        if process.woken == 0 {
            return Waited::Sleeps;
        }
        Waited::Ends(self.leave_queues(me).unwrap_or(CHANGED))
    }

    pub(super) fn leave_queues(&mut self, me: usize) -> Option<u32> {
        let process = &mut self.processes[me];
        let last = process.woken.checked_ilog2();
        process.queued = [None; LIST];
        process.woken = 0;
        last
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self, me: usize) {
        self.leave_queues(me);
        let process = &mut self.processes[me];
        process.phase = Phase::Dying;
        process.at = 0;
        process.locals = [0; LOCALS];
        self.orphaned |= process.holds;
        process.holds = 0;
    }

    /// One step of the kernel's `exit_robust_list`: the list, except what is pending, then that.
    pub(super) fn bury(&self, me: usize) -> Vec<Self> {
        let mut world = self.clone();
        let process = &mut world.processes[me];
        if let Phase::DyingWakes(place) = process.phase {
            process.phase = Phase::Dying;
            return world.wake_one(place);
        }
        let at = usize::from(process.at);
        process.at += 1;
        let listed = process.linked.get(at).copied().flatten();
        if let Some(lock) = listed {
            if process.pending != Some(lock) {
                world.find_dead(me, lock);
            }
            return vec![world];
        }
        let pending = process.pending.take();
        match pending {
            Some(lock) if world.state(lock).holder() == 0 => {
                if world.is_old && world.word(lock) != 0 {
                    return vec![world];
                }
                world.processes[me].phase = Phase::DyingWakes(lock);
            }
            Some(lock) => world.find_dead(me, lock),
            None => {
                let process = &mut world.processes[me];
                process.phase = Phase::Dead;
                process.at = 0;
                process.linked = [None; HELD];
            }
        }
        vec![world]
    }

    /// `handle_futex_death`.
    fn find_dead(&mut self, me: usize, lock: Place) {
        let state = self.state(lock);
        if state.holder() != tid(me) {
            return;
        }
        self.set(lock, state.abandoned().0);
        if state.word() & crate::sync::word::WAITERS != 0 {
            self.processes[me].phase = Phase::DyingWakes(lock);
        }
    }

    /// A number that no other state is likely to have.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut mixer = Mixer(u64::from(self.deaths) << 16 | u64::from(self.orphaned));
        for word in self.memory {
            mixer.mix(word);
        }
        for process in &self.processes {
            process.mix(&mut mixer);
        }
        mixer.0
    }
}

pub(super) enum Waited {
    Goes,
    Sleeps,
    Ends(u32),
}

struct Mixer(u64);

impl Mixer {
    fn mix(&mut self, value: u64) {
        let mixed = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 29;
    }
}
