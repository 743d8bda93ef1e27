//! Ways to break the promise on purpose: a campaign that does not notice one of them proves nothing.
//! In: a name. Out: what the disk, the sender's side or the partners' side does wrong. None of them touches the engine.

use crate::disk::Syncs;

/// What is done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// No sync is honoured: everything written since the beginning may vanish.
    NoSync,
    /// Folders are never synced: new names may vanish.
    NoFolderSync,
    /// Bodies get their name before they are durable.
    NoBodySync,
    /// The log of the database is never synced.
    NoWalSync,
    /// The sender is told « taken » before the commit.
    AcknowledgesFirst,
    /// Bytes leave before the attempt is durable.
    SendsBeforeStart,
    /// The partner is not asked after an unknown outcome.
    NeverProbes,
    /// Each attempt makes its identifiers anew.
    PreparesAfresh,
    /// Deliveries have no ordering key.
    ForgetsOrder,
    /// The partner gets a byte that is not the sender's.
    DamagesBodies,
    /// A message whose sender was not answered is taken again as a new one.
    ForgetsRepeats,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::NoSync,
        Self::NoFolderSync,
        Self::NoBodySync,
        Self::NoWalSync,
        Self::AcknowledgesFirst,
        Self::SendsBeforeStart,
        Self::NeverProbes,
        Self::PreparesAfresh,
        Self::ForgetsOrder,
        Self::ForgetsRepeats,
        Self::DamagesBodies,
    ];

    /// What it does to the disk.
    pub(crate) fn syncs(mutation: Option<Self>) -> Syncs {
        match mutation {
            Some(Self::NoSync) => Syncs::Ignored,
            Some(Self::NoFolderSync) => Syncs::FoldersIgnored,
            Some(Self::NoBodySync) => Syncs::BodiesIgnored,
            Some(Self::NoWalSync) => Syncs::WalIgnored,
            _ => Syncs::Kept,
        }
    }
}
