//! The reader's steps.

use super::{CAPACITY, Cell, Channel, Flaw, LOST, READER, Reading, SIZE, State, TELL_AFTER, TORN};
use crate::model::{Found, Step};

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum At {
    Arm,
    ArmLook,
    Poll,
    Refresh,
    Announce,
    LookAgain,
    TakeBack,
    Sleep,
    Slept,
    Load,
    Tell,
    Check,
    TakeBackWriters,
    Call,
    Leave,
    Closing,
    Gone,
}

#[derive(Clone, Hash)]
pub(super) struct Reader {
    at: At,
    read: u8,
    told: u8,
    written: u8,
    /// Which cell of the chunk is loaded next, and the first.
    index: u8,
    head: Cell,
    /// A message of which chunks have come, and how many.
    partial: Option<(u8, u8)>,
    /// Looks after a `wait` whether there is something.
    confirms: bool,
    /// The writer is gone.
    is_over: bool,
    time_outs: u8,
    moves: u8,
    leaves_after: u8,
    /// Which messages were received; a bit each.
    received: u16,
    /// What a flawed one has seen too early.
    saw_sleeper: bool,
}

impl Reader {
    pub(super) fn new(channel: &Channel) -> Self {
        let mut reader = Self {
            at: At::Refresh,
            read: 0,
            told: 0,
            written: 0,
            index: 0,
            head: Cell::default(),
            partial: None,
            confirms: false,
            is_over: false,
            time_outs: match channel.reading {
                Reading::Timed(count) => count,
                Reading::Recv | Reading::Wait => 0,
            },
            moves: channel.moves,
            leaves_after: channel.leaves_after,
            received: 0,
            saw_sleeper: false,
        };
        reader.begin(channel);
        reader
    }

    pub(super) fn is_done(&self) -> bool {
        self.at == At::Gone
    }

    pub(super) fn position(&self) -> u8 {
        self.read
    }

    /// Whether it was alive.
    pub(super) fn die(&mut self) -> bool {
        let was_alive = !matches!(self.at, At::Closing | At::Gone);
        self.at = At::Closing;
        was_alive
    }

    /// The next message, or what is to come of one.
    fn begin(&mut self, channel: &Channel) {
        self.confirms = false;
        self.at = match (self.written != self.read, channel.reading) {
            (true, _) => self.first_of_chunk(channel),
            (false, Reading::Wait) if self.partial.is_none() => At::Arm,
            (false, _) => At::Refresh,
        };
    }

    fn first_of_chunk(&mut self, channel: &Channel) -> At {
        self.confirms = false;
        self.index = 0;
        match channel.flaw {
            Flaw::TellsFirst => At::Tell,
            _ => At::Load,
        }
    }

    /// How far the writer is now; whether there is something.
    fn refresh(&mut self, channel: &Channel, written: u8) -> bool {
        self.written = written;
        let is_there = self.written != self.read;
        if is_there {
            self.at = self.first_of_chunk(channel);
        }
        is_there
    }

    fn moves(&mut self, channel: &Channel) {
        if self.moves > 0 && self.partial.is_none() {
            self.moves -= 1;
            self.written = self.read;
            self.told = match channel.flaw {
                Flaw::MovedTrusts => self.read,
                _ => 0,
            };
        }
    }

    /// What follows when a chunk is done with.
    fn go_on(&mut self, channel: &Channel) {
        let is_between = self.partial.is_none() && self.head.is_last;
        if is_between {
            self.leaves_after -= 1;
            if self.leaves_after == 0 {
                self.at = At::Leave;
                return;
            }
            self.moves(channel);
        }
        self.begin(channel);
    }

    /// One more cell.
    fn load(&mut self, cell: Cell) -> Result<(), &'static str> {
        if self.index == 0 {
            self.head = cell;
        }
        let expected = Cell {
            index: self.index,
            ..self.head
        };
        if cell != expected || cell.message == 0 {
            return Err(TORN);
        }
        self.index += 1;
        if self.index < cell.extent {
            return Ok(());
        }
        self.read += cell.extent;
        if cell.is_cancel {
            return match self.partial.take() {
                Some(_) => Ok(()),
                None => Err(TORN),
            };
        }
        let expected = (cell.chunk > 0).then_some((cell.message, cell.chunk));
        if self.partial != expected {
            return Err(TORN);
        }
        self.partial = Some((cell.message, cell.chunk + 1));
        if cell.is_last {
            self.partial = None;
            let bit = 1 << (cell.message - 1);
            if self.received >= bit {
                return Err("a message came twice, or too late");
            }
            self.received |= bit;
        }
        Ok(())
    }
}

impl Channel {
    pub(super) fn reader_steps(&self, state: &State) -> Found<State> {
        let mut after = state.clone();
        let is_readable = state.pulse > 0 || !state.of_writer.pulse;
        match state.reader.at {
            At::Gone => return Ok(Vec::new()),
            At::Poll if !is_readable => return Ok(Vec::new()),
            At::Closing => {
                let Some(closed) = state.of_reader.close() else {
                    after.reader.at = At::Gone;
                    return Ok(vec![(Step(READER, "is gone"), after)]);
                };
                let closed = closed.into_iter().map(|descriptors| {
                    let mut after = state.clone();
                    after.of_reader = descriptors;
                    (Step(READER, "closes"), after)
                });
                return Ok(closed.collect());
            }
            At::Sleep if !is_readable => {
                let reader = &mut after.reader;
                if reader.confirms {
                    reader.begin(self);
                } else if reader.time_outs > 0 {
                    reader.time_outs -= 1;
                    reader.moves(self);
                    reader.begin(self);
                } else {
                    return Ok(Vec::new());
                }
                return Ok(vec![(Step(READER, "has no more time"), after)]);
            }
            _ => {}
        }
        let name = self.reader_step(&mut after)?;
        Ok(vec![(Step(READER, name), after)])
    }

    /// One of the steps that have one outcome.
    fn reader_step(&self, state: &mut State) -> Result<&'static str, &'static str> {
        let State { reader, .. } = state;
        Ok(match reader.at {
            At::Arm => {
                state.reader_sleeps = true;
                reader.at = match self.flaw {
                    Flaw::ArmsBlindly => At::Poll,
                    _ => At::ArmLook,
                };
                "arms"
            }
            At::ArmLook => {
                if !reader.refresh(self, state.written) {
                    reader.at = At::Poll;
                }
                "looks when it has armed"
            }
            At::Poll => {
                reader.confirms = true;
                reader.at = At::Refresh;
                "finds the pipe readable"
            }
            At::Refresh => {
                if !reader.refresh(self, state.written) {
                    reader.at = At::Announce;
                }
                "looks"
            }
            At::Announce => {
                state.reader_sleeps = true;
                reader.at = match self.flaw {
                    Flaw::ReaderLooksOnce => At::Sleep,
                    _ => At::LookAgain,
                };
                "says that it sleeps"
            }
            At::LookAgain => {
                reader.at = match state.written == reader.written {
                    true => At::Sleep,
                    false => At::TakeBack,
                };
                "looks once more"
            }
            At::TakeBack => {
                state.reader_sleeps = false;
                reader.at = At::Refresh;
                "takes that back"
            }
            At::Sleep => {
                reader.is_over = state.pulse == 0;
                if !(reader.confirms && self.has(Flaw::LeavesPulse)) {
                    state.pulse = 0;
                }
                reader.at = At::Slept;
                "reads the pipe"
            }
            At::Slept => {
                let looks = !(reader.is_over && self.has(Flaw::EndsBlindly));
                if !(looks && reader.refresh(self, state.written)) {
                    reader.at = At::Announce;
                    if reader.is_over {
                        reader.at = At::Closing;
                        if reader.received != state.sent {
                            return Err(LOST);
                        }
                    }
                }
                "looks when it is awake"
            }
            At::Load => {
                let at = usize::from((reader.read + reader.index) % SIZE);
                let before = reader.read;
                reader.load(state.cells[at])?;
                let after = match self.flaw {
                    Flaw::TellsLate => SIZE,
                    Flaw::TellsFirst => u8::MAX,
                    _ => TELL_AFTER,
                };
                if reader.read != before {
                    match (reader.read - reader.told >= after, self.flaw) {
                        (true, Flaw::LooksBeforeTelling) => reader.at = At::Check,
                        (true, _) => reader.at = At::Tell,
                        (false, _) => reader.go_on(self),
                    }
                }
                "loads a cell"
            }
            At::Tell => {
                if self.has(Flaw::TellsFirst) {
                    let head = state.cells[usize::from(reader.read % SIZE)];
                    state.read = reader.read + head.extent;
                } else {
                    state.read = reader.read;
                }
                reader.told = reader.read;
                match self.flaw {
                    Flaw::LooksBeforeTelling if reader.saw_sleeper => {
                        reader.at = At::TakeBackWriters;
                    }
                    Flaw::LooksBeforeTelling => reader.go_on(self),
                    _ => reader.at = At::Check,
                }
                "tells how far it is"
            }
            At::Check => {
                match (self.flaw, state.writer_sleeps) {
                    (Flaw::LooksBeforeTelling, sleeps) => {
                        reader.saw_sleeper = sleeps;
                        reader.at = At::Tell;
                    }
                    (_, true) => reader.at = At::TakeBackWriters,
                    (Flaw::TellsFirst, false) => reader.at = At::Load,
                    (_, false) => reader.go_on(self),
                }
                "looks whether the writer sleeps"
            }
            At::TakeBackWriters => {
                match (state.writer_sleeps, self.flaw) {
                    (true, _) => reader.at = At::Call,
                    (false, Flaw::TellsFirst) => reader.at = At::Load,
                    (false, _) => reader.go_on(self),
                }
                state.writer_sleeps = false;
                "takes back that the writer sleeps"
            }
            At::Call => {
                if state.of_writer.socket {
                    state.words = CAPACITY.min(state.words + 1);
                }
                match self.flaw {
                    Flaw::TellsFirst => reader.at = At::Load,
                    _ => reader.go_on(self),
                }
                "calls the writer"
            }
            At::Leave => {
                state.reader_left = true;
                reader.at = At::Closing;
                "says that it leaves"
            }
            At::Closing | At::Gone => unreachable!("these have several outcomes, or none"),
        })
    }
}
