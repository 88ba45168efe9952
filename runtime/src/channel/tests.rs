//! Both ends in one process; `tests/it/channel.rs` has them in several.

mod mishaps;

use super::writer::Refused;
use super::*;
use crate::wire::message::Arrival;
use crate::wire::{Beside, Message, Portable};
use std::io::IoSlice;
use std::thread;
use std::time::Duration;

#[test]
fn values_come_out_as_they_went_in_and_in_order() {
    let (mut sender, mut receiver) = channel::<(u64, String)>().unwrap();
    let received = thread::spawn(move || receiver.iter().map(Result::unwrap).collect::<Vec<_>>());
    let values: Vec<_> = (0..10_000)
        .map(|i| (i, "x".repeat(i as usize % 300)))
        .collect();
    for value in &values {
        sender.send_ref(value).unwrap();
    }
    drop(sender);
    assert_eq!(received.join().unwrap(), values);
}

#[test]
fn long_messages_are_streamed() {
    let (mut sender, mut receiver) = channel::<Vec<u8>>().unwrap();
    for len in [
        0,
        1,
        4095,
        4096,
        131_063,
        131_064,
        131_065,
        1 << 20,
        (16 << 20) + 3,
    ] {
        let value: Vec<u8> = (0..len).map(|i: usize| (i * 7 / 5) as u8).collect();
        thread::scope(|scope| {
            scope.spawn(|| sender.send_ref(&value).unwrap());
            assert!(receiver.recv().unwrap() == value, "{len}");
        });
    }
    let (mut sender, mut receiver) = channel::<(Vec<u32>, Vec<String>)>().unwrap();
    let value = (vec![5; 1 << 20], vec!["long".repeat(1 << 18); 3]);
    thread::scope(|scope| {
        scope.spawn(|| sender.send_ref(&value).unwrap());
        assert!(receiver.recv().unwrap() == value);
    });
}

#[test]
fn bytes_keep_their_boundaries_and_an_empty_message_is_one() {
    let (mut sender, mut receiver) = channel::<u8>().unwrap();
    for len in [0, 1, 7, 8, 9, 100_000] {
        sender.send_bytes(&vec![len as u8; len]).unwrap();
    }
    for len in [0, 1, 7, 8, 9, 100_000] {
        assert_eq!(receiver.recv_bytes().unwrap(), vec![len as u8; len]);
    }
    sender.send_bytes(b"twelve bytes").unwrap();
    let mut short = [0; 5];
    let error = receiver.recv_bytes_into(&mut short).unwrap_err();
    assert_eq!(error.kind(), RecvErrorKind::TooLong(12));
    assert_eq!(
        receiver.recv().unwrap_err().kind(),
        RecvErrorKind::OtherKind
    );
    let mut buffer = [0; 20];
    assert_eq!(receiver.recv_bytes_into(&mut buffer).unwrap(), 12);
    assert_eq!(&buffer[..12], b"twelve bytes");
    sender.send(5).unwrap();
    assert_eq!(
        receiver.recv_bytes().unwrap_err().kind(),
        RecvErrorKind::OtherKind
    );
    assert_eq!(receiver.recv().unwrap(), 5);
    let large = vec![3; 3 << 20];
    thread::scope(|scope| {
        scope.spawn(|| sender.send_bytes(&large).unwrap());
        let mut buffer = vec![0; 4 << 20];
        let len = receiver.recv_bytes_into(&mut buffer).unwrap();
        assert!(buffer[..len] == large);
    });
}

#[test]
fn times_are_kept_and_nothing_is_lost_by_them() {
    let short = Duration::from_millis(20);
    let (mut sender, mut receiver) = channel::<Vec<u8>>().unwrap();
    assert!(!receiver.poll(short).unwrap());
    assert_eq!(
        receiver.recv_timeout(short).unwrap_err().kind(),
        RecvErrorKind::Empty
    );
    let chunk = vec![1; 200_000];
    let mut sent = 0;
    let error = loop {
        match sender.send_timeout(chunk.clone(), short) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), SendErrorKind::Full);
    assert!(error.into_inner() == chunk);
    assert!((3..=6).contains(&sent), "{sent}");
    // What was begun is cancelled.
    assert!(receiver.poll(Duration::ZERO).unwrap());
    for _ in 0..sent {
        assert!(receiver.recv().unwrap() == chunk);
    }
    let rest = receiver.recv_timeout(short).unwrap_err().kind();
    assert_eq!(rest, RecvErrorKind::Empty);
    sender.send(vec![2]).unwrap();
    assert_eq!(receiver.recv().unwrap(), [2]);
    drop(sender);
    assert_eq!(receiver.recv().unwrap_err().kind(), RecvErrorKind::Closed);
    assert!(receiver.poll(Duration::ZERO).unwrap());
}

#[test]
fn a_closed_channel_hands_the_value_back() {
    let (mut sender, receiver) = channel::<String>().unwrap();
    drop(receiver);
    let error = sender.send("back".to_owned()).unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::Closed);
    assert_eq!(error.into_inner(), "back");
}

#[test]
fn ends_travel_through_channels() {
    let (mut outer, mut arriving) = channel::<(Sender<u32>, Receiver<u32>)>().unwrap();
    let ((one, mut arrived), (mut other, two)) = (channel().unwrap(), channel().unwrap());
    other.send(4).unwrap();
    outer.send((one, two)).unwrap();
    let (mut one, mut two) = arriving.recv().unwrap();
    one.send(3).unwrap();
    assert_eq!((arrived.recv().unwrap(), two.recv().unwrap()), (3, 4));
    other.send(5).unwrap();
    assert_eq!(two.recv().unwrap(), 5);
}

#[test]
fn a_failed_send_undoes_the_move() {
    let (mut outer, arriving) = channel::<Sender<u32>>().unwrap();
    let (inner, mut receiver) = channel().unwrap();
    drop(arriving);
    let mut inner = outer.send(inner).unwrap_err().into_inner();
    inner.send(1).unwrap();
    assert_eq!(receiver.recv().unwrap(), 1);
    // Elsewhere it is an error, which gives it back, too.
    let error = serde_json::to_string(&inner).unwrap_err().to_string();
    assert!(error.contains("can only be sent"), "{error}");
    inner.send(2).unwrap();
    assert_eq!(receiver.recv().unwrap(), 2);
}

#[test]
fn an_end_is_moved_once() {
    let (mut outer, mut arriving) = channel::<Sender<u32>>().unwrap();
    let (mut inner, mut receiver) = channel::<u32>().unwrap();
    outer.send_ref(&inner).unwrap();
    assert_eq!(inner.send(1).unwrap_err().kind(), SendErrorKind::Moved);
    let error = outer.send_ref(&inner).unwrap_err().to_string();
    assert!(error.contains("moved already"), "{error}");
    drop(inner);
    let mut inner = arriving.recv().unwrap();
    inner.send(7).unwrap();
    assert_eq!(receiver.recv().unwrap(), 7);
    drop(inner);
    assert_eq!(receiver.recv().unwrap_err().kind(), RecvErrorKind::Closed);
}

/// Numbers that look random, the same each time.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Whatever is in the memory, the channel fails and nothing else does: no panic, no read beyond, no allocation of what isn't there.
#[test]
fn damaged_memory_ends_the_channel_and_no_more() {
    let mut state = 0x2545_f491_4f6c_dd1d;
    let now = Duration::ZERO;
    let mut ends = 0;
    for round in 0..500 {
        let (mut sender, mut receiver) = channel::<Vec<Vec<u32>>>().unwrap();
        let [memory, ..] = sender.descriptors().unwrap();
        for size in [0, 1, 3000, 40_000].iter().take(round % 5) {
            let _ = sender.try_send(vec![vec![1; *size]; 3]);
        }
        if round % 3 == 0 {
            let _ = receiver.try_recv();
        }
        for _ in 0..1 + random(&mut state) % 4 {
            let (at, word) = match random(&mut state) % 4 {
                0 => (0, random(&mut state)),
                1 => (64, random(&mut state) % (2 << 20) * 8),
                2 => (4096 + random(&mut state) % 64 * 8, random(&mut state)),
                _ => (
                    4096 + random(&mut state) % 512 * 8,
                    random(&mut state) % 5000,
                ),
            };
            nix::sys::uio::pwrite(&*memory, &word.to_ne_bytes(), at as i64).unwrap();
        }
        for _ in 0..5 {
            let _ = receiver.poll(now);
            match receiver.recv_timeout(now) {
                Ok(_) => {}
                Err(error) => {
                    ends += u32::from(error.kind() == RecvErrorKind::Damaged);
                    let _ = receiver.recv_bytes_timeout(now);
                    let _ = receiver.recv_bytes_into_timeout(&mut [0; 10], now);
                }
            }
            let _ = sender.try_send(vec![vec![1; 2000]]);
        }
    }
    assert!(ends > 100, "{ends}");
}

#[test]
fn descriptors_of_a_message_that_was_not_sent_are_not_those_of_the_next() {
    let (mut sender, mut receiver) = channel::<(crate::Fd<std::fs::File>, Vec<u8>)>().unwrap();
    let file = |name| crate::Fd(std::fs::File::open(name).unwrap());
    // Its descriptor goes first, then there is no room for all of it.
    let large = vec![0; 3 << 20];
    assert!(sender.try_send((file("/dev/zero"), large)).is_err());
    assert_eq!(
        receiver.try_recv().unwrap_err().kind(),
        RecvErrorKind::Empty
    );
    sender.send((file("/dev/null"), vec![1])).unwrap();
    let (received, _) = receiver.recv().unwrap();
    let expected = nix::sys::stat::stat("/dev/null").unwrap().st_rdev;
    assert_eq!(nix::sys::stat::fstat(&*received).unwrap().st_rdev, expected);
}

/// An end as another process gets it.
fn pass<E: Portable>(end: E) -> E {
    let mut message = Message::default();
    end.encode(&mut message).unwrap();
    let fds = message.fds.iter().map(|fd| fd.try_clone().unwrap());
    let mut beside = Beside {
        fds: fds.map(Arrival::Here).collect(),
        ..Beside::default()
    };
    let body = std::mem::take(&mut message.body);
    message.sent();
    E::decode(&body, &mut beside).unwrap()
}

#[test]
fn what_a_sender_has_left_halfway_is_cancelled_wherever_it_has_moved() {
    let (mut sender, mut receiver) = channel::<Vec<u8>>().unwrap();
    let long = vec![1; 3 << 20];
    let error = sender.try_send(long).unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::Full);
    let mut sender = pass(sender);
    thread::scope(|scope| {
        scope.spawn(|| sender.send(vec![2; 10]).unwrap());
        assert_eq!(receiver.recv().unwrap(), [2; 10]);
    });
}

#[test]
fn a_sender_that_has_moved_gives_bundles_of_descriptors_new_names() {
    type Item = (crate::Fd<std::fs::File>, crate::Bytes);
    let (mut sender, mut receiver) = channel::<Item>().unwrap();
    let file = |name| crate::Fd(std::fs::File::open(name).unwrap());
    let device = |file: &std::fs::File| nix::sys::stat::fstat(file).unwrap().st_rdev;
    let long = (file("/dev/null"), vec![0; 3 << 20].into());
    // This fills the channel to the last byte, so that of the next one nothing but its descriptor goes.
    assert!(sender.try_send(long).is_err());
    let mut sender = pass(sender);
    let short = |name| (file(name), crate::Bytes::new());
    assert!(sender.try_send(short("/dev/zero")).is_err());
    let mut sender = pass(sender);
    let (received, _) = thread::scope(|scope| {
        scope.spawn(|| sender.send(short("/dev/full")).unwrap());
        receiver.recv().unwrap()
    });
    assert_eq!(device(&received), device(&file("/dev/full")));
}

#[test]
fn a_position_that_no_channel_reaches_is_refused() {
    let (sender, _receiver) = channel::<u8>().unwrap();
    let mut message = Message::default();
    let fds = sender.descriptors().unwrap();
    let [memory, pulse, socket] = fds.each_ref().map(Descriptor::lend);
    let end = (memory, pulse, socket, u64::MAX - 7, false, ());
    crate::wire::codec::encode_unsized(&end, &mut message).unwrap();
    let mut beside = Beside {
        fds: message
            .fds
            .iter()
            .map(|fd| Arrival::Here(fd.try_clone().unwrap()))
            .collect(),
        ..Beside::default()
    };
    let error = Sender::<u8>::decode(&message.body, &mut beside).unwrap_err();
    assert!(error.to_string().contains("impossible position"), "{error}");
}

#[test]
fn a_side_that_talks_without_end_does_not_keep_the_other_beyond_its_time() {
    const MOST: usize = 30_000;
    let (mut sender, mut receiver) = channel::<Vec<u8>>().unwrap();
    let [_, pulse, _] = sender.descriptors().unwrap();
    nix::unistd::write(&pulse, &[0; MOST]).unwrap();
    let error = receiver.try_recv().unwrap_err();
    assert_eq!(error.kind(), RecvErrorKind::Empty);
    assert!(fd::available(&receiver).unwrap() > MOST / 2);
    let [.., talker] = receiver.descriptors().unwrap();
    let [.., listener] = sender.descriptors().unwrap();
    socket::send(talker.as_fd(), &[IoSlice::new(&[0; MOST])], &[], true).unwrap();
    let error = sender.try_send(vec![0; 3 << 20]).unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::Full);
    assert!(fd::available(&listener).unwrap() > MOST / 2);
}

#[test]
fn the_end_is_seen_behind_a_wake_up_that_was_not_needed() {
    let (mut sender, mut receiver) = channel::<u8>().unwrap();
    assert_eq!(
        receiver.try_recv().unwrap_err().kind(),
        RecvErrorKind::Empty
    );
    sender.send(1).unwrap();
    drop(sender);
    assert_eq!(receiver.try_recv().unwrap(), 1);
    let end = receiver.try_recv().unwrap_err().kind();
    assert_eq!(end, RecvErrorKind::Closed);
}

#[test]
fn a_receiver_that_died_asleep_is_an_error_and_no_signal() {
    let (mut writer, mut reader) = connect().unwrap();
    assert!(!reader.poll(Deadline::after(Duration::ZERO)).unwrap());
    drop(reader);
    let caused = crate::sys::pipe::tests::causes_a_signal(|| {
        let refused = writer.send_bytes(b"nobody", Deadline::NEVER).unwrap_err();
        assert!(matches!(refused, Refused::Closed), "{refused:?}");
    });
    assert!(!caused);
}

#[test]
fn after_a_cancelled_message_may_come_one_of_the_other_kind() {
    let (mut sender, mut receiver) = channel::<Vec<u8>>().unwrap();
    assert!(sender.try_send(vec![1; 3 << 20]).is_err());
    thread::scope(|scope| {
        scope.spawn(|| sender.send_bytes(b"bytes").unwrap());
        let kind = receiver.recv().unwrap_err().kind();
        assert_eq!(kind, RecvErrorKind::OtherKind);
        assert_eq!(receiver.recv_bytes().unwrap(), b"bytes");
    });
}

#[test]
fn what_was_left_halfway_is_cancelled_when_there_is_room_for_that() {
    let (mut sender, mut receiver) = channel::<Vec<u8>>().unwrap();
    // The first fills the channel to the last byte.
    for _ in 0..3 {
        assert!(sender.try_send(vec![1; 3 << 20]).is_err());
    }
    thread::scope(|scope| {
        scope.spawn(|| sender.send(vec![2; 10]).unwrap());
        assert_eq!(receiver.recv().unwrap(), [2; 10]);
    });
}

#[test]
fn a_long_message_does_not_keep_either_side_beyond_its_time() {
    let (mut writer, mut reader) = connect().unwrap();
    let now = || Deadline::after(Duration::ZERO);
    let long = vec![1; 64 << 20];
    let most = (SIZE + 2 * frame::CHUNK) as u64;
    thread::scope(|scope| {
        scope.spawn(|| writer.send_bytes(&long, Deadline::NEVER).unwrap());
        loop {
            let start = reader.read;
            let received = reader.receive_bytes(now());
            assert!(reader.read - start <= most);
            match received {
                Ok(bytes) => break assert!(bytes == long),
                Err(error) => assert!(matches!(error, reader::Missed::TimedOut), "{error:?}"),
            }
        }
    });
    thread::scope(|scope| {
        let reading = scope.spawn(|| {
            assert!(reader.receive_bytes(Deadline::NEVER).unwrap() == long);
            reader.receive_bytes(Deadline::NEVER).unwrap()
        });
        // The reader is awake after that, and faster.
        writer.send_bytes(&long, Deadline::NEVER).unwrap();
        let start = writer.written;
        let refused = writer.send_bytes(&long, now()).unwrap_err();
        assert!(matches!(refused, Refused::TimedOut), "{refused:?}");
        assert!(writer.written - start <= most);
        writer.send_bytes(b"short", Deadline::NEVER).unwrap();
        assert_eq!(reading.join().unwrap(), b"short");
    });
}
