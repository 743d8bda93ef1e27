//! Who is at the other end of a connection.

use std::net::SocketAddr;

/// Who is at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Address and port.
    pub address: SocketAddr,
    /// Subject of the client certificate (RFC 4514 text), when there was one.
    pub certificate: Option<String>,
}
