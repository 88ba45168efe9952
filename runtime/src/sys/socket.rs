//! The socket between a parent and its child: unix(7), bytes with descriptors beside them.
#![allow(unsafe_code)] // reads into uninitialized memory, takes ownership of received descriptors

use crate::wire::Buffer;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, getsockopt,
    recvmsg, sendmsg, socketpair, sockopt,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// The most descriptors that one message takes, `SCM_MAX_FD` of the kernel.
pub(crate) const MAX_FDS: usize = 253;

/// Two connected stream sockets.
pub(crate) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let (a, b) = socketpair(AddressFamily::Unix, SockType::Stream, None, flags)?;
    Ok((super::fd::above_stdio(a)?, super::fd::above_stdio(b)?))
}

/// Refuses descriptors: who sends some through the other end gets an error. The last close of one may
/// block, for as long as its owner likes.
///
/// `SO_PASSRIGHTS`, Linux 6.16. Before that, those that come are closed by the kernel as they are
/// read past.
pub(crate) fn refuse_fds(socket: BorrowedFd<'_>) {
    const SO_PASSRIGHTS: libc::c_int = 83;
    let no: libc::c_int = 0;
    // SAFETY: the value is as long as it is said to be. An older kernel knows no such option.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_PASSRIGHTS,
            (&raw const no).cast(),
            size_of_val(&no) as libc::socklen_t,
        );
    }
}

/// The process that made the socket pair.
pub(crate) fn peer_pid(socket: BorrowedFd<'_>) -> io::Result<i32> {
    Ok(getsockopt(&socket, sockopt::PeerCredentials)?.pid())
}

/// Sends what fits without waiting, the descriptors with its first byte.
///
/// A peer that is gone is `BrokenPipe` or `ConnectionReset`, never a signal.
pub(crate) fn send(
    socket: BorrowedFd<'_>,
    parts: &[IoSlice<'_>],
    fds: &[OwnedFd],
    wait: bool,
) -> io::Result<usize> {
    let numbers: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&numbers)];
    let rights = if fds.is_empty() { &[][..] } else { &rights[..] };
    let mut flags = MsgFlags::MSG_NOSIGNAL;
    flags.set(MsgFlags::MSG_DONTWAIT, !wait);
    Ok(sendmsg::<()>(
        socket.as_raw_fd(),
        parts,
        rights,
        flags,
        None,
    )?)
}

/// Reads into what is spare of `buffer`, right where the bytes are to stay; 0 is the end.
///
/// Descriptors that the peer sent with these bytes are closed by the kernel.
pub(crate) fn receive_into(
    socket: BorrowedFd<'_>,
    buffer: &mut Buffer,
    wait: bool,
) -> io::Result<usize> {
    let spare = buffer.spare();
    let most = spare.len();
    let flags = if wait { 0 } else { libc::MSG_DONTWAIT };
    // SAFETY: the kernel writes at most so many bytes to `spare`, which is ours alone.
    let read = unsafe { libc::recv(socket.as_raw_fd(), spare.as_mut_ptr().cast(), most, flags) };
    let read = usize::try_from(read).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: the kernel has written so many bytes, at the start of `spare`.
    unsafe { buffer.filled(read) };
    Ok(read)
}

/// Reads into `buffer`, and takes the descriptors that come with these bytes; without a place for
/// them they are closed by the kernel.
pub(crate) fn receive_bytes(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    fds: Option<&mut Vec<OwnedFd>>,
    wait: bool,
) -> io::Result<usize> {
    let mut flags = MsgFlags::MSG_CMSG_CLOEXEC;
    flags.set(MsgFlags::MSG_DONTWAIT, !wait);
    let Some(fds) = fds else {
        return Ok(nix::sys::socket::recv(socket.as_raw_fd(), buffer, flags)?);
    };
    let mut space = nix::cmsg_space!([RawFd; MAX_FDS]);
    let mut parts = [IoSliceMut::new(buffer)];
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = control {
            // SAFETY: the kernel has just made these descriptors, for us alone.
            fds.extend(
                numbers
                    .into_iter()
                    .map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }),
            );
        }
    }
    Ok(message.bytes)
}
