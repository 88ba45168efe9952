//! Parents and children that don't keep to the protocol.

use crate::{Whole, square};
use offspring::{spawn, subprocess};
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

/// Starts this program as if it were a child of the protocol's, with `bytes` in its socket.
fn forge(bytes: &[u8]) -> Code {
    let (mut ours, theirs) = UnixStream::pair()?;
    // By dup: not close-on-exec.
    let theirs = nix::unistd::dup(&theirs)?;
    let (read, _write) = std::io::pipe()?;
    let lifeline = nix::unistd::dup(&read)?;
    ours.write_all(bytes)?;
    ours.shutdown(std::net::Shutdown::Write)?;
    let variable = variable(&theirs, &lifeline)?;
    let status = Command::new("/proc/self/exe")
        .arg("plain")
        .env("OFFSPRING_CHILD", variable)
        .status()?;
    Ok(status.code())
}

fn variable(socket: &OwnedFd, lifeline: &OwnedFd) -> Result<String, nix::Error> {
    let inode = nix::sys::stat::fstat(socket)?.st_ino;
    Ok(format!(
        "{}:{inode}:{}",
        socket.as_raw_fd(),
        lifeline.as_raw_fd()
    ))
}

type Code = Result<Option<i32>, Box<dyn std::error::Error>>;

fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = head(kind, body.len() as u64, 0);
    frame.extend(body);
    frame
}

fn head(kind: u8, body: u64, runs: u32) -> Vec<u8> {
    let mut head = b"ofs1".to_vec();
    head.extend([kind, 0, 0, 0]);
    head.extend(body.to_le_bytes());
    head.extend(runs.to_le_bytes());
    head.extend(0_u32.to_le_bytes());
    head
}

/// An order for a function that isn't there.
fn unknown_function() -> Vec<u8> {
    let mut body = Vec::new();
    let number = |body: &mut Vec<u8>, number: u64| body.extend(number.to_le_bytes());
    let text = |body: &mut Vec<u8>, text: &str| {
        body.extend((text.len() as u64).to_le_bytes());
        body.extend(text.as_bytes());
    };
    text(&mut body, "subject::absent");
    text(&mut body, "absent.rs");
    [1, 1, 0].into_iter().for_each(|n| number(&mut body, n)); // line, column, build
    text(&mut body, "Process-1");
    body.extend([0, 0]); // daemon, may spawn
    body.push(0);
    number(&mut body, 0); // memory limit
    [1, 1, 100].into_iter().for_each(|n| number(&mut body, n)); // lineage, depth limit
    text(&mut body, "MainProcess");
    body.extend([0, 0]); // standard output, worker
    frame(1, &body)
}

pub(crate) fn corrupt_orders() -> Whole {
    let garbage: Vec<u8> = (0..1000).map(|i| (i * 7 % 251) as u8).collect();
    for (name, bytes) in [
        ("garbage", garbage),
        ("wrong magic", b"ofs0aaaaaaaaaaaaaaaaaaaaaaaaaaaa".to_vec()),
        ("huge", head(1, u64::MAX / 2, 0)),
        ("truncated", frame(1, &[1; 100])[..60].to_vec()),
        ("nothing", Vec::new()),
        (
            "unknown function",
            [unknown_function(), frame(2, &[])].concat(),
        ),
    ] {
        println!("{name}: {:?}", forge(&bytes)?);
    }
    Ok(())
}

/// Passes a socket that it got as a child on to a program that it starts.
pub(crate) fn stolen_socket() -> Whole {
    let (ours, theirs) = UnixStream::pair()?;
    let theirs = nix::unistd::dup(OwnedFd::from(theirs))?;
    let (read, _write) = std::io::pipe()?;
    let thief = format!(
        "OFFSPRING_CHILD={} /proc/{}/exe plain; echo the thief ended with Some\\($?\\)",
        variable(&theirs, &nix::unistd::dup(&read)?)?,
        std::process::id()
    );
    // The shell stands between: not this process is the thief's parent.
    let status = Command::new("sh")
        .args(["-c", &thief])
        .stdin(Stdio::null())
        .status()?;
    drop(ours);
    assert!(status.success());
    Ok(())
}

/// Writes to its socket what it likes, and ends.
#[subprocess]
fn answer_with(bytes: Vec<u8>) -> u32 {
    let fds = std::fs::read_dir("/proc/self/fd").unwrap();
    let socket = fds.filter_map(|entry| {
        let path = entry.ok()?.path();
        let target = std::fs::read_link(&path).ok()?;
        let is_socket = target.to_str()?.starts_with("socket:");
        let number: i32 = path.file_name()?.to_str()?.parse().ok()?;
        (is_socket && number > 2).then_some(number)
    });
    for number in socket {
        use std::os::fd::BorrowedFd;
        // SAFETY: it is open for as long as this process runs.
        #[allow(unsafe_code)]
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            match nix::unistd::write(fd, rest) {
                Ok(count) => rest = &rest[count..],
                Err(_) => break,
            }
        }
    }
    // Without the exit hooks, and without an answer of its own.
    #[allow(unsafe_code)]
    // SAFETY: ends the process.
    unsafe {
        nix::libc::_exit(0)
    }
}

pub(crate) fn hostile_answers() -> Whole {
    assert_eq!(spawn!(square, 3)?.join()?, 9);
    for bytes in [
        vec![0; 100],
        frame(99, &[]),
        head(3, u64::MAX, 0),
        head(3, 1 << 40, 0),
        head(3, 0, u32::MAX),
        frame(3, &[1; 100])[..50].to_vec(),
        frame(3, &[255; 100]),
        frame(1, &[]),
        frame(5, &[255; 100]),
    ] {
        let error = spawn!(answer_with, bytes)?.join().unwrap_err();
        println!("{error}");
    }
    Ok(())
}
