//! MLLP on the wire: frames, in both directions. No IO, no clock.

pub mod frame;

pub use frame::{Commit, Decoder, Event, FrameError, FrameLimits, encode};
