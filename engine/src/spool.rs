//! The engine's spool: small messages stay in memory, larger ones go to a scratch file, then among the bodies.
//! In: pieces. Out: what an arrival carries. Files are written on blocking threads.
//! Source: decision 0038.

use std::sync::Arc;

use bytes::Bytes;
use jonction_ports::{BoxFuture, IntakeError, RawBody, Spool};

use crate::{
    error::Error,
    scratch::Scratch,
    shared::{Shared, blocking},
};

pub(crate) struct EngineSpool {
    shared: Arc<Shared>,
    state: State,
}

enum State {
    Small(Vec<u8>),
    Large(Scratch),
    /// A piece was lost: nothing can be made of the rest.
    Lost,
}

impl EngineSpool {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, state: State::Small(Vec::new()) }
    }
}

impl Spool for EngineSpool {
    fn write(&mut self, piece: Bytes) -> BoxFuture<'_, Result<(), IntakeError>> {
        Box::pin(async move {
            let limit = self.shared.settings.limits.body_file_bytes;
            let state = std::mem::replace(&mut self.state, State::Lost);
            self.state = match state {
                State::Small(mut bytes) if ((bytes.len() + piece.len()) as u64) < limit => {
                    bytes.extend_from_slice(&piece);
                    State::Small(bytes)
                }
                state => {
                    let journal = self.shared.journal.clone();
                    let written = blocking(move || {
                        let mut scratch = match state {
                            State::Large(scratch) => scratch,
                            State::Lost => return Err(lost()),
                            State::Small(bytes) => {
                                let mut scratch = journal.scratch()?;
                                scratch.write(&bytes).map_err(Error::io("write what comes in pieces"))?;
                                scratch
                            }
                        };
                        scratch.write(&piece).map_err(Error::io("write what comes in pieces"))?;
                        Ok(scratch)
                    });
                    State::Large(written.await.unwrap_or_else(|_| Err(lost())).map_err(told)?)
                }
            };
            Ok(())
        })
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<RawBody, IntakeError>> {
        Box::pin(async move {
            match self.state {
                State::Small(bytes) => Ok(RawBody::Whole(bytes.into())),
                State::Lost => Err(told(lost())),
                State::Large(scratch) => {
                    let journal = self.shared.journal.clone();
                    let kept = blocking(move || journal.keep_pieces(scratch)).await;
                    kept.unwrap_or_else(|_| Err(lost())).map(RawBody::Kept).map_err(told)
                }
            }
        })
    }
}

fn lost() -> Error {
    Error::Inconsistent("a piece of a message was lost".to_owned())
}

fn told(error: Error) -> IntakeError {
    IntakeError::Journal(error.to_string())
}
