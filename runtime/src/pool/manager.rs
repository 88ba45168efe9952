//! The thread that leads a pool: it alone gives tasks to workers and hears from them.
//!
//! # Protocol
//!
//! A worker is *starting* until it says `Ready`, then *free* or *busy*. A free one is given some
//! tasks in one frame, and answers each in their order, which makes it free again. Nothing is shared
//! with a worker but its own socket, so its death can spoil nothing of anybody else's. A frame brings the
//! descriptors of all its tasks, in their order; a task keeps its own until it is done.
//!
//! Whose fault a death is:
//!
//! | the worker dies | then |
//! |---|---|
//! | before `Ready` | the initializer has failed; too often in a while, and the pool gives up |
//! | while free | nobody notices; it is replaced |
//! | busy, but it has not read all that it was given (the kernel tells: its socket was closed with bytes unread) | it had not begun: all its tasks go back to the head of the queue |
//! | busy otherwise | its first unanswered task is to blame: it fails, or is done again if it may be; the others go back |
//!
//! An answer that was sent whole counts. A task whose time is up, or that is cancelled, has its
//! worker killed, and that is then what it ends with. A replacement is started before anything else
//! is given out. The manager never waits for a worker: all its sockets and pipes are polled together.

use super::error::TaskErrorKind;
use super::item::{Inbox, Item};
use super::worker::Worker;
use crate::process::{ExitStatus, JoinErrorKind};
use crate::start::Options;
use crate::sys::interrupt::INTERRUPT;
use crate::sys::socket::{MAX_FDS, RETRY};
use crate::sys::wait::{Deadline, is_ready, poll};
use crate::wire::message::Message;
use nix::poll::{PollFd, PollFlags};
use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a pool was built with.
pub(super) struct Settings {
    pub(super) workers: usize,
    /// Prefix of the workers' names.
    pub(super) name: String,
    pub(super) memory_limit: Option<u64>,
    pub(super) tasks_per_worker: Option<u64>,
    /// Tasks that are given at once, if they may be; by default as many as spread evenly.
    pub(super) chunk: Option<usize>,
    /// Between SIGTERM and SIGKILL for a task whose time is up; `None` is SIGKILL at once.
    pub(super) soft: Option<Duration>,
    /// How many starts may fail in how long.
    pub(super) restarts: (usize, Duration),
    /// The initializer as a worker gets it.
    pub(super) initializer: Message<'static>,
}

/// The most tasks that are given at once by default.
const MOST_AT_ONCE: usize = 256;
/// How long workers that were told to end have.
const END_GRACE: Duration = Duration::from_secs(1);

pub(super) struct Manager {
    settings: Settings,
    inbox: Arc<Inbox>,
    workers: Vec<Worker>,
    /// Of workers, so far.
    count: u64,
    /// When starts have failed, since one has succeeded.
    failures: VecDeque<Instant>,
}

impl Manager {
    pub(super) fn new(settings: Settings, inbox: Arc<Inbox>) -> Self {
        Self {
            settings,
            inbox,
            workers: Vec::new(),
            count: 0,
            failures: VecDeque::new(),
        }
    }

    /// To the end of the pool.
    pub(super) fn run(mut self) {
        loop {
            if self.heed_inbox() {
                break;
            }
            self.refill();
            self.dispatch();
            if self.is_finished() {
                break;
            }
            self.wait();
        }
        self.end();
    }

    /// Cancels what is to be cancelled; whether all is to end now.
    fn heed_inbox(&mut self) -> bool {
        let (cancelled, ends, interrupted) = {
            let mut state = self.inbox.lock();
            let cancelled = std::mem::take(&mut state.cancelled);
            let mut removed = Vec::new();
            for id in &cancelled {
                if let Some(at) = state.queue.iter().position(|item| item.id == *id) {
                    removed.extend(state.queue.remove(at));
                }
            }
            let ends = state.terminated || state.interrupted;
            let interrupted = state.interrupted;
            drop(state);
            removed
                .into_iter()
                .for_each(|item| item.fail(TaskErrorKind::Cancelled, None));
            (cancelled, ends, interrupted)
        };
        for worker in &mut self.workers {
            let is_cancelled = |item: &Item| cancelled.contains(&item.id);
            if worker.running.front().is_some_and(is_cancelled) {
                worker.condemn(TaskErrorKind::Cancelled);
                worker.kill();
            }
        }
        if interrupted {
            self.fail_all(&TaskErrorKind::Interrupted, None);
        }
        ends
    }

    /// Starts workers where some are missing, as long as there is work for them.
    fn refill(&mut self) {
        let is_over = {
            let state = self.inbox.lock();
            state.broken.is_some() || state.closed && state.queue.is_empty()
        };
        while !is_over && self.workers.len() < self.settings.workers {
            self.count += 1;
            let options = Options {
                name: Some(format!("{}-{}", self.settings.name, self.count)),
                daemon: Some(true),
                may_spawn: Some(true),
                memory_limit: self.settings.memory_limit,
                stdio: [None, None, Some(crate::start::Stdio::piped())],
                ..Options::default()
            };
            let initializer = Message::share(&self.settings.initializer);
            match Worker::start(initializer, options) {
                Ok(worker) => self.workers.push(worker),
                Err(error) => {
                    self.failed_start(error.to_string());
                    if self.inbox.lock().broken.is_some() {
                        return;
                    }
                    if !self.workers.is_empty() {
                        // Those that are there go on; another try comes with their next event.
                        return;
                    }
                }
            }
        }
    }

    /// A worker didn't come to be. Too many in a while, and the pool gives up.
    fn failed_start(&mut self, cause: String) {
        if self.inbox.lock().broken.is_some() {
            // It has given up, and ended those that were still starting.
            return;
        }
        let (most, period) = self.settings.restarts;
        let now = Instant::now();
        self.failures.push_back(now);
        while self
            .failures
            .front()
            .is_some_and(|time| now.duration_since(*time) > period)
        {
            self.failures.pop_front();
        }
        if self.failures.len() > most {
            self.inbox.lock().broken = Some(cause.clone());
            self.fail_all(&TaskErrorKind::Broken, Some(&cause));
            self.workers.iter().for_each(Worker::kill);
        }
    }

    fn fail_all(&mut self, kind: &TaskErrorKind, detail: Option<&str>) {
        let queue = std::mem::take(&mut self.inbox.lock().queue);
        let running = self
            .workers
            .iter_mut()
            .flat_map(|worker| std::mem::take(&mut worker.running));
        for item in running.collect::<Vec<_>>().into_iter().chain(queue) {
            item.fail(kind.clone(), detail.map(str::to_owned));
        }
    }

    /// Gives what is in the queue to free workers. After that either the queue is empty, and whoever
    /// puts something in rings the bell, or all workers are busy, and the first that is free again
    /// wakes the manager.
    fn dispatch(&mut self) {
        loop {
            let free = self.workers.iter_mut().find(|worker| worker.is_free());
            let mut state = self.inbox.lock();
            state.is_idle = state.queue.is_empty();
            let Some(worker) = free.filter(|_| !state.is_idle) else {
                return;
            };
            let items = take_group(&mut state.queue, &self.settings);
            drop(state);
            worker.give(items);
        }
    }

    fn is_finished(&self) -> bool {
        let state = self.inbox.lock();
        let is_over = state.closed && state.queue.is_empty();
        is_over && self.workers.iter().all(|worker| worker.running.is_empty())
            || state.broken.is_some() && self.workers.is_empty() && state.closed
    }

    /// Waits for something to happen, and deals with it.
    fn wait(&mut self) {
        let next = self
            .workers
            .iter()
            .flat_map(|worker| [worker.deadline, worker.kill_at]);
        let congested = self.workers.iter().any(Worker::is_congested);
        let retry = congested.then(|| Instant::now() + RETRY);
        let next = next.flatten().chain(retry).min();
        let deadline = next.map_or(Deadline::NEVER, |time| {
            Deadline::after(time.saturating_duration_since(Instant::now()))
        });
        let inbox = self.inbox.clone();
        let (bell, ready) = {
            let mut polled = vec![PollFd::new(inbox.bell.as_fd(), PollFlags::POLLIN)];
            // Of each worker: its end, its socket, its standard error.
            let mut places = Vec::new();
            for worker in &self.workers {
                polled.push(PollFd::new(worker.child.pidfd(), PollFlags::POLLIN));
                let end = polled.len() - 1;
                let mut flags = PollFlags::POLLIN;
                flags.set(
                    PollFlags::POLLOUT,
                    worker.is_sending() && !worker.is_congested(),
                );
                let socket = worker.socket().map(|fd| {
                    polled.push(PollFd::new(fd, flags));
                    polled.len() - 1
                });
                let stderr = worker.stderr().map(|fd| {
                    polled.push(PollFd::new(fd, PollFlags::POLLIN));
                    polled.len() - 1
                });
                places.push([Some(end), socket, stderr]);
            }
            if let Err(error) = poll(&mut polled, deadline) {
                // There is no memory for the kernel to wait with: not for ever.
                eprintln!("offspring: a pool can't wait for its workers: {error}");
                std::thread::sleep(Duration::from_millis(100));
            }
            let is_ready =
                |place: Option<usize>| place.is_some_and(|place| is_ready(&polled[place]));
            let ready: Vec<[bool; 3]> = places.iter().map(|place| place.map(is_ready)).collect();
            (is_ready(Some(0)), ready)
        };
        if bell && inbox.bell.read().is_ok_and(|count| count >= INTERRUPT) {
            inbox.lock().interrupted = true;
        }
        self.heed_clocks();
        let mut ended = Vec::new();
        for (index, (worker, ready)) in self.workers.iter_mut().zip(ready).enumerate() {
            let [end, socket, stderr] = ready;
            if stderr {
                worker.pass_stderr();
            }
            if socket || end || worker.is_congested() {
                worker.send();
                worker.receive();
            }
            if worker.ready && worker.done == 0 {
                self.failures.clear();
            }
            if end && let Ok(Some(status)) = worker.child.try_wait() {
                // Once more: what it wrote just before its end.
                worker.receive();
                worker.pass_stderr();
                ended.push((index, status));
            }
            let is_used_up = self
                .settings
                .tasks_per_worker
                .is_some_and(|most| worker.done >= most);
            if is_used_up && worker.is_free() {
                worker.retire();
            }
        }
        for (index, status) in ended.into_iter().rev() {
            let worker = self.workers.swap_remove(index);
            self.bury(worker, status);
        }
    }

    /// Ends tasks whose time is up.
    fn heed_clocks(&mut self) {
        let now = Instant::now();
        for worker in &mut self.workers {
            if worker.deadline.is_some_and(|time| time <= now) {
                worker.deadline = None;
                worker.condemn(TaskErrorKind::Failed(JoinErrorKind::TimedOut));
                match self.settings.soft {
                    None => worker.kill(),
                    Some(grace) => {
                        let _ = worker.child.signal(libc::SIGTERM);
                        worker.kill_at = now.checked_add(grace);
                    }
                }
            }
            if worker.kill_at.is_some_and(|time| time <= now) {
                worker.kill_at = None;
                worker.kill();
            }
        }
    }

    /// A worker has ended: its tasks go where they belong.
    fn bury(&mut self, mut worker: Worker, status: ExitStatus) {
        if !worker.ready {
            let cause = worker
                .complaint
                .take()
                .unwrap_or_else(|| format!("a worker ended before it was ready, by {status}"));
            self.failed_start(cause);
            return;
        }
        let mut left = std::mem::take(&mut worker.running);
        match worker.verdict.take() {
            // Its end was on account of a task. If that has been answered meanwhile, those behind it
            // have nothing to do with it.
            Some((task, kind)) => {
                if let Some(item) = left.pop_front_if(|item| item.id == task) {
                    worker.fail(item, kind, None, Some(status));
                }
            }
            None if worker.had_begun() => {
                if let Some(mut item) = left.pop_front() {
                    if item.retries > 0 && worker.complaint.is_none() {
                        item.retries -= 1;
                        left.push_front(item);
                    } else {
                        let detail = worker.complaint.take();
                        let kind = how_it_died(detail.is_some(), status);
                        worker.fail(item, TaskErrorKind::Failed(kind), detail, Some(status));
                    }
                }
            }
            None => {}
        }
        let mut state = self.inbox.lock();
        for item in left.into_iter().rev() {
            state.queue.push_front(item);
        }
    }

    /// Ends the workers, and what they have not done.
    fn end(mut self) {
        self.inbox.lock().closed = true;
        self.fail_all(&TaskErrorKind::Closed, None);
        let is_gentle = {
            let state = self.inbox.lock();
            !state.terminated && !state.interrupted && state.broken.is_none()
        };
        for worker in &mut self.workers {
            if is_gentle {
                worker.retire();
            } else {
                let _ = worker.child.signal(libc::SIGTERM);
            }
        }
        let deadline = Deadline::after(END_GRACE);
        for worker in &mut self.workers {
            // One that was told by the end of its socket may have children to wait for.
            let patience = if is_gentle { Deadline::NEVER } else { deadline };
            if !matches!(worker.drain_until_end(patience), Ok(true)) {
                worker.kill();
                let _ = worker.drain_until_end(Deadline::NEVER);
            }
        }
    }
}

fn how_it_died(talked_nonsense: bool, status: ExitStatus) -> JoinErrorKind {
    match (talked_nonsense, status.signal(), status.exitcode()) {
        (true, _, _) => JoinErrorKind::Decode,
        (false, Some(signal), _) => JoinErrorKind::Signaled { signal },
        (false, None, Some(code)) => JoinErrorKind::Exited(code),
        (false, None, None) => JoinErrorKind::Unknown,
    }
}

/// The next task, and those that may go along with it.
fn take_group(queue: &mut VecDeque<Item>, settings: &Settings) -> Vec<Item> {
    let even = queue.len() / (4 * settings.workers);
    let most = settings.chunk.unwrap_or(even.min(MOST_AT_ONCE)).max(1);
    let mut group: Vec<Item> = queue.pop_front().into_iter().collect();
    let mut fds = group
        .iter()
        .map(|item| item.arguments.fds.len())
        .sum::<usize>();
    while group.len() < most && group[0].groups {
        // They go in one frame.
        let fits = |item: &mut Item| item.groups && fds + item.arguments.fds.len() <= MAX_FDS;
        let Some(item) = queue.pop_front_if(fits) else {
            break;
        };
        fds += item.arguments.fds.len();
        group.push(item);
    }
    group
}
