//! What `join` says of a child that gave no result.

use crate::support::{run, subject, watchdog};
use offspring::{JoinErrorKind, RemoteError, call, spawn, subprocess};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

type Whole = Result<(), Box<dyn std::error::Error>>;

#[subprocess]
fn panic_with(text: &str) -> u8 {
    panic!("{text}");
}

#[subprocess]
fn panic_with_a_number() {
    std::panic::panic_any(7);
}

#[subprocess]
fn panic_under_own_hook() {
    std::panic::set_hook(Box::new(|_| {}));
    panic!("unseen");
}

#[subprocess]
fn recover_then_panic() {
    let _ = std::panic::catch_unwind(|| panic!("caught"));
    std::panic::resume_unwind(Box::new("second"));
}

#[offspring::test]
fn a_panic_tells_its_message_and_place() -> Whole {
    let _watchdog = watchdog();
    let child = call!(panic_with, "öfter mal").name("unlucky").start()?;
    let pid = child.pid();
    assert_eq!(child.wait()?.exitcode(), Some(101));
    let error = child.join().unwrap_err();
    let JoinErrorKind::Panicked {
        message, location, ..
    } = error.kind()
    else {
        panic!("{error}")
    };
    assert_eq!(message, "öfter mal");
    let location = location.as_deref().unwrap();
    assert!(
        location.contains("errors.rs:") && location.matches(':').count() == 2,
        "{location}"
    );
    assert_eq!((error.pid(), error.process_name()), (pid, "unlucky"));
    assert_eq!(error.exitcode(), Some(101));
    assert_eq!(
        error.to_string().lines().next().unwrap(),
        format!("process 'unlucky' (pid {pid}, panic_with()) panicked at {location}: öfter mal")
    );
    Ok(())
}

#[offspring::test]
fn a_panic_that_is_no_text_or_has_its_own_hook_is_told_as_far_as_it_is_known() -> Whole {
    let _watchdog = watchdog();
    let told = |error: offspring::JoinError| match error.kind() {
        JoinErrorKind::Panicked {
            message, location, ..
        } => (message.clone(), location.is_some()),
        other => panic!("{other:?}"),
    };
    let number = told(spawn!(panic_with_a_number)?.join().unwrap_err());
    assert_eq!(number, ("a value that is not a text".into(), true));
    let unseen = told(spawn!(panic_under_own_hook)?.join().unwrap_err());
    assert_eq!(unseen, ("unseen".into(), false));
    // The place of the caught one would be wrong.
    let second = told(spawn!(recover_then_panic)?.join().unwrap_err());
    assert_eq!(second, ("second".into(), false));
    Ok(())
}

#[test]
fn a_panic_tells_its_backtrace_where_asked_and_is_on_stderr_before_the_end_is_seen() {
    let _watchdog = watchdog();
    for (asked, expected) in [("0", false), ("1", true)] {
        let mut command = subject("panic");
        let output = run({
            command.env("RUST_BACKTRACE", asked);
            command
        });
        assert!(output.status.success(), "{output:#?}");
        assert_eq!(
            output.lines(),
            [format!("backtrace: {expected}")],
            "{output:#?}"
        );
        let seen = output.stderr.find("for the subject").unwrap();
        assert!(
            seen < output.stderr.find("-- joined --").unwrap(),
            "{output:#?}"
        );
    }
}

#[subprocess]
fn exit_with(code: i32) {
    std::process::exit(code);
}

#[subprocess]
fn abort() {
    std::process::abort();
}

#[subprocess]
fn die_by(signal: i32) {
    use nix::sys::signal::{Signal, raise};
    loop {
        // Once is not enough: std's own handler of SIGSEGV takes the first, expecting that the
        // fault comes again.
        raise(Signal::try_from(signal).unwrap()).unwrap();
    }
}

#[offspring::test]
fn an_exit_or_a_death_is_told_with_its_code() -> Whole {
    let _watchdog = watchdog();
    for (given, code) in [(0, 0), (3, 3), (300, 44), (-1, 255)] {
        let error = spawn!(exit_with, given)?.join().unwrap_err();
        assert_eq!(*error.kind(), JoinErrorKind::Exited(code));
        assert_eq!(error.exitcode(), Some(code));
        assert!(
            error
                .to_string()
                .ends_with(&format!("without a result, with exit code {code}"))
        );
    }
    for signal in [6, 9, 10, 11, 15, 24] {
        let error = spawn!(die_by, signal)?.join().unwrap_err();
        assert!(matches!(error.kind(), JoinErrorKind::Signaled { signal: s, .. } if *s == signal));
        assert_eq!(error.exitcode(), Some(-signal));
    }
    let error = spawn!(abort)?.join().unwrap_err();
    assert_eq!(error.exitcode(), Some(-6));
    assert!(
        error
            .to_string()
            .ends_with("was killed by signal 6 (SIGABRT)"),
        "{error}"
    );
    Ok(())
}

/// Serializes on one side only, or on neither.
#[derive(Debug)]
struct Fussy {
    encodes: bool,
    decodes: bool,
}

impl Serialize for Fussy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.encodes {
            (self.encodes, self.decodes).serialize(serializer)
        } else {
            Err(serde::ser::Error::custom("too fussy to leave"))
        }
    }
}

impl<'de> Deserialize<'de> for Fussy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (encodes, decodes) = Deserialize::deserialize(deserializer)?;
        if decodes {
            Ok(Self { encodes, decodes })
        } else {
            Err(serde::de::Error::custom("too fussy to arrive"))
        }
    }
}

#[subprocess]
fn take(fussy: Fussy) -> bool {
    fussy.encodes
}

#[subprocess]
fn give(encodes: bool, decodes: bool) -> Fussy {
    Fussy { encodes, decodes }
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Key(Fail);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Fail;

impl Serialize for Fail {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not as a key"))
    }
}

impl<'de> Deserialize<'de> for Fail {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("never was one"))
    }
}

#[subprocess]
fn take_map(map: BTreeMap<Key, u8>) -> usize {
    map.len()
}

#[offspring::test]
fn an_argument_that_cannot_be_serialized_is_an_error_before_there_is_a_process() {
    let _watchdog = watchdog();
    let error = spawn!(
        take,
        Fussy {
            encodes: false,
            decodes: true
        }
    )
    .unwrap_err();
    assert!(error.is_encode());
    assert_eq!(
        error.to_string(),
        "take(): argument 'fussy' can't be serialized: too fussy to leave"
    );
    let error = spawn!(take_map, BTreeMap::from([(Key(Fail), 1)])).unwrap_err();
    assert!(
        error.is_encode() && error.to_string().contains("not as a key"),
        "{error}"
    );
}

#[offspring::test]
fn what_cannot_be_understood_is_an_error_at_join() -> Whole {
    let _watchdog = watchdog();
    let error = spawn!(
        take,
        Fussy {
            encodes: true,
            decodes: false
        }
    )?
    .join()
    .unwrap_err();
    assert_eq!(*error.kind(), JoinErrorKind::Decode);
    let text = error.to_string();
    assert!(
        text.contains("'fussy'") && text.contains("too fussy to arrive"),
        "{text}"
    );

    let error = spawn!(give, false, true)?.join().unwrap_err();
    assert_eq!(*error.kind(), JoinErrorKind::Encode);
    assert!(error.to_string().contains("too fussy to leave"), "{error}");

    let error = spawn!(give, true, false)?.join().unwrap_err();
    assert_eq!(*error.kind(), JoinErrorKind::Decode);
    assert!(error.to_string().contains("too fussy to arrive"), "{error}");
    Ok(())
}

#[subprocess]
fn read(path: &str) -> Result<String, RemoteError> {
    let text = std::fs::read_to_string(path)?;
    let number: i32 = text.trim().parse()?;
    Ok(number.to_string())
}

#[offspring::test]
fn any_error_travels_as_a_remote_error() {
    let _watchdog = watchdog();
    fn whole(path: &str) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        Ok(spawn!(read, path)?.join()??)
    }
    let text = whole("/does/not/exist").unwrap_err().to_string();
    assert_eq!(text, "No such file or directory (os error 2)");
    assert!(
        whole("/proc/self/comm")
            .unwrap_err()
            .to_string()
            .contains("invalid digit")
    );
}
