//! Starting a program: clone(2) with CLONE_VM and CLONE_VFORK, then execve(2).
//!
//! The child borrows the parent's memory until it has become another program, so nothing is
//! copied however large the parent is, and the thread that starts it is held meanwhile. In that
//! time the child may only make system calls: no allocation, no lock, no panic. This is what the C
//! library's `posix_spawn` does, which can't be used because it neither gives a pidfd (a pid may be
//! recycled before it is opened) nor, everywhere, closes stray descriptors.
#![allow(unsafe_code)] // clone, and what runs between it and exec

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, pthread_sigmask};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

/// A program to be started, with all that it shall find.
pub(crate) struct Program<'a> {
    pub(crate) path: &'a CStr,
    pub(crate) arguments: &'a [CString],
    pub(crate) environment: &'a [CString],
    /// What becomes of descriptors 0, 1 and 2.
    pub(crate) stdio: [Source; 3],
    /// Kept open under their own numbers. All others from 3 on are closed.
    pub(crate) keep: Vec<RawFd>,
    pub(crate) directory: Option<&'a CStr>,
}

/// What a standard stream of a program is.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    Inherit,
    Null,
    /// Kept open by the caller until the program is started.
    Fd(RawFd),
}

/// A program that was started.
pub(crate) struct Launched {
    pub(crate) pid: u32,
    pub(crate) pidfd: OwnedFd,
}

/// Why a program could not be started.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) step: Step,
    pub(crate) error: io::Error,
}

/// What failed at a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Clone,
    Stdio,
    Keep,
    Directory,
    Exec,
}

/// Room for the calls of [`become_program`], also in a debug build.
const STACK: usize = 64 * 1024;

/// What the child reads, and where it leaves the reason of a failure.
struct Shared<'a> {
    path: *const c_char,
    arguments: *const *const c_char,
    environment: *const *const c_char,
    stdio: [Source; 3],
    keep: &'a [RawFd],
    /// To be closed one by one where close_range(2) is missing.
    strays: &'a [RawFd],
    directory: *const c_char,
    failed: Option<(Step, c_int)>,
}

/// Starts `program`. On success it is running (or has ended already); on failure no process is
/// left.
pub(crate) fn launch(program: &Program<'_>) -> Result<Launched, Failure> {
    let fail = |step| {
        move |error: Errno| Failure {
            step,
            error: error.into(),
        }
    };
    let mut keep = program.keep.clone();
    keep.sort_unstable();
    keep.dedup();
    let strays = if has_close_range() {
        Vec::new()
    } else {
        open_fds()
    };
    let arguments = pointers(program.arguments);
    let environment = pointers(program.environment);
    let mut shared = Shared {
        path: program.path.as_ptr(),
        arguments: arguments.as_ptr(),
        environment: environment.as_ptr(),
        stdio: program.stdio,
        keep: &keep,
        strays: &strays,
        directory: program.directory.map_or(ptr::null(), CStr::as_ptr),
        failed: None,
    };
    let mut stack = vec![MaybeUninit::<u128>::uninit(); STACK / size_of::<u128>()];
    let mut pidfd: RawFd = -1;

    // No handler of ours may run in the child, where it would work on our memory.
    let mut mask = SigSet::empty();
    pthread_sigmask(
        SigmaskHow::SIG_SETMASK,
        Some(&SigSet::all()),
        Some(&mut mask),
    )
    .map_err(fail(Step::Clone))?;
    // SAFETY: the child runs `become_program` on a stack of its own, which like `shared` outlives
    // its use of them: CLONE_VFORK holds this thread until the child has executed or ended. The
    // kernel writes the descriptor to `pidfd`.
    let pid = Errno::result(unsafe {
        libc::clone(
            become_program,
            stack.as_mut_ptr().add(stack.len()).cast(),
            libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD,
            (&raw mut shared).cast(),
            &raw mut pidfd,
        )
    });
    let unmasked = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&mask), None);
    let pid = pid.map_err(fail(Step::Clone))?;
    debug_assert!(unmasked.is_ok());

    // SAFETY: the kernel has just made this descriptor (close-on-exec), for us alone.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    let pidfd = super::fd::above_stdio(pidfd).map_err(|error| Failure {
        step: Step::Clone,
        error,
    })?;
    // SAFETY: `shared` was written by the child, behind the compiler's back.
    let failed = unsafe { ptr::read_volatile(&raw const shared.failed) };
    if let Some((step, number)) = failed {
        // Its status says nothing more; that it can't be told (SIGCHLD ignored) doesn't matter.
        let _ = super::pidfd::reap_blocking(pidfd.as_fd());
        return Err(Failure {
            step,
            error: io::Error::from_raw_os_error(number),
        });
    }
    Ok(Launched {
        pid: pid as u32,
        pidfd,
    })
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings
        .iter()
        .map(|s| s.as_ptr())
        .chain([ptr::null()])
        .collect()
}

/// close_range(2) is of Linux 5.9, and some sandboxes refuse it.
fn has_close_range() -> bool {
    use std::sync::OnceLock;
    static HAS: OnceLock<bool> = OnceLock::new();
    // SAFETY: there is no descriptor of this number to close.
    *HAS.get_or_init(|| unsafe { close_range(c_int::MAX as u32, c_int::MAX as u32) == 0 })
}

fn open_fds() -> Vec<RawFd> {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter_map(|name| name.parse().ok()).collect()
}

/// # Safety
/// Descriptors that somebody owns must not be in the range, unless they are this process's last
/// use of them.
unsafe fn close_range(first: u32, last: u32) -> i64 {
    // SAFETY: as the caller promises.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }
}

/// Runs in the child, in the parent's memory: system calls only.
extern "C" fn become_program(shared: *mut c_void) -> c_int {
    // SAFETY: it is the `Shared` of `launch`, which waits until we are done with it.
    let shared = unsafe { &mut *shared.cast::<Shared<'_>>() };
    // SAFETY: all that is called are async-signal-safe functions on valid arguments; the
    // descriptor table is the child's own.
    let step = unsafe { prepare_and_execute(shared) };
    shared.failed = Some((step, Errno::last_raw()));
    // SAFETY: ends the child without running anything of the parent's.
    unsafe { libc::_exit(127) }
}

/// Returns only if something failed: what; `errno` says why.
unsafe fn prepare_and_execute(shared: &Shared<'_>) -> Step {
    // SAFETY: see `become_program`.
    unsafe {
        reset_signal_handlers();
        if !arrange_stdio(shared.stdio) {
            return Step::Stdio;
        }
        for &fd in shared.keep {
            if libc::fcntl(fd, libc::F_SETFD, 0) != 0 {
                return Step::Keep;
            }
        }
        close_strays(shared);
        if !shared.directory.is_null() && libc::chdir(shared.directory) != 0 {
            return Step::Directory;
        }
        // Whoever blocks signals does so for threads that take them elsewhere; a program that
        // starts with SIGTERM blocked could not be terminated.
        let mut none = MaybeUninit::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
        libc::execve(shared.path, shared.arguments, shared.environment);
        Step::Exec
    }
}

/// Before signals are let in again: handlers are the parent's code, and would run in its memory.
unsafe fn reset_signal_handlers() {
    for signal in 1..=64 {
        let mut action = MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: reads and sets dispositions of the child, which it shares with nobody. Numbers
        // that the C library keeps for itself are refused.
        unsafe {
            if libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) != 0 {
                continue;
            }
            let handler = action.assume_init_ref().sa_sigaction;
            if handler != libc::SIG_DFL && handler != libc::SIG_IGN {
                let mut default: libc::sigaction = std::mem::zeroed();
                default.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(signal, &raw const default, ptr::null_mut());
            }
        }
    }
}

unsafe fn arrange_stdio(stdio: [Source; 3]) -> bool {
    let mut sources = stdio;
    // First out of each other's way, then into place.
    for (target, source) in (0..).zip(&mut sources) {
        if let Source::Fd(fd) = *source
            && fd <= 2
            && fd != target
        {
            // SAFETY: makes a new descriptor in the child.
            let moved = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3) };
            if moved < 0 {
                return false;
            }
            *source = Source::Fd(moved);
        }
    }
    for (target, source) in (0..).zip(sources) {
        // SAFETY: replaces a descriptor of the child's.
        let placed = unsafe {
            match source {
                Source::Inherit => true,
                Source::Fd(fd) if fd == target => libc::fcntl(fd, libc::F_SETFD, 0) == 0,
                Source::Fd(fd) => libc::dup2(fd, target) == target,
                Source::Null => {
                    let flags = if target == 0 {
                        libc::O_RDONLY
                    } else {
                        libc::O_WRONLY
                    };
                    let fd = libc::open(c"/dev/null".as_ptr(), flags);
                    // It may have got the very number, or be closed with the strays.
                    fd == target || fd >= 0 && libc::dup2(fd, target) == target
                }
            }
        };
        if !placed {
            return false;
        }
    }
    true
}

/// Closes everything from 3 on that isn't kept.
unsafe fn close_strays(shared: &Shared<'_>) {
    if shared.strays.is_empty() {
        let mut first = 3;
        for &fd in shared.keep {
            let fd = fd as u32;
            if fd > first {
                // SAFETY: the child's own table, and it will use none of these.
                unsafe { close_range(first, fd - 1) };
            }
            first = first.max(fd + 1);
        }
        // SAFETY: as above.
        unsafe { close_range(first, u32::MAX) };
    } else {
        for &fd in shared.strays {
            if fd > 2 && !shared.keep.contains(&fd) {
                // SAFETY: as above.
                unsafe { libc::close(fd) };
            }
        }
    }
}
