//! Steps 3 to 7 of [the start](crate::start), the child's side.

use super::bootstrap::Ends;
use super::execute::{FAILED, execute};
use super::{panic, serve};
use crate::fault;
use crate::process::current::{self, Identity, Parent};
use crate::registry;
use crate::sys::{lifeline, limit};
use crate::wire::frame::{FrameError, Incoming, Kind, Outgoing, Progress};
use crate::wire::message::{Arrival, Message, Received};
use crate::wire::order::Order;
use std::ffi::CString;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Runs what the parent orders and exits.
pub(super) fn run(ends: Ends) -> ! {
    name_after_program();
    // Both are open to the end of the process.
    let Ends { socket, lifeline } = &*Box::leak(Box::new(ends));
    fault::point("child-entered");
    watch_parent(lifeline);
    fault::point("child-armed");
    let (order, fds) = read_order(socket);
    fault::point("child-ordered");
    if let Some(bytes) = order.memory_limit
        && let Err(error) = limit::limit_memory(bytes, socket)
    {
        reject(
            socket,
            format!("can't limit its memory to {bytes} bytes: {error}"),
        );
    }
    let arguments = read(socket, Kind::Arguments);
    fault::point("child-has-arguments");
    if order.stdout {
        restore_stdout(fds);
    }
    current::become_child(
        Identity {
            name: order.name,
            daemon: order.daemon,
            may_spawn: order.may_spawn,
            lineage: order.lineage,
            parent: Some(Parent {
                pid: std::os::unix::process::parent_id(),
                name: order.parent_name,
            }),
        },
        order.depth_limit,
    );

    panic::watch(socket);
    if order.worker {
        serve::serve(socket, arguments);
    }
    let Some(entry) = registry::find(&order.function).filter(|entry| entry.build() == order.build)
    else {
        let function = order.function;
        reject(
            socket,
            format!("the child is another build of the program, which has no {function}"),
        );
    };
    fault::point("child-runs");
    let code = execute(entry, arguments, socket);
    fault::point("child-answered");
    // It runs the exit hooks and flushes standard output, unless somebody holds that.
    std::process::exit(code)
}

fn read_order(socket: &OwnedFd) -> (Order, Vec<Arrival>) {
    let received = read(socket, Kind::Order);
    match Order::decode(&received.body) {
        Ok(order) => (order, received.beside.fds),
        Err(error) => reject(socket, format!("the order can't be read: {error}")),
    }
}

/// Reads a frame, or ends: quietly if the parent is gone, which nobody is left to be told of.
fn read(socket: &OwnedFd, kind: Kind) -> Received {
    match Incoming::new(u64::MAX, true).receive(socket.as_fd(), true) {
        Ok(Progress::Complete(found, received)) if found == kind => received,
        Ok(_) => reject(socket, "messages came in the wrong order".to_owned()),
        Err(FrameError::Ended(_) | FrameError::Reset(_)) => std::process::exit(FAILED),
        Err(error @ FrameError::OutOfMemory { .. }) => {
            complain(&error.to_string());
            say(socket, Kind::OutOfMemory, Vec::new());
            std::process::exit(FAILED)
        }
        Err(error) => reject(socket, error.to_string()),
    }
}

/// Ends, and tells the parent why.
pub(super) fn reject(socket: &OwnedFd, text: String) -> ! {
    complain(&text);
    say(socket, Kind::Rejected, text.into_bytes());
    std::process::exit(FAILED)
}

pub(super) fn say(socket: &OwnedFd, kind: Kind, body: Vec<u8>) {
    let message = Message {
        body,
        ..Message::default()
    };
    let sent = Outgoing::new(kind, message).and_then(|mut frame| frame.send(socket.as_fd(), true));
    if let Err(error) = sent {
        complain(&format!("can't tell the parent: {error}"));
    }
}

/// Without a panic if standard error is closed.
pub(super) fn complain(text: &str) {
    let _ = writeln!(
        io::stderr(),
        "offspring: process {}: {text}",
        std::process::id()
    );
}

/// By the parent's name in `ps` and `top`, which without this was `exe`, from `/proc/self/exe`.
fn name_after_program() {
    let name = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&name).file_name().unwrap_or_default();
    if let Ok(name) = CString::new(name.as_bytes()) {
        // Cut off by the kernel after 15 bytes. It is for people only.
        let _ = nix::sys::prctl::set_name(&name);
    }
}

/// From here on the kernel kills this process when its parent dies.
fn watch_parent(lifeline: &OwnedFd) {
    if let Err(error) = lifeline::arm(lifeline) {
        complain(&format!("can't watch for the parent's death: {error}"));
        std::process::exit(FAILED);
    }
    if lifeline::is_cut(lifeline) {
        std::process::exit(FAILED);
    }
}

/// Takes over the standard output that libtest was kept from.
fn restore_stdout(fds: Vec<Arrival>) {
    let placed = match fds.into_iter().next() {
        // What libtest has said so far goes where it was sent to, not to the real one.
        Some(Arrival::Here(stdout)) => io::stdout()
            .flush()
            .and_then(|()| Ok(nix::unistd::dup2_stdout(&stdout)?)),
        Some(Arrival::Withheld(error)) => Err(error.into()),
        Some(Arrival::Taken) | None => return,
    };
    if let Err(error) = placed {
        complain(&format!("can't restore standard output: {error}"));
    }
}
