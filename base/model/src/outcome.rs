//! What became of a whole message, for whoever sent it and asked to know.
//! In and out: values. Whoever carries it writes it in its own format: a reading notice, for a mail. Source: decision 0046.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{content::ContentRef, report::Verdict, shape::Shape};

/// The outcome of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageOutcome {
    /// The message, as it was received.
    pub message: ContentRef,
    /// What it was understood as first.
    pub understood: Box<Shape>,
    /// The door of ours that it came to (`message.profile`): for a mail, our mailbox.
    pub door: String,
    /// Good: everything it owed is delivered. Bad: something was refused, with its code.
    pub verdict: Verdict,
    /// When.
    pub time: Timestamp,
}
