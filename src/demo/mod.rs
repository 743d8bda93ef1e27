//! The demonstration: simulators, gateway and a morning of traffic in one process, on real sockets and in real time.

pub(crate) mod scenes;
