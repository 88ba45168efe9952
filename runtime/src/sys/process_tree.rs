//! All descendants of a process, as parent ids tell: proc_pid_stat(5).

use super::pidfd;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Kills `root` and all its descendants, none of which can have a child unseen meanwhile.
///
/// Each is stopped as it is found, so that it starts no more; when a look at all processes finds
/// nobody new, they are all killed. A process whose parent has ended before is not found: its parent
/// id leads elsewhere.
pub(crate) fn kill(root: u32, root_fd: impl AsFd) -> io::Result<()> {
    let root_fd = root_fd.as_fd();
    pidfd::send_signal(root_fd, libc::SIGSTOP)?;
    let mut family = Family {
        root: (root, root_fd),
        found: Vec::new(),
    };
    let listed = loop {
        match family.grow() {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    // Also if the list is incomplete: stopped processes are no state to leave behind.
    let killed: Vec<_> = family
        .found
        .iter()
        .map(|(_, fd)| fd.as_fd())
        .chain([root_fd])
        .map(|fd| pidfd::send_signal(fd, libc::SIGKILL))
        .collect();
    listed.and(killed.into_iter().collect())
}

/// A process and those of its descendants that were found.
///
/// They are known by number, and any of them may be killed and reaped by others meanwhile, so that
/// its number may come to be a stranger's: it counts only as long as the descriptor says that the
/// process hasn't ended.
struct Family<'a> {
    root: (u32, BorrowedFd<'a>),
    found: Vec<(u32, OwnedFd)>,
}

impl Family<'_> {
    /// Looks at all processes once and stops the new ones; whether there were any.
    fn grow(&mut self) -> io::Result<bool> {
        let before = self.found.len();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if !self.is_parent_in(pid)? || self.has(pid)? {
                continue;
            }
            if let Ok(fd) = pidfd::open(pid)
                && self.is_child(pid, fd.as_fd())?
            {
                pidfd::send_signal(fd.as_fd(), libc::SIGSTOP)?;
                self.found.push((pid, fd));
            }
        }
        Ok(self.found.len() > before)
    }

    /// Whether the process that `fd` stands for is a child of one of the family.
    ///
    /// Between the look at its number and the descriptor that may have become another's, so it is
    /// looked at again: what is told of a number is of that process if it hasn't ended after.
    fn is_child(&self, pid: u32, fd: BorrowedFd<'_>) -> io::Result<bool> {
        Ok(self.is_parent_in(pid)? && !pidfd::has_ended(fd)?)
    }

    fn is_parent_in(&self, pid: u32) -> io::Result<bool> {
        parent(pid).map_or(Ok(false), |parent| self.has(parent))
    }

    /// Whether the process that has this number now is of the family.
    fn has(&self, pid: u32) -> io::Result<bool> {
        let found = self.found.iter().map(|(pid, fd)| (*pid, fd.as_fd()));
        for (_, fd) in found.chain([self.root]).filter(|(known, _)| *known == pid) {
            if !pidfd::has_ended(fd)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
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

#[cfg(test)]
mod tests {
    use std::process::Command;

    #[test]
    fn children_of_a_process_that_has_got_the_number_of_an_ended_root_are_left_alone() {
        let mut root = Command::new("true").spawn().unwrap();
        let root_fd = super::pidfd::open(root.id()).unwrap();
        root.wait().unwrap();
        let mut bystander = Command::new("sleep").arg("100").spawn().unwrap();
        // As if this process had the number now.
        super::kill(std::process::id(), &root_fd).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(50));
        let state = std::fs::read_to_string(format!("/proc/{}/stat", bystander.id())).unwrap();
        let ended = bystander.try_wait().unwrap();
        bystander.kill().unwrap();
        bystander.wait().unwrap();
        assert_eq!(ended, None);
        assert!(!state.contains(") T "), "it was stopped: {state}");
    }
}
