//! What went wrong once.

use super::*;
use crate::sys::wait::wait_readable;
use crate::{Bytes, Fd};
use std::fs::File;

const NOW: Duration = Duration::ZERO;
/// For what comes at once unless it never does.
const LONG: Duration = Duration::from_secs(20);

/// More than the channel holds.
fn large() -> Vec<u8> {
    vec![1; 3 << 20]
}

#[test]
fn a_message_of_which_a_part_was_sent_is_cancelled_even_if_the_next_one_fails_too() {
    let (mut sender, mut receiver) = channel::<Vec<u8>>().unwrap();
    for _ in 0..3 {
        assert!(sender.try_send(large()).is_err());
        assert!(sender.send_bytes_timeout(&large(), NOW).is_err());
    }
    let error = receiver.try_recv().unwrap_err();
    assert_eq!(error.kind(), RecvErrorKind::Empty);
    sender.send(vec![2]).unwrap();
    assert_eq!(receiver.recv_timeout(LONG).unwrap(), [2]);
}

#[test]
fn a_message_of_which_a_part_was_sent_is_cancelled_by_whoever_gets_the_end() {
    let (mut sender, mut receiver) = channel::<Vec<u8>>().unwrap();
    assert!(sender.try_send(large()).is_err());
    let mut sender = moved(sender);
    let error = receiver.try_recv().unwrap_err();
    assert_eq!(error.kind(), RecvErrorKind::Empty);
    sender.send(vec![2]).unwrap();
    assert_eq!(receiver.recv_timeout(LONG).unwrap(), [2]);
}

/// What is moved through a channel, as if to another process.
fn moved<E: serde::Serialize + serde::de::DeserializeOwned + 'static>(end: E) -> E {
    let (mut there, mut here) = channel().unwrap();
    assert!(there.send(end).is_ok());
    here.recv().unwrap()
}

#[test]
fn a_receiver_that_is_moved_again_and_again_makes_room() {
    let (mut sender, mut receiver) = channel::<Vec<u8>>().unwrap();
    let value = vec![3; 100_000];
    for round in 0..30 {
        let sent = sender.send_timeout(value.clone(), LONG);
        assert!(sent.is_ok(), "{round}: {sent:?}");
        assert!(receiver.recv_timeout(LONG).unwrap() == value);
        receiver = moved(receiver);
    }
}

/// Whether nobody has the other end of a pipe any more, or soon won't: a process that is being started by another test may have it
/// for a moment.
fn is_at_end(read: &OwnedFd) -> bool {
    wait_readable(&[read.as_fd()], Some(LONG)).unwrap()[0]
}

type WithFile = (Fd<File>, Bytes);

#[test]
fn descriptors_of_messages_that_were_not_sent_dont_pile_up() {
    let (mut sender, mut receiver) = channel::<WithFile>().unwrap();
    let (read, write) = fd::pipe().unwrap();
    let write = File::from(write);
    let file = || Fd(write.try_clone().unwrap());
    // The first is begun, the others don't even get so far.
    for _ in 0..1000 {
        let error = sender.try_send((file(), large().into())).unwrap_err();
        assert_eq!(error.kind(), SendErrorKind::Full);
    }
    let error = receiver.try_recv().unwrap_err();
    assert_eq!(error.kind(), RecvErrorKind::Empty);
    let null = Fd(File::open("/dev/null").unwrap());
    sender.send_timeout((null, vec![1].into()), LONG).unwrap();
    assert_eq!(receiver.recv_timeout(LONG).unwrap().1.to_vec(), [1]);
    // None is on its way any more: the pipe is at its end.
    drop(write);
    assert!(is_at_end(&read));
}

#[test]
fn descriptors_of_messages_that_were_cancelled_are_closed() {
    let (mut sender, mut receiver) = channel::<WithFile>().unwrap();
    let (read, write) = fd::pipe().unwrap();
    let write = File::from(write);
    for _ in 0..1000 {
        let file = Fd(write.try_clone().unwrap());
        let error = sender.try_send((file, large().into())).unwrap_err();
        assert_eq!(error.kind(), SendErrorKind::Full);
        let error = receiver.try_recv().unwrap_err();
        assert_eq!(error.kind(), RecvErrorKind::Empty);
    }
    drop(write);
    sender.send_bytes(&[4]).unwrap();
    assert_eq!(receiver.recv_bytes_timeout(LONG).unwrap(), [4]);
    assert!(is_at_end(&read));
}

#[test]
fn a_moved_sender_names_its_descriptors_otherwise() {
    let (mut sender, mut receiver) = channel::<WithFile>().unwrap();
    let wrong = || Fd(File::open("/dev/zero").unwrap());
    for _ in 0..100 {
        assert!(sender.try_send((wrong(), large().into())).is_err());
    }
    let mut sender = moved(sender);
    assert!(receiver.try_recv().is_err());
    for _ in 0..100 {
        let null = Fd(File::open("/dev/null").unwrap());
        sender.send((null, Bytes::default())).unwrap();
        let (received, _) = receiver.recv_timeout(LONG).unwrap();
        let expected = nix::sys::stat::stat("/dev/null").unwrap().st_rdev;
        let device = nix::sys::stat::fstat(&*received).unwrap().st_rdev;
        assert_eq!(device, expected);
    }
}

#[test]
fn a_descriptor_that_does_not_block_is_waited_for() {
    let (mut sender, mut receiver) = channel::<u32>().unwrap();
    // As event loops want it.
    fcntl(receiver.as_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    let sending = thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        sender.send(1).unwrap();
    });
    assert_eq!(receiver.recv().unwrap(), 1);
    assert_eq!(receiver.recv().unwrap_err().kind(), RecvErrorKind::Closed);
    sending.join().unwrap();
}

#[test]
fn a_truncated_message_is_told_once() {
    let (mut sender, mut receiver) = channel::<Vec<u8>>().unwrap();
    assert!(sender.try_send(large()).is_err());
    drop(sender);
    assert!(receiver.poll(NOW).unwrap());
    let kinds: Vec<_> = receiver
        .iter()
        .take(3)
        .map(|received| received.unwrap_err().kind())
        .collect();
    assert_eq!(kinds, [RecvErrorKind::Truncated]);
    assert_eq!(receiver.recv().unwrap_err().kind(), RecvErrorKind::Closed);
}

#[test]
fn an_iterator_does_not_repeat_an_error_for_ever() {
    let (mut sender, mut receiver) = channel::<u8>().unwrap();
    sender.send(1).unwrap();
    sender.send_bytes(&[2]).unwrap();
    let kinds: Vec<_> = receiver
        .iter()
        .take(5)
        .map(|received| received.map_err(|error| error.kind()))
        .collect();
    assert_eq!(kinds, [Ok(1), Err(RecvErrorKind::OtherKind)]);
    assert_eq!(receiver.recv_bytes().unwrap(), [2]);
}

#[test]
fn the_rest_of_a_damaged_message_is_no_message() {
    let (mut sender, mut receiver) = channel::<Vec<String>>().unwrap();
    let [memory, ..] = sender.descriptors().unwrap();
    sender.send(vec!["long".repeat(50_000)]).unwrap();
    // Its second chunk now says that it is all of another message: three bytes.
    let second = 4096 + frame::CHUNK as i64 + 8;
    let head = frame::Head::new(8 + 3, frame::Head::BYTES | frame::Head::LAST);
    for (word, at) in [(head.0, second), (3, second + 8)] {
        nix::sys::uio::pwrite(&*memory, &word.to_ne_bytes(), at).unwrap();
    }
    let error = receiver.try_recv().unwrap_err();
    assert_eq!(error.kind(), RecvErrorKind::Damaged);
    for _ in 0..3 {
        let error = receiver.recv_bytes_timeout(NOW).unwrap_err();
        assert_eq!(error.kind(), RecvErrorKind::Damaged);
    }
}

#[test]
fn a_fork_that_drops_its_copy_does_not_close_the_channel() {
    let (mut sender, mut receiver) = channel::<u32>().unwrap();
    #[allow(unsafe_code)]
    // SAFETY: the fork only closes and unmaps things, and leaves.
    match unsafe { nix::unistd::fork() }.unwrap() {
        nix::unistd::ForkResult::Child => {
            drop(receiver);
            #[allow(unsafe_code)]
            // SAFETY: it runs nothing.
            unsafe {
                libc::_exit(0)
            }
        }
        nix::unistd::ForkResult::Parent { child } => {
            nix::sys::wait::waitpid(child, None).unwrap();
        }
    }
    sender.send(1).unwrap();
    assert_eq!(receiver.recv_timeout(LONG).unwrap(), 1);
}
