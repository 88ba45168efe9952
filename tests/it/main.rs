//! Behaviour of the public interface, each test a sentence about it.

mod bad_input;
mod channel;
mod channel_demos;
mod death;
mod demos;
mod errors;
mod exit;
mod faults;
mod handles;
mod language;
mod limits;
mod more_demos;
mod odd_worlds;
mod pool;
mod pool_demos;
mod pool_matrix;
mod process;
mod regressions;
mod share_demos;
mod shared;
mod stacking;
mod support;
mod surroundings;
mod sync;
mod sync_death;
mod values;
