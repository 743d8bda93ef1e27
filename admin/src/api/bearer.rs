//! Who may ask: bearer tokens, compared in constant time.
//! In: tokens in clear, kept as hashes. Out: whether a request carries one.

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use axum::http::{HeaderMap, header::AUTHORIZATION};

/// The tokens that open.
#[derive(Clone)]
pub struct Tokens(Vec<digest::Digest>);

impl Tokens {
    /// An empty token opens nothing.
    pub fn new<'t>(tokens: impl IntoIterator<Item = &'t str>) -> Self {
        let tokens = tokens.into_iter().filter(|token| !token.is_empty());
        Self(tokens.map(|token| digest::digest(&digest::SHA256, token.as_bytes())).collect())
    }

    /// Whether the request carries one. Every token is compared, whatever the first ones gave.
    pub fn open(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(token) = given.and_then(|value| value.strip_prefix("Bearer ")) else { return false };
        let given = digest::digest(&digest::SHA256, token.trim().as_bytes());
        self.0.iter().fold(false, |opened, known| {
            verify_slices_are_equal(known.as_ref(), given.as_ref()).is_ok() | opened
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn only_a_known_token_opens() {
        let tokens = Tokens::new(["un", "", "deux"]);
        assert!(tokens.open(&with("Bearer un")) && tokens.open(&with("Bearer deux")));
        for wrong in ["Bearer trois", "Bearer ", "un", "Basic un", "bearer un"] {
            assert!(!tokens.open(&with(wrong)), "{wrong}");
        }
        assert!(!tokens.open(&HeaderMap::new()));
    }
}
