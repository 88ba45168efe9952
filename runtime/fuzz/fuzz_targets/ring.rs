//! A channel whose other side writes anything into the memory, and anything to the descriptors, between operations. Whatever comes of it is an error or
//! a value, at once. As long as nothing is damaged all messages come, in their order.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::uio::{pread, pwrite};
use offspring::__fuzzing::{self as internals, CONTROL, LARGEST_CHUNK, RING};
use offspring::{Bytes, Fd, Receiver, RecvError, RecvErrorKind, SendErrorKind, Sender, channel};
use offspring_fuzz::next_descriptor;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

#[derive(Arbitrary, Debug)]
enum Step {
    Send {
        text: Size,
        numbers: Size,
        bytes: Size,
        files: u8,
    },
    SendBytes(Size),
    Receive,
    ReceiveBytes,
    ReceiveInto(Size),
    Poll,
    MoveSender,
    MoveReceiver,
    DropSender,
    DropReceiver,
    Damage(Damage),
}

#[derive(Arbitrary, Debug)]
enum Damage {
    /// Writes a word somewhere.
    Word(Place, u64),
    /// Changes a position by so many words.
    Shift(Place, i16),
    /// Writes a chunk as the writer would; how much of it is published beyond that.
    Chunk {
        len: Size,
        flags: u8,
        payload: Vec<u64>,
        more: i8,
    },
    /// A byte in the pipe.
    Beat,
    /// Something in one of the sockets.
    Say {
        to_writer: bool,
        words: Vec<u64>,
        fds: u8,
    },
    /// An end comes from elsewhere.
    SenderAt(u64),
    ReceiverAt(u64),
}

#[derive(Arbitrary, Debug)]
enum Place {
    Written,
    Read,
    ReaderSleeps,
    WriterSleeps,
    ReaderLeft,
    Head(u8),
    Ring(u32),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Size {
    Small(u8),
    /// About as long as a chunk.
    Chunk(i8),
    Large(u32),
}

impl Size {
    fn get(self) -> usize {
        match self {
            Self::Small(len) => len.into(),
            Self::Chunk(more) => LARGEST_CHUNK.wrapping_add_signed(more.into()),
            Self::Large(len) => len as usize % (RING + RING / 2),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    text: String,
    numbers: Vec<u32>,
    bytes: Bytes,
    files: Vec<Fd<File>>,
    end: Option<Receiver<u8>>,
}

/// What is on its way, as far as that is known.
#[derive(Debug, PartialEq)]
enum Message {
    /// Lengths, and which files.
    Item([usize; 3], Vec<u64>),
    Bytes(usize),
}

struct World {
    sender: Option<Sender<Item>>,
    receiver: Option<Receiver<Item>>,
    sent: VecDeque<Message>,
    /// Whether the beginning of a message may be there that was given up.
    is_halfway: bool,
    /// How many files there have been.
    files: u64,
    /// What is damaged by: the descriptors of both ends, from when that began.
    foe: Option<Foe>,
}

struct Foe {
    writers: [Arc<OwnedFd>; 3],
    readers: [Arc<OwnedFd>; 3],
}

const NOW: Duration = Duration::ZERO;

fuzz_target!(|steps: Vec<Step>| {
    let before = next_descriptor();
    let (sender, receiver) = channel().unwrap();
    let mut world = World {
        sender: Some(sender),
        receiver: Some(receiver),
        sent: VecDeque::new(),
        is_halfway: false,
        files: 0,
        foe: None,
    };
    for step in steps.into_iter().take(60) {
        world.step(step);
    }
    drop(world);
    assert_eq!(next_descriptor(), before);
});

impl World {
    fn step(&mut self, step: Step) {
        match step {
            Step::Send {
                text,
                numbers,
                bytes,
                files,
            } => self.send(
                text.get() % 20_000,
                numbers.get() % 5000,
                bytes.get(),
                files,
            ),
            Step::SendBytes(len) => self.send_bytes(len.get()),
            Step::Receive => self.receive(|receiver| {
                receiver.try_recv().map(|item| {
                    assert!(item.numbers.iter().all(|number| *number == 7));
                    let files = item.files.iter().map(|file| file.metadata().unwrap().len());
                    let lengths = [item.text.len(), item.numbers.len(), item.bytes.len()];
                    Message::Item(lengths, files.collect())
                })
            }),
            Step::ReceiveBytes => self.receive(|receiver| {
                let bytes = receiver.recv_bytes_timeout(NOW)?;
                Ok(Message::Bytes(bytes.len()))
            }),
            Step::ReceiveInto(len) => self.receive(|receiver| {
                let mut buffer = vec![0; len.get()];
                let len = receiver.recv_bytes_into_timeout(&mut buffer, NOW)?;
                assert!(len <= buffer.len());
                Ok(Message::Bytes(len))
            }),
            Step::Poll => {
                let Some(receiver) = &mut self.receiver else {
                    return;
                };
                let is_there = receiver.poll(NOW);
                if self.foe.is_none() && !self.sent.is_empty() {
                    assert!(is_there.unwrap());
                }
            }
            Step::MoveSender => {
                if let Some(sender) = self.sender.take() {
                    self.sender = internals::pass(&sender).ok();
                }
            }
            Step::MoveReceiver => {
                if let Some(receiver) = self.receiver.take() {
                    // Half a message stays where it is.
                    self.receiver = internals::pass(&receiver).ok().or(Some(receiver));
                }
            }
            Step::DropSender => self.sender = None,
            Step::DropReceiver => self.receiver = None,
            Step::Damage(damage) => {
                if self.foe.is_none() {
                    let (Some(sender), Some(receiver)) = (&self.sender, &self.receiver) else {
                        return;
                    };
                    self.foe = Some(Foe {
                        writers: internals::of_sender(sender).unwrap(),
                        readers: internals::of_receiver(receiver).unwrap(),
                    });
                }
                self.damage(damage);
            }
        }
    }

    fn send(&mut self, text: usize, numbers: usize, bytes: usize, files: u8) {
        let Some(sender) = &mut self.sender else {
            return;
        };
        let names: Vec<_> = (1..=u64::from(files % 4)).map(|n| self.files + n).collect();
        self.files += names.len() as u64;
        let files: Vec<_> = names.iter().map(|name| Fd(file(*name))).collect();
        let message = Message::Item([text, numbers, bytes], names);
        let item = Item {
            text: "t".repeat(text),
            numbers: vec![7; numbers],
            bytes: vec![1; bytes].into(),
            end: (files.len() == 3).then(|| channel().unwrap().1),
            files,
        };
        match sender.try_send(item) {
            Ok(()) => {
                self.sent.push_back(message);
                self.is_halfway = false;
            }
            Err(error) if self.foe.is_none() => {
                let is_open = error.kind() == SendErrorKind::Full;
                assert_eq!(is_open, self.receiver.is_some(), "{error}");
                self.is_halfway = is_open;
            }
            Err(_) => {}
        }
    }

    fn send_bytes(&mut self, len: usize) {
        let Some(sender) = &mut self.sender else {
            return;
        };
        let sent = sender.send_bytes_timeout(&vec![9; len], NOW);
        self.is_halfway = sent.is_err();
        if sent.is_ok() {
            self.sent.push_back(Message::Bytes(len));
        }
    }

    fn receive(&mut self, what: impl FnOnce(&mut Receiver<Item>) -> Result<Message, RecvError>) {
        let Some(receiver) = &mut self.receiver else {
            return;
        };
        let received = what(receiver);
        if self.foe.is_some() {
            return;
        }
        match received {
            Ok(message) => assert_eq!(Some(message), self.sent.pop_front()),
            Err(error) => match error.kind() {
                RecvErrorKind::Empty => assert!(self.sent.is_empty() && self.sender.is_some()),
                RecvErrorKind::Closed => assert!(self.sent.is_empty() && self.sender.is_none()),
                RecvErrorKind::Truncated => assert!(self.sender.is_none()),
                RecvErrorKind::Damaged => panic!("{error}"),
                // Another kind of message, or too long for the buffer: it is still there.
                _ => assert!(!self.sent.is_empty() || self.is_halfway, "{error}"),
            },
        }
    }

    fn damage(&mut self, damage: Damage) {
        let Some(foe) = &self.foe else {
            return;
        };
        let [memory, pulse, writer] = &foe.writers;
        let reader = &foe.readers[2];
        match damage {
            Damage::Word(place, word) => {
                let at = foe.at(&place);
                pwrite(memory, &word.to_ne_bytes(), at as i64).unwrap();
            }
            Damage::Shift(place, by) => {
                let at = foe.at(&place);
                let word = foe.word(at).wrapping_add_signed(8 * i64::from(by));
                pwrite(memory, &word.to_ne_bytes(), at as i64).unwrap();
            }
            Damage::Chunk {
                len,
                flags,
                payload,
                more,
            } => {
                let written = foe.word(internals::WRITTEN);
                let len = len.get() as u64;
                let head = len | u64::from(flags) << 32;
                let words = [head].into_iter().chain(payload);
                for (index, word) in words.enumerate() {
                    let at = ring(written.wrapping_add(8 * index as u64));
                    pwrite(memory, &word.to_ne_bytes(), at as i64).unwrap();
                }
                let extent = 8 + len.next_multiple_of(8);
                let now = written
                    .wrapping_add(extent)
                    .wrapping_add_signed(8 * i64::from(more));
                pwrite(memory, &now.to_ne_bytes(), internals::WRITTEN as i64).unwrap();
            }
            // It may be full, or its other end closed.
            Damage::Beat => drop(nix::unistd::write(pulse, &[1])),
            Damage::Say {
                to_writer,
                words,
                fds,
            } => {
                let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
                let from = if to_writer { reader } else { writer };
                let _ = internals::send(from.as_fd(), &bytes, fds % 4);
            }
            Damage::SenderAt(position) => {
                self.sender = internals::arrive(&foe.writers, position).ok();
            }
            Damage::ReceiverAt(position) => {
                self.receiver = internals::arrive(&foe.readers, position).ok();
            }
        }
    }
}

impl Foe {
    fn word(&self, at: u64) -> u64 {
        let mut word = [0; 8];
        pread(&self.writers[0], &mut word, at as i64).unwrap();
        u64::from_ne_bytes(word)
    }

    fn at(&self, place: &Place) -> u64 {
        match place {
            Place::Written => internals::WRITTEN,
            Place::Read => internals::READ,
            Place::ReaderSleeps => internals::READER_SLEEPS,
            Place::WriterSleeps => internals::WRITER_SLEEPS,
            Place::ReaderLeft => internals::READER_LEFT,
            Place::Head(word) => ring(
                self.word(internals::READ)
                    .wrapping_add(8 * u64::from(*word)),
            ),
            Place::Ring(at) => ring(u64::from(*at) / 8 * 8),
        }
    }
}

/// A file that is recognized by its length.
fn file(name: u64) -> File {
    let file = File::from(memfd_create(c"fuzz", MFdFlags::MFD_CLOEXEC).unwrap());
    file.set_len(name).unwrap();
    file
}

/// Where in the memory a position is.
fn ring(position: u64) -> u64 {
    CONTROL + position / 8 * 8 % RING as u64
}
