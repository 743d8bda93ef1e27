//! The demonstration: simulators, gateway and a morning of traffic in one process, on real sockets and in real time.
//! In: a data folder. Out: lines as things happen, then whether every journey ended as it should.

pub(crate) mod material;
pub(crate) mod scenes;
pub(crate) mod sender;
pub(crate) mod verify;
