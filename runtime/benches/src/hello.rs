//! The smallest program.

fn main() {
    println!("hello");
}
