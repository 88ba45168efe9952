//! The reading end, without types.

use super::frame::{CHUNK, Head, PREAMBLE};
use super::ring::{Ring, SIZE};
use super::spin::Spin;
use super::{MOST_LATE, Parts, is_late};
use crate::sys::socket::{self, Rights};
use crate::sys::wait::{Deadline, poll};
use crate::wire::Buffer;
use crate::wire::message::{Arrival, Beside, Element};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use std::io::{self, IoSlice};
use std::mem;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

/// After how much is read the writer is told. What it isn't told leaves it room for any chunk, so that nothing must be told
/// before a sleep.
const TELL_AFTER: u64 = SIZE as u64 / 8;
const _: () = assert!(TELL_AFTER as usize + CHUNK + 8 <= SIZE);

/// What no message has more of.
const MOST_BYTES: u64 = 1 << 36;
const MOST_RUNS: u64 = 1 << 20;

/// Why nothing was received.
#[derive(Debug)]
pub(super) enum Missed {
    /// The writer is gone, and all that it has sent was received.
    Ended,
    /// The writer is gone, and the last message has no end.
    Truncated,
    TimedOut,
    /// The next message is bytes, and a value was asked for, or the other way round.
    OtherKind,
    /// The next message is so long, and longer than the buffer.
    TooLong(usize),
    /// What the memory says can't be.
    Damaged(&'static str),
    System(io::Error),
}

pub(super) struct Reader {
    pub(super) ring: Ring,
    /// Readable when there may be something, and at the end.
    pub(super) pulse: Arc<OwnedFd>,
    pub(super) socket: Arc<OwnedFd>,
    pub(super) read: u64,
    /// What of that the writer knows, at least.
    told: u64,
    written: u64,
    spin: Spin,
    /// A message of which some chunks have come.
    pub(super) partial: Option<Partial>,
    /// Whose end it is; a fork(2) of this process only has a copy.
    pub(super) process: u32,
}

impl Reader {
    pub(super) fn new(parts: Parts) -> Self {
        let read = parts.position;
        Self {
            ring: parts.ring,
            pulse: parts.pulse,
            socket: parts.socket,
            read,
            // Where it was told something else last isn't known here.
            told: 0,
            written: read,
            spin: Spin::new(),
            partial: None,
            process: std::process::id(),
        }
    }

    /// Receives an encoded value, in place of what is in `body`.
    pub(super) fn receive(
        &mut self,
        body: &mut Vec<u8>,
        deadline: Deadline,
    ) -> Result<Beside, Missed> {
        loop {
            let head = self.next_message(deadline)?;
            if head.has(Head::BYTES) {
                return Err(Missed::OtherKind);
            }
            if self.partial.is_none() && head.has(Head::LAST) && !head.has(Head::RICH) {
                self.load(head, body);
                self.consume(head)?;
                return Ok(Beside::default());
            }
            if let Some(whole) = self.assemble(head, deadline)? {
                let (whole, beside) = whole.into_value(self)?;
                *body = whole;
                return Ok(beside);
            }
        }
    }

    pub(super) fn receive_bytes(&mut self, deadline: Deadline) -> Result<Vec<u8>, Missed> {
        loop {
            let head = self.next_message(deadline)?;
            if !head.has(Head::BYTES) {
                return Err(Missed::OtherKind);
            }
            if let Some(whole) = self.assemble(head, deadline)? {
                return whole.into_bytes();
            }
        }
    }

    pub(super) fn receive_bytes_into(
        &mut self,
        buffer: &mut [u8],
        deadline: Deadline,
    ) -> Result<usize, Missed> {
        loop {
            let head = self.next_message(deadline)?;
            if !head.has(Head::BYTES) {
                return Err(Missed::OtherKind);
            }
            let len = self.bytes_expected(head)?;
            if len > buffer.len() {
                return Err(Missed::TooLong(len));
            }
            if self.partial.is_none() && head.has(Head::LAST) {
                if head.len() != 8 + len {
                    return Err(Missed::Damaged("bytes of another length"));
                }
                self.ring
                    .load_bytes(self.read + 16, as_uninit(&mut buffer[..len]));
                self.consume(head)?;
                return Ok(len);
            }
            if let Some(whole) = self.assemble(head, deadline)? {
                let bytes = whole.into_bytes()?;
                buffer[..len].copy_from_slice(&bytes);
                return Ok(len);
            }
        }
    }

    /// How many bytes the message has whose first or next chunk has this head.
    fn bytes_expected(&self, head: Head) -> Result<usize, Missed> {
        if let Some(partial) = &self.partial {
            return partial.bytes_expected();
        }
        let mut first = [mem::MaybeUninit::uninit(); 8];
        if head.len() < 8 {
            return Err(Missed::Damaged("bytes without a length"));
        }
        self.ring.load_words(self.read + 8, &mut first);
        length(u64::from_ne_bytes(first.map(written_byte)))
    }

    /// Whether something can be received without waiting: a message or its beginning, or the end.
    pub(super) fn poll(&mut self, deadline: Deadline) -> Result<bool, Missed> {
        match self.next_chunk(deadline) {
            Ok(_) | Err(Missed::Ended | Missed::Truncated) => Ok(true),
            Err(Missed::TimedOut) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The head of the first chunk of a message that isn't cancelled, or of the next one of a message that was begun.
    fn next_message(&mut self, deadline: Deadline) -> Result<Head, Missed> {
        loop {
            let head = match self.next_chunk(deadline) {
                Err(Missed::Truncated) => {
                    self.partial = None;
                    return Err(Missed::Truncated);
                }
                other => other?,
            };
            if !head.has(Head::CANCEL) {
                return Ok(head);
            }
            self.consume(head)?;
            if let Some((name, count)) = self.partial.take().and_then(|partial| partial.fds()) {
                drop(self.bundle(name, count)?);
            }
        }
    }

    /// All of a message, whose first or next chunk has this head; nothing if it was cancelled. What comes then may be of the
    /// other kind.
    fn assemble(&mut self, mut head: Head, deadline: Deadline) -> Result<Option<Partial>, Missed> {
        let start = self.read;
        loop {
            let mut partial = self.partial.take().unwrap_or_else(|| Partial::new(head));
            if let Err(error) = partial.take(&self.ring, self.read + 8, head) {
                // What comes next would be taken for its continuation, or for a message.
                self.partial = Some(Partial::broken());
                return Err(error);
            }
            self.consume(head)?;
            if head.has(Head::LAST) {
                return Ok(Some(partial));
            }
            self.partial = Some(partial);
            if is_late(start, self.read, deadline) {
                return Err(Missed::TimedOut);
            }
            head = self.next_message(deadline)?;
            if self.partial.is_none() {
                return Ok(None);
            }
        }
    }

    /// The payload of a chunk, in place of what is in `body`.
    fn load(&self, head: Head, body: &mut Vec<u8>) {
        let words = head.len().next_multiple_of(8);
        body.clear();
        body.reserve(words);
        self.ring
            .load_words(self.read + 8, &mut body.spare_capacity_mut()[..words]);
        #[allow(unsafe_code)]
        // SAFETY: they were just written, all of them.
        unsafe {
            body.set_len(head.len());
        }
    }

    fn next_chunk(&mut self, deadline: Deadline) -> Result<Head, Missed> {
        if self.written == self.read {
            self.wait(deadline)?;
        }
        let mut word = [mem::MaybeUninit::uninit(); 8];
        self.ring.load_words(self.read, &mut word);
        let head = Head(u64::from_ne_bytes(word.map(written_byte))).checked();
        match head {
            Some(head) if head.extent() as u64 <= self.written - self.read => Ok(head),
            _ => Err(Missed::Damaged("a message of an impossible length")),
        }
    }

    fn consume(&mut self, head: Head) -> Result<(), Missed> {
        self.read += head.extent() as u64;
        if self.read - self.told >= TELL_AFTER {
            self.tell()?;
        }
        Ok(())
    }

    /// Tells the writer how far this side is.
    fn tell(&mut self) -> Result<(), Missed> {
        self.told = self.read;
        self.ring.read().swap(self.read, SeqCst);
        let sleeps = &self.ring.rare().writer_sleeps;
        if sleeps.load(SeqCst) != 0 && sleeps.swap(0, SeqCst) != 0 {
            let word = [IoSlice::new(&[0])];
            match socket::send(self.socket.as_fd(), &word, &[], false) {
                Ok(_) => {}
                // It is gone, or has enough to wake it.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::BrokenPipe
                            | io::ErrorKind::ConnectionReset
                            | io::ErrorKind::WouldBlock
                    ) => {}
                Err(error) => return Err(Missed::System(error)),
            }
        }
        Ok(())
    }

    /// Looks how far the writer is; whether there is something.
    fn refresh(&mut self) -> Result<bool, Missed> {
        let written = self.ring.written().load(SeqCst);
        let is_possible = written >= self.written && written - self.read <= SIZE as u64;
        if !is_possible || !written.is_multiple_of(8) {
            return Err(Missed::Damaged("a position that can't be"));
        }
        self.written = written;
        Ok(written != self.read)
    }

    fn wait(&mut self, deadline: Deadline) -> Result<(), Missed> {
        if self.refresh()? {
            return Ok(());
        }
        let (ring, seen) = (&self.ring, self.written);
        let is_due = deadline.has_passed();
        if !is_due && self.spin.until(|| ring.written().load(Relaxed) != seen) {
            self.refresh()?;
            return Ok(());
        }
        let mut late = 0;
        loop {
            let sleeps = &self.ring.rare().reader_sleeps;
            sleeps.store(1, SeqCst);
            if self.ring.written().load(SeqCst) != self.written {
                // Spares the writer a wake-up that nobody needs.
                sleeps.store(0, Relaxed);
                self.refresh()?;
                return Ok(());
            }
            let is_over = self.sleep(deadline)?;
            if self.refresh()? {
                return Ok(());
            }
            if is_over {
                return Err(match self.partial {
                    None => Missed::Ended,
                    Some(_) => Missed::Truncated,
                });
            }
            late += u32::from(deadline.has_passed());
            if late == MOST_LATE {
                return Err(Missed::TimedOut);
            }
        }
    }

    /// Sleeps until the writer has written something or is gone; whether it is gone.
    fn sleep(&self, deadline: Deadline) -> Result<bool, Missed> {
        if !deadline.is_never() {
            let mut polled = [PollFd::new(self.pulse.as_fd(), PollFlags::POLLIN)];
            if !poll(&mut polled, deadline).map_err(Missed::System)? {
                return Err(Missed::TimedOut);
            }
        }
        let mut bytes = [0; 64];
        match nix::unistd::read(&self.pulse, &mut bytes) {
            Ok(count) => Ok(count == 0),
            Err(Errno::EINTR) => Ok(false),
            // Who else waits for this descriptor has made it so.
            Err(Errno::EAGAIN) => {
                let mut polled = [PollFd::new(self.pulse.as_fd(), PollFlags::POLLIN)];
                poll(&mut polled, deadline).map_err(Missed::System)?;
                Ok(false)
            }
            Err(error) => Err(Missed::System(error.into())),
        }
    }

    /// Makes the [pulse](Self::pulse) beat when something comes; whether there is something already.
    pub(super) fn arm(&mut self) -> Result<bool, Missed> {
        if self.written != self.read || self.refresh()? {
            return Ok(true);
        }
        self.ring.rare().reader_sleeps.store(1, SeqCst);
        self.refresh()
    }

    /// The descriptors of a bundle.
    fn bundle(&self, name: u64, count: usize) -> Result<Vec<Arrival>, Missed> {
        let mut fds: Vec<Arrival> = Vec::new();
        while fds.len() < count {
            let mut rights = Rights::default();
            let mut found = [0; 8];
            let read =
                socket::receive_bytes(self.socket.as_fd(), &mut found, Some(&mut rights), false);
            match read {
                Ok(8) => {}
                Ok(_) => return Err(Missed::Damaged("descriptors without a name")),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(Missed::Damaged("descriptors that haven't come"));
                }
                Err(error) => return Err(Missed::System(error)),
            }
            if u64::from_ne_bytes(found) != name {
                continue;
            }
            fds.extend(rights.fds.into_iter().map(Arrival::Here));
            if let Some(error) = rights.withheld {
                fds.resize_with(count, || Arrival::Withheld(error));
            }
        }
        fds.truncate(count);
        Ok(fds)
    }
}

fn written_byte(byte: mem::MaybeUninit<u8>) -> u8 {
    #[allow(unsafe_code)]
    // SAFETY: the ring writes all bytes that it is given.
    unsafe {
        byte.assume_init()
    }
}

fn as_uninit(bytes: &mut [u8]) -> &mut [mem::MaybeUninit<u8>] {
    #[allow(unsafe_code)]
    // SAFETY: of the same size, and the ring only writes to it.
    unsafe {
        &mut *(std::ptr::from_mut(bytes) as *mut [mem::MaybeUninit<u8>])
    }
}

fn length(word: u64) -> Result<usize, Missed> {
    match usize::try_from(word) {
        Ok(length) if word <= MOST_BYTES => Ok(length),
        _ => Err(Missed::Damaged("a length that can't be")),
    }
}

/// A message as far as it has come.
pub(super) struct Partial {
    flags: u64,
    /// Of a rich message the preamble, of bytes their number.
    words: Vec<u8>,
    body: Vec<u8>,
    runs: Vec<Buffer>,
    /// The run that is being filled.
    open: Option<(Buffer, usize)>,
}

impl Partial {
    fn new(head: Head) -> Self {
        Self {
            flags: head.0 & (Head::RICH | Head::BYTES),
            words: Vec::new(),
            body: Vec::new(),
            runs: Vec::new(),
            open: None,
        }
    }

    /// One that no chunk continues.
    fn broken() -> Self {
        Self {
            flags: u64::MAX,
            ..Self::new(Head(0))
        }
    }

    /// The name of the bundle that belongs to it, and how many descriptors that has.
    fn fds(&self) -> Option<(u64, usize)> {
        let count = self
            .word(2)
            .filter(|count| *count <= socket::MAX_FDS as u64)?;
        Some((self.word(3)?, count as usize))
    }

    fn word(&self, index: usize) -> Option<u64> {
        let bytes = self.words.get(index * 8..)?.first_chunk()?;
        Some(u64::from_ne_bytes(*bytes))
    }

    fn bytes_expected(&self) -> Result<usize, Missed> {
        self.word(0)
            .ok_or(Missed::Damaged("bytes without a length"))
            .and_then(length)
    }

    /// Takes a chunk's payload.
    fn take(&mut self, ring: &Ring, mut from: u64, head: Head) -> Result<(), Missed> {
        if self.flags != head.0 & (Head::RICH | Head::BYTES) {
            return Err(Missed::Damaged("a message that changes its kind"));
        }
        let mut left = head.len();
        while left > 0 {
            let taken = self.take_part(ring, from, left)?;
            from += taken as u64;
            left -= taken;
        }
        Ok(())
    }

    /// Takes some of what comes next; how much.
    fn take_part(&mut self, ring: &Ring, from: u64, left: usize) -> Result<usize, Missed> {
        let missing = self.words_missing()?;
        if missing > 0 {
            let count = left.min(missing);
            append(ring, from, &mut self.words, count)?;
            return Ok(count);
        }
        if self.flags & Head::RICH == 0 {
            append(ring, from, &mut self.body, left)?;
            return Ok(left);
        }
        let body = length(self.word(0).unwrap_or_default())?;
        if self.body.len() < body {
            let count = left.min(body - self.body.len());
            append(ring, from, &mut self.body, count)?;
            return Ok(count);
        }
        self.take_run(ring, from, left)
    }

    /// How many bytes of the words are to come next.
    fn words_missing(&self) -> Result<usize, Missed> {
        let end = match self.flags {
            0 => 0,
            Head::BYTES => 8,
            _ if self.words.len() < PREAMBLE => PREAMBLE,
            // The number of runs decides how long it is.
            _ => match self.word(1) {
                Some(runs) if runs <= MOST_RUNS => PREAMBLE + 16 * runs as usize,
                _ => return Err(Missed::Damaged("too many runs")),
            },
        };
        Ok(end - self.words.len())
    }

    fn take_run(&mut self, ring: &Ring, from: u64, left: usize) -> Result<usize, Missed> {
        let (mut run, missing) = match self.open.take() {
            Some(open) => open,
            None => self.next_run()?,
        };
        let count = left.min(missing);
        ring.load_bytes(from, &mut run.spare()[..count]);
        #[allow(unsafe_code)]
        // SAFETY: so many bytes were just written to the start of what is spare.
        unsafe {
            run.filled(count);
        }
        if count == missing {
            self.runs.push(run);
        } else {
            self.open = Some((run, missing - count));
        }
        Ok(count)
    }

    fn next_run(&self) -> Result<(Buffer, usize), Missed> {
        let index = PREAMBLE / 8 + 2 * self.runs.len();
        let (Some(len), Some(element)) = (self.word(index), self.word(index + 1)) else {
            return Err(Missed::Damaged("more than was announced"));
        };
        let element = u8::try_from(element).ok().and_then(Element::from_wire);
        let element = element.ok_or(Missed::Damaged("a run of nothing known"))?;
        let len = length(len)?;
        if len == 0 || !len.is_multiple_of(element.width()) {
            return Err(Missed::Damaged(
                "a run that ends in the middle of an element",
            ));
        }
        let buffer = Buffer::with_capacity(element, len / element.width());
        let buffer = buffer.map_err(|_| Missed::System(io::ErrorKind::OutOfMemory.into()))?;
        Ok((buffer, len))
    }

    fn into_bytes(self) -> Result<Vec<u8>, Missed> {
        if self.body.len() != self.bytes_expected()? {
            return Err(Missed::Damaged("bytes of another length"));
        }
        Ok(self.body)
    }

    fn into_value(self, reader: &Reader) -> Result<(Vec<u8>, Beside), Missed> {
        let mut fds = Vec::new();
        if self.flags & Head::RICH != 0 {
            let word = |index| self.word(index).unwrap_or(u64::MAX);
            let is_whole = self.body.len() as u64 == word(0)
                && self.runs.len() as u64 == word(1)
                && self.open.is_none();
            let (true, Some((name, count))) = (is_whole, self.fds()) else {
                return Err(Missed::Damaged("less than was announced"));
            };
            fds = reader.bundle(name, count)?;
        }
        let bulk = self.runs.into_iter().map(Some).collect();
        Ok((self.body, Beside { bulk, fds }))
    }
}

/// Puts bytes of the ring behind those that are there.
fn append(ring: &Ring, from: u64, to: &mut Vec<u8>, count: usize) -> Result<(), Missed> {
    debug_assert!(count <= CHUNK);
    to.try_reserve(count)
        .map_err(|_| Missed::System(io::ErrorKind::OutOfMemory.into()))?;
    ring.load_bytes(from, &mut to.spare_capacity_mut()[..count]);
    #[allow(unsafe_code)]
    // SAFETY: so many bytes were just written there.
    unsafe {
        to.set_len(to.len() + count);
    }
    Ok(())
}
