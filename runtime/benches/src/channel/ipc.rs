//! The peer: `ipc-channel`. The child makes the channels, and sends the parent its ends to a server that has a name.

use crate::peer::{Control, Peer, Run, pin, serve};
use ipc_channel::ipc::{
    IpcBytesSender, IpcOneShotServer, IpcReceiver, IpcSender, bytes_channel, channel,
};
use offspring::{Process, spawn, subprocess};
use serde::{Serialize, de::DeserializeOwned};

/// What a child was started for, and what it has sent.
fn start<T: Serialize + DeserializeOwned>(
    start: impl FnOnce(Control, String) -> offspring::Result<Process<()>>,
) -> (Peer, T) {
    let (server, name) = IpcOneShotServer::new().unwrap();
    let peer = Peer::start(|control| start(control, name));
    (peer, server.accept().unwrap().1)
}

fn introduce<T: Serialize>(name: String, ends: T) {
    IpcSender::connect(name).unwrap().send(ends).unwrap();
}

#[subprocess]
fn take_numbers(control: Control, name: String) {
    let (sender, numbers) = channel::<u64>().unwrap();
    introduce(name, sender);
    serve(control, |count| {
        for expected in 0..count {
            assert_eq!(numbers.recv().unwrap(), expected);
        }
    });
}

pub fn numbers() -> Run {
    let (peer, sender) =
        start::<IpcSender<u64>>(|control, name| spawn!(take_numbers, control, name));
    peer.run(move |count| (0..count).for_each(|number| sender.send(number).unwrap()))
}

#[subprocess]
fn take_values(control: Control, name: String, size: usize) {
    let (sender, values) = channel::<Vec<u8>>().unwrap();
    introduce(name, sender);
    serve(control, |count| {
        for _ in 0..count {
            assert_eq!(values.recv().unwrap().len(), size);
        }
    });
}

/// It takes values; what it is given here is a slice that is serialized as the same, and needs no clone.
pub fn values(size: usize) -> Run {
    let (peer, sender) =
        start::<IpcSender<&'static [u8]>>(|control, name| spawn!(take_values, control, name, size));
    let value: &'static [u8] = vec![1; size].leak();
    peer.run(move |count| (0..count).for_each(|_| sender.send(value).unwrap()))
}

#[subprocess]
fn take_bytes(control: Control, name: String, size: usize) {
    let (sender, bytes) = bytes_channel().unwrap();
    introduce(name, sender);
    serve(control, |count| {
        for _ in 0..count {
            assert_eq!(bytes.recv().unwrap().len(), size);
        }
    });
}

pub fn bytes(size: usize) -> Run {
    let (peer, sender) =
        start::<IpcBytesSender>(|control, name| spawn!(take_bytes, control, name, size));
    let bytes = vec![1; size];
    peer.run(move |count| (0..count).for_each(|_| sender.send(&bytes).unwrap()))
}

#[subprocess]
fn answer(control: Control, name: String, cpu: usize) {
    pin(&[cpu]);
    let (ask, questions) = channel::<u64>().unwrap();
    let (answers, hear) = channel::<u64>().unwrap();
    introduce(name, (ask, hear));
    serve(control, |count| {
        for _ in 0..count {
            answers.send(questions.recv().unwrap()).unwrap();
        }
    });
}

/// There and back; the other side is on this processor.
pub fn answers(cpu: usize) -> Run {
    let (peer, (ask, hear)) = start::<(IpcSender<u64>, IpcReceiver<u64>)>(|control, name| {
        spawn!(answer, control, name, cpu)
    });
    peer.run(move |count| {
        for number in 0..count {
            ask.send(number).unwrap();
            assert_eq!(hear.recv().unwrap(), number);
        }
    })
}
