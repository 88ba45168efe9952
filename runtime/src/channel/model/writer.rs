//! The writer's steps.

use super::{CAPACITY, Cell, Channel, Flaw, SIZE, State, WRITER};
use crate::model::Step;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum At {
    Refresh,
    Announce,
    LookAgain,
    Sleep,
    Listen,
    Left,
    Look,
    Store,
    Publish,
    Check,
    TakeBack,
    Wake,
    Stays,
    Closing,
    Gone,
}

#[derive(Clone, Hash)]
pub(super) struct Writer {
    at: At,
    message: u8,
    chunk: u8,
    /// Which cell of the chunk is stored next.
    index: u8,
    written: u8,
    read: u8,
    is_halfway: bool,
    /// The chunk is one that cancels what was begun.
    cancels: bool,
    /// What a flawed one has seen too early.
    saw_sleeper: bool,
}

impl Writer {
    pub(super) fn new(channel: &Channel) -> Self {
        let mut writer = Self {
            at: At::Refresh,
            message: 0,
            chunk: 0,
            index: 0,
            written: 0,
            read: 0,
            is_halfway: false,
            cancels: false,
            saw_sleeper: false,
        };
        writer.begin_chunk(channel);
        writer
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.at, At::Stays | At::Gone)
    }

    pub(super) fn stays(&self) -> bool {
        self.at == At::Stays
    }

    /// Whether it was alive.
    pub(super) fn die(&mut self) -> bool {
        let was_alive = !matches!(self.at, At::Closing | At::Gone);
        self.at = At::Closing;
        was_alive
    }

    fn extent(&self, channel: &Channel) -> u8 {
        match self.cancels {
            true => 1,
            false => channel.messages[usize::from(self.message)].chunks[usize::from(self.chunk)],
        }
    }

    fn has_room(&self, channel: &Channel) -> bool {
        SIZE - (self.written - self.read) >= self.extent(channel)
    }

    fn begin_chunk(&mut self, channel: &Channel) {
        self.index = 0;
        if usize::from(self.message) == channel.messages.len() {
            self.at = match channel.stays {
                true => At::Stays,
                false => At::Closing,
            };
            return;
        }
        self.cancels = self.is_halfway && self.chunk == 0;
        match self.has_room(channel) {
            true => self.has_found_room(channel),
            false => self.at = At::Refresh,
        }
    }

    fn has_found_room(&mut self, channel: &Channel) {
        self.at = match self.chunk == 0 && !self.cancels {
            true => At::Left,
            false => self.first_of_publication(channel),
        };
    }

    fn first_of_publication(&self, channel: &Channel) -> At {
        match channel.flaw {
            Flaw::PublishesFirst => At::Publish,
            _ => At::Store,
        }
    }

    fn end_chunk(&mut self, channel: &Channel) {
        if self.cancels {
            self.is_halfway = false;
        } else {
            self.chunk += 1;
            let chunks = channel.messages[usize::from(self.message)].chunks;
            if usize::from(self.chunk) == chunks.len() {
                self.end_message(channel);
            }
        }
        self.begin_chunk(channel);
    }

    fn end_message(&mut self, channel: &Channel) {
        if channel.messages[usize::from(self.message)].moves {
            self.read = self.written.saturating_sub(SIZE);
            self.is_halfway &= !channel.has(Flaw::MovesWithoutHalfway);
        }
        self.message += 1;
        self.chunk = 0;
    }

    fn times_out(&mut self, channel: &Channel) {
        if channel.has(Flaw::ForgetsHalfway) {
            self.is_halfway = false;
        }
        self.is_halfway |= self.chunk > 0;
        self.end_message(channel);
        self.begin_chunk(channel);
    }
}

impl Channel {
    pub(super) fn writer_steps(&self, state: &State) -> Vec<(Step, State)> {
        let mut next = Vec::new();
        let mut after = state.clone();
        let name = match state.writer.at {
            At::Sleep => {
                let is_timed = self.messages[usize::from(state.writer.message)].is_timed;
                let is_over = !state.of_reader.socket && !self.has(Flaw::OverhearsEnd);
                if state.words > 0 || is_over {
                    after.writer.at = At::Listen;
                    "is woken"
                } else if is_timed {
                    after.writer.times_out(self);
                    "has no more time"
                } else {
                    return next;
                }
            }
            At::Left => {
                if !state.reader_left && self.looks {
                    let mut looking = state.clone();
                    looking.writer.at = At::Look;
                    next.push((Step(WRITER, "is due to look"), looking));
                }
                after.writer.at = match state.reader_left {
                    true => At::Closing,
                    false => state.writer.first_of_publication(self),
                };
                "looks whether the reader has left"
            }
            At::Closing => {
                let Some(closed) = state.of_writer.close() else {
                    after.writer.at = At::Gone;
                    return vec![(Step(WRITER, "is gone"), after)];
                };
                for descriptors in closed {
                    let mut after = state.clone();
                    after.of_writer = descriptors;
                    next.push((Step(WRITER, "closes"), after));
                }
                return next;
            }
            At::Stays | At::Gone => return next,
            _ => self.writer_step(&mut after),
        };
        next.push((Step(WRITER, name), after));
        next
    }

    /// One of the steps that have one outcome.
    fn writer_step(&self, state: &mut State) -> &'static str {
        let State { writer, .. } = state;
        match writer.at {
            At::Refresh => {
                writer.read = state.read;
                match writer.has_room(self) {
                    true => writer.has_found_room(self),
                    false => writer.at = At::Announce,
                }
                "looks for room"
            }
            At::Announce => {
                state.writer_sleeps = true;
                writer.at = match self.flaw {
                    Flaw::WriterLooksOnce => At::Sleep,
                    _ => At::LookAgain,
                };
                "says that it sleeps"
            }
            At::LookAgain => {
                writer.at = match state.read == writer.read {
                    true => At::Sleep,
                    false => At::Refresh,
                };
                "looks once more"
            }
            At::Listen => {
                let is_over = state.words == 0 && !state.of_reader.socket;
                if is_over {
                    writer.at = At::Closing;
                } else if state.words > 0 && self.has(Flaw::BelievesWords) {
                    writer.has_found_room(self);
                    // What it believes is room.
                    writer.read = writer.read.max(writer.written + 2 - SIZE);
                } else {
                    writer.at = At::Refresh;
                }
                state.words = 0;
                "listens"
            }
            At::Look => {
                let is_over = state.words == 0 && !state.of_reader.socket;
                writer.at = match is_over {
                    true => At::Closing,
                    false => writer.first_of_publication(self),
                };
                state.words = 0;
                "looks at the socket"
            }
            At::Store => {
                let extent = writer.extent(self);
                let chunks = self.messages[usize::from(writer.message)].chunks;
                let at = writer.written + writer.index
                    - if self.has(Flaw::PublishesFirst) {
                        extent
                    } else {
                        0
                    };
                state.cells[usize::from(at % SIZE)] = Cell {
                    message: writer.message + 1,
                    chunk: writer.chunk,
                    index: writer.index,
                    extent,
                    is_last: !writer.cancels && usize::from(writer.chunk) + 1 == chunks.len(),
                    is_cancel: writer.cancels,
                };
                writer.index += 1;
                if writer.index == extent {
                    writer.at = match self.flaw {
                        Flaw::PublishesFirst | Flaw::LooksBeforePublishing => At::Check,
                        _ => At::Publish,
                    };
                }
                "stores a cell"
            }
            At::Publish => {
                writer.written += writer.extent(self);
                state.written = writer.written;
                let chunks = self.messages[usize::from(writer.message)].chunks;
                if !writer.cancels && usize::from(writer.chunk) + 1 == chunks.len() {
                    state.sent |= 1 << writer.message;
                }
                match self.flaw {
                    Flaw::PublishesFirst => writer.at = At::Store,
                    Flaw::LooksBeforePublishing if writer.saw_sleeper => writer.at = At::TakeBack,
                    Flaw::LooksBeforePublishing => writer.end_chunk(self),
                    _ => writer.at = At::Check,
                }
                "publishes"
            }
            At::Check => {
                match (self.flaw, state.reader_sleeps) {
                    (Flaw::LooksBeforePublishing, sleeps) => {
                        writer.saw_sleeper = sleeps;
                        writer.at = At::Publish;
                    }
                    (Flaw::WakesFirst, true) => writer.at = At::Wake,
                    (_, true) => writer.at = At::TakeBack,
                    (_, false) => writer.end_chunk(self),
                }
                "looks whether the reader sleeps"
            }
            At::TakeBack => {
                match state.reader_sleeps && !self.has(Flaw::WakesFirst) {
                    true => writer.at = At::Wake,
                    false => writer.end_chunk(self),
                }
                state.reader_sleeps = false;
                "takes that back"
            }
            At::Wake => {
                if !state.of_reader.pulse {
                    writer.at = At::Closing;
                } else {
                    state.pulse = CAPACITY.min(state.pulse + 1);
                    match self.flaw {
                        Flaw::WakesFirst => writer.at = At::TakeBack,
                        _ => writer.end_chunk(self),
                    }
                }
                "wakes the reader"
            }
            At::Sleep | At::Left | At::Stays | At::Closing | At::Gone => {
                unreachable!("these have several outcomes, or none")
            }
        }
    }
}
