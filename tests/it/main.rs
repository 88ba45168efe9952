//! Behaviour of the public interface, each test a sentence about it.

mod bad_input;
mod death;
mod demos;
mod errors;
mod exit;
mod faults;
mod language;
mod limits;
mod more_demos;
mod odd_worlds;
mod pool;
mod pool_demos;
mod pool_matrix;
mod process;
mod regressions;
mod stacking;
mod support;
mod surroundings;
mod values;
