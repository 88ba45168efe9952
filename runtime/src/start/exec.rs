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
//! | 4 | sends the order, then the arguments | reads both, to the end | | as above |
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
use std::sync::OnceLock;

const PROGRAM: &CStr = c"/proc/self/exe";

pub(super) struct Started {
    pub(super) pid: u32,
    pub(super) pidfd: OwnedFd,
    pub(super) socket: OwnedFd,
    pub(super) lifeline: OwnedFd,
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

pub(super) fn start(way: Way, mut order: Order, options: &Options) -> Result<Started, Failure> {
    if let Some((loader, program)) = loader() {
        return Err(Failure::Loader {
            loader: loader.clone(),
            program: program.clone(),
        });
    }
    let resources = |what| move |error| Failure::Resources(what, error);
    let (ours, theirs) = socket::pair().map_err(resources("making its socket"))?;
    let (pulse, lifeline) = fd::pipe().map_err(resources("making its lifeline"))?;
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
        message.fds.extend(real);
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
    let environment = environment(variable, &options.environment)
        .map_err(|()| invalid("a variable of its environment has a NUL, or an = in its name"))?;
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
        lifeline,
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

/// This process's environment at the moment, with what the call says.
fn environment(
    variable: String,
    changes: &[(OsString, Option<OsString>)],
) -> Result<Vec<CString>, ()> {
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
            return Err(());
        }
        let is_last = changes[index + 1..].iter().all(|(later, _)| later != name);
        if let (true, Some(value)) = (is_last, value) {
            pairs.push(join(name.clone(), value));
        }
    }
    pairs.push(variable.into_bytes());
    pairs
        .into_iter()
        .map(|pair| CString::new(pair).map_err(|_| ()))
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
    // Lines of `start-end permissions offset device inode path`: proc_pid_maps(5).
    let line = maps.split(|byte| *byte == b'\n').find(|line| {
        let range = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        let mut ends = range.split(|byte| *byte == b'-').map(|end| {
            usize::from_str_radix(std::str::from_utf8(end).unwrap_or_default(), 16)
        });
        matches!((ends.next(), ends.next()), (Some(Ok(start)), Some(Ok(end))) if (start..end).contains(&own))
    })?;
    let path = &line[line.iter().position(|byte| *byte == b'/')?..];
    let text = |path: &OsStr| path.to_string_lossy().into_owned();
    (path != executed.as_os_str().as_bytes())
        .then(|| (text(executed.as_os_str()), text(OsStr::from_bytes(path))))
}

impl Failure {
    pub(super) fn into_error(self, function: &str, directory: Option<&Path>) -> Error {
        match self {
            Self::Resources(what, error) => Error::start(function, what, error),
            Self::Loader { loader, program } => Error::new(Kind::Loader { loader, program }),
            Self::Launch(launch::Failure { step, error }) => {
                let what = match step {
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
