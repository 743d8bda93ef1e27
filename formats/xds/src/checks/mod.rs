//! Checks over a received lot.
