//! A server in a process of its own turns texts to upper case. Each client opens a connection: it sends the server a channel's ends.
//!
//! `cargo run --example upper_case_server`

use offspring::{Duplex, Receiver, RemoteError, Sender, channel, duplex, spawn, subprocess, wait};

/// What a client sends to be connected.
type Connection = Duplex<String, String>;

#[subprocess]
fn serve(mut connections: Receiver<Connection>) -> Result<u32, RemoteError> {
    let mut clients: Vec<Connection> = Vec::new();
    let (mut served, mut is_open) = (0, true);
    while is_open || !clients.is_empty() {
        let mut waited_for: Vec<&dyn offspring::Waitable> = Vec::new();
        waited_for.extend(
            clients
                .iter()
                .map(|client| client as &dyn offspring::Waitable),
        );
        if is_open {
            waited_for.push(&connections);
        }
        let ready = wait(&waited_for, None)?;
        // From the last on, so that the places of those before stay as they are.
        for index in ready.into_iter().rev() {
            if index == clients.len() {
                match connections.recv() {
                    Ok(client) => clients.push(client),
                    Err(_) => is_open = false,
                }
                continue;
            }
            match clients[index].receiver.recv() {
                Ok(text) => {
                    clients[index].sender.send(text.to_uppercase())?;
                    served += 1;
                }
                Err(_) => drop(clients.remove(index)),
            }
        }
    }
    Ok(served)
}

#[subprocess]
fn talk(number: u32, mut server: Connection) -> Result<(), RemoteError> {
    for text in ["hello", "how are you", "good bye"] {
        server.sender.send(format!("{text} from client {number}"))?;
        println!("{}", server.receiver.recv()?);
    }
    Ok(())
}

#[offspring::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut connect, connections): (Sender<Connection>, _) = channel()?;
    let server = spawn!(serve, connections)?;
    let clients = (1..=3)
        .map(|number| {
            let (ours, theirs) = duplex()?;
            connect.send(theirs)?;
            spawn!(talk, number, ours)
        })
        .collect::<Result<Vec<_>, offspring::Error>>()?;
    drop(connect);
    for client in clients {
        client.join()??;
    }
    println!("the server has answered {} times", server.join()??);
    Ok(())
}
