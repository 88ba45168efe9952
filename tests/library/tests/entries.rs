//! Tests that are as short as can be, under strict lints: whatever stands in them, the attribute is no
//! reason for a warning.
#![deny(warnings, missing_docs, clippy::pedantic)]
#![cfg_attr(rustfmt, rustfmt::skip)]

use offspring::spawn;
use offspring_test_library::plus;

type Whole = Result<(), Box<dyn std::error::Error>>;

fn check() {
    assert_eq!(spawn!(plus, 1).unwrap().join().unwrap(), 3);
}

#[allow(clippy::unnecessary_wraps)]
fn checked() -> Whole {
    check();
    Ok(())
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

#[offspring::test]
fn an_expression() { check() }

#[offspring::test]
fn an_expression_with_a_result() -> Whole { checked() }

#[offspring::test]
fn a_macro() { assert_eq!(1, 1) }

#[offspring::test]
fn nothing() {}

#[offspring::test]
fn items_and_inner_attributes() -> Whole {
    #![allow(clippy::let_unit_value)]
    use check as checks;
    fn inside() { checks() }
    let _unit = inside();
    checked()
}

#[offspring::test]
#[should_panic(expected = "as it should")]
fn a_panic() { panic!("as it should") }

#[offspring::test]
#[tokio::test]
async fn above_the_runtimes() { check() }

#[offspring::test]
#[tokio::test]
async fn above_the_runtimes_with_a_result() -> Whole { checked() }

#[offspring::test]
#[tokio::test]
async fn above_the_runtimes_with_inner_attributes() -> Whole {
    #![allow(clippy::let_unit_value)]
    let _unit = check();
    checked()
}

#[tokio::test]
#[offspring::test]
async fn below_the_runtimes() { check() }

#[tokio::test]
#[offspring::test]
async fn below_the_runtimes_with_a_result() -> Whole { checked() }

#[offspring::test(block_on = block_on)]
async fn without_the_runtimes() { check() }

#[offspring::test(block_on = block_on)]
async fn without_the_runtimes_with_a_result() -> Whole { checked() }
