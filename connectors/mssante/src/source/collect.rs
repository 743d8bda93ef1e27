//! One mail: its bytes into the journal, then out of the way. Nothing is marked or moved before it is durable.
//! In: a selected folder, a UID, a size. Out: where the mail went, or why not yet.
//! Source: mssante.md §2.8, §8 rows 29, 31, 32; architecture §4.1.

use bytes::Bytes;
use jonction_model::Finding;
use jonction_ports::{Admitted, Arrival, IntakeError, Peer, RawBody};

use super::{
    Counters, Shared,
    admission::{self, Digest, HEAD_BYTES_MAX, Mail},
    link::Link,
};
use crate::{
    client::Failure,
    config::{After, MailboxSettings},
    imap::{Folder, Request, Slice},
};

/// Bytes asked for at once: what one mailbox holds of a mail in memory, however large the mail is.
const SLICE: u64 = 256 << 10;
/// A mail whose bytes did not come so often is put aside.
pub(super) const TROUBLES_MAX: u32 = 3;

/// Where a mail goes once it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Treated,
    Failed,
}

/// Why a mail stays where it is for now.
#[derive(Debug)]
pub(super) enum Delay {
    /// The link is of no use any more.
    Link(Failure),
    /// The journal does not take it.
    Journal(IntakeError),
    /// Its bytes do not come.
    NoBytes,
    /// It is not there any more: somebody took it.
    Gone,
}

impl From<Failure> for Delay {
    fn from(failure: Failure) -> Self {
        Self::Link(failure)
    }
}

impl From<IntakeError> for Delay {
    fn from(error: IntakeError) -> Self {
        Self::Journal(error)
    }
}

/// Works on the mails of one mailbox over one link.
pub(super) struct Collector<'c> {
    pub(super) shared: &'c Shared,
    pub(super) mailbox: &'c MailboxSettings,
    pub(super) link: &'c mut Link,
    pub(super) peer: Peer,
}

impl Collector<'_> {
    /// Makes a mail durable, or its refusal. `troubles`: how often its bytes did not come before.
    pub(super) async fn take(&mut self, uid: u32, size: u64, troubles: u32) -> Result<Place, Delay> {
        let size_max = self.shared.settings.size_max;
        if size > size_max {
            return self.refuse(uid, too_large(size, size_max)).await;
        }
        if troubles >= TROUBLES_MAX {
            let finding = Finding::error(
                "mssante.unreadable-mail",
                format!("l'opérateur n'a pas donné ce courriel en {TROUBLES_MAX} essais"),
            );
            let remedy = "le lire dans la boîte, et signaler à l'opérateur qu'il ne se laisse pas relever";
            return self.refuse_unread(finding.remedy(remedy)).await;
        }
        let mut spool = self.shared.intake.spool();
        let (mut head, mut digest, mut length) = (Vec::new(), Digest::default(), 0_u64);
        loop {
            // One byte more than what should be left: an answer that is shorter proves the end.
            let asked = size.saturating_sub(length).saturating_add(1).min(SLICE);
            let Some(piece) = self.slice(uid, false, length, asked).await? else {
                return Err(if length == 0 { self.why_nothing(uid).await? } else { Delay::NoBytes });
            };
            if length == 0 {
                head = piece[..piece.len().min(HEAD_BYTES_MAX)].to_vec();
            }
            length += piece.len() as u64;
            if length > size_max {
                return self.refuse(uid, too_large(length, size_max)).await;
            }
            let ended = (piece.len() as u64) < asked;
            digest.push(&piece);
            spool.write(Bytes::from(piece)).await?;
            if ended {
                break;
            }
        }
        let mailbox = &self.mailbox.address;
        let admitted = admission::admit(&Mail { mailbox, head: &head, digest: digest.finish() });
        let place = if admitted.accepted { Place::Treated } else { Place::Failed };
        Counters::add(&self.shared.counters.bytes, length);
        self.submit(spool.finish().await?, admitted).await?;
        Ok(place)
    }

    /// Journals that a mail is not taken, with the headers that say which one it is.
    async fn refuse(&mut self, uid: u32, finding: Finding) -> Result<Place, Delay> {
        let head = self.slice(uid, true, 0, HEAD_BYTES_MAX as u64).await?.unwrap_or_default();
        let admitted = admission::refuse(&self.mailbox.address, &head, finding);
        self.submit(RawBody::Whole(head.into()), admitted).await?;
        Ok(Place::Failed)
    }

    /// The same for one that gives nothing, not even headers.
    async fn refuse_unread(&mut self, finding: Finding) -> Result<Place, Delay> {
        let admitted = admission::refuse(&self.mailbox.address, b"", finding);
        self.submit(RawBody::Whole(Bytes::new()), admitted).await?;
        Ok(Place::Failed)
    }

    async fn submit(&mut self, raw: RawBody, admitted: Admitted) -> Result<(), Delay> {
        let counters = &self.shared.counters;
        let accepted = admitted.accepted;
        if let Some(finding) = admitted.findings.first().filter(|_| !accepted) {
            tracing::warn!(
                partner = self.shared.partner.as_str(),
                mailbox = self.mailbox.address.label(),
                error_code = finding.check,
                "mail refused"
            );
        }
        let arrival = Arrival {
            partner: self.shared.partner.clone(),
            peer: self.peer.clone(),
            received_at: self.shared.tools.clock.now(),
            raw,
            admitted,
            // The sender of a mail is told by mail, if at all: that is another delivery.
            reply: Bytes::new(),
            conflict_reply: None,
        };
        let receipt = self.shared.intake.submit(arrival).await?;
        Counters::add(
            match (accepted, receipt.repeated) {
                (false, _) => &counters.refused,
                (true, true) => &counters.repeated,
                (true, false) => &counters.collected,
            },
            1,
        );
        Ok(())
    }

    /// A piece of a mail; `None`: the server gives nothing for it.
    async fn slice(
        &mut self,
        uid: u32,
        headers: bool,
        from: u64,
        length: u64,
    ) -> Result<Option<Vec<u8>>, Delay> {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let said = self.link.ask(Request::Slice(Slice { uid, headers, from, length })).await?;
        Ok(said.ok().and_then(|told| told.slice))
    }

    /// A mail that gives nothing: somebody took it away meanwhile, or the server cannot read it.
    async fn why_nothing(&mut self, uid: u32) -> Result<Delay, Failure> {
        let said = self.link.ask(Request::Sizes(vec![uid])).await?;
        Ok(if said.is_ok_and(|told| told.sizes.is_empty()) { Delay::Gone } else { Delay::NoBytes })
    }

    /// Puts a durable mail where it belongs. `false`: the server refuses; the mail stays, and is not taken again.
    pub(super) async fn file(&mut self, uid: u32, place: Place) -> Result<bool, Failure> {
        let settings = &self.shared.settings;
        let said = match (settings.after, place) {
            (After::Mark, Place::Treated) => self.link.ask(Request::Mark(uid)).await?.map(|_| ()),
            (_, Place::Treated) => self.file_into(uid, &settings.treated).await?,
            (_, Place::Failed) => self.file_into(uid, &settings.failed).await?,
        };
        if let Err(code) = said {
            Counters::add(&self.shared.counters.not_filed, 1);
            tracing::warn!(
                partner = self.shared.partner.as_str(),
                mailbox = self.mailbox.address.label(),
                error_code = "mssante.mail-not-filed",
                server_code = code,
                "mail taken, and left where it was"
            );
        }
        Ok(said.is_ok())
    }

    /// Moves; a folder that is not there is made first.
    async fn file_into(&mut self, uid: u32, folder: &Folder) -> Result<Result<(), &'static str>, Failure> {
        let capabilities = self.link.capabilities();
        let (moves, expunges) = (capabilities.offers("MOVE"), capabilities.offers("UIDPLUS"));
        let request = match moves {
            true => Request::Move(uid, folder.clone()),
            false => Request::Copy(uid, folder.clone()),
        };
        let mut said = self.link.ask(request.clone()).await?;
        if said == Err("TRYCREATE") {
            // Made by somebody else meanwhile: the second try tells.
            let _ = self.link.ask(Request::Create(folder.clone())).await?;
            said = self.link.ask(request).await?;
        }
        if let (Err(code), _) | (_, Err(code)) = (&said, &said) {
            return Ok(Err(code));
        }
        if moves {
            return Ok(Ok(()));
        }
        if let Err(code) = self.link.ask(Request::Delete(uid)).await? {
            return Ok(Err(code));
        }
        if expunges {
            return Ok(self.link.ask(Request::ExpungeOne(uid)).await?.map(|_| ()));
        }
        // EXPUNGE takes what others marked as well: only when nobody did. Else ours stays marked, which is enough for us.
        let deleted = self.link.ask(Request::Deleted).await?;
        if deleted.is_ok_and(|told| told.found == [uid]) {
            return Ok(self.link.ask(Request::Expunge).await?.map(|_| ()));
        }
        Ok(Ok(()))
    }
}

fn too_large(size: u64, limit: u64) -> Finding {
    Finding::error("mssante.mail-too-large", "le courriel dépasse la taille que la passerelle relève")
        .expected(format!("{} Mo au plus", limit >> 20), format!("{} Mo", size.div_ceil(1 << 20)))
        .remedy("le traiter à la main dans le dossier des erreurs, ou relever « mailboxes: size_max »")
}
