//! Starting a child: what has to hold before, and which way it is done.

mod exec;
mod stdio;

pub use stdio::Stdio;

use crate::call::Decode;
use crate::child::{Way, way};
use crate::ending;
use crate::error::{Error, Kind, Result};
use crate::fault;
use crate::lifelines;
use crate::process::child::{Child, Ends, Name};
use crate::process::output::Pipes;
use crate::process::{Process, current};
use crate::reaper;
use crate::registry::{Entry, check_unique};
use crate::sys::socket::{CONGESTION, RETRY, is_congested};
use crate::sys::wait::{Deadline, is_ready, poll};
use crate::wire::frame::{self, Outgoing};
use crate::wire::message::Message;
use crate::wire::order::Order;
use nix::poll::{PollFd, PollFlags};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a call says about its process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) name: Option<String>,
    /// Unless said, as this process.
    pub(crate) daemon: Option<bool>,
    pub(crate) may_spawn: Option<bool>,
    pub(crate) timeout: Option<Duration>,
    /// For a task of a pool: how often it may be done again.
    pub(crate) retries: Option<u32>,
    /// In bytes.
    pub(crate) memory_limit: Option<u64>,
    /// What to set, and with `None` what to remove, the last for a name counts.
    pub(crate) environment: Vec<(OsString, Option<OsString>)>,
    pub(crate) directory: Option<PathBuf>,
    /// Unless said, an empty standard input, and the parent's output and error.
    pub(crate) stdio: [Option<Stdio>; 3],
    /// Numbers of descriptors that the caller keeps open until the start.
    pub(crate) keep: Vec<RawFd>,
}

impl Options {
    /// The first of its settings that is about a process, and makes no sense for a task.
    pub(crate) fn for_process_only(&self) -> Option<&'static str> {
        let stdio = ["stdin", "stdout", "stderr"];
        let set = stdio
            .into_iter()
            .zip(&self.stdio)
            .find(|(_, stream)| stream.is_some());
        [
            ("name", self.name.is_some()),
            ("daemon", self.daemon.is_some()),
            ("may_spawn", self.may_spawn.is_some()),
            ("memory_limit", self.memory_limit.is_some()),
            ("env", !self.environment.is_empty()),
            ("current_dir", self.directory.is_some()),
            ("keep_fd", !self.keep.is_empty()),
            (set.map_or("stdio", |(name, _)| name), set.is_some()),
        ]
        .into_iter()
        .find_map(|(name, is_set)| is_set.then_some(name))
    }
}

/// Starts a process that runs `function` with `arguments`.
///
/// When this returns, the child has been given its arguments, or has died before it took them,
/// which its end will tell.
pub(crate) fn start<T>(
    function: &'static Entry,
    arguments: Message<'_>,
    options: Options,
    decode: Decode<T>,
) -> Result<Process<T>> {
    let Begun { child, .. } = begin(function, arguments, options, false)?;
    Ok(Process::new(child, decode))
}

/// Starts a worker of a pool, which is not told to whom its answers go: the pool reads them.
pub(crate) fn start_worker(arguments: Message<'static>, options: Options) -> Result<Begun> {
    begin(&WORKER, arguments, options, true)
}

/// Whether this process may have children, and how they come in.
pub(crate) fn check_allowed() -> Result<Way> {
    let way = way().ok_or_else(|| Error::new(Kind::NotEntered))?;
    let me = current::identity();
    if me.daemon && !me.may_spawn {
        return Err(Error::new(Kind::DaemonSpawns {
            process: me.name.clone(),
        }));
    }
    let limit = current::depth_limit();
    if me.lineage.len() >= limit as usize {
        return Err(Error::new(Kind::TooDeep { limit }));
    }
    if crate::sys::auxv::is_secure() {
        return Err(Error::new(Kind::Privileged));
    }
    Ok(way)
}

/// What stands for a worker's loop where a function has a name.
static WORKER: Entry = Entry {
    name: "pool worker",
    ..*Entry::INVALID
};

pub(crate) struct Begun {
    pub(crate) child: Arc<Child>,
    pub(crate) socket: Arc<OwnedFd>,
}

fn begin(
    function: &'static Entry,
    arguments: Message<'_>,
    options: Options,
    worker: bool,
) -> Result<Begun> {
    if options.retries.is_some() {
        return Err(Error::new(Kind::ForTaskOnly { what: "retries" }));
    }
    // The time is that of the whole operation.
    let deadline = options.timeout.map(|time| Instant::now().checked_add(time));
    let way = check_allowed()?;
    let (me, limit) = (current::identity(), current::depth_limit());
    check_unique(function)?;
    let start = |what| move |error| Error::start(function.name, what, error);
    let arguments =
        Outgoing::new(frame::Kind::Arguments, arguments).map_err(start("its arguments"))?;
    reaper::prepare(ending::at_exit)?;

    fault::point("parent-before-launch");
    let lineage = current::next_lineage();
    let order = Order {
        function: function.key(),
        build: function.build(),
        name: options
            .name
            .clone()
            .unwrap_or_else(|| current::default_name(&lineage)),
        daemon: options.daemon.unwrap_or(me.daemon),
        may_spawn: options.may_spawn.unwrap_or(me.may_spawn),
        memory_limit: options.memory_limit,
        lineage,
        depth_limit: limit,
        parent_name: me.name.clone(),
        stdout: false,
        worker,
    };
    let name = Name {
        name: order.name.clone(),
        daemon: order.daemon,
        function: function.name,
    };
    let serial = reaper::next_serial();
    let started = exec::start(serial, way, order, &options).map_err(|failure| {
        lifelines::release(serial);
        failure.into_error(function.name, options.directory.as_deref())
    })?;
    fault::point("parent-launched");
    let socket = Arc::new(started.socket);
    let ends = Ends {
        pidfd: started.pidfd,
        socket: (!worker).then(|| socket.clone()),
        pipes: Pipes::new(started.pipes),
    };
    let child = Arc::new(Child::new(serial, started.pid, name, ends));
    if worker {
        child.attend_for_good();
    }
    reaper::remember(&child, deadline.flatten());
    if let Err(error) = deliver(&child, &socket, [started.order, arguments]) {
        // It would wait for the rest for ever. That it can't be killed can't be helped.
        let _ = child.signal(libc::SIGKILL);
        return Err(start("sending its arguments")(error));
    }
    fault::point("parent-delivered");
    Ok(Begun { child, socket })
}

/// Sends frames to a child, however large they are, as long as it lives.
///
/// It reads all of them before it runs anything else. If it dies before, or stops reading, there
/// is nobody left to tell; how it died is told to who joins it.
fn deliver<'a>(
    child: &Child,
    socket: &OwnedFd,
    frames: impl IntoIterator<Item = Outgoing<'a>>,
) -> io::Result<()> {
    for mut frame in frames {
        let congested = Deadline::after(CONGESTION);
        fault::half_sent("parent-half-sent", &frame, socket.as_fd());
        loop {
            let (room, until) = match frame.send(socket.as_fd(), false) {
                Ok(true) => {
                    fault::point("parent-frame-sent");
                    break;
                }
                Ok(false) => (PollFlags::POLLOUT, Deadline::NEVER),
                Err(error) if is_gone(&error) => return Ok(()),
                Err(error) if is_congested(&error) && !congested.has_passed() => {
                    (PollFlags::empty(), Deadline::after(RETRY))
                }
                Err(error) => return Err(error),
            };
            let mut polled = [
                PollFd::new(socket.as_fd(), room),
                PollFd::new(child.pidfd(), PollFlags::POLLIN),
            ];
            poll(&mut polled, until)?;
            if is_ready(&polled[1]) {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}
