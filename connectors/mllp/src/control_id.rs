//! New MSH-10.
//! In: randomness. Out: 20 characters, the length of MSH-10 before HL7 2.7, never the same twice.

use jonction_model::Entropy;

/// Digits and capitals without those that are taken for one another (Crockford).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// 100 random bits, in 20 characters.
pub fn new_control_id(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 20];
    entropy.fill(&mut bytes);
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use jonction_model::SeededEntropy;

    use super::*;

    #[test]
    fn ids_are_short_plain_and_different() {
        let entropy = SeededEntropy::new(1);
        let ids: HashSet<String> = (0..10_000).map(|_| new_control_id(&entropy)).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.len() == 20 && id.bytes().all(|b| b.is_ascii_alphanumeric())));
    }
}
