//! What the gateway serves with and could not renew: ends of certificates, refused reloads.
//! In: what the program loaded or refused. Out: read by the watch, at every look.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// Ends and refusals, by name.
#[derive(Debug, Default)]
pub struct Materials {
    ends: Mutex<BTreeMap<String, i64>>,
    refused: Mutex<BTreeMap<String, String>>,
}

impl Materials {
    /// A certificate of this name serves, until then (seconds since 1970).
    pub fn serves(&self, name: &str, until: i64) {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), until);
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Something of this name was taken anew: what was refused of it is forgotten.
    pub fn accepted(&self, name: &str) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Something changed and cannot be used; what served goes on. `why`: in French.
    pub fn refused(&self, name: &str, why: &str) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), why.to_owned());
    }

    /// Ends, by name.
    pub fn ends(&self) -> Vec<(String, i64)> {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.iter().map(|(name, until)| (name.clone(), *until)).collect()
    }

    /// Refusals, by name.
    pub fn refusals(&self) -> Vec<(String, String)> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.iter().map(|(name, why)| (name.clone(), why.clone())).collect()
    }
}
