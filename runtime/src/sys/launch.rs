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
use std::ffi::{CStr, CString, OsString, c_char, c_int, c_ulong, c_void};
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
    /// Of the descriptors to close, which is needed only where close_range(2) is missing.
    List,
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
    strays: Strays<'a>,
    directory: *const c_char,
    failed: Option<(Step, c_int)>,
}

/// How to close what the child isn't to have.
#[derive(Clone, Copy)]
enum Strays<'a> {
    /// By close_range(2).
    Ranges,
    /// One by one, of these.
    Listed(&'a [RawFd]),
}

/// Starts `program`. On success it is running (or has ended already); on failure no process is
/// left.
pub(crate) fn launch(program: &Program<'_>) -> Result<Launched, Failure> {
    let mut keep = program.keep.clone();
    keep.sort_unstable();
    keep.dedup();
    let listed = if has_close_range() {
        None
    } else {
        Some(open_fds().map_err(failed(Step::List))?)
    };
    let arguments = pointers(program.arguments);
    let environment = pointers(program.environment);
    let mut shared = Shared {
        path: program.path.as_ptr(),
        arguments: arguments.as_ptr(),
        environment: environment.as_ptr(),
        stdio: program.stdio,
        keep: &keep,
        strays: listed.as_deref().map_or(Strays::Ranges, Strays::Listed),
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
    .map_err(failed(Step::Clone))?;
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
    let pid = pid.map_err(failed(Step::Clone))?;
    debug_assert!(unmasked.is_ok());

    // SAFETY: the kernel has just made this descriptor (close-on-exec), for us alone.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    // SAFETY: `shared` was written by the child, behind the compiler's back.
    let failure = unsafe { ptr::read_volatile(&raw const shared.failed) };
    if let Some((step, number)) = failure {
        // Its status says nothing more; that it can't be told (SIGCHLD ignored) doesn't matter.
        let _ = super::pidfd::reap_blocking(pidfd.as_fd());
        return Err(failed(step)(Errno::from_raw(number)));
    }
    let pidfd = super::fd::lift_above_stdio(pidfd).map_err(|(pidfd, error)| {
        kill_and_reap(&pidfd);
        failed(Step::Clone)(error)
    })?;
    Ok(Launched {
        pid: pid as u32,
        pidfd,
    })
}

fn failed<E: Into<io::Error>>(step: Step) -> impl FnOnce(E) -> Failure {
    move |error| Failure {
        step,
        error: error.into(),
    }
}

/// Leaves nothing of a program that has started, but that nobody will be told of.
fn kill_and_reap(pidfd: &OwnedFd) {
    // Without the signal it might not end before its parent does, which would wait for it here.
    if super::pidfd::send_signal(pidfd.as_fd(), libc::SIGKILL).is_ok() {
        let _ = super::pidfd::reap_blocking(pidfd.as_fd());
    }
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

/// Those of this process, and the one that lists them.
fn open_fds() -> io::Result<Vec<RawFd>> {
    let number = |name: OsString| name.to_str().and_then(|name| name.parse().ok());
    std::fs::read_dir("/proc/self/fd")?
        .map(|entry| number(entry?.file_name()).ok_or_else(|| io::ErrorKind::InvalidData.into()))
        .collect()
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
    static DEFAULT: KernelAction = KernelAction::of(libc::SIG_DFL);
    for signal in 1..=64 {
        let mut action = DEFAULT;
        // SAFETY: reads and sets dispositions of the child, which it shares with nobody. SIGKILL's
        // and SIGSTOP's can be read, and are never a handler.
        unsafe {
            if rt_sigaction(signal, ptr::null(), &raw mut action) == 0
                && action.handler != libc::SIG_DFL
                && action.handler != libc::SIG_IGN
            {
                rt_sigaction(signal, &raw const DEFAULT, ptr::null_mut());
            }
        }
    }
}

/// The kernel's `struct sigaction`, which is not the C library's. It is of this layout on x86-64 and
/// on AArch64; where there is no restorer, the mask comes sooner and the end is room.
#[repr(C)]
#[derive(Clone, Copy)]
struct KernelAction {
    handler: libc::sighandler_t,
    flags: c_ulong,
    restorer: usize,
    mask: u64,
}

impl KernelAction {
    const fn of(handler: libc::sighandler_t) -> Self {
        Self {
            handler,
            flags: 0,
            restorer: 0,
            mask: 0,
        }
    }
}

/// rt_sigaction(2) itself: the C library's function may take a lock (musl's does for SIGABRT),
/// which in memory shared with the parent another thread may hold, or be kept from getting.
///
/// # Safety
/// The pointers are null or valid; a handler that is set must be one.
unsafe fn rt_sigaction(signal: c_int, new: *const KernelAction, old: *mut KernelAction) -> i64 {
    // SAFETY: as the caller promises. The size is that of the kernel's signal set.
    unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, new, old, size_of::<u64>()) }
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
    match shared.strays {
        Strays::Ranges => {
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
        }
        Strays::Listed(fds) => {
            for &fd in fds {
                if fd > 2 && !shared.keep.contains(&fd) {
                    // SAFETY: as above.
                    unsafe { libc::close(fd) };
                }
            }
        }
    }
}
