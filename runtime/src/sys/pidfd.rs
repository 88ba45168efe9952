//! Processes by descriptor, which no recycled pid can confuse: pidfd_open(2).
#![allow(unsafe_code)] // system calls that nix lacks or narrows

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// How a process ended, as waitid(2) tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Exited(i32),
    Signaled(i32),
    /// It has ended, and somebody else took its status.
    Unknown,
}

/// pidfd_open(2).
pub(crate) fn open(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: takes two numbers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid as libc::pid_t, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor (close-on-exec), for us alone.
    super::fd::above_stdio(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Sends a signal: pidfd_send_signal(2). A process that has ended already is no error.
pub(crate) fn send_signal(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    // SAFETY: a null siginfo stands for that of kill(2).
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    if result == 0 {
        return Ok(());
    }
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        error => Err(error),
    }
}

/// Reaps a child if it has ended: waitid(2).
///
/// nix's `waitid` is not used because it fails, after reaping, for a death by a real-time signal.
pub(crate) fn try_reap(pidfd: BorrowedFd<'_>) -> io::Result<Option<Ended>> {
    reap(pidfd, libc::WEXITED | libc::WNOHANG)
}

/// Reaps a child, waiting for its end.
pub(crate) fn reap_blocking(pidfd: BorrowedFd<'_>) -> io::Result<Ended> {
    Ok(reap(pidfd, libc::WEXITED)?.unwrap_or(Ended::Unknown))
}

fn reap(pidfd: BorrowedFd<'_>, flags: i32) -> io::Result<Option<Ended>> {
    loop {
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        let id = pidfd.as_raw_fd() as libc::id_t;
        // SAFETY: `info` has room for what the kernel writes.
        let result = unsafe { libc::waitid(libc::P_PIDFD, id, info.as_mut_ptr(), flags) };
        if result == 0 {
            // SAFETY: it was zeroed, which is a valid value, and then written by the kernel. A
            // pid of zero says that nothing has ended.
            let (code, status, pid) = unsafe {
                let info = info.assume_init();
                (info.si_code, info.si_status(), info.si_pid())
            };
            return Ok((pid != 0).then_some(match code {
                libc::CLD_EXITED => Ended::Exited(status),
                _ => Ended::Signaled(status),
            }));
        }
        match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => {}
            // SIGCHLD is ignored, or somebody waits for any child.
            error if error.raw_os_error() == Some(libc::ECHILD) => {
                return Ok(has_ended(pidfd)?.then(|| exit_info(pidfd).unwrap_or(Ended::Unknown)));
            }
            error => return Err(error),
        }
    }
}

/// Whether the process has ended, by whomever it was reaped: a pidfd is readable then.
pub(crate) fn has_ended(pidfd: BorrowedFd<'_>) -> io::Result<bool> {
    let ready = super::wait::wait_readable(&[pidfd], Some(std::time::Duration::ZERO))?;
    Ok(ready[0])
}

/// The exit code of a process that somebody else reaped: `PIDFD_GET_INFO` with `PIDFD_INFO_EXIT`,
/// Linux 6.15.
fn exit_info(pidfd: BorrowedFd<'_>) -> Option<Ended> {
    /// `struct pidfd_info` of linux/pidfd.h, its first published size.
    #[repr(C)]
    #[derive(Default)]
    struct Info {
        mask: u64,
        cgroup: u64,
        ids: [u32; 11],
        exit_code: i32,
    }
    const PIDFD_INFO_EXIT: u64 = 1 << 3;
    const PIDFD_GET_INFO: u64 = 0xc000_ff0b | (size_of::<Info>() as u64) << 16;

    let mut info = Info {
        mask: PIDFD_INFO_EXIT,
        ..Info::default()
    };
    // SAFETY: `info` is as large as the request's number says.
    let result = unsafe { libc::ioctl(pidfd.as_raw_fd(), PIDFD_GET_INFO as _, &raw mut info) };
    if result != 0 || info.mask & PIDFD_INFO_EXIT == 0 {
        return None;
    }
    Some(match info.exit_code {
        code if libc::WIFSIGNALED(code) => Ended::Signaled(libc::WTERMSIG(code)),
        code => Ended::Exited(libc::WEXITSTATUS(code)),
    })
}
