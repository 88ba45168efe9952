//! What went wrong once.

use crate::{Whole, square};
use nix::errno::Errno;
use nix::libc;
use nix::sys::wait::{WaitPidFlag, waitpid};
use offspring::{Receiver, SendErrorKind, channel, spawn, subprocess};
use std::fs::File;

pub(crate) fn no_room_for_a_pidfd() -> Whole {
    let errors = start_with_little_room(Some(0))?;
    // What comes before the clone needs more room.
    let after = errors
        .iter()
        .filter(|error| error.contains(": creating it: Too many open files"));
    println!("failed after it ran: {}", after.count() == 1);
    tell_that_it_works()
}

/// Has ever more numbers of descriptors free until a start succeeds, beside `free` from the first;
/// the errors before that.
fn start_with_little_room(free: Option<i32>) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    // The background's own are there from the first start on.
    assert_eq!(spawn!(square, 2)?.join()?, 4);
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, 64, hard)?;
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    free.map_or(Ok(()), nix::unistd::close)?;
    let mut errors = Vec::new();
    let child = loop {
        match spawn!(square, 3) {
            Ok(child) => break child,
            Err(error) => errors.push(error.to_string()),
        }
        files.pop().ok_or("there is room, and yet no start")?;
    };
    drop(files);
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard)?;
    assert_eq!(child.join()?, 9);
    Ok(errors)
}

fn tell_that_it_works() -> Whole {
    println!("then it works: {}", spawn!(square, 7)?.join()?);
    let waited = waitpid(None, Some(WaitPidFlag::WNOHANG));
    println!("left: {}", usize::from(waited != Err(Errno::ECHILD)));
    Ok(())
}

#[subprocess]
fn is_open(fds: &[i32]) -> usize {
    let open = fds
        .iter()
        .filter(|fd| std::fs::symlink_metadata(format!("/proc/self/fd/{fd}")).is_ok());
    open.count()
}

pub(crate) fn no_close_range() -> Whole {
    if refuse_close_range().is_err() {
        println!("seccomp is refused");
        return Ok(());
    }
    // Not close-on-exec, and with numbers that the child itself doesn't get to.
    let file = File::open("/dev/null")?;
    let leaky = [200, 300].map(|least| dup_from(&file, least));
    println!("of the parent's: {}", spawn!(is_open, &leaky)?.join()?);
    for fd in leaky {
        nix::unistd::close(fd)?;
    }

    let errors = start_with_little_room(None)?;
    let listing = errors
        .iter()
        .any(|error| error.contains("/proc/self/fd") && error.contains("Too many open files"));
    println!("failed at the list: {listing}");
    tell_that_it_works()
}

fn dup_from(file: &File, least: i32) -> i32 {
    nix::fcntl::fcntl(file, nix::fcntl::FcntlArg::F_DUPFD(least)).unwrap()
}

/// As a kernel before 5.9: seccomp(2), for this thread and what it starts.
#[allow(unsafe_code)]
fn refuse_close_range() -> nix::Result<()> {
    let step = |code: u32, k: u32, no: u8| libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: no,
        k,
    };
    let mut filter = [
        // The system call's number is the first that the filter is given.
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        step(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            libc::SYS_close_range as u32,
            1,
        ),
        step(
            libc::BPF_RET | libc::BPF_K,
            libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32,
            0,
        ),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    let (zero, one): (libc::c_ulong, libc::c_ulong) = (0, 1);
    let mode = libc::c_ulong::from(libc::SECCOMP_MODE_FILTER);
    // SAFETY: the first takes numbers, each as wide as the kernel reads it; the second copies the
    // filter, which lives until then and has the length said.
    let result = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, one, zero, zero, zero);
        libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program)
    };
    Errno::result(result).map(drop)
}

#[subprocess]
fn receive_all(mut numbers: Receiver<u32>) {
    numbers.iter().map(Result::unwrap).for_each(drop);
}

/// As programs do that are to end when nobody reads their output any more.
#[allow(unsafe_code)]
pub(crate) fn sigpipe() -> Whole {
    use nix::sys::signal::{SigHandler, Signal, signal};
    // SAFETY: no handler is installed.
    unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) }?;
    let (mut sender, receiver) = channel()?;
    let child = spawn!(receive_all, receiver)?;
    sender.send(1)?;
    // It has received that, and sleeps.
    std::thread::sleep(std::time::Duration::from_millis(300));
    child.kill()?;
    child.wait()?;
    let error = (0..).find_map(|number| sender.send(number).err());
    let is_closed = error.is_some_and(|error| error.kind() == SendErrorKind::Closed);
    println!("closed: {is_closed}");
    Ok(())
}
