//! An exhaustive search through all that can happen in a model of a protocol.
//!
//! A model says how it begins and what can come next in each state. The search goes through all states, with a hash of each to
//! know it again. What is found is what the model says that must never be, and a run without an end.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

type Seen<T> = HashMap<u64, T, BuildHasherDefault<Same>>;

/// What is said of a run that doesn't end.
pub(crate) const FOR_EVER: &str = "this can go on for ever";

/// Which process does what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step(pub(crate) usize, pub(crate) &'static str);

const BEGIN: Step = Step(0, "begins");

/// What can come next, or what is wrong.
pub(crate) type Found<S> = Result<Vec<(Step, S)>, &'static str>;

struct Frame<S> {
    key: u64,
    next: Vec<(Step, S)>,
}

pub(crate) trait Model {
    type State;

    fn start(&self) -> Self::State;

    /// A number that no other state is likely to have.
    fn fingerprint(&self, state: &Self::State) -> u64;

    fn successors(&self, state: &Self::State) -> Found<Self::State>;

    fn describe(&self, state: &Self::State) -> String;

    /// Fails if anything is found, and says how that came about.
    fn holds(&self) {
        let at = std::time::Instant::now();
        match self.explore() {
            Ok(states) => println!("{states} states {:?}", at.elapsed()),
            Err(what) => panic!("{what}\n{}", self.shortest()),
        }
    }

    /// Fails if nothing is found, or another thing.
    fn fails(&self, what: &str) {
        match self.explore() {
            Ok(states) => panic!("nothing was found in {states} states, instead of: {what}"),
            Err(found) => assert_eq!(found, what, "{}", self.shortest()),
        }
    }

    /// Goes through all states, deepest first, which finds runs without an end; returns how many states there are.
    fn explore(&self) -> Result<usize, &'static str> {
        // Whether a state is on the way from the start to where the search is.
        let mut is_open: Seen<bool> = HashMap::default();
        let mut path = Vec::new();
        let start = self.start();
        let key = self.fingerprint(&start);
        is_open.insert(key, true);
        let next = self.successors(&start)?;
        path.push(Frame { key, next });
        while let Some(frame) = path.last_mut() {
            let Some((_, state)) = frame.next.pop() else {
                is_open.insert(frame.key, false);
                path.pop();
                continue;
            };
            let key = self.fingerprint(&state);
            match is_open.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(true);
                    let next = self.successors(&state)?;
                    path.push(Frame { key, next });
                }
                Entry::Occupied(entry) if *entry.get() => return Err(FOR_EVER),
                Entry::Occupied(_) => {}
            }
        }
        Ok(is_open.len())
    }

    /// A shortest way to what is wrong, unless that is a run without an end.
    fn shortest(&self) -> String {
        let mut seen: Seen<()> = HashMap::default();
        // Each state that was found, by the place of the one before it.
        let mut found = vec![(0, BEGIN)];
        let mut layer = vec![(0, self.start())];
        while !layer.is_empty() {
            let mut below = Vec::new();
            for (at, state) in layer {
                let Ok(next) = self.successors(&state) else {
                    return trace(&found, at, &self.describe(&state));
                };
                for (step, state) in next {
                    if seen.insert(self.fingerprint(&state), ()).is_none() {
                        found.push((at, step));
                        below.push((found.len() - 1, state));
                    }
                }
            }
            layer = below;
        }
        String::from("there is no shortest way")
    }
}

fn trace(found: &[(usize, Step)], mut at: usize, last: &str) -> String {
    let mut lines = Vec::new();
    while at != 0 {
        let (before, Step(process, name)) = found[at];
        lines.push(format!("  process {}: {name}", process + 1));
        at = before;
    }
    lines.reverse();
    format!("{}\n  then {last}", lines.join("\n"))
}

/// For keys that are hashes.
#[derive(Default)]
struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("the keys are numbers");
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}
