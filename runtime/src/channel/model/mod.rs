//! An exhaustive search through the protocol of a channel, with a death before each step.
//!
//! # What is modelled
//!
//! A writer and a reader, as `writer` and `reader` have them, each access to shared memory and each system call a step. Either may do its next
//! step at any time, and may be killed before any; its descriptors are then closed one after the other, in any order. The
//! ring has four cells and the longest chunk two. Pipe and socket are level-triggered and take one byte; a second one finds them full.
//!
//! The writer sends messages of one chunk or several, with or without a time limit, looks whether there still is a reader or doesn't, and moves to another process between
//! two messages; so what is local is then forgotten except for what is sent along. The reader receives them with
//! or without a time limit, or after a `wait` (which futures and event loops do likewise: arm, sleep until the pipe is readable, look), moves, and
//! leaves early or at the end.
//!
//! # What is found
//!
//! - A state in which nobody can go on and a side sleeps although there is something, or room, or the other side is gone.
//! - A run without an end.
//! - Messages that are lost, doubled, out of order, or that consist of something else than was sent.
//!
//! Each essential step has a [`Flaw`] that leaves it out, and a test that fails if that isn't found.
//!
//! # What is not
//!
//! Memory is sequentially consistent. What a weaker order would do in the two places where a side stores and then looks is what the flaws do
//! in which it looks first. Spinning is one look more. Descriptors in messages. Two threads that wait for the same receiver.
//!
//! Tools that run the real code under all interleavings, loom and shuttle, know neither pipes nor sockets nor processes that die, which is what this
//! protocol is about.
//!
//! The larger searches are ignored by default:
//!
//! ```sh
//! cargo test --release -p offspring --lib channel::model -- --ignored
//! ```

mod reader;
mod tests;
mod writer;

use crate::model::{Found, Model, Step};
use reader::Reader;
use std::hash::{DefaultHasher, Hash, Hasher};
use writer::Writer;

const SIZE: u8 = 4;
const TELL_AFTER: u8 = 2;

/// How many bytes the pipe takes, and how many words the socket.
const CAPACITY: u8 = 1;

const WRITER: usize = 0;
const READER: usize = 1;

const WRITER_SLEEPS: &str = "the writer sleeps for ever";
const READER_SLEEPS: &str = "the reader sleeps for ever";
const TORN: &str = "a message consists of something else";
const LOST: &str = "a message was lost";

/// What is done wrong, to see whether that is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,

    // The writer.
    /// Says that it sleeps, and doesn't look once more.
    WriterLooksOnce,
    /// Looks whether the reader sleeps before it publishes.
    LooksBeforePublishing,
    /// Publishes before it stores.
    PublishesFirst,
    /// Wakes the reader, and then takes back that it sleeps.
    WakesFirst,
    /// Takes a word for room.
    BelievesWords,
    /// Looks for words, and not for the end.
    OverhearsEnd,
    /// Forgets a message that it has begun when there is no room to cancel it.
    ForgetsHalfway,
    /// Doesn't send along that it has begun a message.
    MovesWithoutHalfway,

    // The reader.
    /// Says that it sleeps, and doesn't look once more.
    ReaderLooksOnce,
    /// The same, before a `wait`.
    ArmsBlindly,
    /// Believes that the channel is at its end without another look.
    EndsBlindly,
    /// Tells how far it is before it has read.
    TellsFirst,
    /// Looks whether the writer sleeps before it tells.
    LooksBeforeTelling,
    /// Tells too seldom.
    TellsLate,
    /// When it has moved, takes for granted that the writer knows where it is.
    MovedTrusts,
    /// Lets the pipe beat on.
    LeavesPulse,
}

/// A message to be sent.
#[derive(Clone, Copy)]
struct Sending {
    chunks: &'static [u8],
    /// There is a time limit.
    is_timed: bool,
    /// The end is moved afterwards.
    moves: bool,
}

/// How is received.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Recv,
    /// With a time limit, that is hit so often at most.
    Timed(u8),
    /// `wait`, then `recv`.
    Wait,
}

#[derive(Clone, Copy)]
struct Channel {
    messages: &'static [Sending],
    /// The writer keeps its end when it has sent all, and does nothing more.
    stays: bool,
    /// The writer looks now and then whether there is a reader.
    looks: bool,
    reading: Reading,
    /// After how many messages the reader moves each time, so often.
    moves: u8,
    /// After how many messages it leaves.
    leaves_after: u8,
    deaths: u8,
    flaw: Flaw,
}

/// What is in a cell of the ring.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Cell {
    /// The first is 1.
    message: u8,
    chunk: u8,
    index: u8,
    extent: u8,
    is_last: bool,
    is_cancel: bool,
}

/// Whether the descriptors of a side are open.
#[derive(Clone, Copy, Hash)]
struct Descriptors {
    pulse: bool,
    socket: bool,
}

#[derive(Clone, Hash)]
struct State {
    // The memory.
    cells: [Cell; SIZE as usize],
    written: u8,
    read: u8,
    reader_sleeps: bool,
    writer_sleeps: bool,
    reader_left: bool,
    // The kernel's.
    pulse: u8,
    words: u8,
    of_writer: Descriptors,
    of_reader: Descriptors,
    // For the search.
    deaths: u8,
    /// Which messages are in the ring as a whole, or were; a bit each.
    sent: u16,
    writer: Writer,
    reader: Reader,
}

impl Descriptors {
    /// One more is closed, either; `None` if none is open.
    fn close(self) -> Option<Vec<Self>> {
        let mut after = Vec::new();
        if self.pulse {
            after.push(Self {
                pulse: false,
                ..self
            });
        }
        if self.socket {
            after.push(Self {
                socket: false,
                ..self
            });
        }
        (!after.is_empty()).then_some(after)
    }
}

impl Channel {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    /// What is wrong with a state in which nobody can go on.
    fn end(&self, state: &State) -> Result<(), &'static str> {
        if !state.writer.is_done() {
            return Err(WRITER_SLEEPS);
        }
        let is_waiting = state.writer.stays() && state.written == state.reader.position();
        match state.reader.is_done() || is_waiting {
            true => Ok(()),
            false => Err(READER_SLEEPS),
        }
    }
}

impl Model for Channel {
    type State = State;

    fn start(&self) -> State {
        let all = Descriptors {
            pulse: true,
            socket: true,
        };
        State {
            cells: [Cell::default(); SIZE as usize],
            written: 0,
            read: 0,
            reader_sleeps: false,
            writer_sleeps: false,
            reader_left: false,
            pulse: 0,
            words: 0,
            of_writer: all,
            of_reader: all,
            deaths: self.deaths,
            sent: 0,
            writer: Writer::new(self),
            reader: Reader::new(self),
        }
    }

    fn fingerprint(&self, state: &State) -> u64 {
        let mut hasher = DefaultHasher::new();
        state.hash(&mut hasher);
        hasher.finish()
    }

    fn successors(&self, state: &State) -> Found<State> {
        let mut next = self.writer_steps(state);
        next.extend(self.reader_steps(state)?);
        if next.is_empty() {
            self.end(state)?;
        }
        if state.deaths > 0 {
            for side in [WRITER, READER] {
                let mut dead = state.clone();
                dead.deaths -= 1;
                let was_alive = match side {
                    WRITER => dead.writer.die(),
                    _ => dead.reader.die(),
                };
                if was_alive {
                    next.push((Step(side, "is killed"), dead));
                }
            }
        }
        Ok(next)
    }

    fn describe(&self, state: &State) -> String {
        format!(
            "written {}, read {}, sent {:b}, the reader is at {} and sleeps {}, the writer sleeps {}, {} bytes, {} words",
            state.written,
            state.read,
            state.sent,
            state.reader.position(),
            state.reader_sleeps,
            state.writer_sleeps,
            state.pulse,
            state.words
        )
    }
}
