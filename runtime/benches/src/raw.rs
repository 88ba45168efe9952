//! The floor: what the system itself takes to start a program, send it bytes and get them back.

use std::ffi::CString;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::net::UnixStream;

unsafe extern "C" {
    static environ: *const *mut libc::c_char;
}

/// The word of the command line that makes this program the child of [`echo`].
const WORD: &str = "--raw-echo";

/// The child: reads a length and so many bytes, sends them back, ends.
pub fn be_child() {
    if std::env::args().nth(1).as_deref() != Some(WORD) {
        return;
    }
    // SAFETY: the parent has put the socket there.
    let mut socket = unsafe { UnixStream::from_raw_fd(0) };
    let bytes = receive(&mut socket);
    send(&mut socket, &bytes);
    std::process::exit(0);
}

/// Starts this program again by posix_spawn, has it echo `bytes`, and reaps it.
pub fn echo(bytes: &[u8]) -> Vec<u8> {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let path = CString::new("/proc/self/exe").unwrap();
    let word = CString::new(WORD).unwrap();
    let argv = [
        path.as_ptr().cast_mut(),
        word.as_ptr().cast_mut(),
        std::ptr::null_mut(),
    ];
    let mut pid = 0;
    // SAFETY: the actions are initialized before and destroyed after their use; the strings live.
    unsafe {
        let mut actions = std::mem::zeroed();
        libc::posix_spawn_file_actions_init(&mut actions);
        libc::posix_spawn_file_actions_adddup2(&mut actions, theirs.as_raw_fd(), 0);
        let attributes = std::ptr::null();
        let result = libc::posix_spawn(
            &mut pid,
            path.as_ptr(),
            &actions,
            attributes,
            argv.as_ptr(),
            environ,
        );
        assert_eq!(result, 0);
        libc::posix_spawn_file_actions_destroy(&mut actions);
    }
    drop(theirs);
    send(&mut ours, bytes);
    let back = receive(&mut ours);
    let mut status = 0;
    // SAFETY: reaps the child made above.
    assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
    assert_eq!(status, 0);
    back
}

fn send(socket: &mut UnixStream, bytes: &[u8]) {
    socket.write_all(&bytes.len().to_ne_bytes()).unwrap();
    socket.write_all(bytes).unwrap();
}

fn receive(socket: &mut UnixStream) -> Vec<u8> {
    let mut length = [0; 8];
    socket.read_exact(&mut length).unwrap();
    let length = usize::from_ne_bytes(length);
    let mut bytes = Vec::with_capacity(length);
    // Into memory that wasn't touched before, without zeroing it.
    assert_eq!(
        socket.take(length as u64).read_to_end(&mut bytes).unwrap(),
        length
    );
    bytes
}
