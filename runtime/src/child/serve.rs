//! A worker of a pool: it takes tasks from its socket until that closes.

use super::execute::{FAILED, execute};
use super::run::{reject, say};
use crate::call::{Answer, Invocation};
use crate::registry::{self, Entry, Key};
use crate::wire::CodecError;
use crate::wire::fields::Fields;
use crate::wire::frame::{FrameError, Incoming, Kind, Progress};
use crate::wire::message::{Beside, Message, Received};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Runs the initializer, then tasks.
pub(super) fn serve(socket: &'static OwnedFd, settings: Received) -> ! {
    let (ignores_interrupt, initializer) = match read_settings(settings) {
        Ok(settings) => settings,
        Err(error) => reject(
            socket,
            format!("the pool's settings can't be read: {error}"),
        ),
    };
    if ignores_interrupt {
        // Ctrl-C is for the pool's process, which tells its workers. Blocked, it is also for what
        // they start.
        let mut interrupt = SigSet::empty();
        interrupt.add(Signal::SIGINT);
        let _ = pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&interrupt), None);
    }
    if let Some((entry, arguments)) = initializer {
        initialize(socket, entry, arguments);
    }
    say(socket, Kind::Ready, Vec::new());
    loop {
        match Incoming::new(u64::MAX, true).receive(socket.as_fd(), true) {
            Ok(Progress::Complete(Kind::Tasks, tasks)) => run(socket, tasks),
            Err(FrameError::Ended(_) | FrameError::Reset(_)) => std::process::exit(0),
            Ok(_) => reject(socket, "messages came in the wrong order".to_owned()),
            Err(error) => reject(socket, error.to_string()),
        }
    }
}

/// The initializer as settings; see [`crate::pool`].
type Initializer = Option<(&'static Entry, Received)>;

fn read_settings(settings: Received) -> Result<(bool, Initializer), CodecError> {
    let mut fields = Fields(&settings.body);
    let ignores_interrupt = fields.byte()? != 0;
    if fields.byte()? == 0 {
        return Ok((ignores_interrupt, None));
    }
    let entry = entry(&mut fields)?;
    let body = fields.0.to_vec();
    Ok((
        ignores_interrupt,
        Some((entry, Received { body, ..settings })),
    ))
}

fn entry(fields: &mut Fields<'_>) -> Result<&'static Entry, CodecError> {
    let key = Key::take(fields)?;
    registry::find(&key).ok_or_else(|| CodecError::new(format!("there is no {key}")))
}

/// Runs the initializer. If it fails, this is the end.
fn initialize(socket: &'static OwnedFd, entry: &'static Entry, arguments: Received) {
    /// Its value is of no use here, and may be of no type that could be sent.
    struct Outcome(bool);
    impl Answer for Outcome {
        fn returned(&mut self, _: Message<'_>, failed: bool) -> io::Result<()> {
            self.0 = failed;
            Ok(())
        }
    }
    let mut outcome = Outcome(false);
    let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut invocation = Invocation::new(arguments, &mut outcome)?;
        (entry.run)(&mut invocation)
    }));
    match run {
        Ok(Ok(())) if !outcome.0 => {}
        Ok(Ok(())) => reject(
            socket,
            format!("the initializer {}() returned an Err", entry.name),
        ),
        Ok(Err(refused)) => reject(
            socket,
            format!("the initializer {}(): {refused}", entry.name),
        ),
        Err(payload) => {
            let report = super::panic::report(&*payload);
            say(socket, Kind::Panicked, report.encode());
            std::process::exit(FAILED)
        }
    }
}

/// Runs tasks in their order, and answers each.
fn run(socket: &OwnedFd, tasks: Received) {
    let mut fields = Fields(&tasks.body);
    let mut bulk = tasks.beside.bulk.into_iter();
    let mut fds = tasks.beside.fds.into_iter();
    while !fields.0.is_empty() {
        let task = read_task(&mut fields).map(|task| {
            let arguments = Received {
                body: task.body.to_vec(),
                beside: Beside {
                    bulk: bulk.by_ref().take(task.runs).collect(),
                    fds: fds.by_ref().take(task.fds).collect(),
                },
            };
            (task.entry, arguments)
        });
        match task {
            Ok((entry, arguments)) => {
                execute(entry, arguments, socket);
            }
            Err(error) => reject(socket, format!("a task can't be read: {error}")),
        }
    }
}

/// One task as it lies in the body.
struct Task<'a> {
    entry: &'static Entry,
    body: &'a [u8],
    /// How many bulk runs and descriptors are its own.
    runs: usize,
    fds: usize,
}

fn read_task<'a>(fields: &mut Fields<'a>) -> Result<Task<'a>, CodecError> {
    let entry = entry(fields)?;
    let mut number =
        || usize::try_from(fields.u64()?).map_err(|_| CodecError::new("a number is too large"));
    let (runs, fds, length) = (number()?, number()?, number()?);
    Ok(Task {
        entry,
        body: fields.bytes(length)?,
        runs,
        fds,
    })
}
