//! The writing end, without types.

use super::frame::{CHUNK, Head, PREAMBLE};
use super::ring::{Ring, SIZE};
use super::spin::Spin;
use super::{MOST_LATE, Parts, is_late};
use crate::sys::pipe;
use crate::sys::socket::{self, MAX_FDS};
use crate::sys::wait::{Deadline, poll};
use crate::wire::Message;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

/// After how many bytes one looks whether the reader still lives. A look is a system call; without any, a death would be found when the ring is full.
const LOOK_AFTER: u64 = SIZE as u64 / 16;

/// Why nothing could be sent.
#[derive(Debug)]
pub(super) enum Refused {
    /// There is no reader any more.
    Closed,
    TimedOut,
    /// The memory says what can't be.
    Damaged,
    System(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Self::Closed,
            _ => Self::System(error),
        }
    }
}

pub(super) struct Writer {
    pub(super) ring: Ring,
    /// A byte in here wakes the reader.
    pub(super) pulse: Arc<OwnedFd>,
    /// Takes descriptors to the reader, and wakes the writer. Hung up when the reader is gone.
    pub(super) socket: Arc<OwnedFd>,
    pub(super) written: u64,
    read: u64,
    looked: u64,
    /// Whether part of a message has been written that won't be finished.
    pub(super) is_halfway: bool,
    spin: Spin,
}

impl Writer {
    pub(super) fn new(parts: Parts) -> Self {
        let written = parts.position;
        Self {
            ring: parts.ring,
            pulse: parts.pulse,
            socket: parts.socket,
            written,
            read: written.saturating_sub(SIZE as u64),
            looked: written,
            is_halfway: parts.is_halfway,
            spin: Spin::new(),
        }
    }

    /// Sends an encoded value.
    ///
    /// `message.body` may get some bytes more, and is to be cleared.
    pub(super) fn send(
        &mut self,
        message: &mut Message<'_>,
        deadline: Deadline,
    ) -> Result<(), Refused> {
        let is_plain = message.bulk.is_empty() && message.fds.is_empty();
        if is_plain && message.body.len() <= CHUNK {
            return self.send_plain(&mut message.body, deadline);
        }
        if is_plain {
            return self.send_parts([&message.body[..]].into_iter(), 0, deadline);
        }
        // Before the descriptors go: while there is no room, nothing does.
        let runs = message.bulk.iter().map(|run| run.bytes());
        let bulk: usize = runs.clone().map(<[u8]>::len).sum();
        let preamble = PREAMBLE + 16 * message.bulk.len();
        let len = preamble + message.body.len() + bulk;
        self.make_room(Head::new(len.min(CHUNK), 0).extent(), deadline)?;
        let name = self.written;
        let lengths = [message.body.len(), message.bulk.len(), message.fds.len()];
        let mut words = lengths.map(|length| length as u64).to_vec();
        words.push(name);
        for run in &message.bulk {
            words.extend([run.bytes().len() as u64, run.element() as u64]);
        }
        let preamble: Vec<u8> = words.into_iter().flat_map(u64::to_ne_bytes).collect();
        self.send_fds(name, &message.fds, deadline)?;
        let parts = [&preamble[..], &message.body];
        self.send_parts(parts.into_iter().chain(runs), Head::RICH, deadline)
    }

    pub(super) fn send_bytes(&mut self, bytes: &[u8], deadline: Deadline) -> Result<(), Refused> {
        let length = (bytes.len() as u64).to_ne_bytes();
        self.send_parts([&length[..], bytes].into_iter(), Head::BYTES, deadline)
    }

    /// The way of short messages.
    fn send_plain(&mut self, body: &mut Vec<u8>, deadline: Deadline) -> Result<(), Refused> {
        let head = Head::new(body.len(), Head::LAST);
        self.make_room(head.extent(), deadline)?;
        self.look()?;
        let padded = body.len().next_multiple_of(8);
        body.extend_from_slice(&[0; 8]);
        body.truncate(padded);
        self.ring.store_words(self.written, &head.0.to_ne_bytes());
        self.ring.store_words(self.written + 8, body);
        self.publish(head.extent())
    }

    fn send_parts<'a>(
        &mut self,
        parts: impl Iterator<Item = &'a [u8]> + Clone,
        flags: u64,
        deadline: Deadline,
    ) -> Result<(), Refused> {
        let mut left: usize = parts.clone().map(<[u8]>::len).sum();
        let mut parts = parts;
        let mut part: &[u8] = &[];
        let mut is_first = true;
        let start = self.written;
        loop {
            let len = left.min(CHUNK);
            let last = if len == left { Head::LAST } else { 0 };
            let head = Head::new(len, flags | last);
            let room = match is_late(start, self.written, deadline) {
                true => Err(Refused::TimedOut),
                false => self.make_room(head.extent(), deadline),
            };
            if let Err(error) = room {
                // The one before may be it, too.
                self.is_halfway |= !is_first;
                return Err(error);
            }
            if is_first {
                self.look()?;
                is_first = false;
            }
            self.ring.store_words(self.written, &head.0.to_ne_bytes());
            let mut at = self.written + 8;
            let end = at + len as u64;
            while at < end {
                if part.is_empty() {
                    part = parts.next().unwrap_or_default();
                    continue;
                }
                let (now, later) = part.split_at(part.len().min((end - at) as usize));
                self.ring.store_bytes(at, now);
                at += now.len() as u64;
                part = later;
            }
            self.publish(head.extent())?;
            left -= len;
            if last != 0 {
                return Ok(());
            }
        }
    }

    /// Descriptors go first, so that they are there when the message is read.
    fn send_fds(&self, name: u64, fds: &[Arc<OwnedFd>], deadline: Deadline) -> Result<(), Refused> {
        let name = name.to_ne_bytes();
        for bundle in fds.chunks(MAX_FDS) {
            loop {
                let part = [IoSlice::new(&name)];
                match socket::send(self.socket.as_fd(), &part, bundle, false) {
                    Ok(_) => break,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        let mut polled = [PollFd::new(self.socket.as_fd(), PollFlags::POLLOUT)];
                        if !poll(&mut polled, deadline)? {
                            return Err(Refused::TimedOut);
                        }
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    /// Lets the reader have what was written.
    fn publish(&mut self, len: usize) -> Result<(), Refused> {
        self.written += len as u64;
        // The reader says that it sleeps and looks once more; this side writes and looks whether it sleeps. Each
        // in one order for all, so that at least one sees the other.
        self.ring.written().swap(self.written, SeqCst);
        let sleeps = &self.ring.rare().reader_sleeps;
        if sleeps.load(SeqCst) != 0 && sleeps.swap(0, SeqCst) != 0 {
            return self.wake();
        }
        Ok(())
    }

    fn wake(&self) -> Result<(), Refused> {
        match pipe::beat(self.pulse.as_fd()) {
            Ok(()) | Err(Errno::EAGAIN) => Ok(()),
            Err(Errno::EPIPE) => Err(Refused::Closed),
            Err(error) => Err(Refused::System(error.into())),
        }
    }

    /// Waits for so many bytes of room, and cancels before that what was left halfway.
    fn make_room(&mut self, len: usize, deadline: Deadline) -> Result<(), Refused> {
        if self.is_halfway {
            let head = Head::new(0, Head::CANCEL | Head::LAST);
            self.wait_for_room(head.extent(), deadline)?;
            self.ring.store_words(self.written, &head.0.to_ne_bytes());
            self.publish(head.extent())?;
            self.is_halfway = false;
        }
        self.wait_for_room(len, deadline)
    }

    fn wait_for_room(&mut self, len: usize, deadline: Deadline) -> Result<(), Refused> {
        if self.has_room(len)? {
            return Ok(());
        }
        self.refresh()?;
        if self.has_room(len)? {
            return Ok(());
        }
        self.sleep_for_room(len, deadline)
    }

    fn has_room(&self, len: usize) -> Result<bool, Refused> {
        let used = self.written.wrapping_sub(self.read);
        Ok(SIZE as u64 - used >= len as u64)
    }

    fn refresh(&mut self) -> Result<(), Refused> {
        let read = self.ring.read().load(SeqCst);
        let is_possible =
            read >= self.read && read <= self.written && self.written - read <= SIZE as u64;
        if !is_possible {
            return Err(Refused::Damaged);
        }
        self.read = read;
        Ok(())
    }

    #[cold]
    fn sleep_for_room(&mut self, len: usize, deadline: Deadline) -> Result<(), Refused> {
        let mut late = 0;
        loop {
            let seen = self.read;
            let ring = &self.ring;
            self.spin.until(|| ring.read().load(Relaxed) != seen);
            self.refresh()?;
            if self.has_room(len)? {
                return Ok(());
            }
            if self.read != seen {
                continue;
            }
            if late == MOST_LATE {
                return Err(Refused::TimedOut);
            }
            self.ring.rare().writer_sleeps.store(1, SeqCst);
            if self.ring.read().load(SeqCst) != seen {
                continue;
            }
            if !self.hear(deadline)? {
                return Err(Refused::TimedOut);
            }
            late += u32::from(deadline.has_passed());
        }
    }

    /// Waits for a word of the reader.
    fn hear(&self, deadline: Deadline) -> Result<bool, Refused> {
        let mut polled = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        if !poll(&mut polled, deadline)? {
            return Ok(false);
        }
        self.listen()?;
        Ok(true)
    }

    /// Takes what the reader has said, without waiting.
    fn listen(&self) -> Result<(), Refused> {
        let mut words = [0; 64];
        match socket::receive_bytes(self.socket.as_fd(), &mut words, None, false) {
            Ok(0) => Err(Refused::Closed),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Looks now and then whether there still is a reader.
    fn look(&mut self) -> Result<(), Refused> {
        if self.ring.rare().reader_left.load(Relaxed) != 0 {
            return Err(Refused::Closed);
        }
        if self.written - self.looked < LOOK_AFTER {
            return Ok(());
        }
        self.looked = self.written;
        self.listen()
    }
}
