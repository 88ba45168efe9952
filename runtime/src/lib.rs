//! Python's `multiprocessing`, for Rust, with the calls checked by the compiler: annotate a function,
//! spawn it, and it runs in a child process of its own, with typed arguments, a typed result, and
//! nothing left behind whatever happens to either side.
//!
//! ```
//! use offspring::{spawn, subprocess};
//!
//! #[subprocess]
//! fn area(width: f64, height: f64, #[default = 1.0] scale: f64) -> f64 {
//!     width * height * scale
//! }
//!
//! #[offspring::main]
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let a = spawn!(area, 2.0, 3.0)?;
//!     let b = spawn!(area, 2.0, kwargs <height = 3.0, scale = 10.0>)?;
//!     assert_eq!((a.join()?, b.join()?), (6.0, 60.0));
//!     Ok(())
//! }
//! ```
//!
//! # The words
//!
//! - [`#[subprocess]`](macro@subprocess) lets a function run in a child; the function itself stays as
//!   it is. On an `impl` of [`Run`] it does so for a type with a `run` method.
//! - [`spawn!`] starts it and gives a [`Process`]; [`call!`] is the same call before it happens, a
//!   [`Call`], on which more can be said about the process, or with `_` for arguments a [`Partial`].
//! - [`#[offspring::main]`](macro@main) on `main`, [`#[offspring::test]`](macro@test) on a test, or
//!   [`init`] where neither fits: where a child comes in. Without one, `spawn!` is an error.
//!
//! # Life and death
//!
//! A child is this program executed again (`/proc/self/exe`), which turns aside at its entry, runs the
//! one function and exits. Its exit code is 0 after a return, 1 after an `Err`, 101 after a panic, n
//! after `exit(n)`, and -N for a death by signal N; see [`ExitStatus`]. Where panics abort
//! (`panic = "abort"`) it is -6 after one, and the message arrives all the same.
//!
//! - [`Process::join`] gives the function's value, or a [`JoinError`] that says why there is none. A
//!   function's own `Err` is a value; [`RemoteError`] carries errors that can't be serialized.
//! - [`Process::wait`] waits for the end and asks for no value: Python's `join`.
//! - A child that nobody waits for is reaped all the same, and one whose handle was dropped goes on.
//! - At the normal end of this process (`main` returns, `exit`, a panic that unwinds) daemons are sent SIGTERM, and
//!   SIGKILL a second later; the other children are waited for.
//! - When this process is killed, the kernel kills its children, and theirs. It doesn't matter which
//!   thread started them.
//! - Daemons may not start children.
//!
//! # Pools
//!
//! A [`Pool`] keeps some workers for many tasks: the same calls, by [`Pool::apply`] and
//! [`Pool::map`] and their like. A worker's death costs the one task that it was doing.
//!
//! # Shared memory and locks
//!
//! [`shared`] has plain data that processes have in common, [`sync`] locks and their like, which survive
//! the death of whoever holds them. Both are handles that are passed as arguments, to processes and to tasks of
//! pools, as themselves or anywhere in other types, other than untagged, flattened and internally tagged ones; 253 of them in a call at most. A result
//! can't have any: create it in the parent.
//!
//! # Channels and queues
//!
//! A [`channel()`] has one sender and one receiver, which can be in any two processes: it is the fastest, and carries handles and other ends, too. A
//! [`Queue`] has any number of both. [`wait`] waits for several receivers, queues, processes and descriptors at once. What comes out is
//! also had as futures, and with the feature `stream` as streams (`futures_core::Stream`).
//!
//! | | [`channel()`] | [`Queue`] |
//! |---|---|---|
//! | ends | one [`Sender`], one [`Receiver`]; they move | clones on both sides |
//! | carries | any values, handles, ends, bytes | any values |
//! | holds | a mebibyte | any number of items, or as many as are said |
//! | ends | when one side is gone: its drop or its process's end | when it is closed |
//! | a death | is an error at the other end | costs at most its own item |
//!
//! # Data
//!
//! Arguments and results are whatever serde can serialize and deserialize, also with `flatten`,
//! `untagged` and tagged enums, `serde_json::Value`, maps with any keys and nested options. (128-bit
//! integers inside tagged, untagged and flattened types are refused by serde itself.) A value may
//! be nested 256 levels deep. A whole argument or result of type `Vec<u8>`, `String`, `Vec<f64>` and
//! the like travels as bytes, from where it lies; inside other types, [`Bytes`] does.
//!
//! A parent believes nothing that a child sends: what it reads has limits (4 GiB for a result), and a
//! child that sends nonsense makes its own `join` fail and nothing else.
//!
//! # One thread
//!
//! The first `spawn!` starts a thread named `offspring`. It receives the results of children that
//! nobody waits for, reaps them, and wakes futures. It blocks all signals. As long as children live
//! and nothing happens it sleeps. A process forked from this one doesn't have it, and can't spawn.
//!
//! # Troubleshooting
//!
//! **"expected type, found function"** at `spawn!(f)`: `f` has no `#[subprocess]`, or only the function
//! was imported: `use module::f` brings both the function and its description.
//!
//! **"enum is not supported in `trait`s or `impl`s"**: `#[subprocess]` stands on an associated function.
//! Make it a function of the module, or use [`Run`].
//!
//! **"the name `f` is defined multiple times"** (a type, module or enum): the description of a
//! `#[subprocess]` function is a type of the same name, so no other type or module in the same
//! scope can have it.
//!
//! **"type annotations needed"** at an argument: parameters that are text take many types, so that
//! `.into()` and `.parse()?` can't tell which. Write `String::from(x)` or `x.parse::<String>()?`.
//!
//! **A test passes with others and fails alone** with "a child process would have no way in": it needs
//! `#[offspring::test]` itself. While another test of the same program has it, a child finds in there.
//!
//! **"returns a value referencing data owned by the current function"** at `lock()?` in a function that returns
//! `Box<dyn Error>`: the error has the guard in it, as that of `std::sync`. Write `lock().unwrap()`, or return
//! `offspring::Result` or `Result<_, RemoteError>`, into which it turns.
//!
//! **"would get a copy of this `std::sync::Mutex`"**: the locks of the standard library are for threads; those of [`sync`] are for
//! processes, too.
//!
//! **"no method named `clone` found for struct `Sender`"**: a channel has one sender and one receiver. For many that send or receive,
//! take a [`Queue`].
//!
//! **`join` waits for ever, or the program doesn't end**: the child waits itself. For an item of a queue that nobody closes (call
//! [`Queue::close`]; neither the drop of the other handles nor the death of all producers does it); for a message of a [`Sender`]
//! that is still here (drop it); for room in a bounded queue or a channel, of which nobody takes anything before the join (take it first); or for a
//! lock whose guard is here. At the end of the program that holds for all children but daemons. [`Process::join_timeout`] gives up,
//! [`Call::timeout`] ends the child.
//!
//! **`#[test]` is ambiguous**: after `use offspring::*`. Import by name.
//!
//! **A child prints what `main` prints first**, or does work twice: code before [`init`], or in
//! constructors, runs in children, too.
//!
//! **"a child process would have no way in"**: see [`init`].
//!
//! # Environment
//!
//! `OFFSPRING_CHILD` is set for a child between its start and its entry, and is of no use to anybody
//! else. `RUST_BACKTRACE` decides whether a panic's backtrace comes with its [`JoinError`].

mod call;
mod channel;
mod child;
mod ending;
mod error;
mod fault;
mod lifelines;
#[cfg(test)]
mod model;
mod pool;
mod process;
mod queue;
mod reaper;
mod registry;
mod remote_error;
mod run;
pub mod shared;
mod start;
pub mod sync;
mod sys;
mod waiting;
mod wire;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

#[cfg(fuzzing)]
#[doc(hidden)]
#[path = "fuzzing.rs"]
pub mod __fuzzing;

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

pub use call::{Call, Partial};
pub use channel::{
    Duplex, Receiver, RecvError, RecvErrorKind, SendError, SendErrorKind, Sender, channel, duplex,
};
pub use child::init;
pub use ending::{set_termination_grace, terminate_all};
pub use error::{Error, Result};
pub use offspring_macros::{main, subprocess, test};
pub use pool::{IMap, IMapUnordered, Pool, PoolBuilder, Task, TaskError, TaskErrorKind};
pub use process::{
    ExitStatus, Handle, JoinError, JoinErrorKind, Output, Process, active_children, cpu_count,
    current_process, parent_process, set_depth_limit,
};
pub use queue::{GetError, GetErrorKind, PutError, PutErrorKind, Queue};
pub use remote_error::RemoteError;
pub use run::Run;
pub use shared::Shareable;
pub use start::Stdio;
pub use waiting::{Waitable, wait};
pub use wire::{Bytes, Fd};
