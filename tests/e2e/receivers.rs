//! Who the alerts are sent to: a webhook, a mail relay; and a door that opens and closes in front of a partner.
//! In: connections of the loopback. Out: what came, in order.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, channel},
    },
    thread,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
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

/// How a receiver is spoken to.
pub(crate) enum Wire {
    Clear,
    Tls(Arc<ServerConfig>),
    StartTls(Arc<ServerConfig>),
}

trait Link: Read + Write + Send {}
impl<T: Read + Write + Send> Link for T {}

impl Wire {
    /// What carries the first byte.
    fn opened(&self, stream: TcpStream) -> Option<Box<dyn Link>> {
        match self {
            Self::Tls(config) => secured(config, stream),
            Self::Clear | Self::StartTls(_) => Some(Box::new(stream)),
        }
    }
}

fn secured(config: &Arc<ServerConfig>, stream: TcpStream) -> Option<Box<dyn Link>> {
    let connection = ServerConnection::new(config.clone()).ok()?;
    Some(Box::new(StreamOwned::new(connection, stream)))
}

/// One line, read byte by byte: what follows may be TLS.
fn line(link: &mut dyn Link) -> Option<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    while !line.ends_with(b"\n") {
        link.read_exact(&mut byte).ok()?;
        line.push(byte[0]);
    }
    String::from_utf8(line).ok()
}

/// Serves each connection on its own thread.
fn listen<T: Send + 'static>(serve: impl Fn(TcpStream) -> Option<T> + Send + Sync + 'static) -> Received<T> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (heard, came) = channel();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (heard, serve) = (heard.clone(), serve.clone());
            thread::spawn(move || serve(stream).map(|value| heard.send(value)));
        }
    });
    Received { address, came }
}

/// Token that a webhook in TLS asks for.
pub(crate) const TOKEN: &str = "jeton-d-essai";

/// An HTTP server that takes every POST of JSON; in TLS, only with [`TOKEN`].
pub(crate) fn webhook(wire: Wire) -> Received<Value> {
    listen(move |stream| {
        let mut link = wire.opened(stream)?;
        let (mut length, mut allowed) = (0, matches!(wire, Wire::Clear));
        loop {
            let line = line(&mut *link)?;
            let line = line.trim_end();
            match line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value)) {
                Some((name, value)) if name == "content-length" => length = value.parse().ok()?,
                Some((name, value)) if name == "authorization" => {
                    allowed |= value == format!("Bearer {TOKEN}");
                }
                None if line.is_empty() => break,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        link.read_exact(&mut body).ok()?;
        let status = if allowed { "204 No Content" } else { "401 Unauthorized" };
        link.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).ok()?;
        link.flush().ok()?;
        serde_json::from_slice(&body).ok().filter(|_| allowed)
    })
}

/// User and password that a relay in TLS asks for.
pub(crate) const LOGIN: (&str, &str) = ("jonction", "mot-de-passe");

/// A relay that takes every mail; in TLS, only after [`LOGIN`].
pub(crate) fn relay(wire: Wire) -> Received<String> {
    listen(move |stream| {
        let tls = stream.try_clone().ok()?;
        let mut link = wire.opened(stream)?;
        let mut plain = matches!(wire, Wire::StartTls(_));
        let mut known = matches!(wire, Wire::Clear);
        let expected = format!("AUTH PLAIN {}", STANDARD.encode(format!("\0{}\0{}", LOGIN.0, LOGIN.1)));
        let mut mail = String::new();
        let mut in_mail = false;
        link.write_all(b"220 relais.example\r\n").ok()?;
        loop {
            link.flush().ok()?;
            let line = line(&mut *link)?;
            let answer = match line.trim_end() {
                "." if in_mail => {
                    link.write_all(b"250 pris\r\n").ok()?;
                    link.flush().ok()?;
                    return Some(mail);
                }
                _ if in_mail => {
                    mail.push_str(&line);
                    continue;
                }
                command if command.starts_with("EHLO") => match (plain, known) {
                    (true, _) => "250-relais.example\r\n250 STARTTLS",
                    (false, false) => "250-relais.example\r\n250 AUTH PLAIN",
                    (false, true) => "250 relais.example",
                },
                "STARTTLS" => {
                    link.write_all(b"220 allez\r\n").ok()?;
                    let Wire::StartTls(config) = &wire else { return None };
                    (link, plain) = (secured(config, tls.try_clone().ok()?)?, false);
                    continue;
                }
                command if command == expected && !plain => {
                    known = true;
                    "235 bien"
                }
                command if command.starts_with("AUTH") => "535 non",
                _ if !known => "530 qui etes-vous",
                "DATA" => {
                    in_mail = true;
                    "354 allez"
                }
                _ => "250 bien",
            };
            link.write_all(format!("{answer}\r\n").as_bytes()).ok()?;
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
