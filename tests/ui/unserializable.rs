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
    let _ = Job.start();
}
