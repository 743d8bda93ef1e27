//! SOAP 1.2, WS-Addressing, MTOM, VIHF and XML signature, as the DMP speaks them.
//! In: bytes and typed values, with `now` as an argument. Out: bytes, views, findings. IO: none.
//! Sources: dmp-xds.md §3 to §6 and §10. Absent: WS-Security timestamps and body signatures, which the DMP does not use.

pub mod bench_support;
pub mod c14n;
pub mod certificate;
pub mod checks;
mod dom;
pub mod envelope;
mod error;
mod limits;
pub mod lot_signature;
pub mod mtom;
pub mod name;
mod received;
#[cfg(test)]
mod testing;
mod text;
pub mod vihf;
mod xml;
pub mod xmldsig;

pub use error::Error;
pub use limits::Limits;
pub use received::{Received, receive};
