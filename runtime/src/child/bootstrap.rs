//! Whether this process is a child, and the socket to its parent.

use super::VARIABLE;
use crate::sys::{auxv, environment, fd, socket};
use nix::sys::stat::{SFlag, fstat};
use std::os::fd::{AsFd, OwnedFd, RawFd};

pub(super) enum Bootstrap {
    /// It isn't.
    None,
    /// Somebody else's variable: this is an ordinary program, and why.
    Foreign(String),
    /// A child's variable and socket in a process that isn't that child, or whose parent is gone.
    /// It must not run as if it were the main program.
    Lost(String),
    Socket(OwnedFd),
}

/// Reads the variable and takes it out of the environment, so that programs started from here
/// don't see it. It is believed only if it names an open socket with the right inode, whose peer
/// is this process's parent.
pub(super) fn take() -> Bootstrap {
    let Some(value) = environment::take(VARIABLE) else { return Bootstrap::None };
    if auxv::is_secure() {
        // Whoever started this program has fewer rights than it.
        return Bootstrap::None;
    }
    let Some((number, inode)) = value.to_str().and_then(parse) else {
        return Bootstrap::Foreign(format!("{value:?} is not FD:INODE; unset it"));
    };
    let stat = fd::inspect(number).and_then(|fd| fstat(fd).ok());
    let Some(stat) = stat else {
        return Bootstrap::Foreign(format!("descriptor {number} is not open; unset it"));
    };
    if stat.st_mode & SFlag::S_IFMT.bits() != SFlag::S_IFSOCK.bits() || stat.st_ino != inode {
        return Bootstrap::Foreign(format!("descriptor {number} is not the socket meant; unset it"));
    }
    let socket = fd::adopt(number);
    let parent = nix::unistd::getppid().as_raw();
    match socket::peer_pid(socket.as_fd()) {
        Ok(peer) if peer == parent => match fd::close_on_exec(&socket) {
            Ok(()) => Bootstrap::Socket(socket),
            Err(error) => Bootstrap::Lost(error.to_string()),
        },
        Ok(peer) => Bootstrap::Lost(format!(
            "process {peer} started it, and the parent is {parent}; if it was inherited, call \
             offspring::init() before other programs are started"
        )),
        Err(error) => Bootstrap::Lost(error.to_string()),
    }
}

fn parse(value: &str) -> Option<(RawFd, u64)> {
    let (number, inode) = value.split_once(':')?;
    Some((number.parse().ok().filter(|number| *number > 2)?, inode.parse().ok()?))
}
