//! Memory that processes share: plain data, without a copy.
//!
//! Each of these is a handle to memory that the kernel frees with its last user. A clone is another handle to the same, and so is what a
//! child gets that it is passed to as an argument, which may pass it on.
//!
//! ```
//! use offspring::shared::{Array, Frozen};
//! use offspring::{spawn, subprocess};
//!
//! /// Every process reads the same input, and writes a part of the same output.
//! #[subprocess]
//! fn smooth(input: &Frozen<f64>, output: &Array<f64>, from: usize, to: usize) {
//!     for index in from..to {
//!         let near = &input[index.saturating_sub(1)..input.len().min(index + 2)];
//!         output.set(index, near.iter().sum::<f64>() / near.len() as f64);
//!     }
//! }
//!
//! #[offspring::main]
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let input = Frozen::from_slice(&[0.0, 3.0, 0.0, 3.0])?;
//!     let output = Array::new(4)?;
//!     let halves = [
//!         spawn!(smooth, &input, &output, 0, 2)?,
//!         spawn!(smooth, &input, &output, 2, 4)?,
//!     ];
//!     for half in halves {
//!         half.join()?;
//!     }
//!     assert_eq!(output.to_vec(), [1.5, 1.0, 2.0, 1.5]);
//!     Ok(())
//! }
//! ```
//!
//! # Which one
//!
//! | to share | take |
//! |---|---|
//! | data that stays as it is | [`Frozen`]: a slice, the only one of these that is lent |
//! | many elements that are written all over, as results are | [`Array`]; when it is complete, [`Array::freeze`] |
//! | a number, a flag, a few of them | [`Value`]; a counter is a `Value<AtomicU64>` |
//! | a structure of which several parts must fit each other | [`sync::Mutex`](crate::sync::Mutex), which lends them while it is held |
//! | bytes that have a format of their own, or go by a name | [`Memory`] |
//! | a `String`, a `Vec`, a map, a tree | an argument, a result, or a message: they point elsewhere, and can't lie in shared memory |
//!
//! What lies there is [`Shareable`]: numbers, arrays of them, atomics, structs of such.
//!
//! # Why elements are copied
//!
//! Any other process can write at any time, be it by mistake. A `&[f64]` whose elements change is undefined behaviour, so an
//! [`Array`] has none: [`get`](Array::get), [`set`](Array::set) and their like copy, as fast as memory is. An element of 1, 2, 4 or
//! 8 bytes is never torn; and who reads what another one has written also sees all that that one had written before. References there are to
//! [atomics](Atomic), and to what is [`Frozen`], because the kernel lets nobody write it.
//!
//! # What a death does
//!
//! | | when a process dies that has a handle |
//! |---|---|
//! | [`Frozen`] | nothing |
//! | [`Memory`], [`Array`], [`Value`] | what it has written stays, the last element perhaps by half |
//! | their locks | the next one gets it, as an error with the guard inside; so do all, until `clear_poison` |
//! | [`Memory`] with a name | nothing; the memory is there until [`Memory::unlink`], also when all have died |
//! | the last one | the memory is freed |
//!
//! # Costs
//!
//! A handle in a process, however many clones it has, is one descriptor and one mapping; that of an [`Array`] or a [`Value`] has one page more, for
//! their lock, and at least one page is shared. Passing it to a child takes some microseconds, however large it is. Pages are there when they are
//! first written or read, each at about a microsecond a process; [`Memory::create`] alone takes all at once.
//!
//! # Trust
//!
//! What arrives is checked: its kind, its size, its seals. A process that has a handle can write what it likes, which is a value whatever it is, but can't
//! take the memory away. Memory with a name is the exception: who can open it can shorten it, and that kills those
//! that use it.

mod array;
mod cells;
pub(crate) mod copy;
mod elements;
mod freeze;
mod frozen;
mod memory;
mod named;
mod sealed;
mod shareable;
mod value;

pub use array::{Array, ArrayGuard};
pub use freeze::FreezeError;
pub use frozen::Frozen;
pub use memory::Memory;
pub use offspring_macros::Shareable;
pub use shareable::{Atomic, Shareable};
pub use value::{Value, ValueGuard};
