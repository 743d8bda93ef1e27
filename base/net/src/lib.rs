//! Listeners, TLS identities and limits on connections.
