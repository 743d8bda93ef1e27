//! What comes back of a delivery after its end: a mailbox took it, somebody read it, it came back.
//! In and out: values. The engine finds the delivery by an identifier it left with; its sink says what the first sender
//! learns. Source: architecture §4.4, mssante.md §3.8, §3.9.

use serde::{Deserialize, Serialize};

use crate::{
    ids::MssAddress,
    key::IndexKey,
    report::{ReportCode, ReportStage},
};

/// Something that answers a delivery, in no wire format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Identifiers that the delivery may have left with, the surest first. An answer that knows none answers nothing.
    pub to: Vec<IndexKey>,
    /// How far the delivery got.
    pub stage: ReportStage,
    /// How it stands there.
    pub standing: Standing,
    /// The mailbox that answers; `None`: it does not say.
    pub by: Option<MssAddress>,
    /// The mailbox that was written to, when the answer says: another one than ours, and it answers something else.
    pub asked: Option<MssAddress>,
    /// What screens show, in French, free of any datum of a person: `lu`, `remis dans la boîte`.
    pub detail: String,
}

/// How a delivery stands at a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Not decided yet: somebody goes on trying.
    Pending,
    /// Good.
    Positive,
    /// Failed for good, with the code for the sender.
    Negative(ReportCode),
}

impl Standing {
    /// Stored integer. An answer changes what is known when its own is higher: a mail that was relayed may come back, one
    /// that came back has not been delivered since.
    pub fn weight(&self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Positive => 1,
            Self::Negative(_) => 2,
        }
    }

    /// Code for the sender, when it failed.
    pub fn code(&self) -> Option<&ReportCode> {
        match self {
            Self::Negative(code) => Some(code),
            Self::Pending | Self::Positive => None,
        }
    }
}
