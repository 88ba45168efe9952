//! Four processes compute the Mandelbrot set, each a fourth of the rows, into one array in shared memory. The picture is written as a PNG.
//!
//! `cargo run --release --example shared_array [-- FILE.png]`

use offspring::shared::Array;
use offspring::{spawn, subprocess};
use offspring_examples::mode;

const WIDTH: usize = 960;
const HEIGHT: usize = 640;
const PROCESSES: usize = 4;
const DEPTH: u32 = 255;

/// How long a point takes to leave, at most [`DEPTH`].
fn escape(x: f64, y: f64) -> u32 {
    let (mut re, mut im) = (0.0, 0.0);
    for step in 0..DEPTH {
        (re, im) = (re * re - im * im + x, 2.0 * re * im + y);
        if re * re + im * im > 4.0 {
            return step;
        }
    }
    DEPTH
}

fn color(steps: u32) -> [u8; 3] {
    let shade = |factor: u32| {
        if steps == DEPTH {
            0
        } else {
            (steps * factor % 256) as u8
        }
    };
    [shade(3), shade(5), shade(11)]
}

#[subprocess]
fn compute(first: usize, picture: &Array<u8>) -> usize {
    let rows = (first..HEIGHT).step_by(PROCESSES);
    let count = rows.len();
    for row in rows {
        let y = (row as f64 / HEIGHT as f64 - 0.5) * 2.4;
        let pixels = (0..WIDTH).flat_map(|column| {
            let x = column as f64 / WIDTH as f64 * 3.6 - 2.4;
            color(escape(x, y))
        });
        picture.write(row * WIDTH * 3, &pixels.collect::<Vec<u8>>());
    }
    count
}

#[offspring::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = mode().unwrap_or_else(|| "mandelbrot.png".to_owned());
    let picture = Array::<u8>::new(WIDTH * HEIGHT * 3)?;
    let children = (0..PROCESSES).map(|first| spawn!(compute, first, &picture));
    for child in children.collect::<Result<Vec<_>, _>>()? {
        println!(
            "process {} has computed {} rows",
            child.pid(),
            child.join()?
        );
    }
    // Nobody else has it now, so it can be frozen, and lent without a copy.
    let picture = picture.freeze()?;
    image::save_buffer(
        &path,
        &picture,
        WIDTH as u32,
        HEIGHT as u32,
        image::ColorType::Rgb8,
    )?;
    println!("{path}: {WIDTH} by {HEIGHT} pixels");
    Ok(())
}
