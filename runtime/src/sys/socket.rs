//! The socket between a parent and its child: unix(7), bytes with descriptors beside them.
#![allow(unsafe_code)] // reads into uninitialized memory, takes ownership of received descriptors

use crate::wire::Buffer;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, getsockopt, recv, sendmsg,
    socketpair, sockopt,
};
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

/// The most descriptors that one message takes, `SCM_MAX_FD` of the kernel.
pub(crate) const MAX_FDS: usize = 253;

/// How long to wait for others to receive what is on its way, and how long between two looks.
pub(crate) const CONGESTION: Duration = Duration::from_secs(5);
pub(crate) const RETRY: Duration = Duration::from_millis(1);

/// Whether as many descriptors of this user as may be are on their way, of which processes that have just been
/// started take some each moment.
pub(crate) fn is_congested(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ETOOMANYREFS)
}

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
    fds: &[Arc<OwnedFd>],
    wait: bool,
) -> io::Result<usize> {
    let numbers: Vec<RawFd> = fds.iter().map(|fd| fd.as_raw_fd()).collect();
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

/// Descriptors that have come.
#[derive(Default)]
pub(crate) struct Rights {
    pub(crate) fds: Vec<OwnedFd>,
    /// Why the kernel has kept those back that should follow.
    pub(crate) withheld: Option<Errno>,
}

/// Reads into `buffer`, and takes the descriptors that come with these bytes; without a place for
/// them they are closed by the kernel.
pub(crate) fn receive_bytes(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    rights: Option<&mut Rights>,
    wait: bool,
) -> io::Result<usize> {
    let mut flags = MsgFlags::MSG_CMSG_CLOEXEC;
    flags.set(MsgFlags::MSG_DONTWAIT, !wait);
    let Some(rights) = rights else {
        return Ok(recv(socket.as_raw_fd(), buffer, flags)?);
    };
    // Not `nix`: when the kernel keeps some back, it doesn't tell which have come, and they stay open.
    const LEN: u32 = (MAX_FDS * size_of::<RawFd>()) as u32;
    // SAFETY: it only computes.
    const SPACE: usize = unsafe { libc::CMSG_SPACE(LEN) } as usize;
    let mut space = [0_u64; SPACE.div_ceil(size_of::<u64>())];
    let mut part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: zeros are what an empty header consists of.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = space.as_mut_ptr().cast();
    header.msg_controllen = SPACE as _;
    // SAFETY: the header says where the bytes and the control messages go, and how much room there is.
    let read = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags.bits()) };
    let read = usize::try_from(read).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: the kernel has filled the header in. The macros find the control messages in `space`, which
    // is aligned for them, and each tells its own length. Numbers in them are descriptors that the
    // kernel has just made, for us alone.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(&raw const header);
        while let Some(message) = control.as_ref() {
            if (message.cmsg_level, message.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
                #[allow(clippy::unnecessary_cast)] // it is narrower with musl
                let len = message.cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                let numbers = libc::CMSG_DATA(control).cast::<RawFd>();
                for index in 0..len / size_of::<RawFd>() {
                    let fd = OwnedFd::from_raw_fd(numbers.add(index).read_unaligned());
                    // Among the standard ones is better than not at all.
                    let fd = super::fd::lift_above_stdio(fd).unwrap_or_else(|(fd, _)| fd);
                    rights.fds.push(fd);
                }
            }
            control = libc::CMSG_NXTHDR(&raw const header, control);
        }
    }
    if header.msg_flags & libc::MSG_CTRUNC != 0 {
        // Nothing tells why. If another one can be had, it was no limit but a security policy.
        let error =
            super::fd::duplicate(socket).map_or_else(|error| error.raw_os_error(), |_| None);
        rights.withheld = Some(error.map_or(Errno::EACCES, Errno::from_raw));
    }
    Ok(read)
}
