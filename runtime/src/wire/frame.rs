//! Frames: how a [`Message`] goes over a stream socket, and how it is read.
//!
//! ```text
//! head   24 bytes   magic "ofs1", kind u8, 3 zero bytes, body length u64,
//!                   number of bulk runs u32, number of descriptors u32
//! table  16 each    element u8, 7 zero bytes, count u64: for each bulk run
//! body
//! bulk runs, one after the other
//! ```
//!
//! All numbers are little-endian. Descriptors go with the first byte of the head, and only with that:
//! what is sent first brings all of them, and as a frame is read to its end and no further, they can't
//! be taken for those of the next. The reader believes nothing: lengths are held against a limit before
//! anything is allocated, and memory is only touched as bytes arrive.

use super::message::{Arrival, Beside, Bulk, Element, Message, Received};
use super::plain::Buffer;
use crate::sys::socket::{self, Rights};
use std::fmt;
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;

const MAGIC: [u8; 4] = *b"ofs1";
const HEAD: usize = 24;
const ROW: usize = 16;
/// A bulk run has at least this many bytes, so that a frame has few for its size.
const MIN_RUN: u64 = crate::wire::codec::BULK_FROM as u64;
/// So many are 4 GiB at least.
const MAX_RUNS: u32 = 1 << 20;
/// How often one call reads from a socket that never runs dry.
const TURNS: usize = 256;
/// How many parts one system call takes at most (`IOV_MAX` is 1024).
const MAX_PARTS: usize = 64;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Parent to child: who it is and which function it shall run.
    Order = 1,
    /// Parent to child: the function's arguments.
    Arguments = 2,
    /// Child to parent: the function returned this value.
    Returned = 3,
    /// The same, and it is the `Err` of a `Result`.
    ReturnedErr = 4,
    /// Child to parent: the function panicked.
    Panicked = 5,
    /// Child to parent: the order or the arguments can't be understood.
    Rejected = 6,
    /// Child to parent: the result can't be encoded.
    Unencodable = 7,
    /// Child to parent: it has run into its memory limit.
    OutOfMemory = 8,
    /// Pool to worker: some tasks, to be answered one by one in their order.
    Tasks = 9,
    /// Worker to pool: it has been initialized.
    Ready = 10,
}

impl Kind {
    fn from_wire(number: u8) -> Option<Self> {
        use Kind::*;
        let all = [
            Order,
            Arguments,
            Returned,
            ReturnedErr,
            Panicked,
            Rejected,
            Unencodable,
            OutOfMemory,
            Tasks,
            Ready,
        ];
        all.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// A frame without a body, made without memory: for a signal handler.
pub(crate) const fn empty(kind: Kind) -> [u8; HEAD] {
    let mut frame = [0; HEAD];
    let [a, b, c, d] = MAGIC;
    (frame[0], frame[1], frame[2], frame[3], frame[4]) = (a, b, c, d, kind as u8);
    frame
}

/// A frame on its way out. It can be sent in pieces, as the socket takes them.
pub(crate) struct Outgoing<'a> {
    head: Vec<u8>,
    message: Message<'a>,
    /// The part that is to be sent next: 0 is the head, 1 the body, then come the bulk runs.
    part: usize,
    /// How much of it is sent.
    offset: usize,
}

impl<'a> Outgoing<'a> {
    pub(crate) fn new(kind: Kind, message: Message<'a>) -> io::Result<Self> {
        if message.fds.len() > socket::MAX_FDS || message.bulk.len() > MAX_RUNS as usize {
            let text = format!(
                "a message takes at most {} descriptors and {MAX_RUNS} bulk runs, not {} and {}",
                socket::MAX_FDS,
                message.fds.len(),
                message.bulk.len()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let mut head = Vec::with_capacity(HEAD + ROW * message.bulk.len());
        head.extend(MAGIC);
        head.extend([kind as u8, 0, 0, 0]);
        head.extend((message.body.len() as u64).to_le_bytes());
        head.extend((message.bulk.len() as u32).to_le_bytes());
        head.extend((message.fds.len() as u32).to_le_bytes());
        for run in &message.bulk {
            let count = run.bytes().len() / run.element().width();
            head.extend([run.element() as u8, 0, 0, 0, 0, 0, 0, 0]);
            head.extend((count as u64).to_le_bytes());
        }
        Ok(Self {
            head,
            message,
            part: 0,
            offset: 0,
        })
    }

    /// Sends on; `Ok(true)` once all is sent. If `wait` is false, `Ok(false)` says that the socket
    /// is full.
    pub(crate) fn send(&mut self, socket: BorrowedFd<'_>, wait: bool) -> io::Result<bool> {
        loop {
            let parts = self.unsent();
            if parts.is_empty() {
                self.message.sent();
                return Ok(true);
            }
            let is_first = (self.part, self.offset) == (0, 0);
            let fds = if is_first { &self.message.fds[..] } else { &[] };
            match socket::send(socket, &parts, fds, wait) {
                Ok(count) => self.skip(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    /// For tests of what a death in the middle of a frame does.
    #[cfg(offspring_faults)]
    pub(crate) fn send_half(&self, socket: BorrowedFd<'_>) {
        let parts = self.unsent();
        let half = parts.iter().map(|part| part.len()).sum::<usize>() / 2;
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.to_vec()).collect();
        let sent = socket::send(socket, &[IoSlice::new(&bytes[..half])], &[], false);
        assert!(sent.is_ok(), "{sent:?}");
    }

    fn bytes_of(&self, part: usize) -> Option<&[u8]> {
        match part {
            0 => Some(&self.head),
            1 => Some(&self.message.body),
            _ => self.message.bulk.get(part - 2).map(Bulk::bytes),
        }
    }

    fn unsent(&self) -> Vec<IoSlice<'_>> {
        let mut offset = self.offset;
        let parts = (self.part..).map_while(|part| self.bytes_of(part));
        let rest = parts.map(|bytes| &bytes[std::mem::take(&mut offset)..]);
        let rest = rest.filter(|bytes| !bytes.is_empty());
        rest.take(MAX_PARTS).map(IoSlice::new).collect()
    }

    /// So many bytes more are sent.
    fn skip(&mut self, mut count: usize) {
        while let Some(bytes) = self.bytes_of(self.part) {
            let left = bytes.len() - self.offset;
            if count < left {
                self.offset += count;
                return;
            }
            count -= left;
            self.part += 1;
            self.offset = 0;
        }
    }
}

/// A frame as it arrives, piece by piece.
pub(crate) struct Incoming {
    head: Vec<u8>,
    kind: Option<Kind>,
    parts: Vec<Buffer>,
    /// The first of them that isn't full.
    current: usize,
    rights: Rights,
    fds: Vec<Arrival>,
    limit: u64,
    accept_fds: bool,
}

/// How far a frame has come.
#[derive(Debug)]
pub(crate) enum Progress {
    /// The socket has no more for now.
    Pending,
    Complete(Kind, Received),
}

/// Why a frame can't be read.
#[derive(Debug)]
pub(crate) enum FrameError {
    /// The peer closed the socket or died; `true`: in the middle of the frame.
    Ended(bool),
    /// The same, and it has not read all that was sent to it.
    Reset(bool),
    Corrupt(&'static str),
    TooLarge {
        bytes: u64,
        limit: u64,
    },
    OutOfMemory {
        bytes: u64,
    },
    Io(io::Error),
}

impl Incoming {
    /// Reads one frame of at most `limit` bytes.
    pub(crate) fn new(limit: u64, accept_fds: bool) -> Self {
        Self {
            head: Vec::with_capacity(HEAD),
            kind: None,
            parts: Vec::new(),
            current: 0,
            rights: Rights::default(),
            fds: Vec::new(),
            limit,
            accept_fds,
        }
    }

    /// Reads on: all that is there, or without `wait` so much that others have their turn, too. After
    /// `Complete` or an error it must not be called again.
    pub(crate) fn receive(
        &mut self,
        socket: BorrowedFd<'_>,
        wait: bool,
    ) -> Result<Progress, FrameError> {
        let mut turns = if wait { usize::MAX } else { TURNS };
        loop {
            let kind = match self.kind {
                Some(kind) => kind,
                None => match self.receive_head(socket, wait, &mut turns)? {
                    Some(kind) => kind,
                    None => return Ok(Progress::Pending),
                },
            };
            while self
                .parts
                .get_mut(self.current)
                .is_some_and(|part| part.spare().is_empty())
            {
                self.current += 1;
            }
            let Some(part) = self.parts.get_mut(self.current) else {
                return Ok(Progress::Complete(kind, self.finish()));
            };
            if turns == 0 {
                return Ok(Progress::Pending);
            }
            turns -= 1;
            match socket::receive_into(socket, part, wait) {
                Ok(0) => return Err(FrameError::Ended(true)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Progress::Pending);
                }
                Err(error) => return Err(FrameError::of_io(error, true)),
            }
        }
    }

    fn receive_head(
        &mut self,
        socket: BorrowedFd<'_>,
        wait: bool,
        turns: &mut usize,
    ) -> Result<Option<Kind>, FrameError> {
        loop {
            let wanted = self.head_len()?;
            if self.head.len() == wanted {
                return self.parse_head().map(Some);
            }
            if *turns == 0 {
                return Ok(None);
            }
            *turns -= 1;
            let start = self.head.len();
            let mut piece = [0; 1024];
            let piece = &mut piece[..(wanted - start).min(1024)];
            let rights = self.accept_fds.then_some(&mut self.rights);
            match socket::receive_bytes(socket, piece, rights, wait) {
                Ok(0) => return Err(FrameError::Ended(start > 0)),
                Ok(count) => self.head.extend(&piece[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(FrameError::of_io(error, start > 0)),
            }
        }
    }

    /// Length of the head with its table, as far as that is known.
    fn head_len(&self) -> Result<usize, FrameError> {
        let known = self.head.len().min(MAGIC.len());
        if self.head[..known] != MAGIC[..known] {
            return Err(FrameError::Corrupt("it doesn't begin as a frame"));
        }
        if self.head.len() < HEAD {
            return Ok(HEAD);
        }
        let runs = u32::from_le_bytes(array(&self.head, 16));
        if runs > MAX_RUNS {
            return Err(FrameError::Corrupt("too many bulk runs"));
        }
        Ok(HEAD + ROW * runs as usize)
    }

    fn parse_head(&mut self) -> Result<Kind, FrameError> {
        let kind = Kind::from_wire(self.head[4]).ok_or(FrameError::Corrupt("unknown kind"))?;
        let body = u64::from_le_bytes(array(&self.head, 8));
        let fds = u32::from_le_bytes(array(&self.head, 20)) as usize;
        if self.accept_fds {
            self.take_rights(fds)?;
        }
        let mut runs = vec![(Element::U8, body)];
        for row in self.head[HEAD..].chunks_exact(ROW) {
            let element =
                Element::from_wire(row[0]).ok_or(FrameError::Corrupt("unknown element"))?;
            let count = u64::from_le_bytes(array(row, 8));
            if count.saturating_mul(element.width() as u64) < MIN_RUN {
                return Err(FrameError::Corrupt("a bulk run is too short"));
            }
            runs.push((element, count));
        }
        let sizes = runs
            .iter()
            .map(|(element, count)| count.checked_mul(element.width() as u64));
        let total = sizes
            .clone()
            .try_fold(0_u64, |sum, size| sum.checked_add(size?));
        match total {
            Some(total) if total <= self.limit => {}
            total => {
                let bytes = total.unwrap_or(u64::MAX);
                return Err(FrameError::TooLarge {
                    bytes,
                    limit: self.limit,
                });
            }
        }
        for ((element, count), size) in runs.iter().zip(sizes) {
            let size = size.unwrap_or(u64::MAX);
            let room = usize::try_from(*count).ok();
            let buffer = room.and_then(|room| Buffer::with_capacity(*element, room).ok());
            self.parts
                .push(buffer.ok_or(FrameError::OutOfMemory { bytes: size })?);
        }
        self.kind = Some(kind);
        Ok(kind)
    }

    /// All that came with the head must be as many as it says, but for those that the kernel kept back:
    /// without them only who refers to them fails.
    fn take_rights(&mut self, count: usize) -> Result<(), FrameError> {
        let Rights { fds, withheld } = std::mem::take(&mut self.rights);
        let missing = count.checked_sub(fds.len());
        self.fds = fds.into_iter().map(Arrival::Here).collect();
        match (missing, withheld) {
            (Some(0), _) => Ok(()),
            (Some(missing), Some(error)) if count <= socket::MAX_FDS => {
                let missing = (0..missing).map(|_| Arrival::Withheld(error));
                self.fds.extend(missing);
                Ok(())
            }
            _ => Err(FrameError::Corrupt("descriptors are missing")),
        }
    }

    fn finish(&mut self) -> Received {
        let mut parts = std::mem::take(&mut self.parts).into_iter();
        let body = parts
            .next()
            .and_then(|body| body.into_vec().ok())
            .unwrap_or_default();
        let beside = Beside {
            bulk: parts.map(Some).collect(),
            fds: std::mem::take(&mut self.fds),
        };
        Received { body, beside }
    }
}

fn array<const N: usize>(bytes: &[u8], start: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[start + i])
}

impl FrameError {
    /// A peer that has died without reading all that was sent to it resets the connection.
    fn of_io(error: io::Error, midway: bool) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset => Self::Reset(midway),
            _ => Self::Io(error),
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(false) | Self::Reset(false) => {
                f.write_str("the peer closed the connection")
            }
            Self::Ended(true) | Self::Reset(true) => {
                f.write_str("the peer closed the connection in the middle of a message")
            }
            Self::Corrupt(what) => write!(f, "corrupt message: {what}"),
            Self::TooLarge { bytes, limit } => {
                write!(
                    f,
                    "a message of {bytes} bytes is over the limit of {limit} bytes"
                )
            }
            Self::OutOfMemory { bytes } => write!(f, "no memory for a message of {bytes} bytes"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FrameError {}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
