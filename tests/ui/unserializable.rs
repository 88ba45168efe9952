#![allow(unused)]
use offspring::{Run, call, spawn, subprocess};
use std::collections::BTreeMap;

struct Connection;

#[subprocess]
fn serve(connection: Connection) -> Connection {
    connection
}

#[subprocess]
fn lend(connection: &Connection) {}

#[subprocess]
fn slice(connections: &[Connection]) {}

#[subprocess]
fn rest(#[args] connections: Vec<Connection>, #[kwargs] named: BTreeMap<String, Connection>) {}

#[subprocess]
fn result() -> Result<u8, Box<dyn std::error::Error>> {
    Ok(1)
}

#[subprocess]
fn callback(f: fn(u8) -> u8) {}

#[subprocess]
fn file(log: std::fs::File) {}

#[subprocess]
fn standard(words: std::sync::mpsc::Sender<String>) {}

#[subprocess]
fn counted(stop: std::sync::Arc<offspring::sync::Event>) {}

#[subprocess]
fn lend_some(connections: &Option<Connection>) {}

#[subprocess]
fn io() -> std::io::Result<String> {
    todo!()
}

#[subprocess]
fn both() -> Result<Connection, std::io::Error> {
    todo!()
}

#[subprocess]
fn value() -> Result<Connection, String> {
    todo!()
}

#[subprocess]
fn error() -> Result<u8, std::num::ParseIntError> {
    todo!()
}

#[subprocess]
fn given(before: Result<u8, Connection>) {}

#[subprocess]
fn alone() -> Option<std::fmt::Error> {
    todo!()
}

#[subprocess]
fn last() -> std::fmt::Error {
    todo!()
}

#[subprocess]
fn report() -> Result<u8, anyhow::Error> {
    todo!()
}

#[subprocess]
fn reported() -> anyhow::Result<u8> {
    todo!()
}

/// Stands for the crate.
mod anyhow {
    pub struct Error;
    pub type Result<T> = std::result::Result<T, Error>;
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Job;

#[subprocess]
impl Run for Job {
    type Output = Connection;

    fn run(self) -> Connection {
        Connection
    }
}

fn main() {
    // No errors of their own.
    let _ = spawn!(serve, Connection);
    let _ = spawn!(lend, &Connection);
    let _ = spawn!(slice, &[Connection]);
    let _ = spawn!(rest, Connection, kwargs <x = Connection>);
    let _ = call!(serve, _).bind(Connection);
    let _ = spawn!(both).map(|process| process.join());
    let _ = spawn!(given, Err(Connection));
    let _ = Job.start();
}
