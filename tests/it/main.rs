//! Behaviour of the public interface, each test a sentence about it.

mod bad_input;
mod demos;
mod errors;
mod exit;
mod language;
mod process;
mod support;
mod surroundings;
mod values;
