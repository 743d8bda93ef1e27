//! Ways to break the promise on purpose: a campaign that does not notice one of them proves nothing.
//! In: a name. Out: what the disk, the sender's side or the partners' side does wrong. None of them touches the engine.

use crate::disk::Lie;

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
    /// What a crash left among the bodies never goes.
    KeepsLeftovers,
    /// The file of a body that a purge destroyed never goes.
    KeepsPurged,
    /// A bit flips in the last commit of the log, which nothing tells from a power cut.
    DamagesLastCommit,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 14] = [
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
        Self::KeepsLeftovers,
        Self::KeepsPurged,
        Self::DamagesLastCommit,
    ];

    /// What the disk does not do.
    pub(crate) fn lie(mutation: Option<Self>) -> Lie {
        match mutation {
            Some(Self::NoSync) => Lie::Syncs,
            Some(Self::NoFolderSync) => Lie::FolderSyncs,
            Some(Self::NoBodySync) => Lie::BodySyncs,
            Some(Self::NoWalSync) => Lie::WalSyncs,
            Some(Self::KeepsLeftovers) => Lie::StagedRemovals,
            Some(Self::KeepsPurged) => Lie::BodyRemovals,
            _ => Lie::None,
        }
    }
}
