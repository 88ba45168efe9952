//! One worker as the manager sees it.

use super::error::{Failure, TaskErrorKind};
use super::item::Item;
use crate::error::{Error, Result};
use crate::process::child::{Answer, Child};
use crate::process::join_error::explain;
use crate::process::{ExitStatus, JoinErrorKind};
use crate::start::{Begun, Options, start_worker};
use crate::sys::hint::hint;
use crate::sys::socket;
use crate::sys::wait::{Deadline, is_ready, poll};
use crate::wire::fields::put_u64;
use crate::wire::frame::{FrameError, Incoming, Kind, Outgoing, Progress};
use crate::wire::message::{Bulk, Message, Received};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags};
use std::collections::VecDeque;
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

/// How much of a worker's standard error is kept.
const TAIL: usize = 4096;
/// The most that an answer may take.
const ANSWER_LIMIT: u64 = 4 << 30;

pub(super) struct Worker {
    pub(super) child: Arc<Child>,
    socket: Arc<OwnedFd>,
    stderr: Option<PipeReader>,
    tail: VecDeque<u8>,
    incoming: Incoming,
    /// Tasks that the socket has not taken yet.
    outgoing: Option<Outgoing<'static>>,
    /// Since when the kernel hasn't taken the descriptors that belong to them.
    congested: Option<Instant>,
    /// What it has been given and not answered; it does the first, if it has read them.
    pub(super) running: VecDeque<Item>,
    /// Whether it died before it had read all that was sent.
    unread: bool,
    pub(super) ready: bool,
    /// Tasks that it has done.
    pub(super) done: u64,
    /// Until when the first task may take.
    pub(super) deadline: Option<Instant>,
    /// When SIGKILL follows SIGTERM.
    pub(super) kill_at: Option<Instant>,
    /// Why it is being killed, and on account of which task.
    pub(super) verdict: Option<(u64, TaskErrorKind)>,
    /// It has been told to end, and gets no more tasks.
    pub(super) retiring: bool,
    /// What it said instead of being ready, or against the protocol.
    pub(super) complaint: Option<String>,
    /// There is nothing more to read.
    silent: bool,
}

impl Worker {
    pub(super) fn start(settings: Message<'static>, options: Options) -> Result<Self> {
        let Begun { child, socket } = start_worker(settings, options)?;
        let stderr = child.take_stderr();
        if let Some(stderr) = &stderr {
            fcntl(stderr, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(|error| {
                Error::system("can't read a worker's standard error", error.into())
            })?;
        }
        Ok(Self {
            child,
            socket,
            stderr,
            tail: VecDeque::new(),
            incoming: Incoming::new(ANSWER_LIMIT, false),
            outgoing: None,
            congested: None,
            running: VecDeque::new(),
            unread: false,
            ready: false,
            done: 0,
            deadline: None,
            kill_at: None,
            verdict: None,
            retiring: false,
            complaint: None,
            silent: false,
        })
    }

    pub(super) fn is_free(&self) -> bool {
        self.ready && self.running.is_empty() && !self.retiring && self.verdict.is_none()
    }

    pub(super) fn socket(&self) -> Option<BorrowedFd<'_>> {
        (!self.silent).then(|| self.socket.as_fd())
    }

    pub(super) fn stderr(&self) -> Option<BorrowedFd<'_>> {
        self.stderr.as_ref().map(AsFd::as_fd)
    }

    pub(super) fn is_sending(&self) -> bool {
        self.outgoing.is_some()
    }

    /// Gives it tasks; it must be free.
    pub(super) fn give(&mut self, items: Vec<Item>) {
        let mut message = Message::default();
        for item in &items {
            item.entry.key().put(&mut message.body);
            put_u64(&mut message.body, item.arguments.bulk.len() as u64);
            put_u64(&mut message.body, item.arguments.fds.len() as u64);
            put_u64(&mut message.body, item.arguments.body.len() as u64);
            message.body.extend(&item.arguments.body);
            message
                .bulk
                .extend(item.arguments.bulk.iter().map(Bulk::share));
            message.fds.extend(item.arguments.fds.iter().cloned());
        }
        self.running = items.into();
        self.start_clock();
        match Outgoing::new(Kind::Tasks, message) {
            Ok(frame) => {
                self.outgoing = Some(frame);
                self.send();
            }
            Err(error) => self.refuse(&error),
        }
    }

    /// It can't be told what it was given, and is free again.
    fn refuse(&mut self, error: &io::Error) {
        for item in self.running.drain(..) {
            let detail = format!("it can't be sent to a worker: {error}{}", hint(error));
            item.fail(TaskErrorKind::Refused, Some(detail));
        }
        self.start_clock();
    }

    fn start_clock(&mut self) {
        let timeout = self.running.front().and_then(|item| item.timeout);
        self.deadline = timeout.and_then(|time| Instant::now().checked_add(time));
    }

    /// Sends on what the socket has not taken.
    pub(super) fn send(&mut self) {
        let Some(frame) = &mut self.outgoing else {
            return;
        };
        let sent = frame.send(self.socket.as_fd(), false);
        let congested = self.congested.take();
        match sent {
            Ok(true) => self.outgoing = None,
            Ok(false) => {}
            // Nothing of the frame has been sent, as the descriptors go with its first byte.
            Err(error) if socket::is_congested(&error) => {
                let since = congested.unwrap_or_else(Instant::now);
                if since.elapsed() < socket::CONGESTION {
                    self.congested = Some(since);
                } else {
                    self.outgoing = None;
                    self.refuse(&error);
                }
            }
            // It is dead or dying, which its pidfd tells.
            Err(_) => self.unread = true,
        }
    }

    /// Whether it is to be sent to again soon, and not only when its socket has room.
    pub(super) fn is_congested(&self) -> bool {
        self.congested.is_some()
    }

    /// Reads all answers that have come.
    pub(super) fn receive(&mut self) {
        while !self.silent {
            match self.incoming.receive(self.socket.as_fd(), false) {
                Ok(Progress::Pending) => return,
                Ok(Progress::Complete(kind, received)) => {
                    self.incoming = Incoming::new(ANSWER_LIMIT, false);
                    self.answered(kind, received);
                }
                Err(error) => {
                    self.silent = true;
                    match error {
                        FrameError::Ended(_) => {}
                        FrameError::Reset(_) => self.unread = true,
                        error => self.reject(error.to_string()),
                    }
                }
            }
        }
    }

    fn answered(&mut self, kind: Kind, received: Received) {
        match kind {
            Kind::Ready if !self.ready => self.ready = true,
            Kind::OutOfMemory => {
                self.condemn(TaskErrorKind::Failed(JoinErrorKind::MemoryLimit));
            }
            _ if !self.ready => {
                let (kind, detail) = explain(None, Answer::Frame(kind, received));
                self.complaint = Some(match (kind, detail) {
                    (JoinErrorKind::Panicked { message, .. }, _) => {
                        format!("the initializer panicked: {message}")
                    }
                    (_, detail) => detail.unwrap_or_default(),
                });
            }
            _ => match self.running.pop_front() {
                Some(item) => {
                    self.done += 1;
                    self.start_clock();
                    self.settle(item, kind, received);
                }
                None => self.reject("it answered without having been asked".to_owned()),
            },
        }
    }

    fn settle(&self, item: Item, kind: Kind, received: Received) {
        if matches!(kind, Kind::Returned | Kind::ReturnedErr) {
            item.end(Ok(received));
            return;
        }
        let (kind, detail) = explain(None, Answer::Frame(kind, received));
        self.fail(item, TaskErrorKind::Failed(kind), detail, None);
    }

    /// It doesn't keep to the protocol: nothing that it says is of use.
    fn reject(&mut self, why: String) {
        self.silent = true;
        self.complaint = Some(why);
        self.kill();
    }

    /// It will end on account of its first task.
    pub(super) fn condemn(&mut self, kind: TaskErrorKind) {
        self.verdict = self.running.front().map(|item| (item.id, kind));
    }

    pub(super) fn kill(&self) {
        // That it can't be signalled doesn't make it more alive than it is.
        let _ = self.child.signal(libc::SIGKILL);
    }

    /// Has it end once it has done what it was given.
    pub(super) fn retire(&mut self) {
        self.retiring = true;
        // It reads the end of the socket.
        let _ = nix::sys::socket::shutdown(
            std::os::fd::AsRawFd::as_raw_fd(&self.socket),
            nix::sys::socket::Shutdown::Write,
        );
    }

    /// Passes its standard error on, and keeps the end of it.
    pub(super) fn pass_stderr(&mut self) {
        let Some(pipe) = &mut self.stderr else { return };
        let mut piece = [0; 8192];
        loop {
            match pipe.read(&mut piece) {
                Ok(0) => {
                    self.stderr = None;
                    return;
                }
                Ok(count) => {
                    // Nobody is left to tell if ours is closed.
                    let _ = io::stderr().write_all(&piece[..count]);
                    self.tail.extend(&piece[..count]);
                    let surplus = self.tail.len().saturating_sub(TAIL);
                    self.tail.drain(..surplus);
                }
                Err(_) => return,
            }
        }
    }

    /// Passes on what it writes until it has ended; `false` if it still lives at the deadline.
    pub(super) fn drain_until_end(&mut self, deadline: Deadline) -> io::Result<bool> {
        loop {
            let mut polled = vec![PollFd::new(self.child.pidfd(), PollFlags::POLLIN)];
            polled.extend(self.stderr().map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
            if !poll(&mut polled, deadline)? {
                return Ok(false);
            }
            let has_ended = is_ready(&polled[0]);
            self.pass_stderr();
            if has_ended {
                self.child.try_wait()?;
                return Ok(true);
            }
        }
    }

    /// Its first task ends with it.
    pub(super) fn fail(
        &self,
        item: Item,
        kind: TaskErrorKind,
        detail: Option<String>,
        status: Option<ExitStatus>,
    ) {
        let stderr = match status {
            Some(_) => {
                String::from_utf8_lossy(&self.tail.iter().copied().collect::<Vec<_>>()).into()
            }
            None => String::new(),
        };
        let failure = Failure {
            kind,
            task: Some(item.id),
            function: item.entry.name,
            worker: Some((self.child.pid, self.child.name.clone())),
            status,
            detail,
            stderr,
        };
        item.end(Err(failure));
    }

    /// Whether it had begun with its first task when it died.
    pub(super) fn had_begun(&self) -> bool {
        !self.unread && self.outgoing.is_none()
    }
}
