//! Who the alerts are sent to: a webhook, a mail relay; and a door that opens and closes in front of a partner.
//! In: connections of the loopback. Out: what came, in order.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, channel},
    },
    thread,
};

use serde_json::Value;

use crate::program::PATIENCE;

/// Something that listens, and what came to it.
pub(crate) struct Received<T> {
    pub(crate) address: SocketAddr,
    came: Receiver<T>,
}

impl<T> Received<T> {
    /// The next one.
    #[track_caller]
    pub(crate) fn next(&self) -> T {
        self.came.recv_timeout(PATIENCE).expect("an alert")
    }

    /// What came and was not looked at yet.
    pub(crate) fn rest(&self) -> Vec<T> {
        self.came.try_iter().collect()
    }
}

/// Serves each connection on its own thread.
fn listen<T: Send + 'static>(serve: fn(TcpStream) -> Option<T>) -> Received<T> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (heard, came) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let heard = heard.clone();
            thread::spawn(move || serve(stream).map(|value| heard.send(value)));
        }
    });
    Received { address, came }
}

/// An HTTP server that takes every POST of JSON.
pub(crate) fn webhook() -> Received<Value> {
    listen(|stream| {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            match line.trim_end().to_ascii_lowercase().split_once(": ") {
                Some(("content-length", value)) => length = value.parse().ok()?,
                None if line.trim().is_empty() => break,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        (&stream).write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()?;
        serde_json::from_slice(&body).ok()
    })
}

/// A relay in clear that takes every mail.
pub(crate) fn relay() -> Received<String> {
    listen(|mut stream| {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut mail = String::new();
        let mut in_mail = false;
        stream.write_all(b"220 relais.example\r\n").ok()?;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let answer = match line.trim_end() {
                "." if in_mail => {
                    stream.write_all(b"250 pris\r\n").ok()?;
                    return Some(mail);
                }
                _ if in_mail => {
                    mail.push_str(&line);
                    continue;
                }
                "DATA" => {
                    in_mail = true;
                    "354 allez"
                }
                command if command.starts_with("EHLO") => "250 relais.example",
                _ => "250 bien",
            };
            stream.write_all(format!("{answer}\r\n").as_bytes()).ok()?;
        }
    })
}

/// A door in front of a partner: closed, whoever comes is sent away.
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    open: Arc<AtomicBool>,
}

impl Door {
    /// A closed door.
    pub(crate) fn closed(partner: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let open = Arc::new(AtomicBool::new(false));
        let opened = open.clone();
        thread::spawn(move || {
            for coming in listener.incoming().map_while(Result::ok) {
                if opened.load(Ordering::Acquire) {
                    let going = TcpStream::connect(partner).unwrap();
                    pipe(&coming, &going);
                    pipe(&going, &coming);
                }
            }
        });
        Self { address, open }
    }

    pub(crate) fn open(&self) {
        self.open.store(true, Ordering::Release);
    }
}

fn pipe(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
}

/// One request of HTTP in clear. Out: status and body.
#[track_caller]
pub(crate) fn http(address: SocketAddr, method: &str, path: &str, token: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    assert!(!chunked, "{head}");
    (status, body.to_owned())
}
