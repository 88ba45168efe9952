//! Start by re-exec: the child is this very program from its beginning, told by a variable of its
//! environment that it is a child.
//!
//! # Protocol
//!
//! | step | parent | child | if the parent dies | if the child dies |
//! |---|---|---|---|---|
//! | 1 | makes a socket pair and the lifeline, a pipe | | | |
//! | 2 | clones; the variable names the child's end of the socket and its inode | closes all else, executes | 3 finds the socket closed | the parent's clone fails, or 4 finds the socket closed |
//! | 3 | closes the child's end | `enter` verifies the variable and takes it out of the environment | the child exits | as above |
//! | 4 | sends the order, the lifeline's read end beside it, then the arguments | reads both, to the end | the child finds the end of the socket and exits | sending fails, or the pidfd is ready: the start has succeeded, and `join` tells of the death |
//! | 5 | | arms the lifeline, then looks whether it is closed | the kernel kills the child, from here on | `join` tells |
//! | 6 | | runs the function | | |
//! | 7 | receives, whoever waits or else the background | sends one frame: value, panic, or what it couldn't understand | | an unfinished frame is no result |
//! | 8 | finds the pidfd ready, reaps | exits | | |
//!
//! The parent speaks only in step 4, the child only in step 7. In step 4 the child does nothing
//! but read, so arguments of any size arrive. In step 7 the parent always reads, so results of any
//! size do.
//!
//! Why `/proc/self/exe`: it is this program's file itself, whatever became of its name since.

use crate::child::{VARIABLE, Way};
use crate::error::{Error, Kind};
use crate::process::child::Ends;
use crate::sys::launch::{self, Program, Step, Stream};
use crate::sys::{auxv, fd, socket};
use crate::wire::frame::{self, Outgoing};
use crate::wire::message::Message;
use crate::wire::order::Order;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::OnceLock;

const PROGRAM: &CStr = c"/proc/self/exe";

pub(super) struct Started {
    pub(super) pid: u32,
    pub(super) ends: Ends,
    /// To be sent.
    pub(super) order: Outgoing<'static>,
}

pub(super) enum Failure {
    Resources(&'static str, io::Error),
    Launch(launch::Failure),
    Loader { loader: String, program: String },
}

pub(super) fn start(way: Way, mut order: Order) -> Result<Started, Failure> {
    if let Some((loader, program)) = loader() {
        return Err(Failure::Loader { loader: loader.clone(), program: program.clone() });
    }
    let resources = |what| move |error| Failure::Resources(what, error);
    let (ours, theirs) = socket::pair().map_err(resources("making its socket"))?;
    let (pulse, lifeline) = fd::pipe().map_err(resources("making its lifeline"))?;
    let inode = nix::sys::stat::fstat(&theirs)
        .map_err(|error| Failure::Resources("making its socket", error.into()))?
        .st_ino;
    let mut message = Message { fds: vec![pulse], ..Message::default() };
    let mut stdio = [Stream::Null, Stream::Inherit, Stream::Inherit];
    if let Way::Test(_) = way {
        // libtest talks before it runs the test; the child gets the real one with its order.
        let stdout = io::stdout().as_fd().try_clone_to_owned().and_then(fd::above_stdio);
        if let Ok(stdout) = stdout {
            order.stdout = true;
            message.fds.push(stdout);
        }
        stdio[1] = Stream::Null;
    }
    message.body = order.encode();
    let order = Outgoing::new(frame::Kind::Order, message).map_err(resources("its order"))?;

    let variable = format!("{VARIABLE}={}:{inode}", theirs.as_raw_fd());
    let program = Program {
        path: PROGRAM,
        arguments: &arguments(way),
        environment: &environment(variable),
        stdio,
        keep: vec![theirs.as_fd()],
        directory: None,
    };
    let launched = launch::launch(&program).map_err(Failure::Launch)?;
    let ends = Ends { pidfd: launched.pidfd, socket: ours, lifeline };
    Ok(Started { pid: launched.pid, ends, order })
}

/// The parent's own, so that the function finds what it would find there; but libtest has to be
/// told to run the one test that is the entry.
fn arguments(way: Way) -> Vec<CString> {
    let own: Vec<OsString> = match way {
        Way::Main => std::env::args_os().collect(),
        Way::Test(test) => {
            let options = ["--exact", test, "--nocapture", "--include-ignored", "--test-threads=1"];
            let program = std::env::args_os().next().unwrap_or_else(|| "test".into());
            [program].into_iter().chain(options.map(Into::into)).collect()
        }
    };
    own.into_iter().filter_map(|argument| CString::new(argument.into_vec()).ok()).collect()
}

fn environment(variable: String) -> Vec<CString> {
    let join = |(name, value): (OsString, OsString)| {
        let mut pair = name.into_vec();
        pair.push(b'=');
        pair.extend(value.as_bytes());
        pair
    };
    let inherited = std::env::vars_os().filter(|(name, _)| name != VARIABLE).map(join);
    // What came through the C library as strings has no NUL inside.
    inherited.chain([variable.into_bytes()]).filter_map(|pair| CString::new(pair).ok()).collect()
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
    pub(super) fn into_error(self, function: &str) -> Error {
        match self {
            Self::Resources(what, error) => Error::start(function, what, error),
            Self::Loader { loader, program } => Error::new(Kind::Loader { loader, program }),
            Self::Launch(launch::Failure { step, error }) => {
                let what = match step {
                    Step::Clone => "creating it".to_owned(),
                    Step::Descriptors => "arranging its standard streams".to_owned(),
                    Step::Directory => "entering its directory".to_owned(),
                    Step::Exec => match std::fs::read_link("/proc/self/exe") {
                        Ok(path) => format!("executing {} by /proc/self/exe", path.display()),
                        Err(error) => format!("executing /proc/self/exe ({error}; is /proc mounted?)"),
                    },
                };
                Error::start(function, &what, error)
            }
        }
    }
}
