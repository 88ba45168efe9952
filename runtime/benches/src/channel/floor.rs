//! The floor: a ring in shared memory that both sides look at all the time, a cache line that goes to and fro, and pipes.

use crate::peer::{Control, Peer, Run, pin, serve};
use offspring::{Fd, spawn, subprocess};
use std::fs::File;
use std::hint::{black_box, spin_loop};
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::{ptr, thread};

const RING: usize = 1 << 20;
/// A side publishes its position after so much at the latest.
const PIECE: usize = RING / 8;
const CONTROL: usize = 4096;

#[repr(C, align(64))]
struct Line(AtomicU64);

/// Two lines of positions, and a page further the ring.
#[derive(Clone, Copy)]
struct Shared {
    lines: &'static [Line; 2],
    ring: *mut u8,
}

fn file() -> File {
    // SAFETY: the descriptor is new, and nobody else's.
    let file =
        unsafe { File::from_raw_fd(libc::memfd_create(c"floor".as_ptr(), libc::MFD_CLOEXEC)) };
    file.set_len((CONTROL + RING) as u64).unwrap();
    file
}

impl Shared {
    fn map(file: &File) -> Self {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let (len, fd) = (CONTROL + RING, file.as_raw_fd());
        // SAFETY: the kernel chooses where; it is never unmapped. At its beginning are atomics only.
        unsafe {
            let start = libc::mmap(ptr::null_mut(), len, access, libc::MAP_SHARED, fd, 0);
            assert_ne!(start, libc::MAP_FAILED);
            Self {
                lines: &*start.cast(),
                ring: start.cast::<u8>().add(CONTROL),
            }
        }
    }
}

/// Looks until it holds.
fn until(mut holds: impl FnMut() -> bool) {
    let mut looks = 0_u32;
    while !holds() {
        spin_loop();
        looks += 1;
        if looks.is_multiple_of(1000) {
            thread::yield_now();
        }
    }
}

/// One side of the ring: how far it is, and how far the other one was when it was last looked at.
struct Side {
    shared: Shared,
    own: u64,
    other: u64,
}

impl Side {
    fn new(shared: Shared) -> Self {
        Self {
            shared,
            own: 0,
            other: 0,
        }
    }

    fn write(&mut self, message: &[u8]) {
        let [written, read] = self.shared.lines;
        for piece in message.chunks(PIECE) {
            until(|| {
                let room = RING as u64 - (self.own - self.other);
                if room < piece.len() as u64 {
                    self.other = read.0.load(Acquire);
                }
                RING as u64 - (self.own - self.other) >= piece.len() as u64
            });
            // SAFETY: pieces divide the ring; the reader has left this part of it.
            unsafe {
                let to = self.shared.ring.add(self.own as usize % RING);
                ptr::copy_nonoverlapping(piece.as_ptr(), to, piece.len());
            }
            self.own += piece.len() as u64;
            written.0.store(self.own, Release);
        }
    }

    fn read(&mut self, message: &mut [u8]) {
        let [written, read] = self.shared.lines;
        for piece in message.chunks_mut(PIECE) {
            until(|| {
                if self.own == self.other {
                    self.other = written.0.load(Acquire);
                }
                self.own != self.other
            });
            // SAFETY: pieces divide the ring; the writer has left this part of it, and publishes whole pieces.
            unsafe {
                let from = self.shared.ring.add(self.own as usize % RING);
                ptr::copy_nonoverlapping(from, piece.as_mut_ptr(), piece.len());
            }
            self.own += piece.len() as u64;
            if (self.own as usize).is_multiple_of(PIECE) {
                read.0.store(self.own, Release);
            }
        }
    }
}

#[subprocess]
fn take(control: Control, memory: Fd<File>, size: usize) {
    let mut side = Side::new(Shared::map(&memory));
    let mut message = vec![0; size];
    serve(control, |count| {
        for _ in 0..count {
            side.read(&mut message);
            black_box(&message);
        }
    });
}

/// Messages of so many bytes, a power of two.
pub fn one_way(size: usize) -> Run {
    let memory = file();
    let mut side = Side::new(Shared::map(&memory));
    let message = vec![1; size];
    Peer::start(|control| spawn!(take, control, Fd(memory), size))
        .run(move |count| (0..count).for_each(|_| side.write(black_box(&message))))
}

#[subprocess]
fn answer_in_memory(control: Control, memory: Fd<File>, cpu: usize) {
    pin(&[cpu]);
    let [questions, answers] = Shared::map(&memory).lines;
    let mut last = 0;
    serve(control, |count| {
        for _ in 0..count {
            last += 1;
            until(|| questions.0.load(Acquire) == last);
            answers.0.store(last, Release);
        }
    });
}

/// There and back by two cache lines; the other side is on this processor.
pub fn memory(cpu: usize) -> Run {
    let memory = file();
    let [questions, answers] = Shared::map(&memory).lines;
    let mut last = 0;
    Peer::start(|control| spawn!(answer_in_memory, control, Fd(memory), cpu)).run(move |count| {
        for _ in 0..count {
            last += 1;
            questions.0.store(last, Release);
            until(|| answers.0.load(Acquire) == last);
        }
    })
}

#[subprocess]
fn answer_by_pipe(
    control: Control,
    mut questions: Fd<PipeReader>,
    mut answers: Fd<PipeWriter>,
    cpu: usize,
) {
    pin(&[cpu]);
    let mut word = [0; 8];
    serve(control, |count| {
        for _ in 0..count {
            questions.read_exact(&mut word).unwrap();
            answers.write_all(&word).unwrap();
        }
    });
}

/// There and back by two pipes; the other side is on this processor.
pub fn pipes(cpu: usize) -> Run {
    let (questions, mut ask) = pipe().unwrap();
    let (mut hear, answers) = pipe().unwrap();
    Peer::start(|control| spawn!(answer_by_pipe, control, Fd(questions), Fd(answers), cpu)).run(
        move |count| {
            let mut word = [0; 8];
            for number in 0..count {
                ask.write_all(&number.to_ne_bytes()).unwrap();
                hear.read_exact(&mut word).unwrap();
                assert_eq!(u64::from_ne_bytes(word), number);
            }
        },
    )
}
