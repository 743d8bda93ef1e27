//! Who gives the tokens that open a service in the name of somebody (Pro Santé Connect).
//! In: nothing. Out: a token fit for a connection opened now, or why there is none. Source: mssante.md §2.5.
//! A token lives in memory and nowhere else (ECO.1.2.5); it prints as nothing.

use std::fmt;

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::BoxFuture;

/// A token. Its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct AccessToken {
    text: Zeroizing<String>,
    /// From then on it opens nothing.
    pub expires_at: Timestamp,
}

impl AccessToken {
    /// A token and its end.
    pub fn new(text: String, expires_at: Timestamp) -> Self {
        Self { text: Zeroizing::new(text), expires_at }
    }

    /// Clear text. Called only to write on the wire.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessToken(*** until {})", self.expires_at)
    }
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {sentence}")]
pub struct TokenError {
    /// Stable name.
    pub code: &'static str,
    /// In French, for the operator, without anything about a person.
    pub sentence: String,
    /// Asking again is useless until a human has done something: the session is over (ECO.1.2.6).
    pub over: bool,
}

/// Gives tokens for one identity.
pub trait TokenSource: Send + Sync {
    /// A token for a connection opened now: a kept one as long as it lives, else a new one.
    /// Bounds its own waits, and never asks the service more than once a minute after a refusal.
    fn token(&self) -> BoxFuture<'_, Result<AccessToken, TokenError>>;

    /// A service refused this token before its end: it is given to nobody any more.
    fn refused(&self, token: &AccessToken);
}
