//! Start by re-exec: the child is this very program from its beginning, told by a variable of its
//! environment that it is a child.
//!
//! # Protocol
//!
//! | step | parent | child | if the parent dies | if the child dies |
//! |---|---|---|---|---|
//! | 1 | makes a socket pair and the lifeline, a pipe | | | |
//! | 2 | clones | closes what it isn't to have, executes | step 3 finds it out | the launch fails, or as below |
//! | 3 | closes the child's ends | `enter` verifies the variable, takes it out of the environment, arms the lifeline and looks whether it has closed | the child exits; from here on the kernel kills it | step 4 fails, or the pidfd is ready: the start has succeeded, and `join` tells of the death |
//! | 4 | sends the order, then the arguments with their descriptors | reads both, to the end | | as above |
//! | 5 | | runs the function | | `join` tells |
//! | 6 | receives, whoever waits or else the background | sends one frame: value, panic, or what it couldn't understand | | an unfinished frame is no result |
//! | 7 | finds the pidfd ready, reaps | exits | | |
//!
//! The parent speaks only in step 4, the child only in step 6. In step 4 the child does nothing
//! but read, so arguments of any size arrive. In step 6 the parent always reads, so results of any
//! size do.
//!
//! Why `/proc/self/exe`: it is this program's file itself, whatever became of its name since.

use super::stdio::Opened;
use super::{Options, Stdio};
use crate::child::{VARIABLE, Way};
use crate::error::{Error, Kind};
use crate::lifelines;
use crate::sys::launch::{self, Program, Source, Step};
use crate::sys::{auxv, fd, socket};
use crate::wire::frame::{self, Outgoing};
use crate::wire::message::Message;
use crate::wire::order::Order;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::{Arc, OnceLock};

const PROGRAM: &CStr = c"/proc/self/exe";

pub(super) struct Started {
    pub(super) pid: u32,
    pub(super) pidfd: OwnedFd,
    pub(super) socket: OwnedFd,
    /// The parent's ends of standard streams that are pipes.
    pub(super) pipes: [Option<OwnedFd>; 3],
    /// To be sent.
    pub(super) order: Outgoing<'static>,
}

pub(super) enum Failure {
    Resources(&'static str, io::Error),
    Launch(launch::Failure),
    Loader { loader: String, program: String },
}

/// The lifeline is left under this serial number, also if the start fails.
pub(super) fn start(
    serial: u64,
    way: Way,
    mut order: Order,
    options: &Options,
) -> Result<Started, Failure> {
    if let Some((loader, program)) = loader() {
        return Err(Failure::Loader {
            loader: loader.clone(),
            program: program.clone(),
        });
    }
    let resources = |what| move |error| Failure::Resources(what, error);
    let (ours, theirs) = socket::pair().map_err(resources("making its socket"))?;
    socket::refuse_fds(ours.as_fd());
    let pulse = lifelines::open(serial).map_err(resources("making its lifeline"))?;
    let inode = nix::sys::stat::fstat(&theirs)
        .map_err(|error| Failure::Resources("making its socket", error.into()))?
        .st_ino;

    let mut streams = Vec::with_capacity(3);
    let mut pipes = [const { None }; 3];
    let defaults = [Stdio::null(), Stdio::inherit(), Stdio::inherit()];
    for (number, (said, default)) in options.stdio.iter().zip(&defaults).enumerate() {
        let stream = said.as_ref().unwrap_or(default).open(number);
        let (theirs, ours) = stream.map_err(resources("arranging its standard streams"))?;
        streams.push(theirs);
        pipes[number] = ours;
    }
    let mut message = Message::default();
    if let Way::Test(_) = way {
        // libtest talks before it runs the test; the child gets the real one with its order.
        let real = match std::mem::replace(&mut streams[1], Opened::Null) {
            Opened::Inherit => io::stdout()
                .as_fd()
                .try_clone_to_owned()
                .and_then(fd::above_stdio)
                .ok(),
            Opened::Null => None,
            Opened::Fd(fd) => Some(
                fd.try_clone()
                    .map_err(resources("arranging its standard streams"))?,
            ),
        };
        order.stdout = real.is_some();
        message.fds.extend(real.map(Arc::new));
    }
    message.body = order.encode();
    let order = Outgoing::new(frame::Kind::Order, message).map_err(resources("its order"))?;

    let variable = format!(
        "{VARIABLE}={}:{inode}:{}",
        theirs.as_raw_fd(),
        pulse.as_raw_fd()
    );
    let invalid = |what| Failure::Resources(what, io::ErrorKind::InvalidInput.into());
    let directory = options
        .directory
        .as_ref()
        .map(|path| CString::new(path.as_os_str().as_bytes()));
    let directory = directory
        .transpose()
        .map_err(|_| invalid("its directory has a NUL in its name"))?;
    let environment = environment(variable, &options.environment).map_err(invalid)?;
    let own = [theirs.as_raw_fd(), pulse.as_raw_fd()];
    let stream = |stream: &Opened| match stream {
        Opened::Inherit => Source::Inherit,
        Opened::Null => Source::Null,
        Opened::Fd(fd) => Source::Fd(fd.as_raw_fd()),
    };
    let program = Program {
        path: PROGRAM,
        arguments: &arguments(way),
        environment: &environment,
        stdio: [
            stream(&streams[0]),
            stream(&streams[1]),
            stream(&streams[2]),
        ],
        keep: own
            .into_iter()
            .chain(options.keep.iter().copied())
            .collect(),
        directory: directory.as_deref(),
    };
    let launched = launch::launch(&program).map_err(Failure::Launch)?;
    Ok(Started {
        pid: launched.pid,
        pidfd: launched.pidfd,
        socket: ours,
        pipes,
        order,
    })
}

/// The parent's own, so that the function finds what it would find there; but libtest has to be
/// told to run the one test that is the entry.
fn arguments(way: Way) -> Vec<CString> {
    let own: Vec<OsString> = match way {
        Way::Main => std::env::args_os().collect(),
        Way::Test(test) => {
            let options = [
                "--exact",
                test,
                "--nocapture",
                "--include-ignored",
                "--test-threads=1",
            ];
            let program = std::env::args_os().next().unwrap_or_else(|| "test".into());
            [program]
                .into_iter()
                .chain(options.map(Into::into))
                .collect()
        }
    };
    own.into_iter()
        .filter_map(|argument| CString::new(argument.into_vec()).ok())
        .collect()
}

/// This process's environment at the moment, with what the call says; or what is wrong with that.
fn environment(
    variable: String,
    changes: &[(OsString, Option<OsString>)],
) -> Result<Vec<CString>, &'static str> {
    const MALFORMED: &str = "a variable of its environment has a NUL, or an = in its name";
    // The child would believe the first of two, not know that it is one, and run `main`.
    if changes.iter().any(|(name, _)| name == VARIABLE) {
        return Err(
            "the variable OFFSPRING_CHILD can't be set or removed, offspring itself sets it for \
             each child",
        );
    }
    let join = |name: OsString, value: &OsStr| {
        let mut pair = name.into_vec();
        pair.push(b'=');
        pair.extend(value.as_bytes());
        pair
    };
    let is_changed = |name: &OsString| changes.iter().any(|(changed, _)| changed == name);
    let inherited = std::env::vars_os().filter(|(name, _)| name != VARIABLE && !is_changed(name));
    let mut pairs: Vec<_> = inherited.map(|(name, value)| join(name, &value)).collect();
    for (index, (name, value)) in changes.iter().enumerate() {
        if name.is_empty() || name.as_bytes().contains(&b'=') {
            return Err(MALFORMED);
        }
        let is_last = changes[index + 1..].iter().all(|(later, _)| later != name);
        if let (true, Some(value)) = (is_last, value) {
            pairs.push(join(name.clone(), value));
        }
    }
    pairs.push(variable.into_bytes());
    pairs
        .into_iter()
        .map(|pair| CString::new(pair).map_err(|_| MALFORMED))
        .collect()
}

/// The loader and the program, if the program was started as `ld.so ./program`, so that
/// `/proc/self/exe` is the loader.
fn loader() -> Option<&'static (String, String)> {
    static LOADER: OnceLock<Option<(String, String)>> = OnceLock::new();
    LOADER.get_or_init(find_loader).as_ref()
}

fn find_loader() -> Option<(String, String)> {
    let executed = std::fs::read_link("/proc/self/exe").ok()?;
    let maps = std::fs::read("/proc/self/maps").ok()?;
    let own = auxv::program_headers();
    let mapping = maps
        .split(|byte| *byte == b'\n')
        .filter_map(Mapping::parse)
        .find(|mapping| mapping.addresses.contains(&own))?;
    // Its path may change between the two looks, and its device and inode are not told alike by
    // all file systems, but a program that is the loader has neither in common with it.
    if mapping.path == escaped(&executed) || is_executed(&mapping) {
        return None;
    }
    let text = |path: &OsStr| path.to_string_lossy().into_owned();
    Some((
        text(executed.as_os_str()),
        text(OsStr::from_bytes(mapping.path)),
    ))
}

/// A line of `/proc/self/maps` about a file, `start-end permissions offset device inode path`:
/// proc_pid_maps(5).
struct Mapping<'a> {
    addresses: std::ops::Range<usize>,
    /// Major and minor number.
    device: (u64, u64),
    inode: u64,
    /// As [`escaped`] gives it.
    path: &'a [u8],
}

impl<'a> Mapping<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let (fields, path) = line.split_at(line.iter().position(|byte| *byte == b'/')?);
        let mut fields = std::str::from_utf8(fields).ok()?.split_ascii_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let (major, minor) = fields.nth(2)?.split_once(':')?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        Some(Self {
            addresses: number(start)? as usize..number(end)? as usize,
            device: (number(major)?, number(minor)?),
            inode: fields.next()?.parse().ok()?,
            path,
        })
    }
}

/// A path as the kernel writes it to `/proc/self/maps`. This way round it is certain: a path may
/// hold the escape itself, which stays as it is.
fn escaped(path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_bytes();
    let lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
    lines.join(&b"\\012"[..])
}

/// Whether what is mapped is by its device and inode what `/proc/self/exe` is.
fn is_executed(mapping: &Mapping<'_>) -> bool {
    use nix::sys::stat::{major, minor, stat};
    stat(PROGRAM).is_ok_and(|file| {
        (major(file.st_dev), minor(file.st_dev), file.st_ino)
            == (mapping.device.0, mapping.device.1, mapping.inode)
    })
}

impl Failure {
    pub(super) fn into_error(self, function: &str, directory: Option<&Path>) -> Error {
        match self {
            Self::Resources(what, error) => Error::start(function, what, error),
            Self::Loader { loader, program } => Error::new(Kind::Loader { loader, program }),
            Self::Launch(launch::Failure { step, error }) => {
                let what = match step {
                    Step::List => {
                        "listing in /proc/self/fd what to close in it (as close_range(2) is \
                         missing or refused)"
                            .to_owned()
                    }
                    Step::Clone => "creating it".to_owned(),
                    Step::Stdio => "arranging its standard streams".to_owned(),
                    Step::Keep => "keeping a descriptor open for it".to_owned(),
                    Step::Directory => match directory {
                        Some(path) => format!("entering its directory {}", path.display()),
                        None => "entering its directory".to_owned(),
                    },
                    Step::Exec => match std::fs::read_link("/proc/self/exe") {
                        Ok(path) => format!("executing {} by /proc/self/exe", path.display()),
                        Err(error) => {
                            format!("executing /proc/self/exe ({error}; is /proc mounted?)")
                        }
                    },
                };
                Error::start(function, &what, error)
            }
        }
    }
}
