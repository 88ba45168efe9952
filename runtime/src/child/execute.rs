//! One call in this process: decode, run, answer.

use super::panic;
use super::run::{complain, say};
use crate::call::{Answer, Invocation, RefusedKind};
use crate::fault;
use crate::registry::Entry;
use crate::wire::frame::{Kind, Outgoing};
use crate::wire::message::{Message, Received};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Exit codes: of a function's `Err`, and of all that goes wrong on our side.
pub(super) const FAILED: i32 = 1;
/// As of a Rust program whose `main` panics.
const PANICKED: i32 = 101;

/// Runs the function and sends what became of it. Gives the exit code that tells it.
pub(crate) fn execute(entry: &Entry, arguments: Received, socket: &OwnedFd) -> i32 {
    let mut reply = Reply {
        socket,
        failed: false,
    };
    let run = catch_unwind(AssertUnwindSafe(|| {
        let mut invocation = Invocation::new(arguments, &mut reply)?;
        (entry.run)(&mut invocation)
    }));
    match run {
        Ok(Ok(())) if reply.failed => FAILED,
        Ok(Ok(())) => 0,
        Ok(Err(refused)) => {
            let text = refused.to_string();
            match refused.0 {
                RefusedKind::Write(_) => complain(&text),
                RefusedKind::Encode(_) => say(socket, Kind::Unencodable, text.into_bytes()),
                _ => say(socket, Kind::Rejected, text.into_bytes()),
            }
            FAILED
        }
        Err(payload) => {
            say(socket, Kind::Panicked, panic::report(&*payload).encode());
            PANICKED
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
        let kind = if failed {
            Kind::ReturnedErr
        } else {
            Kind::Returned
        };
        let mut frame = Outgoing::new(kind, value)?;
        fault::half_sent("child-half-answered", &frame, self.socket.as_fd());
        frame.send(self.socket.as_fd(), true).map(|_| ())
    }
}
