//! Handles in real calls. They are tested in here, with a handle that is to no more than a descriptor.

use super::*;
use crate::sys::wait::{Deadline, poll};
use crate::{Pool, spawn, subprocess};
use nix::poll::{PollFd, PollFlags};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

mod calls;
mod limits;
mod pools;

/// The write end of a pipe, or a file.
#[derive(Clone, Debug)]
pub(in crate::wire) struct Handle(pub(in crate::wire) Arc<OwnedFd>);

/// What has been written to a pipe.
#[derive(Debug)]
pub(in crate::wire) struct Text(OwnedFd);

pub(in crate::wire) fn pipe() -> (Text, Handle) {
    // Other tests have many open, too.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let (read, write) = fd::pipe().unwrap();
    (Text(read), Handle(Arc::new(write)))
}

impl Serialize for Handle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Descriptor::lend(&self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Handle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fd = Descriptor::deserialize(deserializer)?.into_fd();
        Ok(Self(Arc::new(fd)))
    }
}

impl Handle {
    pub(in crate::wire) fn write(&self, text: &str) {
        assert_eq!(nix::unistd::write(&self.0, text.as_bytes()), Ok(text.len()));
    }

    /// How much is in the file.
    fn len(&self) -> i64 {
        nix::sys::stat::fstat(&self.0).unwrap().st_size
    }
}

impl Text {
    /// All of it, once everybody has closed the other end.
    pub(in crate::wire) fn all(self) -> String {
        let deadline = Deadline::after(Duration::from_secs(30));
        let (mut all, mut piece) = (Vec::new(), [0; 4096]);
        loop {
            let mut polled = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
            assert!(poll(&mut polled, deadline).unwrap(), "it is still open");
            match nix::unistd::read(&self.0, &mut piece).unwrap() {
                0 => return String::from_utf8(all).unwrap(),
                count => all.extend(&piece[..count]),
            }
        }
    }

    /// As much as is there.
    fn so_far(&self) -> String {
        let count = fd::available(&self.0).unwrap();
        let mut text = vec![0; count];
        let read = nix::unistd::read(&self.0, &mut text).unwrap();
        assert_eq!(read, count);
        String::from_utf8(text).unwrap()
    }
}

/// Ends the test program if the test takes longer than a minute, so that a hang is a failure.
fn watchdog() -> mpsc::Sender<()> {
    let name = thread::current().name().unwrap_or("?").to_owned();
    let (alive, watched) = mpsc::channel();
    thread::spawn(move || {
        if watched.recv_timeout(Duration::from_secs(60)) == Err(RecvTimeoutError::Timeout) {
            eprintln!("test {name} hangs");
            std::process::abort();
        }
    });
    alive
}

fn pipes<const N: usize>() -> ([Text; N], [Handle; N]) {
    let (texts, handles): (Vec<_>, Vec<_>) = (0..N).map(|_| pipe()).unzip();
    (texts.try_into().unwrap(), handles.try_into().unwrap())
}

fn all<const N: usize>(texts: [Text; N]) -> [String; N] {
    texts.map(Text::all)
}

#[subprocess(crate = crate)]
fn write(handle: Handle, text: String) {
    handle.write(&text);
}

#[subprocess(crate = crate)]
fn write_each(handles: Vec<Handle>, text: String) -> usize {
    for (index, handle) in handles.iter().enumerate() {
        handle.write(&format!("{text}.{index}"));
    }
    handles.len()
}

#[subprocess(crate = crate)]
fn write_rest(#[args] list: Vec<Handle>, #[kwargs] map: BTreeMap<String, Handle>) {
    for (index, handle) in list.iter().enumerate() {
        handle.write(&index.to_string());
    }
    map.iter().for_each(|(key, handle)| handle.write(key));
}
