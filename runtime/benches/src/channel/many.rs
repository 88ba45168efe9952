//! Many channels at once: what one costs.

use std::time::Instant;

const COUNT: u64 = 1000;

pub fn open() {
    allow_descriptors();
    println!(
        "{:<34} {:>13} {:>13} {:>16}",
        "1,000 channels open at once", "fds per end", "to open one", "a message in each"
    );
    measure(
        "offspring",
        || offspring::channel().unwrap(),
        |(sender, receiver), number| {
            sender.send(number).unwrap();
            receiver.recv().unwrap()
        },
    );
    measure(
        "ipc-channel",
        || ipc_channel::ipc::channel().unwrap(),
        |(sender, receiver), number| {
            sender.send(number).unwrap();
            receiver.recv().unwrap()
        },
    );
}

fn measure<C>(name: &str, open: impl Fn() -> C, through: impl Fn(&mut C, u64) -> u64) {
    let before = descriptors();
    let start = Instant::now();
    let mut channels: Vec<C> = (0..COUNT).map(|_| open()).collect();
    let opening = start.elapsed().as_secs_f64();
    let each = (descriptors() - before) as f64 / (2 * COUNT) as f64;
    let start = Instant::now();
    for (number, channel) in (0..COUNT).zip(&mut channels) {
        assert_eq!(through(channel, number), number);
    }
    let message = start.elapsed().as_secs_f64();
    let micros = |seconds: f64| seconds * 1e6 / COUNT as f64;
    println!(
        "{name:<34} {each:>13.1} {:>10.1} us {:>13.1} us",
        micros(opening),
        micros(message)
    );
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// As many as this process may have at most.
fn allow_descriptors() {
    // SAFETY: the limits are read to where there is room for them, and set from there.
    unsafe {
        let mut limit = std::mem::zeroed();
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur = limit.rlim_max;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
    }
}
