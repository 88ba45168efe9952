//! `offspring::channel`.

use crate::peer::{Control, Peer, Run, pin, serve};
use offspring::{Receiver, Sender, channel, spawn, subprocess};
use std::hint::black_box;

#[subprocess]
fn take_numbers(control: Control, mut numbers: Receiver<u64>) {
    serve(control, |count| {
        for expected in 0..count {
            assert_eq!(numbers.recv().unwrap(), expected);
        }
    });
}

pub fn numbers() -> Run {
    let (mut sender, receiver) = channel().unwrap();
    Peer::start(|control| spawn!(take_numbers, control, receiver))
        .run(move |count| (0..count).for_each(|number| sender.send(number).unwrap()))
}

#[subprocess]
fn take_values(control: Control, mut values: Receiver<Vec<u8>>, size: usize) {
    serve(control, |count| {
        for _ in 0..count {
            assert_eq!(values.recv().unwrap().len(), size);
        }
    });
}

pub fn values(size: usize) -> Run {
    let (mut sender, receiver) = channel().unwrap();
    let value = vec![1; size];
    Peer::start(|control| spawn!(take_values, control, receiver, size))
        .run(move |count| (0..count).for_each(|_| sender.send_ref(&value).unwrap()))
}

#[subprocess]
fn take_bytes(control: Control, mut bytes: Receiver<u8>, size: usize) {
    let mut buffer = vec![0; size];
    serve(control, |count| {
        for _ in 0..count {
            assert_eq!(bytes.recv_bytes_into(&mut buffer).unwrap(), size);
            black_box(&buffer);
        }
    });
}

pub fn bytes(size: usize) -> Run {
    let (mut sender, receiver) = channel().unwrap();
    let bytes = vec![1; size];
    Peer::start(|control| spawn!(take_bytes, control, receiver, size))
        .run(move |count| (0..count).for_each(|_| sender.send_bytes(&bytes).unwrap()))
}

#[subprocess]
fn answer(control: Control, mut questions: Receiver<u64>, mut answers: Sender<u64>, cpu: usize) {
    pin(&[cpu]);
    serve(control, |count| {
        for _ in 0..count {
            answers.send(questions.recv().unwrap()).unwrap();
        }
    });
}

/// There and back; the other side is on this processor.
pub fn answers(cpu: usize) -> Run {
    let (mut ask, questions) = channel().unwrap();
    let (answers, mut hear) = channel().unwrap();
    Peer::start(|control| spawn!(answer, control, questions, answers, cpu)).run(move |count| {
        for number in 0..count {
            ask.send(number).unwrap();
            assert_eq!(hear.recv().unwrap(), number);
        }
    })
}
