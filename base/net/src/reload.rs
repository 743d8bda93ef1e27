//! A value that can be replaced while others use it: TLS configurations, renewed without a restart.
//! In: a value. Out: the current one, cheap to take. Source: dependencies §2.2 « Reload without restart ».

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

/// Shared and replaceable. Clones see the same value. Whoever took the old value keeps it: established connections
/// live on with the certificate they were made with.
pub struct Reloadable<T>(Arc<RwLock<Arc<T>>>);

impl<T> Reloadable<T> {
    /// Starts with this value.
    pub fn new(value: Arc<T>) -> Self {
        Self(Arc::new(RwLock::new(value)))
    }

    /// The value of this moment. Read at every accept and every connect, never kept.
    pub fn current(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the value for everybody who asks from now on.
    pub fn replace(&self, value: Arc<T>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = value;
    }
}

impl<T> Clone for Reloadable<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Reloadable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reloadable")
    }
}

impl<T> From<Arc<T>> for Reloadable<T> {
    fn from(value: Arc<T>) -> Self {
        Self::new(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_sees_the_replacement_and_a_taken_value_does_not_change() {
        let handle = Reloadable::new(Arc::new(1));
        let (clone, taken) = (handle.clone(), handle.current());
        handle.replace(Arc::new(2));
        assert_eq!((*clone.current(), *taken), (2, 1));
    }
}
