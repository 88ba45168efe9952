//! What a child finds around it.

use crate::{Whole, square};
use offspring::{spawn, subprocess};

#[subprocess]
fn look_around() {
    println!("{:?}", std::env::args().collect::<Vec<_>>());
    let directory = std::env::current_dir().unwrap();
    let variable = |name| std::env::var(name).ok();
    println!(
        "directory {directory:?}, INHERITED {:?}, SET {:?}",
        variable("INHERITED"),
        variable("SET")
    );
    println!("the bootstrap variable: {:?}", variable("OFFSPRING_CHILD"));
}

#[allow(unsafe_code)]
pub(crate) fn tell() -> Whole {
    std::env::set_current_dir("/")?;
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("SET", "später") };
    spawn!(look_around)?.join()?;
    Ok(())
}

pub(crate) fn closed_stdio() -> Whole {
    for _ in 0..3 {
        assert_eq!(spawn!(square, 7)?.join()?, 49);
    }
    Ok(())
}
