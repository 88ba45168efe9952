//! The standard streams of a child that are pipes.

use super::child::Child;
use crate::sys::fd;
use crate::sys::wait::{Deadline, is_ready, poll};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags};
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// How much is read from one pipe before it is looked again whether the child has ended: somebody
/// who writes faster than this process reads would never let it come to that.
const TURN: usize = 1 << 20;

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
    pub(crate) fn new([stdin, stdout, stderr]: [Option<OwnedFd>; 3]) -> Self {
        Self {
            stdin: stdin.map(Into::into),
            stdout: stdout.map(Into::into),
            stderr: stderr.map(Into::into),
        }
    }

    /// Reads both until the child has ended, then what is left in them.
    ///
    /// Not until they end: a process that the child has left behind may hold them open, and write to
    /// them, for ever. What the child has written is in them when it has ended.
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
                let Some(reader) = pipe else { continue };
                let most = if ended {
                    fd::available(&*reader)?
                } else {
                    TURN
                };
                if !drain(reader, text, most)? {
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

/// Reads what is there, but not more than `most`; whether more may come.
fn drain(pipe: impl Read, text: &mut Vec<u8>, most: usize) -> io::Result<bool> {
    match pipe.take(most as u64).read_to_end(text) {
        Ok(count) => Ok(count == most),
        // What was read before is in `text`.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_ends_though_there_is_always_more() {
        let mut text = b"before".to_vec();
        assert!(drain(io::repeat(b'y'), &mut text, TURN).unwrap());
        assert_eq!(text.len(), 6 + TURN);
        assert!(drain(io::repeat(b'y'), &mut text, 0).unwrap());
        assert_eq!(text.len(), 6 + TURN);
        assert!(!drain(io::empty(), &mut text, TURN).unwrap());
    }

    #[test]
    fn what_is_available_is_what_was_written() {
        use std::io::Write;
        let (reader, mut writer) = io::pipe().unwrap();
        assert_eq!(fd::available(&reader).unwrap(), 0);
        writer.write_all(b"four").unwrap();
        assert_eq!(fd::available(&reader).unwrap(), 4);
        drop(writer);
        assert_eq!(fd::available(&reader).unwrap(), 4);
    }
}
