//! A program that knows the library by other names only: a renamed and a re-exported dependency.

#![forbid(unsafe_code)] // what the macros expand to is no exception

use children::Run;
use offspring_test_library::offspring as reexported;

#[children::subprocess(crate = ::children)]
fn twice(n: u8, #[args] rest: Vec<String>) -> usize {
    usize::from(n) * 2 + rest.len()
}

#[reexported::subprocess(crate = offspring_test_library::offspring)]
fn thrice(n: u8) -> u8 {
    n * 3
}

#[derive(Clone, Copy, children::Shareable)]
#[repr(C)]
#[shareable(crate = ::children)]
struct Pair {
    first: u32,
    second: u32,
}

#[children::subprocess(crate = ::children)]
fn swap(pair: &children::shared::Value<Pair>) {
    let Pair { first, second } = pair.get();
    pair.set(Pair {
        first: second,
        second: first,
    });
}

#[children::main(crate = ::children)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    assert_eq!(children::spawn!(twice, 4, "a", ..["b"])?.join()?, 10);
    assert_eq!(children::call!(twice, _).bind(4).start()?.join()?, 8);
    assert_eq!(
        reexported::spawn!(thrice, kwargs<n = 4>, daemon)?.join()?,
        12
    );
    assert_eq!(
        children::spawn!(offspring_test_library::plus, 1)?.join()?,
        3
    );
    assert_eq!(
        children::spawn!(offspring_test_library::one, 1)?.join()?,
        "one1"
    );
    assert_eq!(
        children::spawn!(offspring_test_library::two, 2)?.join()?,
        "two2"
    );
    let order = offspring_test_library::Order { text: "abc".into() };
    assert_eq!(order.start()?.join()?, 3);
    assert_eq!(offspring_test_library::starts(3)?, 5);
    assert_eq!(offspring_test_library::prepared("x").start()?.join()?.1, 0);
    assert_eq!(offspring_test_library::uses()?, 11);
    let (first, second) = (1, 2);
    let pair = children::shared::Value::new(Pair { first, second })?;
    children::spawn!(swap, &pair)?.join()?;
    assert_eq!((pair.get().first, pair.get().second), (2, 1));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::twice;

    #[children::test(crate = ::children)]
    fn a_renamed_dependency_works_in_tests() {
        assert_eq!(children::spawn!(twice, 1).unwrap().join().unwrap(), 2);
    }
}
