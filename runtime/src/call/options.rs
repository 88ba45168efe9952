//! What can be said about the process of a call.

use super::{Call, Partial};
use crate::start::Stdio;
use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;
use std::time::Duration;

/// About the process, or the task.
impl<'a, T> Call<'a, T> {
    /// Names the process, for people and logs. By default it is `Process-1` and so on, its children
    /// `Process-1:1`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = Some(name.into());
        self
    }

    /// Whether the process is ended with its parent instead of being waited for.
    ///
    /// By default it is a daemon if its parent is one. A daemon may not start children, see
    /// [`may_spawn`](Self::may_spawn).
    pub fn daemon(mut self, daemon: bool) -> Self {
        self.options.daemon = Some(daemon);
        self
    }

    /// Whether the process may start children even if it is a daemon. They end with it. By default
    /// as its parent.
    pub fn may_spawn(mut self, may: bool) -> Self {
        self.options.may_spawn = Some(may);
        self
    }

    /// Limits its time, from the start on (of a task: from when it is a worker's turn): when it is up,
    /// the process is killed, and `join` gives
    /// [`JoinErrorKind::TimedOut`](crate::JoinErrorKind::TimedOut), with exit code -9. A result that was sent whole by
    /// then counts.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.options.timeout = Some(time);
        self
    }

    /// How often a task of a pool may be done again when its worker dies of it. By default never: who
    /// says so promises that doing it twice does no harm. A process refuses it.
    pub fn retries(mut self, times: u32) -> Self {
        self.options.retries = Some(times);
        self
    }

    /// Limits the memory that it may allocate, in bytes: all its private writable memory, that of
    /// the program itself included (about half a mebibyte), arguments and result, too. Memory shared
    /// with other processes and mapped files don't count. It is `RLIMIT_DATA`, see setrlimit(2).
    ///
    /// An allocation over the limit fails, which ends a Rust program: `join` then gives
    /// [`JoinErrorKind::MemoryLimit`](crate::JoinErrorKind::MemoryLimit). Code that handles the
    /// failure goes on (if it aborts later, that may be told as the limit), and code that doesn't
    /// check for it dies of a SIGSEGV, which is told as that. The exit code is that of the death: -6
    /// after an abort (with `RUST_BACKTRACE` set, one allocation of more than what is left of the limit
    /// may be told as just that), 1 where the arguments alone were too much.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.options.memory_limit = Some(bytes);
        self
    }

    /// Sets a variable of its environment, which otherwise is the parent's at the start.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.options
            .environment
            .push((name.into(), Some(value.into())));
        self
    }

    /// Removes a variable from its environment.
    pub fn env_remove(mut self, name: impl Into<OsString>) -> Self {
        self.options.environment.push((name.into(), None));
        self
    }

    /// Sets its working directory, which otherwise is the parent's at the start.
    pub fn current_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.directory = Some(path.into());
        self
    }

    /// Sets its standard input, which otherwise is [`Stdio::null`].
    pub fn stdin(self, stdin: impl Into<Stdio>) -> Self {
        self.stream(0, stdin.into())
    }

    /// Sets its standard output, which otherwise is the parent's.
    pub fn stdout(self, stdout: impl Into<Stdio>) -> Self {
        self.stream(1, stdout.into())
    }

    /// Sets its standard error, which otherwise is the parent's.
    pub fn stderr(self, stderr: impl Into<Stdio>) -> Self {
        self.stream(2, stderr.into())
    }

    fn stream(mut self, number: usize, stream: Stdio) -> Self {
        self.options.stdio[number] = Some(stream);
        self
    }

    /// Leaves a descriptor open in the process, under its number; all others are closed there.
    pub fn keep_fd(mut self, fd: &'a impl AsFd) -> Self {
        self.options.keep.push(fd.as_fd().as_raw_fd());
        self
    }
}

/// About the tasks.
impl<A, T> Partial<'_, A, T> {
    /// Limits the time of each; see [`Call::timeout`].
    pub fn timeout(mut self, time: Duration) -> Self {
        self.options.timeout = Some(time);
        self
    }

    /// How often each may be done again; see [`Call::retries`].
    pub fn retries(mut self, times: u32) -> Self {
        self.options.retries = Some(times);
        self
    }
}
