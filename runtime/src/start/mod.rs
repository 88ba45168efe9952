//! Starting a child: what has to hold before, and which way it is done.

mod exec;
mod stdio;

pub use stdio::Stdio;

use crate::call::Decode;
use crate::child::way;
use crate::ending;
use crate::error::{Error, Kind, Result};
use crate::fault;
use crate::process::child::{Child, Name};
use crate::process::{Process, current};
use crate::reaper;
use crate::registry::{Entry, check_unique};
use crate::wire::frame::{self, Outgoing};
use crate::wire::message::Message;
use crate::wire::order::Order;
use nix::poll::{PollFd, PollFlags};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, RawFd};
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
    // The time is that of the whole operation.
    let deadline = options.timeout.map(|time| Instant::now().checked_add(time));
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
    };
    let name = Name {
        name: order.name.clone(),
        daemon: order.daemon,
        function: function.name,
    };
    let started = exec::start(way, order, &options)
        .map_err(|failure| failure.into_error(function.name, options.directory.as_deref()))?;
    fault::point("parent-launched");
    let child = Child::new(reaper::next_serial(), started.pid, name, started.ends);
    let child = Arc::new(child);
    reaper::remember(&child, started.lifeline, deadline.flatten());
    if let Err(error) = deliver(&child, [started.order, arguments]) {
        // It would wait for the rest for ever. That it can't be killed can't be helped.
        let _ = child.signal(libc::SIGKILL);
        return Err(start("sending its arguments")(error));
    }
    fault::point("parent-delivered");
    Ok(Process::new(child, decode, started.pipes))
}

/// Sends frames to a child, however large they are, as long as it lives.
///
/// It reads all of them before it runs anything else. If it dies before, or stops reading, there
/// is nobody left to tell; how it died is told to who joins it.
fn deliver<'a>(child: &Child, frames: impl IntoIterator<Item = Outgoing<'a>>) -> io::Result<()> {
    let Some(socket) = child.socket() else {
        return Ok(());
    };
    for mut frame in frames {
        fault::half_sent("parent-half-sent", &frame, socket.as_fd());
        loop {
            match frame.send(socket.as_fd(), false) {
                Ok(true) => {
                    fault::point("parent-frame-sent");
                    break;
                }
                Ok(false) => {}
                Err(error) if is_gone(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
            let mut polled = [
                PollFd::new(socket.as_fd(), PollFlags::POLLOUT),
                PollFd::new(child.pidfd(), PollFlags::POLLIN),
            ];
            crate::sys::wait::poll(&mut polled, crate::sys::wait::Deadline::NEVER)?;
            if crate::sys::wait::is_ready(&polled[1]) {
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
