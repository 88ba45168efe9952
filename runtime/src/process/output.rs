//! The standard streams of a child that are pipes.

use super::child::Child;
use crate::sys::wait::{Deadline, is_ready, poll};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags};
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// What a child has written to its standard streams, as far as they are pipes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// What it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error.
    pub stderr: Vec<u8>,
}

/// The parent's ends.
#[derive(Debug, Default)]
pub(crate) struct Pipes {
    pub(super) stdin: Option<PipeWriter>,
    pub(super) stdout: Option<PipeReader>,
    pub(super) stderr: Option<PipeReader>,
}

impl Pipes {
    pub(super) fn new([stdin, stdout, stderr]: [Option<OwnedFd>; 3]) -> Self {
        Self {
            stdin: stdin.map(Into::into),
            stdout: stdout.map(Into::into),
            stderr: stderr.map(Into::into),
        }
    }

    /// Reads both until the child has ended, then what is left in them.
    ///
    /// Not until they end: a process that the child has left behind may hold them open for ever.
    pub(super) fn read_all(self, child: &Arc<Child>) -> io::Result<Output> {
        let Self {
            stdin,
            stdout,
            stderr,
        } = self;
        drop(stdin);
        let mut output = Output::default();
        let mut streams = [(stdout, &mut output.stdout), (stderr, &mut output.stderr)];
        for (pipe, _) in &streams {
            pipe.iter().try_for_each(set_nonblocking)?;
        }
        let mut ended = child.try_wait()?.is_some();
        loop {
            for (pipe, text) in &mut streams {
                if let Some(reader) = pipe
                    && !drain(reader, text)?
                {
                    *pipe = None;
                }
            }
            if ended {
                return Ok(output);
            }
            let socket = child.socket();
            let fds = streams
                .iter()
                .filter_map(|(pipe, _)| Some(pipe.as_ref()?.as_fd()));
            let fds = fds.chain(socket.as_ref().map(|socket| socket.as_fd()));
            let mut polled: Vec<_> = [child.pidfd()]
                .into_iter()
                .chain(fds)
                .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
                .collect();
            poll(&mut polled, Deadline::NEVER)?;
            ended = child.advance(is_ready(&polled[0]))?.is_some();
        }
    }
}

fn set_nonblocking(pipe: &PipeReader) -> io::Result<()> {
    fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(())
}

/// Reads what is there; whether more may come.
fn drain(mut pipe: impl Read, text: &mut Vec<u8>) -> io::Result<bool> {
    match pipe.read_to_end(text) {
        Ok(_) => Ok(false),
        // What was read before is in `text`.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error),
    }
}
