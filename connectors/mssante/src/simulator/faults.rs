//! Faults that the simulator can play, as tables.
//! In: rules written as text, or the magic recipient `sim+<fault>@…`. Out: what the dialogue does wrong. Source: mssante.md §6.4.

use jonction_model::nearest;
use jonction_simkit::{FaultPlan, FaultRow, FaultTable, PlanError};

/// What goes wrong with one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionFault {
    /// 421 instead of the greeting.
    Busy,
    /// Hangs up without a word.
    Silent,
    /// STARTTLS is not offered, and refused.
    NoStartTls,
    /// STARTTLS is masked in the answer to EHLO, as a box in the middle does.
    Strip,
    /// A forged answer follows the one to STARTTLS, in clear.
    Inject,
    /// Authentication refused: the certificate or the password is known to nobody.
    AuthRefused,
    /// Neither DSN nor SIZE.
    Minimal,
    /// A reply that never ends.
    Endless,
    /// Bytes that are no reply.
    Binary,
}

/// Faults of connections.
pub const CONNECTION_FAULTS: FaultTable<ConnectionFault> = &[
    FaultRow { name: "421-banner", summary: "répond 421 à la connexion", fault: ConnectionFault::Busy },
    FaultRow {
        name: "drop-banner",
        summary: "ferme la connexion sans un mot",
        fault: ConnectionFault::Silent,
    },
    FaultRow { name: "nostarttls", summary: "n'offre pas STARTTLS", fault: ConnectionFault::NoStartTls },
    FaultRow { name: "strip", summary: "STARTTLS masqué en route", fault: ConnectionFault::Strip },
    FaultRow {
        name: "inject",
        summary: "réponse forgée derrière celle à STARTTLS",
        fault: ConnectionFault::Inject,
    },
    FaultRow {
        name: "auth-refused",
        summary: "refuse l'authentification (535)",
        fault: ConnectionFault::AuthRefused,
    },
    FaultRow { name: "minimal", summary: "n'offre ni DSN ni SIZE", fault: ConnectionFault::Minimal },
    FaultRow { name: "endless", summary: "une réponse sans fin", fault: ConnectionFault::Endless },
    FaultRow {
        name: "binary",
        summary: "des octets qui ne sont pas une réponse",
        fault: ConnectionFault::Binary,
    },
];

/// What goes wrong with one mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailFault {
    /// RCPT refused with these codes.
    Recipient {
        /// Reply code.
        code: u16,
        /// Enhanced status.
        status: &'static str,
    },
    /// The body refused with these codes, once complete.
    Body {
        /// Reply code.
        code: u16,
        /// Enhanced status.
        status: &'static str,
    },
    /// 451 on the first two attempts for this recipient, then accepted.
    Grey,
    /// Hangs up after RCPT.
    DropRecipient,
    /// Hangs up in the middle of the body.
    DropBody,
    /// Takes the mail, then hangs up without saying so.
    Dup,
    /// Replies byte by byte.
    Slow,
    /// Takes the mail and never answers.
    Stall,
}

const fn recipient(code: u16, status: &'static str) -> MailFault {
    MailFault::Recipient { code, status }
}

const fn body(code: u16, status: &'static str) -> MailFault {
    MailFault::Body { code, status }
}

/// Faults of mails. Each may be asked for by the recipient `sim+<name>@…`.
pub const MAIL_FAULTS: FaultTable<MailFault> = &[
    FaultRow { name: "550", summary: "boîte inconnue", fault: recipient(550, "5.1.1") },
    FaultRow { name: "551", summary: "boîte partie ailleurs", fault: recipient(551, "5.1.6") },
    FaultRow { name: "553", summary: "nom de boîte invalide", fault: recipient(553, "5.1.3") },
    FaultRow { name: "nolist", summary: "domaine hors de la liste blanche", fault: recipient(554, "5.7.1") },
    FaultRow { name: "422", summary: "boîte pleine pour le moment", fault: recipient(452, "4.2.2") },
    FaultRow {
        name: "421",
        summary: "service interrompu après le destinataire",
        fault: recipient(421, "4.3.2"),
    },
    FaultRow { name: "552", summary: "boîte pleine, après le corps", fault: body(552, "5.2.2") },
    FaultRow { name: "size", summary: "courriel trop gros, après le corps", fault: body(552, "5.3.4") },
    FaultRow { name: "busy", summary: "traitement interrompu, après le corps", fault: body(451, "4.3.0") },
    FaultRow {
        name: "grey",
        summary: "liste grise : 451 deux fois par destinataire",
        fault: MailFault::Grey,
    },
    FaultRow { name: "drop-rcpt", summary: "coupe après le destinataire", fault: MailFault::DropRecipient },
    FaultRow { name: "drop-data", summary: "coupe au milieu du corps", fault: MailFault::DropBody },
    FaultRow { name: "dup", summary: "accepte le courriel puis coupe sans répondre", fault: MailFault::Dup },
    FaultRow { name: "slow", summary: "répond octet par octet", fault: MailFault::Slow },
    FaultRow { name: "stall", summary: "accepte le courriel et ne répond jamais", fault: MailFault::Stall },
];

/// What goes wrong with one connection to the IMAP service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImapFault {
    /// BYE instead of the greeting.
    Busy,
    /// A greeting without end.
    Endless,
    /// PREAUTH in clear, as somebody in the middle says to keep TLS away.
    Preauth,
    /// STARTTLS neither offered nor taken.
    NoStartTls,
    /// Forged answers follow the one to STARTTLS, in clear.
    Inject,
    /// Neither IDLE nor MOVE nor UIDPLUS nor SASL-IR.
    Minimal,
    /// BYE after the login.
    Bye,
    /// Cuts in the middle of a mail.
    HalfLiteral,
    /// UIDs mean other mails at each opening of a folder.
    UidValidity,
    /// A mail goes between the search and its fetching.
    ExpungeRace,
    /// Accepts IDLE and never tells anything.
    IdleMute,
    /// No IDLE, and never tells of itself what arrived.
    NoExists,
    /// The mailbox is full: nothing can be moved.
    QuotaFull,
    /// Everything is read-only.
    ReadOnly,
    /// Announces a mail of ten bytes, then a literal of 4 GB.
    Huge,
    /// NIL instead of mails.
    FetchNil,
    /// Results of searches doubled, in disorder, with one that is not there.
    Duplicates,
    /// A mail that was not asked for.
    Forged,
    /// The certificate opens no mailbox.
    CertUnmapped,
    /// The token is refused as ended.
    TokenExpired,
    /// The token is refused as another one's.
    TokenWrongBox,
}

/// Faults of the IMAP service, by connection.
pub const IMAP_FAULTS: FaultTable<ImapFault> = &[
    FaultRow { name: "imap-busy", summary: "répond BYE à la connexion", fault: ImapFault::Busy },
    FaultRow { name: "imap-endless", summary: "une ligne sans fin", fault: ImapFault::Endless },
    FaultRow {
        name: "imap-preauth",
        summary: "PREAUTH en clair, pour empêcher TLS",
        fault: ImapFault::Preauth,
    },
    FaultRow { name: "imap-nostarttls", summary: "n'offre pas STARTTLS", fault: ImapFault::NoStartTls },
    FaultRow {
        name: "imap-inject",
        summary: "réponses forgées derrière celle à STARTTLS",
        fault: ImapFault::Inject,
    },
    FaultRow {
        name: "imap-minimal",
        summary: "ni IDLE, ni MOVE, ni UIDPLUS, ni SASL-IR",
        fault: ImapFault::Minimal,
    },
    FaultRow { name: "bye", summary: "BYE après l'ouverture de la boîte", fault: ImapFault::Bye },
    FaultRow {
        name: "half-literal",
        summary: "coupe au milieu d'un courriel",
        fault: ImapFault::HalfLiteral,
    },
    FaultRow {
        name: "uidvalidity",
        summary: "UIDVALIDITY change à chaque ouverture",
        fault: ImapFault::UidValidity,
    },
    FaultRow {
        name: "expunge-race",
        summary: "un courriel disparaît avant d'être lu",
        fault: ImapFault::ExpungeRace,
    },
    FaultRow { name: "idle-mute", summary: "accepte IDLE et ne dit rien", fault: ImapFault::IdleMute },
    FaultRow {
        name: "no-exists",
        summary: "sans IDLE, ne dit jamais ce qui arrive",
        fault: ImapFault::NoExists,
    },
    FaultRow {
        name: "quota-full",
        summary: "boîte pleine : rien ne se déplace",
        fault: ImapFault::QuotaFull,
    },
    FaultRow { name: "readonly", summary: "boîte en lecture seule", fault: ImapFault::ReadOnly },
    FaultRow {
        name: "huge",
        summary: "un courriel de 10 octets qui en annonce 4 Go",
        fault: ImapFault::Huge,
    },
    FaultRow { name: "fetch-nil", summary: "NIL à la place des courriels", fault: ImapFault::FetchNil },
    FaultRow {
        name: "duplicate-uid-gap",
        summary: "recherches en double, en désordre, avec un UID absent",
        fault: ImapFault::Duplicates,
    },
    FaultRow {
        name: "imap-forged",
        summary: "un courriel que personne n'a demandé",
        fault: ImapFault::Forged,
    },
    FaultRow {
        name: "cert-unmapped",
        summary: "le certificat n'ouvre aucune boîte",
        fault: ImapFault::CertUnmapped,
    },
    FaultRow { name: "tok-expired", summary: "jeton refusé comme périmé", fault: ImapFault::TokenExpired },
    FaultRow {
        name: "tok-wrong-bal",
        summary: "jeton refusé comme celui d'une autre boîte",
        fault: ImapFault::TokenWrongBox,
    },
];

/// The faults of a running simulator. Rules of all tables are written in one list.
#[derive(Debug)]
pub struct Faults {
    /// Drawn once per connection.
    pub connections: FaultPlan<ConnectionFault>,
    /// Drawn once per mail.
    pub mails: FaultPlan<MailFault>,
    /// Drawn once per connection to the IMAP service.
    pub imap: FaultPlan<ImapFault>,
}

impl Faults {
    /// No fault but those that recipients ask for.
    pub fn none(seed: u64) -> Self {
        Self {
            connections: FaultPlan::none(CONNECTION_FAULTS, seed),
            mails: FaultPlan::none(MAIL_FAULTS, seed.wrapping_add(1)),
            imap: FaultPlan::none(IMAP_FAULTS, seed.wrapping_add(2)),
        }
    }

    /// Replaces the rules (`grey first 2`, `drop-data rate 0.05`) and counts from zero again.
    /// Errors: a name of neither table (the nearest is offered), an unreadable rule; the old rules then stay.
    pub fn replace<'r>(&self, rules: impl IntoIterator<Item = &'r str>) -> Result<(), PlanError> {
        let (mut connections, mut mails, mut imap) = (Vec::new(), Vec::new(), Vec::new());
        for rule in rules {
            let name = rule.split_whitespace().next().unwrap_or_default();
            if CONNECTION_FAULTS.iter().any(|row| row.name == name) {
                connections.push(rule);
            } else if MAIL_FAULTS.iter().any(|row| row.name == name) {
                mails.push(rule);
            } else if IMAP_FAULTS.iter().any(|row| row.name == name) {
                imap.push(rule);
            } else {
                return Err(unknown(name));
            }
        }
        // All are read before any is put in force.
        FaultPlan::parse(CONNECTION_FAULTS, connections.iter().copied(), 0)?;
        FaultPlan::parse(MAIL_FAULTS, mails.iter().copied(), 0)?;
        self.imap.replace(imap)?;
        self.mails.replace(mails)?;
        self.connections.replace(connections)
    }
}

/// Every name.
fn names() -> impl Iterator<Item = &'static str> {
    let (connections, mails) =
        (CONNECTION_FAULTS.iter().map(|row| row.name), MAIL_FAULTS.iter().map(|row| row.name));
    connections.chain(mails).chain(IMAP_FAULTS.iter().map(|row| row.name))
}

fn unknown(name: &str) -> PlanError {
    let remedy = match nearest(name, names()) {
        Some(near) => format!("vouliez-vous « {near} » ?"),
        None => format!("pannes connues : {}", names().collect::<Vec<_>>().join(", ")),
    };
    PlanError { sentence: format!("aucune panne ne s'appelle « {name} »"), remedy }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_both_tables_are_written_in_one_list() {
        let faults = Faults::none(1);
        faults.replace(["strip nth 1", "grey first 2"]).unwrap();
        assert_eq!(faults.connections.draw(), Some(ConnectionFault::Strip));
        assert_eq!(faults.connections.draw(), None);
        assert_eq!(faults.mails.draw(), Some(MailFault::Grey));
    }

    #[test]
    fn an_unknown_name_offers_the_nearest_of_both() {
        assert_eq!(Faults::none(1).replace(["injekt"]).unwrap_err().remedy, "vouliez-vous « inject » ?");
    }

    #[test]
    fn every_name_is_in_one_table_only() {
        let mut names: Vec<_> = names().collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
