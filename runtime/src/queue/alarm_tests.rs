//! Those who wait by a descriptor, while others die at each step.

use super::deaths::{at_each_step, eventually, is_there, result, until_step};
use super::*;
use crate::fault::dies_at;
use crate::wait;
use std::io::Write;
use std::pin::pin;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{Receiver, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

fn is_asleep(tid: u32) -> bool {
    let call = std::fs::read_to_string(format!("/proc/self/task/{tid}/syscall"));
    let number = |call: String| call.split(' ').next()?.parse().ok();
    // The second is that of a thread that is parked.
    let waits = [libc::SYS_ppoll, libc::SYS_futex];
    call.is_ok_and(|call| number(call).is_some_and(|number| waits.contains(&number)))
}

/// A thread that waits, and is asleep when this returns.
fn waiter<T: Send + 'static>(what: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (tell, told) = channel();
    let (tid, _) = dies_at(u32::MAX, move || drop(tell.send(what())));
    eventually("it sleeps", || is_asleep(tid));
    told
}

/// What to do with the queue meanwhile, up to a step, and again if it had no effect.
fn while_two_wait(at: u32, what: fn(&Queue<u32>), is_done: fn(&Queue<u32>) -> bool) -> bool {
    let queue = Queue::unbounded().unwrap();
    let waiters = [0, 1].map(|_| {
        let queue = queue.clone();
        waiter(move || wait(&[&queue], None).unwrap())
    });
    let victim = queue.clone();
    let is_whole = until_step(at, move || what(&victim));
    if !is_done(&queue) {
        what(&queue);
    }
    for waiter in waiters {
        assert_eq!(result(&waiter, at), [0]);
    }
    is_whole
}

#[test]
fn who_dies_in_a_put_has_put_or_not_and_all_are_woken() {
    let put = |queue: &Queue<u32>| queue.put(1).unwrap();
    at_each_step(|step| while_two_wait(step, put, |queue| !queue.is_empty()));
}

#[test]
fn who_dies_in_a_close_has_closed_or_not_and_all_are_woken() {
    at_each_step(|step| while_two_wait(step, Queue::close, Queue::is_closed));
}

#[test]
fn who_dies_in_a_put_leaves_no_future_asleep() {
    at_each_step(|step| {
        let queue = Queue::unbounded().unwrap();
        let futures = [0, 1].map(|_| {
            let queue = queue.clone();
            waiter(move || block_on(queue.get_async()).unwrap())
        });
        let victim = queue.clone();
        let is_done = until_step(step, move || victim.put(1).unwrap());
        if queue.inner.control.body().puts() == 0 {
            queue.put(1).unwrap();
        }
        eventually(&format!("one has it, step {step}"), || queue.is_empty());
        queue.put(2).unwrap();
        let mut got = futures.map(|future| result(&future, step));
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
        is_done
    });
}

#[test]
fn who_dies_waiting_keeps_nobody_from_being_woken() {
    at_each_step(|step| {
        let queue = Queue::unbounded().unwrap();
        let victim = queue.clone();
        let (tid, done) = dies_at(step, move || drop(wait(&[&victim], None).unwrap()));
        eventually("it sleeps, or is dead", || is_asleep(tid) || !is_there(tid));
        let other = queue.clone();
        let other = waiter(move || wait(&[&other], None).unwrap());
        queue.put(1).unwrap();
        assert_eq!(result(&other, step), [0]);
        eventually("it is gone", || !is_there(tid));
        done.load(SeqCst) == 1
    });
}

// As one does that was stopped in a put.

#[test]
fn who_keeps_the_lock_hides_no_other_thing() {
    let queue = Queue::<u32>::unbounded().unwrap();
    let (read, mut write) = io::pipe().unwrap();
    let held = queue.inner.putters(Deadline::NEVER).unwrap();
    let (told, start) = (queue.clone(), Instant::now());
    let waiting = thread::spawn(move || {
        let short = Duration::from_millis(300);
        assert!(wait(&[&told, &read], Some(short)).unwrap().is_empty());
        assert!(start.elapsed() >= short);
        assert_eq!(wait(&[&told, &read], None).unwrap(), [1]);
        wait(&[&told], None).unwrap()
    });
    thread::sleep(Duration::from_millis(500));
    write.write_all(b"1").unwrap();
    thread::sleep(Duration::from_millis(300));
    drop(held);
    assert!(!waiting.is_finished());
    queue.put(1).unwrap();
    eventually("it is told", || waiting.is_finished());
    assert_eq!(waiting.join().unwrap(), [0]);
}

#[test]
fn a_future_comes_back_when_the_lock_was_kept() {
    let queue = Queue::<u32>::unbounded().unwrap();
    let held = queue.inner.putters(Deadline::NEVER).unwrap();
    let getting = queue.clone();
    let getting = thread::spawn(move || block_on(getting.get_async()).unwrap());
    thread::sleep(Duration::from_millis(100));
    drop(held);
    queue.put(1).unwrap();
    eventually("it has it", || getting.is_finished());
    assert_eq!(getting.join().unwrap(), 1);
}

/// If nobody waits, a put has nothing to do with the alarm.
#[test]
fn the_alarm_rings_only_for_those_who_wait() {
    let queue = Queue::unbounded().unwrap();
    let count = || {
        let mut number = [0; 8];
        // It is empty in the beginning, and after each look.
        match nix::unistd::read(queue.inner.alarm.fd(), &mut number) {
            Ok(_) => u64::from_ne_bytes(number),
            Err(nix::errno::Errno::EAGAIN) => 0,
            Err(error) => panic!("{error}"),
        }
    };
    queue.put(1).unwrap();
    assert_eq!(wait(&[&queue], None).unwrap(), [0]);
    queue.put(2).unwrap();
    assert_eq!(count(), 0);
    assert_eq!(queue.get().unwrap() + queue.get().unwrap(), 3);
    let short = Some(Duration::from_millis(1));
    assert!(wait(&[&queue], short).unwrap().is_empty());
    queue.put(3).unwrap();
    queue.put(4).unwrap();
    assert_eq!(count(), 1);
}
