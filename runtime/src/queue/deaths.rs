//! A thread dies at each step of each operation, and those who are left go on. To the kernel and to all others, that is the death of a process.

use super::*;
use crate::Bytes;
use crate::fault::dies_at;
use crate::sys::futex;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

const SHORT: Duration = Duration::from_millis(50);

/// More than any operation has.
const STEPS: u32 = 60;

#[track_caller]
pub(super) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "never: {what}");
        thread::sleep(Duration::from_micros(200));
    }
}

fn is_asleep(tid: u32) -> bool {
    let call = std::fs::read_to_string(format!("/proc/self/task/{tid}/syscall"));
    let number = |call: String| call.split(' ').next()?.parse().ok();
    let waits = [libc::SYS_futex_waitv, libc::SYS_futex];
    call.is_ok_and(|call| number(call).is_some_and(|number| waits.contains(&number)))
}

pub(super) fn is_there(tid: u32) -> bool {
    std::path::Path::new(&format!("/proc/self/task/{tid}")).exists()
}

/// A thread that waits for something at a queue, and is asleep when this returns.
fn sleeper<T: Send + 'static>(what: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (tell, told) = channel();
    let (tid, _) = dies_at(u32::MAX, move || drop(tell.send(what())));
    eventually("it sleeps", || is_asleep(tid));
    told
}

pub(super) fn result<T>(of: &Receiver<T>, at: u32) -> T {
    let told = of.recv_timeout(Duration::from_secs(10));
    told.unwrap_or_else(|_| panic!("somebody is still asleep after a death at step {at}"))
}

/// Goes through all steps; `one` does it with a death at the step, and says whether that was beyond the end.
pub(super) fn at_each_step(one: impl Fn(u32) -> bool) {
    let end = (0..STEPS).find(|step| one(*step));
    assert!(end.is_some_and(|end| end > 1), "{end:?}");
}

/// Does it up to a step; `true` if there was nothing left to do.
pub(super) fn until_step(step: u32, what: impl FnOnce() + Send + 'static) -> bool {
    let (tid, done) = dies_at(step, what);
    eventually("it is gone", || !is_there(tid));
    done.load(SeqCst) == 1
}

#[test]
fn who_dies_in_a_put_has_put_or_not_and_a_getter_is_woken() {
    at_each_step(|step| {
        let queue = Queue::unbounded().unwrap();
        let getter = sleeper({
            let queue = queue.clone();
            move || queue.get().unwrap()
        });
        let victim = queue.clone();
        let is_done = until_step(step, move || victim.put(1).unwrap());
        let is_in = queue.inner.control.body().puts() == 1;
        if !is_in {
            queue.put(2).unwrap();
        }
        assert_eq!(result(&getter, step), if is_in { 1 } else { 2 });
        assert!(queue.is_empty());
        is_done
    });
}

#[test]
fn who_dies_in_a_get_has_got_or_not_and_a_putter_is_woken() {
    at_each_step(|step| {
        let queue = Queue::bounded(1).unwrap();
        queue.put(1).unwrap();
        let putter = sleeper({
            let queue = queue.clone();
            move || queue.put(2).unwrap()
        });
        let victim = queue.clone();
        let is_done = until_step(step, move || {
            victim.get().unwrap();
        });
        if queue.inner.control.body().head().count == 0 {
            assert_eq!(queue.get().unwrap(), 1);
        }
        result(&putter, step);
        assert_eq!(queue.try_get().unwrap(), 2);
        is_done
    });
}

/// Who is woken for an item and dies leaves it to another who sleeps, and takes no wake-up of another with it.
#[test]
fn who_dies_woken_leaves_the_item_to_another() {
    at_each_step(|step| {
        let queue = Queue::unbounded().unwrap();
        let victim = queue.clone();
        let (tid, done) = dies_at(step, move || {
            victim.get().unwrap();
        });
        eventually("it sleeps, or is dead", || is_asleep(tid) || !is_there(tid));
        let getters = [0, 1].map(|_| {
            let queue = queue.clone();
            sleeper(move || queue.get().unwrap())
        });
        queue.put(1).unwrap();
        queue.put(2).unwrap();
        eventually(&format!("all is got, step {step}"), || queue.is_empty());
        eventually("it is gone", || !is_there(tid));
        // If it has one, another still sleeps.
        queue.put(3).unwrap();
        let mut got = getters.map(|getter| result(&getter, step));
        got.sort_unstable();
        assert!(got[0] < got[1] && got[0] < 3, "{got:?}");
        assert_eq!(queue.len(), usize::from(got[1] < 3));
        done.load(SeqCst) == 1
    });
}

#[test]
fn who_dies_woken_leaves_the_room_to_another() {
    at_each_step(|step| {
        let queue = Queue::bounded(1).unwrap();
        queue.put(0).unwrap();
        let victim = queue.clone();
        let (tid, done) = dies_at(step, move || victim.put(1).unwrap());
        eventually("it sleeps, or is dead", || is_asleep(tid) || !is_there(tid));
        let putter = sleeper({
            let queue = queue.clone();
            move || queue.put(2).unwrap()
        });
        assert_eq!(queue.get().unwrap(), 0);
        eventually(&format!("one has it, step {step}"), || queue.is_full());
        eventually("it is gone", || !is_there(tid));
        if queue.get().unwrap() == 1 {
            assert_eq!(queue.get().unwrap(), 2);
        }
        result(&putter, step);
        done.load(SeqCst) == 1
    });
}

#[test]
fn who_dies_in_a_close_has_closed_or_not_and_all_are_woken() {
    for with_item in [false, true] {
        at_each_step(|step| {
            let queue = Queue::bounded(1).unwrap();
            if with_item {
                queue.put(0).unwrap();
            }
            let sleepers = [0, 1].map(|_| {
                let queue = queue.clone();
                sleeper(move || match with_item {
                    true => queue.put(1).is_err(),
                    false => queue.get().is_err(),
                })
            });
            let victim = queue.clone();
            let is_done = until_step(step, move || victim.close());
            if !queue.is_closed() {
                queue.close();
            }
            for sleeper in sleepers {
                assert!(result(&sleeper, step));
            }
            is_done
        });
    }
}

#[test]
fn who_dies_in_a_task_done_has_done_it_or_not_and_all_are_woken() {
    at_each_step(|step| {
        let queue = Queue::unbounded().unwrap();
        queue.put(1).unwrap();
        let sleepers = [0, 1].map(|_| {
            let queue = queue.clone();
            sleeper(move || queue.join())
        });
        let victim = queue.clone();
        let is_done = until_step(step, move || victim.task_done().unwrap());
        if queue.inner.control.body().unfinished() == 1 {
            queue.task_done().unwrap();
        }
        for sleeper in sleepers {
            result(&sleeper, step);
        }
        is_done
    });
}

/// As if one had died that had lowered their flag and was about to wake them, and another item had been put since.
#[test]
fn who_dies_woken_in_a_join_leaves_it_to_another() {
    at_each_step(|step| {
        let queue = Queue::unbounded().unwrap();
        queue.put(1).unwrap();
        let victim = queue.clone();
        let (tid, done) = dies_at(step, move || victim.join());
        eventually("it sleeps, or is dead", || is_asleep(tid) || !is_there(tid));
        let joiner = sleeper({
            let queue = queue.clone();
            move || queue.join()
        });
        let flag = &queue.inner.control.body().joiners.flag;
        flag.store(0, SeqCst);
        futex::wake(queue.inner.done_bell().word(), 1);
        let is_raised = || flag.load(SeqCst) == 1;
        eventually("it goes on, or is dead", || is_raised() || !is_there(tid));
        queue.task_done().unwrap();
        result(&joiner, step);
        eventually("it is gone", || !is_there(tid));
        done.load(SeqCst) == 1
    });
}

/// All was done, and before the others were told of that, somebody has put an item and joins.
#[test]
fn who_is_told_too_late_that_all_is_done_looks_for_itself() {
    let queue = Queue::unbounded().unwrap();
    queue.put(1).unwrap();
    let joiner = sleeper({
        let queue = queue.clone();
        move || queue.join()
    });
    let joiners = &queue.inner.control.body().joiners;
    joiners.flag.store(0, SeqCst);
    futex::add_and_wake(&joiners.finished, i32::MAX);
    eventually("it sleeps again", || joiners.flag.load(SeqCst) == 1);
    assert!(joiner.recv_timeout(SHORT).is_err());
    queue.task_done().unwrap();
    result(&joiner, 0);
}

/// Bytes that tell where they belong.
fn item(number: usize, len: usize) -> Bytes {
    (0..len)
        .map(|at| (number + at) as u8)
        .collect::<Vec<_>>()
        .into()
}

#[test]
fn who_dies_while_the_ring_grows_or_shrinks_tears_nothing() {
    // From different places, for different parts to be moved.
    for start in [0, 3000, 6000, 12_000, u32::MAX - 4000] {
        at_each_step(|step| {
            let queue = Queue::unbounded().unwrap();
            queue.inner.begin_at(start, 0);
            for number in 0..6 {
                queue.put(item(number, 10_000)).unwrap();
            }
            let victim = queue.clone();
            let is_done = until_step(step, move || victim.put(item(6, 40_000)).unwrap());
            let count = queue.len();
            assert!(count == 6 || count == 7);
            for number in 0..count {
                let len = if number == 6 { 40_000 } else { 10_000 };
                assert_eq!(queue.try_get().unwrap(), item(number, len), "step {step}");
            }
            assert!(queue.is_empty());
            is_done
        });
        at_each_step(|step| {
            let queue = Queue::unbounded().unwrap();
            queue.inner.begin_at(start, 0);
            queue.put(item(0, 200_000)).unwrap();
            queue.put(item(1, 20_000)).unwrap();
            let victim = queue.clone();
            let is_done = until_step(step, move || {
                victim.get().unwrap();
            });
            if queue.len() == 2 {
                assert_eq!(queue.try_get().unwrap(), item(0, 200_000));
            }
            queue.put(item(2, 50_000)).unwrap();
            assert_eq!(queue.try_get().unwrap(), item(1, 20_000), "step {step}");
            assert_eq!(queue.try_get().unwrap(), item(2, 50_000), "step {step}");
            is_done
        });
    }
}
