//! Handles as arguments of tasks.

use super::*;
use crate::{TaskErrorKind, call};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, raise};
use std::os::fd::AsRawFd;
use std::sync::OnceLock;

/// Several tasks go in one frame, each with a number of its own.
#[crate::test(crate = crate)]
fn each_task_of_a_map_gets_its_own_handles() {
    let _watchdog = watchdog();
    for chunk in [1, 7, 1000] {
        let pool = Pool::builder()
            .workers(2)
            .chunk_size(chunk)
            .start()
            .unwrap();
        let (mut texts, mut inputs, mut expected) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..150 {
            let (ends, handles): (Vec<_>, Vec<_>) = (0..number % 5).map(|_| pipe()).unzip();
            expected.extend((0..number % 5).map(|index| format!("{number}.{index}")));
            texts.extend(ends);
            inputs.push((handles, number.to_string()));
        }
        let counts = pool.map(call!(write_each, _, _), inputs).unwrap();
        assert!(counts.into_iter().eq((0..150).map(|number| number % 5)));
        let texts: Vec<_> = texts.into_iter().map(Text::all).collect();
        assert_eq!(texts, expected);
    }
}

#[subprocess(crate = crate)]
fn count_to(handle: &Handle, number: u32) -> u32 {
    handle.write("x");
    number
}

/// Also if the tasks are many more than the descriptors that this process, or a worker, may have.
#[subprocess(crate = crate)]
fn map_with_one_handle(handle: Handle) -> usize {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 400, hard).unwrap();
    let pool = Pool::new(2).unwrap();
    let done = pool
        .map(call!(count_to, _, kwargs<number = 1>), vec![&handle; 3000])
        .unwrap();
    let counted = pool.map(call!(count_to, &handle, _), 0..3000).unwrap();
    assert!(counted.into_iter().eq(0..3000));
    done.len()
}

#[crate::test(crate = crate)]
fn a_handle_that_all_tasks_have_takes_one_descriptor() {
    let _watchdog = watchdog();
    let (text, handle) = pipe();
    let child = spawn!(map_with_one_handle, handle).unwrap();
    assert_eq!(child.join().unwrap(), 3000);
    assert_eq!(text.all().len(), 6000);
}

fn memfd() -> Handle {
    let flags = nix::sys::memfd::MFdFlags::MFD_CLOEXEC;
    let fd = nix::sys::memfd::memfd_create(c"test", flags).unwrap();
    Handle(Arc::new(fd))
}

#[subprocess(crate = crate)]
fn die_first(tries: Handle, handle: Handle, deaths: i64) -> i64 {
    tries.write("x");
    if tries.len() <= deaths {
        raise(Signal::SIGKILL).unwrap();
    }
    handle.write("survived");
    tries.len()
}

#[crate::test(crate = crate)]
fn a_task_that_is_done_again_has_its_handles_again() {
    let _watchdog = watchdog();
    let pool = Pool::new(1).unwrap();
    let (text, handle) = pipe();
    let call = call!(die_first, memfd(), handle, 2).retries(2);
    assert_eq!(pool.apply(call).unwrap(), 3);
    assert_eq!(text.all(), "survived");
    // Those behind the one that dies are done by another worker.
    let pool = Pool::builder().workers(1).chunk_size(50).start().unwrap();
    let (texts, handles): (Vec<_>, Vec<_>) = (0..50).map(|_| pipe()).unzip();
    let deaths = |number| if number % 10 == 3 { 1 } else { 0 };
    let inputs = handles.into_iter().zip(0..);
    let inputs = inputs.map(|(handle, number)| (memfd(), handle, deaths(number)));
    let results = pool.map_each(call!(die_first, _, _, _), inputs);
    for (number, (text, result)) in texts.into_iter().zip(results).enumerate() {
        assert_eq!(result.is_err(), deaths(number) == 1);
        assert_eq!(text.all(), if result.is_ok() { "survived" } else { "" });
    }
}

static LEFT: OnceLock<Handle> = OnceLock::new();

#[subprocess(crate = crate)]
fn leave(handle: Handle) {
    handle.write("i");
    LEFT.set(handle).unwrap();
}

#[subprocess(crate = crate)]
fn use_left(dies: bool) {
    LEFT.get().unwrap().write("t");
    if dies {
        raise(Signal::SIGKILL).unwrap();
    }
}

#[crate::test(crate = crate)]
fn each_worker_is_initialized_with_the_handle() {
    let _watchdog = watchdog();
    let (text, handle) = pipe();
    let pool = Pool::builder()
        .workers(1)
        .initializer(call!(leave, handle))
        .start()
        .unwrap();
    for dies in [false, true, false, true, false] {
        assert_eq!(pool.apply(call!(use_left, dies)).is_err(), dies);
    }
    assert_eq!(text.so_far(), "ittittit");
    pool.join().unwrap();
    assert_eq!(text.all(), "");
}

#[subprocess(crate = crate)]
fn sleep_with(_handle: Handle) {
    thread::sleep(Duration::from_secs(60));
}

#[crate::test(crate = crate)]
fn handles_of_tasks_that_never_run_are_closed() {
    let _watchdog = watchdog();
    let pool = Pool::new(1).unwrap();
    let (texts, [running, cancelled, waiting, late]) = pipes();
    let [running_text, cancelled_text, waiting_text, late_text] = texts;
    let running = pool.apply_async(call!(sleep_with, running)).unwrap();
    let cancelled = pool.apply_async(call!(write, cancelled, "never")).unwrap();
    let waiting = pool.apply_async(call!(write, waiting, "never")).unwrap();
    cancelled.cancel();
    assert_eq!(cancelled_text.all(), "");
    running.cancel();
    assert_eq!(running_text.all(), "", "its worker was killed");
    drop(pool);
    let _ = waiting.get();
    waiting_text.all();

    let pool = Pool::new(1).unwrap();
    pool.close();
    let task = pool.apply_async(call!(write, late, "never")).unwrap();
    assert_eq!(late_text.all(), "");
    assert_eq!(*task.get().unwrap_err().kind(), TaskErrorKind::Closed);
}

#[subprocess(crate = crate)]
fn close_stdin() {
    nix::unistd::close(0).unwrap();
}

#[subprocess(crate = crate)]
fn lowest(handles: Vec<Handle>) -> i32 {
    let numbers = handles.iter().map(|handle| handle.0.as_raw_fd());
    numbers.min().unwrap()
}

#[crate::test(crate = crate)]
fn a_handle_does_not_become_a_standard_stream() {
    let _watchdog = watchdog();
    let pool = Pool::new(1).unwrap();
    pool.apply(call!(close_stdin)).unwrap();
    let (_text, handle) = pipe();
    for _ in 0..3 {
        let lowest = pool.apply(call!(lowest, vec![handle.clone(); 2])).unwrap();
        assert!(lowest > 2, "{lowest}");
    }
}

/// When the result is there, what the arguments held is gone from this process.
#[crate::test(crate = crate)]
fn handles_of_a_task_are_closed_when_it_is_done() {
    let _watchdog = watchdog();
    let pool = Pool::new(1).unwrap();
    for _ in 0..50 {
        let (text, handle) = pipe();
        let fd = Arc::downgrade(&handle.0);
        pool.apply(call!(write, handle, "x")).unwrap();
        assert!(fd.upgrade().is_none());
        assert_eq!(text.all(), "x");
    }
}
