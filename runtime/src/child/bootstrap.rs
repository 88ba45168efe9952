//! Whether this process is a child, and the socket to its parent.

use super::VARIABLE;
use crate::sys::{auxv, environment, fd, lifeline, socket};
use nix::errno::Errno;
use nix::sys::stat::{FileStat, SFlag, fstat};
use std::os::fd::{AsFd, OwnedFd, RawFd};

/// What a parent gives its child.
pub(super) struct Ends {
    pub(super) socket: OwnedFd,
    pub(super) lifeline: OwnedFd,
}

pub(super) enum Bootstrap {
    /// It isn't.
    None,
    /// Somebody else's variable: this is an ordinary program, and why.
    Foreign(String),
    /// A child's variable and socket in a process that isn't that child, or whose parent is gone.
    /// It must not run as if it were the main program.
    Lost(String),
    /// A child whose parent is dead.
    Orphan,
    Child(Ends),
}

/// Reads the variable and takes it out of the environment, so that programs started from here
/// don't see it. It is believed only if it names an open socket with the right inode, whose peer
/// is this process's parent, and a pipe.
pub(super) fn take() -> Bootstrap {
    let Some(value) = environment::take(VARIABLE) else {
        return Bootstrap::None;
    };
    if auxv::is_secure() {
        // Whoever started this program has fewer rights than it.
        return Bootstrap::None;
    }
    let Some([number, inode, lifeline]) = value.to_str().and_then(parse) else {
        return Bootstrap::Foreign(format!("{value:?} is not SOCKET:INODE:PIPE; unset it"));
    };
    let Ok(stat) = status(number) else {
        return Bootstrap::Foreign(format!("descriptor {number} is not open; unset it"));
    };
    if !is_a(&stat, SFlag::S_IFSOCK) || stat.st_ino != inode {
        return Bootstrap::Foreign(format!(
            "descriptor {number} is not the socket meant; unset it"
        ));
    }
    if !status(lifeline).is_ok_and(|stat| is_a(&stat, SFlag::S_IFIFO)) {
        return Bootstrap::Lost(format!("descriptor {lifeline} is not a pipe"));
    }
    let ends = Ends {
        socket: fd::adopt(number as RawFd),
        lifeline: fd::adopt(lifeline as RawFd),
    };
    match verify(&ends) {
        Ok(()) => Bootstrap::Child(ends),
        Err(_) if lifeline::is_cut(&ends.lifeline) => Bootstrap::Orphan,
        Err(why) => Bootstrap::Lost(why),
    }
}

fn verify(ends: &Ends) -> Result<(), String> {
    let parent = nix::unistd::getppid().as_raw();
    let text = |error: std::io::Error| error.to_string();
    let peer = socket::peer_pid(ends.socket.as_fd()).map_err(text)?;
    if peer != parent {
        return Err(format!(
            "process {peer} started it, and the parent is {parent}; if it was inherited, call \
             offspring::init() before other programs are started"
        ));
    }
    fd::close_on_exec(&ends.socket)
        .and_then(|()| fd::close_on_exec(&ends.lifeline))
        .map_err(text)
}

fn status(number: u64) -> nix::Result<FileStat> {
    let number = RawFd::try_from(number).map_err(|_| Errno::EBADF)?;
    fstat(fd::inspect(number).ok_or(Errno::EBADF)?)
}

fn is_a(stat: &FileStat, kind: SFlag) -> bool {
    stat.st_mode & SFlag::S_IFMT.bits() == kind.bits()
}

/// Three numbers; descriptors are none of the standard ones.
fn parse(value: &str) -> Option<[u64; 3]> {
    let numbers: Vec<u64> = value
        .split(':')
        .map(|n| n.parse().ok())
        .collect::<Option<_>>()?;
    let numbers: [u64; 3] = numbers.try_into().ok()?;
    let fds = [numbers[0], numbers[2]];
    (fds[0] != fds[1] && fds.iter().all(|fd| (3..1 << 30).contains(fd))).then_some(numbers)
}
