//! More handles than there can be.

use super::*;
use crate::sys::hint::hint;
use crate::sys::socket::{self, MAX_FDS};
use crate::{JoinErrorKind, TaskErrorKind, call};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::io::IoSlice;
use std::time::Instant;

#[crate::test(crate = crate)]
fn a_call_takes_253_handles_and_no_more() {
    let _watchdog = watchdog();
    let (text, handle) = pipe();
    let most = vec![handle.clone(); MAX_FDS];
    let child = spawn!(write_each, most.clone(), "").unwrap();
    assert_eq!(child.join().unwrap(), MAX_FDS);
    let pool = Pool::new(1).unwrap();
    for count in pool
        .map(call!(write_each, most.clone(), _), ["", "", ""])
        .unwrap()
    {
        assert_eq!(count, MAX_FDS);
    }
    let words = "write_rest(): argument 'list' can't be serialized: a call or a message can carry 253 \
                 handles at most";
    let error = spawn!(write_rest, handle.clone(), ..most.clone()).unwrap_err();
    assert!(error.is_encode());
    assert_eq!(error.to_string(), words);
    let error = pool
        .apply(call!(write_rest, handle.clone(), ..most.clone()))
        .unwrap_err();
    assert_eq!(*error.kind(), TaskErrorKind::Refused);
    assert!(error.to_string().contains(words), "{error}");
    let initializer = call!(write_rest, handle.clone(), ..most.clone());
    let error = Pool::builder()
        .initializer(initializer)
        .start()
        .unwrap_err();
    assert_eq!(error.to_string(), words);
    drop((most, handle));
    assert!(text.all().starts_with(".0.1.2"));
}

#[subprocess(crate = crate)]
fn write_or_not(handles: Vec<Handle>) -> u32 {
    handles.iter().for_each(|handle| handle.write("x"));
    std::process::id()
}

/// Has children that may open few files, which they inherit.
#[subprocess(crate = crate)]
fn starve(handle: Handle) {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 40, hard).unwrap();
    let words = "argument 'handles' can't be deserialized: [";
    let reason = "]: the handle didn't arrive: Too many open files (os error 24) (the limit of \
                  this process; see `ulimit -n`)";
    let error = spawn!(write_or_not, vec![handle.clone(); 100])
        .unwrap()
        .join()
        .unwrap_err();
    assert_eq!(*error.kind(), JoinErrorKind::Decode);
    let text = error.to_string();
    assert!(text.contains(words) && text.contains(reason), "{error}");

    // Of the tasks in one frame, those fail that don't get theirs, and the worker lives.
    let pool = Pool::builder().workers(1).chunk_size(10).start().unwrap();
    let pid = pool
        .apply(call!(write_or_not, vec![handle.clone()]))
        .unwrap();
    let counts = [1, 100, 0, 1];
    let inputs = counts.map(|count| vec![handle.clone(); count]);
    let results = pool.map_each(call!(write_or_not, _), inputs);
    // The last one gets its own if it isn't in the same frame.
    let [Ok(a), Err(error), Ok(b), _] = &results[..] else {
        panic!("{results:?}");
    };
    assert_eq!((*a, *b), (pid, pid));
    let text = error.to_string();
    assert!(text.contains(words) && text.contains(reason), "{error}");
    // All that it got has been closed.
    for _ in 0..5 {
        let same = pool
            .apply(call!(write_or_not, vec![handle.clone(); 10]))
            .unwrap();
        assert_eq!(same, pid);
    }
}

#[crate::test(crate = crate)]
fn a_child_that_may_not_have_so_many_says_so() {
    let _watchdog = watchdog();
    let (text, handle) = pipe();
    spawn!(starve, handle).unwrap().join().unwrap();
    assert!(text.all().len() >= 52);
}

/// Has as many descriptors on their way as one without privileges may have, and tries to send more.
#[subprocess(crate = crate)]
fn congest(handle: Handle) {
    if nix::unistd::geteuid().is_root() {
        let nobody = nix::unistd::Uid::from_raw(64_999);
        nix::unistd::setuid(nobody).unwrap();
        // Without it /proc/self/exe is no longer its own.
        nix::sys::prctl::set_dumpable(true).unwrap();
    }
    let pool = Pool::new(1).unwrap();
    pool.apply(call!(write, handle.clone(), "first")).unwrap();
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 100, hard).unwrap();
    let (ours, theirs) = socket::pair().unwrap();
    let fill = || {
        let fds = vec![handle.0.clone(); 60];
        while let Ok(1) = socket::send(ours.as_fd(), &[IoSlice::new(b"x")], &fds, false) {}
    };
    let empty = || {
        let mut byte = [0];
        while socket::receive_bytes(theirs.as_fd(), &mut byte, None, false).is_ok() {}
    };

    // For a moment: it waits.
    fill();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(300));
            empty();
        });
        pool.apply(call!(write, handle.clone(), ", waited"))
            .unwrap();
    });
    fill();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(300));
            empty();
        });
        let child = spawn!(write, handle.clone(), ", and again").unwrap();
        child.join().unwrap();
    });

    // For good: it is an error. Without handles all goes on.
    fill();
    let start = Instant::now();
    let too_many = std::io::Error::from_raw_os_error(libc::ETOOMANYREFS);
    let words = format!("{too_many}{}", hint(&too_many));
    let task = pool
        .apply_async(call!(write, handle.clone(), "never"))
        .unwrap();
    let error = spawn!(write, handle.clone(), "never").unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&words), "{text}");
    let error = task.get().unwrap_err();
    assert_eq!(*error.kind(), TaskErrorKind::Refused);
    assert!(error.to_string().contains(&words), "{error}");
    assert!(start.elapsed() >= socket::CONGESTION);
    pool.apply(call!(write_or_not, vec![])).unwrap();
    empty();
    pool.apply(call!(write, handle.clone(), ", last")).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
}

#[crate::test(crate = crate)]
fn too_many_handles_on_their_way_are_waited_for_and_then_an_error() {
    let _watchdog = watchdog();
    let (text, handle) = pipe();
    spawn!(congest, handle).unwrap().join().unwrap();
    assert_eq!(text.all(), "first, waited, and again, last");
}
