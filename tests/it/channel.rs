//! Channels between processes.

use crate::support::{block_on, eventually, watchdog};
use offspring::sync::Mutex;
use offspring::{
    Duplex, Fd, Pool, Receiver, RecvErrorKind, SendErrorKind, Sender, call, channel, duplex, spawn,
    subprocess, wait,
};
use std::time::{Duration, Instant};

type Whole = Result<(), Box<dyn std::error::Error>>;

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(30);

#[subprocess]
fn count(to: u32, mut numbers: Sender<u32>) {
    for number in 0..to {
        numbers.send(number).unwrap();
    }
}

#[subprocess]
fn add_up(mut numbers: Receiver<u32>) -> u32 {
    numbers.iter().map(Result::unwrap).sum()
}

#[subprocess]
fn echo(mut ends: Duplex<Vec<u8>, Vec<u8>>) {
    while let Ok(bytes) = ends.receiver.recv() {
        ends.sender.send(bytes).unwrap();
    }
}

#[offspring::test]
fn values_arrive_in_order_and_then_the_end() -> Whole {
    let _watchdog = watchdog();
    let (sender, mut receiver) = channel()?;
    let child = spawn!(count, 50_000, sender)?;
    let numbers = receiver.iter().collect::<Result<Vec<_>, _>>()?;
    assert!(numbers.into_iter().eq(0..50_000));
    assert_eq!(receiver.recv().unwrap_err().kind(), RecvErrorKind::Closed);
    child.join()?;

    let (mut sender, receiver) = channel()?;
    let child = spawn!(add_up, receiver)?;
    for number in 0..1000 {
        sender.send(number)?;
    }
    drop(sender);
    assert_eq!(child.join()?, 499_500);
    Ok(())
}

#[offspring::test]
fn sixteen_mebibytes_go_there_and_back() -> Whole {
    let _watchdog = watchdog();
    let (mut ours, theirs) = duplex()?;
    let child = spawn!(echo, theirs)?;
    for len in [0, 1, 16 << 20] {
        let bytes: Vec<u8> = (0..len).map(|i: usize| (i * 31 / 7) as u8).collect();
        ours.sender.send_ref(&bytes)?;
        assert!(ours.receiver.recv()? == bytes);
    }
    drop(ours);
    child.join()?;
    Ok(())
}

#[subprocess]
fn send_and_wait(mut numbers: Sender<u32>) {
    numbers.send(1).unwrap();
    numbers.send(2).unwrap();
    std::thread::sleep(LONG);
}

#[offspring::test]
fn what_a_killed_process_has_sent_is_still_received() -> Whole {
    let _watchdog = watchdog();
    let (sender, mut receiver) = channel()?;
    let child = spawn!(send_and_wait, sender)?;
    assert_eq!(receiver.recv()?, 1);
    eventually("the second is there", || receiver.poll(SHORT).unwrap());
    child.kill()?;
    child.wait()?;
    assert_eq!(receiver.recv()?, 2);
    assert_eq!(receiver.recv().unwrap_err().kind(), RecvErrorKind::Closed);
    assert!(receiver.poll(Duration::ZERO)?);
    Ok(())
}

#[subprocess]
fn send_much(len: usize, mut bytes: Sender<Vec<u8>>) {
    let _ = bytes.send(vec![7; len]);
}

#[offspring::test]
fn a_death_in_the_middle_of_a_message_is_an_error() -> Whole {
    let _watchdog = watchdog();
    let (sender, mut receiver) = channel::<Vec<u8>>()?;
    let child = spawn!(send_much, 64 << 20, sender)?;
    assert!(receiver.poll(LONG)?);
    // It has filled the channel, and waits for room.
    std::thread::sleep(SHORT);
    child.kill()?;
    child.wait()?;
    let error = receiver.recv().unwrap_err();
    assert_eq!(error.kind(), RecvErrorKind::Truncated, "{error}");
    Ok(())
}

#[subprocess]
fn receive_one(mut numbers: Receiver<u32>) -> u32 {
    numbers.recv().unwrap()
}

#[offspring::test]
fn sending_to_one_that_has_ended_is_an_error() -> Whole {
    let _watchdog = watchdog();
    let (mut sender, receiver) = channel()?;
    let child = spawn!(receive_one, receiver)?;
    sender.send(5)?;
    assert_eq!(child.join()?, 5);
    let error = (0..).find_map(|number| sender.send(number).err()).unwrap();
    assert_eq!(error.kind(), SendErrorKind::Closed);

    // Also for one that waits for room.
    let (mut sender, receiver) = channel()?;
    let child = spawn!(hold_end, receiver)?;
    let killer = std::thread::spawn(move || {
        std::thread::sleep(SHORT);
        child.kill().unwrap();
    });
    let error = (0..).find_map(|number| sender.send(number).err()).unwrap();
    assert_eq!(error.kind(), SendErrorKind::Closed);
    killer.join().unwrap();
    Ok(())
}

#[subprocess]
fn hold_end(numbers: Receiver<u32>) {
    std::thread::sleep(LONG);
    drop(numbers);
}

#[offspring::test]
fn poll_waits_and_takes_nothing() -> Whole {
    let _watchdog = watchdog();
    let (mut sender, mut receiver) = channel()?;
    let start = Instant::now();
    assert!(!receiver.poll(Duration::ZERO)?);
    assert!(!receiver.poll(SHORT)?);
    assert!(start.elapsed() >= SHORT);
    let sending = std::thread::spawn(move || {
        std::thread::sleep(SHORT);
        sender.send(3).unwrap();
        sender
    });
    assert!(receiver.poll(LONG)?);
    assert!(receiver.poll(Duration::ZERO)?);
    assert_eq!(receiver.recv()?, 3);
    let _sender = sending.join().unwrap();
    assert!(!receiver.poll(Duration::ZERO)?);
    Ok(())
}

#[subprocess]
fn wait_for_end(mut numbers: Receiver<u32>) -> bool {
    numbers
        .recv()
        .is_err_and(|error| error.kind() == RecvErrorKind::Closed)
}

#[subprocess]
fn pass_sender_on(sender: Sender<u32>) -> u32 {
    spawn!(count, 10, sender).unwrap().join().unwrap();
    std::process::id()
}

#[offspring::test]
fn ends_are_passed_on_and_the_channel_closes_with_the_last() -> Whole {
    let _watchdog = watchdog();
    let (sender, receiver) = channel::<u32>()?;
    let child = spawn!(wait_for_end, receiver)?;
    std::thread::sleep(SHORT);
    assert!(child.is_alive());
    drop(sender);
    assert!(child.join()?);

    let (sender, mut receiver) = channel()?;
    spawn!(pass_sender_on, sender)?.join()?;
    let numbers = receiver.iter().collect::<Result<Vec<_>, _>>()?;
    assert!(numbers.into_iter().eq(0..10));
    Ok(())
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Job {
    input: Receiver<u32>,
    total: Mutex<u64>,
    result: Sender<u32>,
}

#[subprocess]
fn work(mut jobs: Receiver<Job>) {
    for job in jobs.iter() {
        let mut job = job.unwrap();
        let sum = job.input.iter().map(Result::unwrap).sum();
        *job.total.lock().unwrap() += u64::from(sum);
        job.result.send(sum).unwrap();
    }
}

#[offspring::test]
fn ends_and_locks_are_messages() -> Whole {
    let _watchdog = watchdog();
    let (mut jobs, receiver) = channel()?;
    let child = spawn!(work, receiver)?;
    let total = Mutex::new(0)?;
    for _ in 0..3 {
        let ((mut numbers, input), (result, mut sum)) = (channel()?, channel()?);
        let total = total.clone();
        jobs.send(Job {
            input,
            total,
            result,
        })?;
        for number in 0..10 {
            numbers.send(number)?;
        }
        drop(numbers);
        assert_eq!(sum.recv()?, 45);
        assert_eq!(sum.recv().unwrap_err().kind(), RecvErrorKind::Closed);
    }
    drop(jobs);
    child.join()?;
    assert_eq!(*total.lock().unwrap(), 135);
    Ok(())
}

#[offspring::test]
fn an_end_cannot_go_to_a_pool() -> Whole {
    let _watchdog = watchdog();
    let pool = Pool::new(1)?;
    let (sender, _receiver) = channel()?;
    let error = pool.apply_async(call!(count, 1, sender)).unwrap_err();
    assert!(error.to_string().contains("can't go to a pool"), "{error}");
    Ok(())
}

#[offspring::test]
fn a_thousand_channels_are_open_at_once() -> Whole {
    let _watchdog = watchdog();
    let (_, hard) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)?;
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, hard, hard)?;
    let fds = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = fds();
    // Or as many as are allowed here.
    let count = (hard.saturating_sub(500) / 6).min(1000) as u32;
    let mut channels = (0..count)
        .map(|_| channel::<u32>())
        .collect::<Result<Vec<_>, _>>()?;
    // Other tests open and close some, too.
    let each = (fds() - before) as f64 / f64::from(count);
    let others = 200.0 / f64::from(count);
    assert!(
        (6.0 - others..6.0 + others).contains(&each),
        "{each} for both ends"
    );
    for (number, (sender, _)) in (0..).zip(&mut channels) {
        sender.send(number)?;
    }
    for (number, (_, receiver)) in (0..).zip(&mut channels) {
        assert_eq!(receiver.recv()?, number);
    }
    Ok(())
}

#[subprocess]
fn flood(mut numbers: Sender<u64>) {
    for number in 0.. {
        if numbers.send(number).is_err() {
            return;
        }
    }
}

#[offspring::test]
fn whenever_a_writer_is_killed_what_came_is_whole_and_then_the_end() -> Whole {
    let _watchdog = watchdog();
    let rounds = std::env::var("OFFSPRING_ROUNDS").map_or(20_u64, |rounds| rounds.parse().unwrap());
    for round in 0..rounds {
        let (sender, mut receiver) = channel()?;
        let child = spawn!(flood, sender)?;
        for expected in 0..round * 37 % 5000 {
            assert_eq!(receiver.recv()?, expected);
        }
        let mut next = round * 37 % 5000;
        child.kill()?;
        let end = loop {
            match receiver.recv_timeout(LONG) {
                Ok(number) => assert_eq!(number, next),
                Err(error) => break error,
            }
            next += 1;
        };
        assert_eq!(end.kind(), RecvErrorKind::Closed, "round {round}");
        child.wait()?;
    }
    Ok(())
}

#[test]
fn waiting_for_nothing_is_an_error_or_a_timeout() {
    let _watchdog = watchdog();
    let error = wait(&[], None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "can't wait: the list is empty and there is no timeout, so that nothing could end it"
    );
    assert!(wait(&[], Some(SHORT)).unwrap().is_empty());
}

#[offspring::test]
fn wait_tells_those_that_are_ready() -> Whole {
    let _watchdog = watchdog();
    let (mut one, mut first) = channel::<u32>()?;
    let (two, second) = channel::<u32>()?;
    let (read, write) = std::io::pipe()?;
    let child = spawn!(wait_for_end, second)?;
    let start = Instant::now();
    assert!(wait(&[&first, &read, &child], Some(SHORT))?.is_empty());
    assert!(start.elapsed() >= SHORT);
    assert!(wait(&[&first, &read], Some(Duration::ZERO))?.is_empty());
    one.send(1)?;
    assert_eq!(wait(&[&first, &read, &child], None)?, [0]);
    assert_eq!(
        wait(&[&first, &read, &child], None)?,
        [0],
        "it is still there"
    );
    drop(write);
    assert_eq!(wait(&[&first, &read, &child], None)?, [0, 1]);
    assert_eq!(first.recv()?, 1);
    drop(two);
    assert_eq!(wait(&[&first, &child], None)?, [1]);
    let sending = std::thread::spawn(move || {
        std::thread::sleep(SHORT);
        one.send(2).unwrap();
    });
    assert_eq!(wait(&[&first], Some(LONG))?, [0]);
    assert_eq!(first.recv()?, 2);
    sending.join().unwrap();
    // The end counts.
    assert_eq!(wait(&[&first], Some(LONG))?, [0]);
    child.join()?;
    Ok(())
}

#[offspring::test]
fn receiving_is_a_future_in_any_executor() -> Whole {
    let _watchdog = watchdog();
    let (sender, mut receiver) = channel()?;
    let child = spawn!(count, 3, sender)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        for expected in 0..3 {
            assert_eq!(receiver.recv_async().await.unwrap(), expected);
        }
        let end = receiver.recv_async().await.unwrap_err();
        assert_eq!(end.kind(), RecvErrorKind::Closed);
    });
    child.join()?;

    let (mut sender, mut receiver) = channel::<u32>()?;
    let sending = std::thread::spawn(move || {
        for number in 0..3 {
            std::thread::sleep(SHORT);
            sender.send(number).unwrap();
        }
    });
    for expected in 0..3 {
        assert_eq!(block_on(receiver.recv_async())?, expected);
    }
    assert!(block_on(receiver.recv_async()).is_err());
    sending.join().unwrap();
    Ok(())
}

#[subprocess]
fn write_to(mut files: Receiver<Fd<std::fs::File>>, text: &str) {
    use std::io::Write;
    for file in files.iter() {
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }
}

#[offspring::test]
fn files_are_messages_and_arguments_also_with_large_numbers() -> Whole {
    use std::io::Read;
    use std::os::fd::AsRawFd;
    let _watchdog = watchdog();
    let (_, hard) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)?;
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, hard, hard)?;
    let (mut files, receiver) = channel()?;
    let child = spawn!(write_to, receiver, "some text")?;
    let (mut read, write) = std::io::pipe()?;
    let write = std::fs::File::from(std::os::fd::OwnedFd::from(write));
    // Beyond what select(2) takes, if that is allowed here.
    let least = hard.saturating_sub(24).min(1100) as i32;
    let large = nix::fcntl::fcntl(&write, nix::fcntl::FcntlArg::F_DUPFD_CLOEXEC(least))?;
    assert!(large >= least);
    #[allow(unsafe_code)]
    // SAFETY: it was just made, for this alone.
    let large: std::fs::File = unsafe { std::os::fd::FromRawFd::from_raw_fd(large) };
    assert!(large.as_raw_fd() >= least);
    files.send(Fd(large))?;
    drop((files, write));
    child.join()?;
    let mut text = String::new();
    read.read_to_string(&mut text)?;
    assert_eq!(text, "some text");
    Ok(())
}
