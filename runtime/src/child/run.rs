//! Steps 4 to 8 of [the start](crate::start), the child's side.

use super::{VARIABLE, panic};
use crate::call::{Answer, Invocation, RefusedKind};
use crate::process::current::{self, Identity, Parent};
use crate::registry;
use crate::start;
use crate::sys::lifeline;
use crate::wire::frame::{FrameError, Incoming, Kind, Outgoing, Progress};
use crate::wire::message::{Message, Received};
use crate::wire::order::Order;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Exit codes: of a function's `Err`, and of all that goes wrong on our side.
const FAILED: i32 = 1;
/// As of a Rust program whose `main` panics.
const PANICKED: i32 = 101;

/// Runs what the parent orders and exits.
pub(super) fn run(socket: OwnedFd) -> ! {
    let socket = Arc::new(socket);
    let (order, fds) = read_order(&socket);
    let arguments = read(&socket, Kind::Arguments);
    accept_fds(&order, fds);
    current::become_child(
        Identity {
            name: order.name,
            daemon: order.daemon,
            lineage: order.lineage,
            parent: Some(Parent {
                pid: std::os::unix::process::parent_id(),
                name: order.parent_name,
            }),
        },
        order.depth_limit,
    );

    let Some(entry) = registry::find(&order.function).filter(|entry| start::build(entry) == order.build) else {
        let function = order.function;
        reject(&socket, format!("the child is another build of the program, which has no {function}"));
    };
    panic::watch(socket.clone());
    let mut reply = Reply { socket: &socket, failed: false };
    let run = catch_unwind(AssertUnwindSafe(|| {
        let mut invocation = Invocation::new(arguments, &mut reply)?;
        (entry.run)(&mut invocation)
    }));
    let code = match run {
        Ok(Ok(())) if reply.failed => FAILED,
        Ok(Ok(())) => 0,
        Ok(Err(refused)) => {
            match refused.0 {
                RefusedKind::Write(_) => complain(&refused.to_string()),
                RefusedKind::Encode(_) => say(&socket, Kind::Unencodable, refused.to_string().into_bytes()),
                _ => say(&socket, Kind::Rejected, refused.to_string().into_bytes()),
            }
            FAILED
        }
        Err(payload) => {
            say(&socket, Kind::Panicked, panic::report(&*payload).encode());
            PANICKED
        }
    };
    exit(code)
}

/// Runs the exit hooks and ends.
fn exit(code: i32) -> ! {
    // `exit` flushes it as well, but can't say that it failed.
    if let Err(error) = io::stdout().flush() {
        complain(&format!("can't write to standard output: {error}"));
    }
    std::process::exit(code)
}

fn read_order(socket: &OwnedFd) -> (Order, Vec<Option<OwnedFd>>) {
    let received = read(socket, Kind::Order);
    match Order::decode(&received.body) {
        Ok(order) => (order, received.fds),
        Err(error) => reject(socket, format!("the order can't be read: {error}")),
    }
}

/// Reads a frame, or ends: quietly if the parent is gone, which nobody is left to be told of.
fn read(socket: &OwnedFd, kind: Kind) -> Received {
    match Incoming::new(u64::MAX, kind == Kind::Order).receive(socket.as_fd(), true) {
        Ok(Progress::Complete(found, received)) if found == kind => received,
        Ok(_) => reject(socket, "messages came in the wrong order".to_owned()),
        Err(FrameError::Ended(_)) => std::process::exit(FAILED),
        Err(error) => reject(socket, error.to_string()),
    }
}

/// Ends, and tells the parent why.
fn reject(socket: &OwnedFd, text: String) -> ! {
    complain(&text);
    say(socket, Kind::Rejected, text.into_bytes());
    std::process::exit(FAILED)
}

fn say(socket: &OwnedFd, kind: Kind, body: Vec<u8>) {
    let message = Message { body, ..Message::default() };
    let sent = Outgoing::new(kind, message).and_then(|mut frame| frame.send(socket.as_fd(), true));
    if let Err(error) = sent {
        complain(&format!("can't tell the parent: {error}"));
    }
}

/// Without a panic if standard error is closed.
fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "offspring: process {}: {text}", std::process::id());
}

/// Arms the lifeline, and takes over the standard output that libtest was kept from.
fn accept_fds(order: &Order, fds: Vec<Option<OwnedFd>>) {
    let mut fds = fds.into_iter().flatten();
    match fds.next().map(|pipe| (lifeline::arm(&pipe), pipe)) {
        Some((Ok(true), pipe)) => {
            // The kernel's order holds as long as the pipe is open here: to the end.
            std::mem::forget(pipe);
        }
        // The parent is gone.
        Some((Ok(false), _)) => std::process::exit(FAILED),
        Some((Err(error), _)) => {
            complain(&format!("can't watch for the parent's death: {error}"));
            std::process::exit(FAILED);
        }
        None => {
            complain(&format!("the order after {VARIABLE} has no lifeline"));
            std::process::exit(FAILED);
        }
    }
    if order.stdout
        && let Some(stdout) = fds.next()
    {
        // What libtest has said so far goes where it was sent to, not to the real one.
        let placed = io::stdout().flush().and_then(|()| Ok(nix::unistd::dup2_stdout(&stdout)?));
        if let Err(error) = placed {
            complain(&format!("can't restore standard output: {error}"));
        }
    }
}

/// Sends what the function returned.
struct Reply<'a> {
    socket: &'a OwnedFd,
    failed: bool,
}

impl Answer for Reply<'_> {
    fn returned(&mut self, value: Message<'_>, failed: bool) -> io::Result<()> {
        self.failed = failed;
        let kind = if failed { Kind::ReturnedErr } else { Kind::Returned };
        Outgoing::new(kind, value)?.send(self.socket.as_fd(), true).map(|_| ())
    }
}
