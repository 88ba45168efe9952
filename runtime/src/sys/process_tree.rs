//! All descendants of a process, as parent ids tell: proc_pid_stat(5).

use super::pidfd;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Kills `root` and all its descendants, none of which can have a child unseen meanwhile.
///
/// Each is stopped as it is found, so that it starts no more; when a look at all processes finds
/// nobody new, they are all killed. A process whose parent has ended before is not found: its parent
/// id leads elsewhere.
pub(crate) fn kill(root: u32, root_fd: impl AsFd) -> io::Result<()> {
    pidfd::send_signal(root_fd.as_fd(), libc::SIGSTOP)?;
    let mut found: Vec<(u32, OwnedFd)> = Vec::new();
    let listed = loop {
        match grow(root, &mut found) {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    // Also if the list is incomplete: stopped processes are no state to leave behind.
    let killed: Vec<_> = found
        .iter()
        .map(|(_, fd)| fd.as_fd())
        .chain([root_fd.as_fd()])
        .map(|fd| pidfd::send_signal(fd, libc::SIGKILL))
        .collect();
    listed.and(killed.into_iter().collect())
}

/// Looks at all processes once and stops the new ones; whether there were any.
fn grow(root: u32, found: &mut Vec<(u32, OwnedFd)>) -> io::Result<bool> {
    let before = found.len();
    let is_known = |found: &[(u32, OwnedFd)], pid| pid == root || found.iter().any(|f| f.0 == pid);
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if is_known(found, pid) || !parent(pid).is_some_and(|parent| is_known(found, parent)) {
            continue;
        }
        // Between the look and the descriptor the pid may have become another's.
        if let Ok(fd) = pidfd::open(pid)
            && parent(pid).is_some_and(|parent| is_known(found, parent))
        {
            pidfd::send_signal(fd.as_fd(), libc::SIGSTOP)?;
            found.push((pid, fd));
        }
    }
    Ok(found.len() > before)
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name, which may hold anything; state and parent follow it.
    stat.rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}
