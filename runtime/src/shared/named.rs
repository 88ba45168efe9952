//! Files in `/dev/shm`: shared memory that goes by a name, shm_overview(7).
//!
//! A name must not be seen before its memory has its size: who opened it in between would find it empty. So the file is made without a
//! name, sized, and then linked. Its pages are taken at once: were one missing later, whoever touches it would die of SIGBUS, and
//! containers often have 64 MiB in all.

use crate::sys::fd::above_stdio;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, FallocateFlags, OFlag, fallocate, open};
use nix::sys::mman::{shm_open, shm_unlink};
use nix::sys::stat::{Mode, SFlag, fchmod, fstat};
use nix::sys::statvfs::fstatvfs;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

const FOLDER: &str = "/dev/shm";

/// The longest name that all C libraries take, in bytes.
const LONGEST: usize = 254;

/// Makes memory, which is there for others from the moment on that it has its size.
pub(super) fn create(name: &str, size: usize) -> io::Result<OwnedFd> {
    let path = path(name)?;
    match create_and_link(name, size) {
        // A file system that has no files without a name, or no `/proc`.
        Err(Errno::EOPNOTSUPP | Errno::EISDIR | Errno::ENOENT) => {
            create_in_place(&path, size).map_err(explain)
        }
        created => created.map_err(explain),
    }
    .and_then(above_stdio)
}

fn create_and_link(name: &str, size: usize) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_TMPFILE | OFlag::O_RDWR | OFlag::O_CLOEXEC;
    let fd = open(FOLDER, flags, Mode::S_IRUSR | Mode::S_IWUSR)?;
    prepare(fd.as_fd(), size)?;
    let own = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let path = format!("{FOLDER}/{name}");
    let follow = AtFlags::AT_SYMLINK_FOLLOW;
    nix::unistd::linkat(AT_FDCWD, own.as_str(), AT_FDCWD, path.as_str(), follow)?;
    Ok(fd)
}

fn create_in_place(path: &CString, size: usize) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_RDWR | OFlag::O_CLOEXEC;
    let fd = shm_open(path.as_c_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR)?;
    if let Err(error) = prepare(fd.as_fd(), size) {
        // It is ours, and was never of use to anybody. The first error is the one to be told.
        let _ = shm_unlink(path.as_c_str());
        return Err(error);
    }
    Ok(fd)
}

fn prepare(fd: BorrowedFd<'_>, size: usize) -> nix::Result<()> {
    // In steps, so that a signal that comes again and again doesn't keep it from ever ending.
    const STEP: i64 = 16 << 20;
    // The umask has a say in what `open` does.
    fchmod(fd, Mode::S_IRUSR | Mode::S_IWUSR)?;
    let size = i64::try_from(size).map_err(|_| Errno::ENOMEM)?;
    nix::unistd::ftruncate(fd, size)?;
    if !has_room(fd, size)? {
        return Err(Errno::ENOSPC);
    }
    let mut done = 0;
    while done < size {
        match fallocate(fd, FallocateFlags::empty(), done, STEP.min(size - done)) {
            Ok(()) => done += STEP,
            Err(Errno::EINTR) => {}
            Err(Errno::EOPNOTSUPP) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether so much can be had, before all that there is was taken to find out.
fn has_room(fd: BorrowedFd<'_>, size: i64) -> nix::Result<bool> {
    let room = fstatvfs(fd)?;
    // Without a limit, it has no blocks.
    let free = room.blocks_available().saturating_mul(room.fragment_size());
    Ok(room.blocks() == 0 || u64::try_from(size).is_ok_and(|size| size <= free))
}

/// Opens memory that is there; also tells its size.
pub(super) fn open_existing(name: &str) -> io::Result<(OwnedFd, usize)> {
    let flags = OFlag::O_RDWR | OFlag::O_CLOEXEC;
    let fd = shm_open(path(name)?.as_c_str(), flags, Mode::empty()).map_err(explain)?;
    let fd = above_stdio(fd)?;
    let size = size(fd.as_fd())?;
    Ok((fd, size))
}

/// The size of the memory behind `fd`. It is a file, so that it can be shortened at any time.
pub(super) fn size(fd: BorrowedFd<'_>) -> io::Result<usize> {
    let wrong = |text: &str| Err(io::Error::new(io::ErrorKind::InvalidData, text.to_owned()));
    let status = fstat(fd)?;
    let kind = SFlag::from_bits_truncate(status.st_mode & SFlag::S_IFMT.bits());
    if kind != SFlag::S_IFREG {
        return wrong("what has this name isn't memory");
    }
    match usize::try_from(status.st_size) {
        Ok(0) | Err(_) => wrong("it is empty; perhaps who creates it hasn't given it a size yet"),
        Ok(size) => Ok(size),
    }
}

pub(super) fn unlink(name: &str) -> io::Result<()> {
    shm_unlink(path(name)?.as_c_str()).map_err(explain)
}

/// The name as shm_open(3) wants it.
fn path(name: &str) -> io::Result<CString> {
    let is_name = !matches!(name, "" | "." | "..") && name.len() <= LONGEST && !name.contains('/');
    match CString::new(format!("/{name}")) {
        Ok(path) if is_name => Ok(path),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("a name has 1 to {LONGEST} bytes, no '/' and no NUL, and isn't '.' or '..'"),
        )),
    }
}

fn explain(error: Errno) -> io::Error {
    let because = |kind, text: &str| io::Error::new(kind, text.to_owned());
    match error {
        Errno::EEXIST => because(
            io::ErrorKind::AlreadyExists,
            "it exists already; Memory::open gets it, Memory::unlink removes it",
        ),
        Errno::ENOENT => because(
            io::ErrorKind::NotFound,
            "it doesn't exist: it was never made by Memory::create, or is unlinked",
        ),
        Errno::ENOSPC => because(
            io::ErrorKind::StorageFull,
            "there is not so much room in /dev/shm",
        ),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(of: &str) -> String {
        format!("offspring-test-{of}-{}", std::process::id())
    }

    #[test]
    fn either_way_of_creating_it_has_its_size_and_is_exclusive() {
        let in_place =
            |name: &str, size| create_in_place(&path(name).unwrap(), size).map_err(explain);
        let linked = |name: &str, size| create_and_link(name, size).map_err(explain);
        type Create<'a> = &'a dyn Fn(&str, usize) -> io::Result<OwnedFd>;
        let ways: [(&str, Create<'_>); 2] = [("in-place", &in_place), ("linked", &linked)];
        for (way, create) in ways {
            let name = name(way);
            let size = (16 << 20) + 1;
            let created = create(&name, size).unwrap();
            let again = create(&name, size).unwrap_err();
            let (opened, found) = open_existing(&name).unwrap();
            unlink(&name).unwrap();
            assert_eq!(again.kind(), io::ErrorKind::AlreadyExists, "{way}");
            assert_eq!(found, size);
            let status = fstat(&opened).unwrap();
            assert_eq!(status.st_ino, fstat(&created).unwrap().st_ino);
            assert_eq!(status.st_mode & 0o7777, 0o600);
            assert!(status.st_blocks * 512 >= i64::try_from(size).unwrap());
        }
    }

    #[test]
    fn too_much_leaves_no_name_behind() {
        let name = name("too-much");
        let path = path(&name).unwrap();
        assert!(create_in_place(&path, 1 << 60).is_err());
        assert!(create_and_link(&name, 1 << 60).is_err());
        assert!(create(&name, usize::MAX).is_err());
        assert_eq!(
            open_existing(&name).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }

    #[test]
    fn the_longest_name_works() {
        let mut longest = name("long");
        longest.extend(std::iter::repeat_n('x', LONGEST - longest.len()));
        create(&longest, 1).unwrap();
        open_existing(&longest).unwrap();
        unlink(&longest).unwrap();
        longest.push('x');
        let error = create(&longest, 1).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
