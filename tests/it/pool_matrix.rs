//! A task can go wrong at each step of its way, in each way: it alone is lost, and the pool works on.

use crate::support::watchdog;
use offspring::{JoinErrorKind, Pool, TaskErrorKind, call, subprocess};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Step {
    EncodeArgument,
    DecodeArgument,
    Run,
    EncodeResult,
    DecodeResult,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Fate {
    Error,
    Panic,
    Exit,
    Kill,
    Stuck,
}

/// Travels there and back, and meets its fate at its step.
#[derive(Clone, Copy, Debug)]
struct Traveller {
    step: Step,
    fate: Fate,
    /// The parent's pid.
    home: u32,
}

impl Traveller {
    fn meet(self, step: Step) -> Result<(), &'static str> {
        if self.step != step {
            return Ok(());
        }
        match self.fate {
            Fate::Error => Err("as it was fated"),
            Fate::Panic => panic!("as it was fated"),
            Fate::Exit => process::exit(9),
            Fate::Kill => {
                nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL).unwrap();
                Ok(())
            }
            Fate::Stuck => loop {
                std::thread::sleep(Duration::from_secs(1));
            },
        }
    }
}

impl Serialize for Traveller {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_home = process::id() == self.home;
        let step = if is_home {
            Step::EncodeArgument
        } else {
            Step::EncodeResult
        };
        self.meet(step).map_err(serde::ser::Error::custom)?;
        (self.step, self.fate, self.home).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Traveller {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (step, fate, home) = Deserialize::deserialize(deserializer)?;
        let this = Self { step, fate, home };
        let is_home = process::id() == home;
        let step = if is_home {
            Step::DecodeResult
        } else {
            Step::DecodeArgument
        };
        this.meet(step).map_err(serde::de::Error::custom)?;
        Ok(this)
    }
}

#[subprocess]
fn travel(traveller: Traveller) -> Traveller {
    // An error of the function itself would be a value.
    if traveller.fate != Fate::Error {
        traveller.meet(Step::Run).unwrap();
    }
    traveller
}

#[subprocess]
fn double(x: u32) -> u32 {
    2 * x
}

#[offspring::test]
fn a_task_that_goes_wrong_at_any_step_in_any_way_is_lost_alone() {
    let _watchdog = watchdog();
    let pool = Pool::builder().workers(2).name("Matrix").start().unwrap();
    let home = process::id();
    for step in [Step::DecodeArgument, Step::Run, Step::EncodeResult] {
        for fate in [
            Fate::Error,
            Fate::Panic,
            Fate::Exit,
            Fate::Kill,
            Fate::Stuck,
        ] {
            let before = pool.apply_async(call!(double, 1)).unwrap();
            let call = call!(travel, Traveller { step, fate, home });
            let task = pool
                .apply_async(call.timeout(Duration::from_millis(300)))
                .unwrap();
            let after = pool.apply_async(call!(double, 2)).unwrap();
            assert_eq!(
                (before.get().unwrap(), after.get().unwrap()),
                (2, 4),
                "{step:?} {fate:?}"
            );
            let result = task.get();
            if (step, fate) == (Step::Run, Fate::Error) {
                assert!(result.is_ok());
                continue;
            }
            let error = result.unwrap_err();
            let TaskErrorKind::Failed(kind) = error.kind() else {
                panic!("{error}")
            };
            let is_right = match (fate, kind) {
                (Fate::Error, JoinErrorKind::Decode) => step == Step::DecodeArgument,
                (Fate::Error, JoinErrorKind::Encode) => step == Step::EncodeResult,
                (Fate::Panic, JoinErrorKind::Panicked { message, .. }) => {
                    message == "as it was fated"
                }
                (Fate::Exit, JoinErrorKind::Exited(9)) => true,
                (Fate::Kill, JoinErrorKind::Signaled { signal: 9, .. }) => true,
                (Fate::Stuck, JoinErrorKind::TimedOut) => true,
                _ => false,
            };
            assert!(is_right, "{step:?} {fate:?}: {error}");
        }
    }
}

/// At home, a fate is the caller's own; those that it survives are its task's only.
#[offspring::test]
fn what_goes_wrong_in_the_callers_process_is_the_callers() {
    let _watchdog = watchdog();
    let pool = Pool::builder().workers(1).name("Home").start().unwrap();
    let home = process::id();
    let traveller = |step, fate| Traveller { step, fate, home };
    let error = pool
        .apply(call!(travel, traveller(Step::EncodeArgument, Fate::Error)))
        .unwrap_err();
    assert_eq!(*error.kind(), TaskErrorKind::Refused);
    let error = pool
        .apply(call!(travel, traveller(Step::DecodeResult, Fate::Error)))
        .unwrap_err();
    assert_eq!(*error.kind(), TaskErrorKind::Failed(JoinErrorKind::Decode));
    for step in [Step::EncodeArgument, Step::DecodeResult] {
        let panics = || drop(pool.apply(call!(travel, traveller(step, Fate::Panic))));
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    }
    assert_eq!(pool.apply(call!(double, 21)).unwrap(), 42);
}
