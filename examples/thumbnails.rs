//! Thumbnails of a folder of images, whatever these are: a pool decodes them, with a limit of time and
//! of memory, and one that goes wrong costs nothing but itself.
//!
//! `cargo run --example thumbnails -- [IMAGES THUMBNAILS] [--limit SECONDS]`, two folders, the latter
//! of which is made. Without them it makes some images, good and bad, in a temporary folder. The limit
//! is that of a file, by default three seconds.

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageReader, Rgb, RgbImage};
use nix::sys::stat::Mode;
use offspring::{
    Bytes, JoinErrorKind, Pool, RemoteError, TaskError, TaskErrorKind, call, subprocess,
};
use offspring_examples::seconds;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// A thumbnail fits into a square of this size.
const SIZE: u32 = 128;
const MEMORY_LIMIT: u64 = 256 << 20;

#[derive(Serialize, Deserialize)]
struct Thumbnail {
    original: (u32, u32),
    size: (u32, u32),
    png: Bytes,
}

/// Only this touches what may be malicious; the result is written by the parent.
#[subprocess]
fn thumbnail(path: &Path) -> Result<Thumbnail, RemoteError> {
    let mut reader = ImageReader::open(path)?.with_guessed_format()?;
    // `image` has limits of its own for the formats it knows them of. The worker's hold for all.
    reader.no_limits();
    let image = reader.decode()?;
    let original = (image.width(), image.height());
    let small = match original.0.max(original.1) > SIZE {
        true => image.thumbnail(SIZE, SIZE),
        false => image,
    }
    .into_rgba8();
    Ok(Thumbnail {
        original,
        size: small.dimensions(),
        png: encode(&small, small.dimensions(), ExtendedColorType::Rgba8)?.into(),
    })
}

fn encode(
    pixels: &[u8],
    (width, height): (u32, u32),
    color: ExtendedColorType,
) -> image::ImageResult<Vec<u8>> {
    let mut png = Vec::new();
    PngEncoder::new(&mut png).write_image(pixels, width, height, color)?;
    Ok(png)
}

/// Images of all kinds.
fn make_samples(folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir(folder)?;
    let picture = |width, height| {
        let color = |x, y| Rgb([x * 255 / width, y * 255 / height, (x ^ y) & 255].map(|c| c as u8));
        RgbImage::from_fn(width, height, color)
    };
    let png = |width, height| {
        let picture = picture(width, height);
        encode(&picture, (width, height), ExtendedColorType::Rgb8)
    };
    fs::write(folder.join("landscape.png"), png(640, 400)?)?;
    fs::write(folder.join("portrait.png"), png(200, 500)?)?;
    fs::write(folder.join("tiny.png"), png(16, 12)?)?;
    picture(320, 240).save(folder.join("photo.jpg"))?;

    let good = png(300, 300)?;
    fs::write(folder.join("truncated.png"), &good[..good.len() / 2])?;
    fs::write(folder.join("bomb.png"), claiming(good, 30_000, 30_000))?;
    let mut number = 1_u32;
    let random = std::iter::repeat_with(|| {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (number >> 24) as u8
    });
    fs::write(
        folder.join("random.png"),
        random.take(10_000).collect::<Vec<_>>(),
    )?;
    fs::write(folder.join("text.jpg"), "This is not an image.\n")?;
    // Nobody writes to it, so that who opens it waits for ever.
    nix::unistd::mkfifo(&folder.join("endless.png"), Mode::S_IRUSR | Mode::S_IWUSR)?;
    Ok(())
}

/// The same PNG, but its header says that it is of another size.
fn claiming(mut png: Vec<u8>, width: u32, height: u32) -> Vec<u8> {
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = u32::MAX;
    for byte in &png[12..29] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 * (crc & 1));
        }
    }
    png[29..33].copy_from_slice(&(!crc).to_be_bytes());
    png
}

struct Arguments {
    folders: Vec<PathBuf>,
    limit: f64,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let (mut folders, mut limit) = (Vec::new(), 3.0);
    let mut arguments = env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--second") => drop(arguments.next()),
            Some("--limit") => {
                let number = arguments.next().unwrap_or_default();
                let number = number.to_str().and_then(|number| number.parse().ok());
                limit = number.ok_or("--limit takes a number of seconds")?;
            }
            _ => folders.push(argument.into()),
        }
    }
    Ok(Arguments { folders, limit })
}

/// What is in a folder, but for other folders.
fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn told(error: &TaskError) -> String {
    match error.kind() {
        TaskErrorKind::Failed(JoinErrorKind::TimedOut) => "its time was up".into(),
        TaskErrorKind::Failed(JoinErrorKind::MemoryLimit) => "it took too much memory".into(),
        TaskErrorKind::Failed(JoinErrorKind::Signaled { signal, .. }) => {
            format!("the decoder crashed by signal {signal}")
        }
        TaskErrorKind::Failed(JoinErrorKind::Panicked { message, .. }) => {
            format!("the decoder panicked: {message}")
        }
        _ => error.to_string(),
    }
}

/// Writes a thumbnail and says what became of the image.
fn settle(
    done: Result<Result<Thumbnail, RemoteError>, TaskError>,
    to: &Path,
) -> Result<String, Box<dyn Error>> {
    let thumbnail = match done {
        Ok(Ok(thumbnail)) => thumbnail,
        Ok(Err(error)) => return Ok(format!("failed: {error}")),
        Err(error) => return Ok(format!("failed: {}", told(&error))),
    };
    fs::write(to, &*thumbnail.png)?;
    let ((width, height), (w, h)) = (thumbnail.original, thumbnail.size);
    Ok(format!("ok: {width}x{height} -> {w}x{h}"))
}

#[offspring::main]
fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { folders, limit } = arguments()?;
    let (from, to) = match &folders[..] {
        [from, to] => (from.clone(), to.clone()),
        [] => {
            let folder =
                env::temp_dir().join(format!("offspring-thumbnails-{}", std::process::id()));
            fs::create_dir(&folder)?;
            println!("images and thumbnails are in {}", folder.display());
            make_samples(&folder.join("images"))?;
            (folder.join("images"), folder.join("thumbnails"))
        }
        _ => return Err("two folders are needed: one of images, and one for thumbnails".into()),
    };
    fs::create_dir_all(&to)?;
    let files = files(&from)?;
    let pool = Pool::builder().memory_limit(MEMORY_LIMIT).start()?;
    let function = call!(thumbnail, _).timeout(seconds(limit));
    for (path, done) in files.iter().zip(pool.imap(function, &files)) {
        let mut name = OsString::from(path.file_name().unwrap_or_default());
        print!("{:<17} ", name.display());
        name.push(".png");
        println!("{}", settle(done, &to.join(name))?);
    }
    Ok(())
}
