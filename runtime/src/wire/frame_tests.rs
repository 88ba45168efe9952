use super::*;
use crate::sys::fd;
use crate::wire::descriptor::tests::{Text, pipe};
use nix::sys::socket::{setsockopt, sockopt};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

fn message(body: &[u8], fds: Vec<Arc<OwnedFd>>) -> Message<'static> {
    Message {
        body: body.to_vec(),
        fds,
        ..Message::default()
    }
}

fn receive(socket: &OwnedFd) -> Result<Received, FrameError> {
    match Incoming::new(u64::MAX, true).receive(socket.as_fd(), true)? {
        Progress::Complete(Kind::Tasks, received) => Ok(received),
        other => panic!("{other:?}"),
    }
}

/// Writes to each of the descriptors which one it is.
fn number(received: Received, name: &str) {
    for (index, fd) in received.beside.fds.into_iter().enumerate() {
        let Arrival::Here(fd) = fd else {
            panic!("{fd:?}");
        };
        nix::unistd::write(fd, format!("{name}{index}").as_bytes()).unwrap();
    }
}

fn pipes(count: usize) -> (Vec<Text>, Vec<Arc<OwnedFd>>) {
    (0..count)
        .map(|_| pipe())
        .map(|(text, handle)| (text, handle.0))
        .unzip()
}

fn texts(texts: Vec<Text>) -> Vec<String> {
    texts.into_iter().map(Text::all).collect()
}

#[test]
fn frames_one_after_the_other_keep_their_descriptors() {
    let (ours, theirs) = socket::pair().unwrap();
    let (first, second, third) = (pipes(2), pipes(1), pipes(socket::MAX_FDS));
    for (body, fds) in [
        (&b"first"[..], first.1),
        (b"", second.1),
        (b"none", Vec::new()),
        (b"third", third.1),
    ] {
        let mut frame = Outgoing::new(Kind::Tasks, message(body, fds)).unwrap();
        assert!(frame.send(ours.as_fd(), false).unwrap());
    }
    number(receive(&theirs).unwrap(), "a");
    let received = receive(&theirs).unwrap();
    assert_eq!(received.body, b"");
    number(received, "b");
    let received = receive(&theirs).unwrap();
    assert!(received.body == b"none" && received.beside.fds.is_empty());
    number(receive(&theirs).unwrap(), "c");
    assert_eq!(texts(first.0), ["a0", "a1"]);
    assert_eq!(texts(second.0), ["b0"]);
    let all: Vec<_> = (0..socket::MAX_FDS).map(|n| format!("c{n}")).collect();
    assert_eq!(texts(third.0), all);
}

#[test]
fn a_frame_in_many_pieces_brings_its_descriptors_once() {
    let (ours, theirs) = socket::pair().unwrap();
    setsockopt(&ours, sockopt::SndBuf, &4096).unwrap();
    let (outputs, fds) = pipes(3);
    let bytes = Arc::new(vec![7; 4096]);
    let message = Message {
        // Its head alone is more than the socket takes at once.
        bulk: (0..2000)
            .map(|_| Bulk::Shared {
                element: Element::U8,
                bytes: bytes.clone(),
            })
            .collect(),
        ..message(&[1; 100_000], fds)
    };
    let mut frame = Outgoing::new(Kind::Tasks, message).unwrap();
    let mut incoming = Incoming::new(u64::MAX, true);
    let (mut is_sent, mut pieces) = (false, 0);
    let received = loop {
        if !is_sent {
            is_sent = frame.send(ours.as_fd(), false).unwrap();
            pieces += 1;
        }
        match incoming.receive(theirs.as_fd(), false).unwrap() {
            Progress::Pending => {}
            Progress::Complete(_, received) => break received,
        }
    };
    assert!(is_sent && pieces > 100, "{pieces}");
    assert!(received.beside.bulk.len() == 2000 && received.body.len() == 100_000);
    number(received, "");
    drop(frame);
    assert_eq!(texts(outputs), ["0", "1", "2"]);
}

#[test]
fn a_frame_must_have_as_many_descriptors_as_it_says() {
    let head = |fds: u32| {
        let mut head = empty(Kind::Tasks);
        head[20..].copy_from_slice(&fds.to_le_bytes());
        head
    };
    for (said, sent) in [(1, 0), (0, 1), (2, 1), (1, 2), (u32::MAX, 1)] {
        let (ours, theirs) = socket::pair().unwrap();
        let (outputs, fds) = pipes(sent);
        socket::send(ours.as_fd(), &[IoSlice::new(&head(said))], &fds, true).unwrap();
        drop(fds);
        let error = receive(&theirs).unwrap_err().to_string();
        assert_eq!(error, "corrupt message: descriptors are missing");
        assert!(texts(outputs).iter().all(String::is_empty));
    }
}

#[test]
fn who_accepts_no_descriptors_gets_none() {
    let (ours, theirs) = socket::pair().unwrap();
    let (outputs, fds) = pipes(2);
    let mut frame = Outgoing::new(Kind::Returned, message(b"body", fds)).unwrap();
    frame.send(ours.as_fd(), true).unwrap();
    drop(frame);
    let progress = Incoming::new(u64::MAX, false).receive(theirs.as_fd(), true);
    let Ok(Progress::Complete(Kind::Returned, received)) = progress else {
        panic!("{progress:?}");
    };
    assert!(received.body == b"body" && received.beside.fds.is_empty());
    assert_eq!(texts(outputs), ["", ""]);
}

#[test]
fn a_message_takes_so_many() {
    let fd = Arc::new(fd::pipe().unwrap().0);
    let refused = Outgoing::new(Kind::Tasks, message(b"", vec![fd; socket::MAX_FDS + 1]));
    let error = refused.err().unwrap().to_string();
    assert!(error.contains("253 descriptors"), "{error}");
}
