//! The process at the other end, which takes part when it is told to and sleeps between.

use offspring::{Duplex, Process, duplex};
use std::time::{Duration, Instant};

/// Passes so many messages; how long that took.
pub type Run = Box<dyn FnMut(u64) -> Duration>;

/// What it is told: how many messages. What it says: that it is ready, and that it has them all.
pub type Control = Duplex<(), u64>;

pub struct Peer(Duplex<u64, ()>);

impl Peer {
    pub fn start(start: impl FnOnce(Control) -> offspring::Result<Process<()>>) -> Self {
        let (ours, theirs) = duplex().unwrap();
        drop(start(theirs).unwrap());
        Self(ours)
    }

    /// `part` is what this side does.
    pub fn run(self, mut part: impl FnMut(u64) + 'static) -> Run {
        let Self(mut control) = self;
        Box::new(move |count| {
            control.sender.send(count).unwrap();
            control.receiver.recv().unwrap();
            let start = Instant::now();
            part(count);
            control.receiver.recv().unwrap();
            start.elapsed()
        })
    }
}

/// The other side, until nothing more is to be measured.
pub fn serve(mut control: Control, mut part: impl FnMut(u64)) {
    while let Ok(count) = control.receiver.recv() {
        control.sender.send(()).unwrap();
        part(count);
        control.sender.send(()).unwrap();
    }
}

/// The processors that this process may use.
pub fn cpus() -> Vec<usize> {
    // SAFETY: the set is as long as it is said to be, and zeros are an empty one.
    let set = unsafe {
        let mut set = std::mem::zeroed();
        assert_eq!(libc::sched_getaffinity(0, size_of_val(&set), &mut set), 0);
        set
    };
    // SAFETY: the numbers are within the set.
    let is_in = |cpu: &usize| unsafe { libc::CPU_ISSET(*cpu, &set) };
    (0..libc::CPU_SETSIZE as usize).filter(is_in).collect()
}

/// Keeps this thread, and what it starts, to these processors.
pub fn pin(cpus: &[usize]) {
    // SAFETY: zeros are an empty set, the numbers are within it, and it is as long as it is said to be.
    unsafe {
        let mut set = std::mem::zeroed();
        cpus.iter().for_each(|cpu| libc::CPU_SET(*cpu, &mut set));
        assert_eq!(libc::sched_setaffinity(0, size_of_val(&set), &set), 0);
    }
}
