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
mod idle;
mod language;
mod limits;
mod more_demos;
mod odd_worlds;
mod pool;
mod pool_demos;
mod pool_matrix;
mod process;
mod queue;
mod queue_storm;
mod regressions;
mod share_demos;
mod shared;
mod stacking;
#[cfg(feature = "stream")]
mod streams;
mod support;
mod surroundings;
mod sync;
mod sync_death;
mod sync_regressions;
mod values;
mod waiting_queues;
