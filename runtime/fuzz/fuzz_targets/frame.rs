//! Any bytes on the socket between parent and child, in any pieces, with descriptors at any of them.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use offspring::__fuzzing::{Frame, encode, frame, read_report, send, value};
use offspring_fuzz::{Everything, next_descriptor};
use std::io::Read;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

#[derive(Arbitrary, Debug)]
struct Input {
    limit: u64,
    accept_fds: bool,
    /// How long, and with how many descriptors.
    pieces: Vec<(u16, u8)>,
    source: Source,
}

#[derive(Arbitrary, Debug)]
enum Source {
    /// A frame with a value, some bytes of which are changed.
    Value(Box<Everything>, Vec<(u16, u8)>),
    /// Behind what a frame begins with.
    Head(Vec<u8>),
    Bytes(Vec<u8>),
}

/// What a socket takes without anybody reading it.
const MOST: usize = 100_000;

fuzz_target!(|input: Input| {
    let before = next_descriptor();
    run(input);
    assert_eq!(next_descriptor(), before);
});

fn run(input: Input) {
    let has_fds = input.pieces.iter().any(|(_, fds)| fds % 4 > 0);
    let is_intact = matches!(&input.source, Source::Value(_, edits) if edits.is_empty());
    let mut expected = None;
    let bytes = match input.source {
        Source::Bytes(bytes) => bytes,
        Source::Head(rest) => [b"ofs1", &rest[..]].concat(),
        Source::Value(value, edits) => {
            let Some(mut bytes) = framed(&value) else {
                return;
            };
            if is_intact && !has_fds && input.limit >= MOST as u64 {
                expected = Some(value);
            }
            for (at, byte) in edits {
                let len = bytes.len();
                bytes[usize::from(at) % len] = byte;
            }
            bytes
        }
    };
    let (to, from) = UnixStream::pair().unwrap();
    let mut incoming = Frame::new(input.limit, input.accept_fds);
    let mut rest = &bytes[..bytes.len().min(MOST)];
    let mut pieces = input.pieces.into_iter();
    let mut turns = 0;
    let received = loop {
        if rest.is_empty() {
            to.shutdown(Shutdown::Write).unwrap();
        } else {
            let (len, fds) = pieces.next().unwrap_or((u16::MAX, 0));
            let (piece, later) = rest.split_at(rest.len().min(usize::from(len).max(1)));
            let sent = send(to.as_fd(), piece, fds % 4).unwrap();
            assert_eq!(sent, piece.len());
            rest = later;
        }
        match incoming.receive(from.as_fd()) {
            Ok(Some((_, received))) => break Some(received),
            Ok(None) => {}
            Err(_) => break None,
        }
        turns += 1;
        assert!(turns < 200_000, "it has no end");
    };
    if let Some(received) = &received {
        read_report(received);
    }
    let is_whole = received.is_some();
    let result = received.map(value::<Everything>);
    if let Some(expected) = expected {
        assert!(is_whole);
        let result = result.unwrap().expect("what was sent");
        assert_eq!(encode(&result), encode(&*expected));
    }
}

fn framed(value: &Everything) -> Option<Vec<u8>> {
    let (to, mut from) = UnixStream::pair().unwrap();
    if !frame(value, to.as_fd()).ok()? {
        return None;
    }
    drop(to);
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).unwrap();
    (bytes.len() < MOST).then_some(bytes)
}
