//! The error of everything that isn't the fate of a child.

use crate::sys::hint::hint;
use crate::wire::CodecError;
use std::{fmt, io};

/// What an operation of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed.
///
/// The text names the function, the process or the path and says what to do. What became of a
/// child that was started is told by [`JoinError`](crate::JoinError) instead.
pub struct Error(Box<Kind>);

pub(crate) enum Kind {
    NotEntered,
    DaemonSpawns {
        process: String,
    },
    TooDeep {
        limit: u32,
    },
    Ambiguous {
        function: String,
        first: String,
        second: String,
    },
    Encode {
        function: String,
        argument: String,
        source: CodecError,
    },
    MultipleValues {
        function: String,
        key: String,
    },
    NamesParameter {
        function: String,
        key: String,
    },
    Start {
        function: String,
        what: String,
        source: io::Error,
    },
    Loader {
        loader: String,
        program: String,
    },
    Forked {
        pid: u32,
    },
    WaitForSelf,
    ForTaskOnly {
        what: &'static str,
    },
    ForProcessOnly {
        what: &'static str,
    },
    EndForPool {
        function: &'static str,
    },
    NoWorkers,
    PoolBroken {
        cause: String,
    },
    NotAChild,
    Privileged,
    Poisoned {
        text: &'static str,
    },
    TooManyPermits {
        released: u32,
        total: u32,
        bound: u32,
    },
    System {
        what: String,
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn new(kind: Kind) -> Self {
        Self(Box::new(kind))
    }

    pub(crate) fn encode(function: &str, argument: &str, source: CodecError) -> Self {
        let (function, argument) = (function.to_owned(), argument.to_owned());
        Self::new(Kind::Encode {
            function,
            argument,
            source,
        })
    }

    pub(crate) fn multiple_values(function: &str, key: &str) -> Self {
        Self::new(Kind::MultipleValues {
            function: function.to_owned(),
            key: key.to_owned(),
        })
    }

    pub(crate) fn names_parameter(function: &str, key: &str) -> Self {
        Self::new(Kind::NamesParameter {
            function: function.to_owned(),
            key: key.to_owned(),
        })
    }

    pub(crate) fn ambiguous(function: &str, first: String, second: String) -> Self {
        Self::new(Kind::Ambiguous {
            function: function.to_owned(),
            first,
            second,
        })
    }

    pub(crate) fn start(function: &str, what: &str, source: io::Error) -> Self {
        let (function, what) = (function.to_owned(), what.to_owned());
        Self::new(Kind::Start {
            function,
            what,
            source,
        })
    }

    pub(crate) fn poisoned(text: &'static str) -> Self {
        Self::new(Kind::Poisoned { text })
    }

    pub(crate) fn system(what: impl Into<String>, source: io::Error) -> Self {
        Self::new(Kind::System {
            what: what.into(),
            source,
        })
    }

    /// There is no `#[offspring::main]`, `#[offspring::test]` or [`init`](crate::init) by which a
    /// child could come in.
    pub fn is_not_entered(&self) -> bool {
        matches!(*self.0, Kind::NotEntered)
    }

    /// An argument could not be serialized; no process was started.
    pub fn is_encode(&self) -> bool {
        matches!(*self.0, Kind::Encode { .. })
    }

    /// The system error behind it, where there is one.
    pub fn io_error(&self) -> Option<&io::Error> {
        match &*self.0 {
            Kind::Start { source, .. } | Kind::System { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::NotEntered => f.write_str(
                "a child process would have no way in: put #[offspring::main] on `fn main`, or \
                 #[offspring::test] on the test, or call offspring::init() first in `main`",
            ),
            Kind::DaemonSpawns { process } => write!(
                f,
                "daemonic processes are not allowed to have children, and '{process}' is one; \
                 call!(..).may_spawn(true) allows it"
            ),
            Kind::TooDeep { limit } => write!(
                f,
                "processes are nested {limit} levels deep, which looks like a program that starts \
                 itself for ever; if it is meant, offspring::set_depth_limit allows more"
            ),
            Kind::Ambiguous {
                function,
                first,
                second,
            } => write!(
                f,
                "a child could not tell two functions named {function} apart, one at {first} and \
                 one at {second}: rename one"
            ),
            Kind::Encode {
                function,
                argument,
                source,
            } => {
                write!(
                    f,
                    "{function}(): argument '{argument}' can't be serialized: {source}"
                )
            }
            Kind::MultipleValues { function, key } => {
                write!(
                    f,
                    "{function}() got multiple values for keyword argument '{key}'"
                )
            }
            Kind::NamesParameter { function, key } => write!(
                f,
                "{function}() has a parameter '{key}', which a spread map can't fill: write \
                 kwargs <{key} = ..>"
            ),
            Kind::Start {
                function,
                what,
                source,
            } => {
                write!(
                    f,
                    "can't start a process for {function}(): {what}: {source}"
                )?;
                f.write_str(hint(source))
            }
            Kind::Loader { loader, program } => write!(
                f,
                "the program was started through the loader ({loader} {program}), so that it can't \
                 be started again by /proc/self/exe: start {program} itself"
            ),
            Kind::Forked { pid } => write!(
                f,
                "this process is a fork(2) of process {pid}, whose children it can't look after; \
                 fork before the first spawn!, or execute a program"
            ),
            Kind::WaitForSelf => f.write_str("a process can't wait for its own end"),
            Kind::ForTaskOnly { what } => {
                write!(f, "`{what}` is for tasks of a pool, not for a process")
            }
            Kind::ForProcessOnly { what } => write!(
                f,
                "`{what}` is for a process of its own, not for a task of a pool; see PoolBuilder for \
                 what can be said about workers"
            ),
            Kind::EndForPool { function } => write!(
                f,
                "{function}(): an end of a channel can't go to a pool, where a task may be done again: spawn! a \
                 process for it, or pass a Queue"
            ),
            Kind::NoWorkers => f.write_str("a pool needs at least one worker"),
            Kind::PoolBroken { cause } => write!(f, "the pool has given up: {cause}"),
            Kind::NotAChild => f.write_str("only a child can be ended with its descendants"),
            Kind::Privileged => f.write_str(
                "this program was started with raised privileges (set-user-id or capabilities), so \
                 its children would not believe that they are: start processes without them",
            ),
            Kind::Poisoned { text } => f.write_str(text),
            Kind::TooManyPermits {
                released,
                total,
                bound,
            } => write!(
                f,
                "semaphore released too many times: it has {total} of at most {bound} permits, so {released} \
                 more would be too many"
            ),
            Kind::System { what, source } => {
                write!(f, "{what}: {source}")?;
                f.write_str(hint(source))
            }
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self})")
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &*self.0 {
            Kind::Encode { source, .. } => Some(source),
            Kind::Start { source, .. } | Kind::System { source, .. } => Some(source),
            _ => None,
        }
    }
}
