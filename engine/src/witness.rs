//! Bodies as a step reads them, with a witness: a disk that failed meanwhile is no fault of the message.
//! In: the journal's bodies. Out: the same, and whether the system failed to read one.
//! Why: the refusal of a step waits for a human; a disk that comes back needs none.

use std::{
    io::{self, Read},
    sync::{Arc, Mutex, PoisonError},
};

use jonction_model::ContentRef;
use jonction_ports::{Bodies, BodyError};

/// First error of the system, shared with the readers that are open.
type Seen = Arc<Mutex<Option<io::Error>>>;

/// Bodies that remember how the system failed.
pub(crate) struct Witness<'b> {
    bodies: &'b dyn Bodies,
    seen: Seen,
}

impl<'b> Witness<'b> {
    pub(crate) fn new(bodies: &'b dyn Bodies) -> Self {
        Self { bodies, seen: Seen::default() }
    }

    /// The first error of the system, if there was one.
    pub(crate) fn failure(&self) -> Option<io::Error> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Bodies for Witness<'_> {
    fn open_raw(&self, content: &ContentRef) -> Result<Box<dyn Read + Send>, BodyError> {
        match self.bodies.open_raw(content) {
            Ok(stored) => Ok(Box::new(Watched { stored, seen: self.seen.clone() })),
            Err(BodyError::Io(error)) => {
                note(&self.seen, &error);
                Err(BodyError::Io(error))
            }
            Err(error) => Err(error),
        }
    }
}

/// An error that carries one of ours tells of the body, not of the system.
fn note(seen: &Seen, error: &io::Error) {
    if error.get_ref().is_some_and(|inner| inner.is::<BodyError>()) {
        return;
    }
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    seen.get_or_insert_with(|| io::Error::new(error.kind(), error.to_string()));
}

struct Watched {
    stored: Box<dyn Read + Send>,
    seen: Seen,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stored.read(buffer).inspect_err(|error| note(&self.seen, error))
    }
}

#[cfg(test)]
mod tests {
    use jonction_model::BodyId;

    use super::*;

    /// Opens, and fails at the second read.
    struct Failing(fn() -> io::Error);

    impl Bodies for Failing {
        fn open_raw(&self, _: &ContentRef) -> Result<Box<dyn Read + Send>, BodyError> {
            let failure = self.0;
            Ok(Box::new(io::Read::chain(&b"abc"[..], Fails(failure))))
        }
    }

    struct Fails(fn() -> io::Error);

    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err((self.0)())
        }
    }

    fn witnessed(failure: fn() -> io::Error) -> Option<io::Error> {
        let bodies = Failing(failure);
        let witness = Witness::new(&bodies);
        assert!(witness.read(&ContentRef::whole(BodyId::of(b"x"), 10), 100).is_err());
        witness.failure()
    }

    #[test]
    fn a_disk_that_fails_in_the_middle_is_seen_and_a_damaged_body_is_not_the_disks_fault() {
        assert_eq!(witnessed(|| io::ErrorKind::TimedOut.into()).unwrap().kind(), io::ErrorKind::TimedOut);
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, BodyError::Damaged(BodyId::of(b"x")));
        assert!(witnessed(damaged).is_none());
    }
}
