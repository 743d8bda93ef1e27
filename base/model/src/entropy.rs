//! Randomness, handed in: identifiers are reproducible under a seed. Source: architecture §4.11.

use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest;
use uuid::Uuid;

/// Gives random bytes.
pub trait Entropy: Send + Sync {
    /// Fills the slice.
    fn fill(&self, bytes: &mut [u8]);

    /// A random (version 4) UUID.
    fn uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// A random number.
    fn number(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

/// The randomness of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // Without randomness nothing can be identified or encrypted: stopping is the only safe answer.
        #[expect(clippy::expect_used, reason = "the operating system always has randomness after boot")]
        getrandom::fill(bytes).expect("randomness of the operating system");
    }
}

/// A reproducible sequence: SHA-256 of the seed and a counter. For tests and seeded simulators, never for keys.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<(u64, u64)>);

impl SeededEntropy {
    /// Starts the sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new((seed, 0)))
    }

    /// Starts the sequence of a seed anew.
    pub fn restart(&self, seed: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (seed, 0);
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in bytes.chunks_mut(32) {
            let mut context = digest::Context::new(&digest::SHA256);
            context.update(&state.0.to_le_bytes());
            context.update(&state.1.to_le_bytes());
            state.1 += 1;
            chunk.copy_from_slice(&context.finish().as_ref()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence() {
        let (a, b) = (SeededEntropy::new(7), SeededEntropy::new(7));
        assert_eq!(a.uuid(), b.uuid());
        assert_ne!(a.uuid(), a.uuid());
        assert_ne!(SeededEntropy::new(8).uuid(), SeededEntropy::new(7).uuid());
    }
}
