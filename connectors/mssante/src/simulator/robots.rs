//! What the other side answers to a mail that it took: the delivery notice of the operator, the reading notice of a software
//! or a person, the words of Mon espace santé, the answer of a patient.
//! In: a mail, whom it is for. Out: mails for whoever wrote, each after a delay. Source: mssante.md §3.8, §3.9, §6.3, §6.4.
//! Written here by hand, not by the writer of our client, so that what we read is not only what we write.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use jonction_mime::Mail;
use jonction_model::{BodyId, nearest};
use jonction_simkit::{FaultRow, FaultTable, PlanError};
use smtp_proto::{RCPT_NOTIFY_DELAY, RCPT_NOTIFY_FAILURE, RCPT_NOTIFY_SUCCESS};

/// What comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Robot {
    /// No delivery notice, whatever was asked.
    NoDsn,
    /// A delivery notice: action, status, diagnostic.
    Dsn(&'static str, &'static str, &'static str),
    /// In the mailbox, and said so later than anybody waits.
    DsnLate,
    /// A bounce in the words of Mon espace santé, without any status.
    Bounce(&'static str),
    /// No reading notice, whatever was asked.
    NoMdn,
    /// A reading notice: `Disposition`, `Error`.
    Mdn(&'static str, Option<&'static str>),
    /// The same one twice.
    MdnTwice,
    /// About a mail that nobody sent.
    MdnForeign,
    /// A person answers, in words.
    Reply,
}

const PROCESSED: &str = "automatic-action/MDN-sent-automatically; processed";
const DISPLAYED: &str = "manual-action/MDN-sent-manually; displayed";

/// Robots. Each may be asked for by the recipient `sim+<name>@…`, or by the domain of the mailbox.
pub const ROBOTS: FaultTable<Robot> = &[
    FaultRow { name: "dsn-none", summary: "ne rend aucun avis de remise", fault: Robot::NoDsn },
    FaultRow {
        name: "dsn-ok",
        summary: "avis : remis dans la boîte",
        fault: Robot::Dsn("delivered", "2.1.5", "smtp; 250 2.1.5 Ok"),
    },
    FaultRow {
        name: "dsn-relayed",
        summary: "avis : relayé vers un serveur sans avis",
        fault: Robot::Dsn("relayed", "2.1.9", ""),
    },
    FaultRow {
        name: "dsn-fail",
        summary: "avis : revenu, boîte inconnue",
        fault: Robot::Dsn("failed", "5.1.1", "smtp; 550 5.1.1 boite inconnue"),
    },
    FaultRow {
        name: "dsn-full",
        summary: "avis : revenu, boîte pleine",
        fault: Robot::Dsn("failed", "5.2.2", "smtp; 552 5.2.2 boite pleine"),
    },
    FaultRow {
        name: "dsn-delay",
        summary: "avis : retardé",
        fault: Robot::Dsn("delayed", "4.4.1", "smtp; 441 4.4.1 pas de reponse"),
    },
    FaultRow { name: "dsn-late", summary: "avis de remise en retard", fault: Robot::DsnLate },
    FaultRow {
        name: "mes-closed",
        summary: "« Message non distribué » : compte fermé",
        fault: Robot::Bounce("Le compte Mon espace santé de ce destinataire est fermé."),
    },
    FaultRow {
        name: "mes-unknown",
        summary: "« Message non distribué » : patient introuvable",
        fault: Robot::Bounce("Ce patient est introuvable dans Mon espace santé."),
    },
    FaultRow { name: "mdn-none", summary: "ne rend aucun avis de lecture", fault: Robot::NoMdn },
    FaultRow { name: "mdn-processed", summary: "avis : intégré", fault: Robot::Mdn(PROCESSED, None) },
    FaultRow { name: "mdn-displayed", summary: "avis : lu", fault: Robot::Mdn(DISPLAYED, None) },
    FaultRow {
        name: "mdn-deleted",
        summary: "avis : supprimé sans être lu",
        fault: Robot::Mdn("manual-action/MDN-sent-manually; deleted", None),
    },
    FaultRow {
        name: "mdn-112",
        summary: "avis d'échec 902, édition 1.1.2",
        fault: Robot::Mdn(
            "automatic-action/MDN-sent-automatically; processed/Error: 902^Identifiant patient inconnu",
            None,
        ),
    },
    FaultRow {
        name: "mdn-113d",
        summary: "avis d'échec 902, brouillon 1.1.3",
        fault: Robot::Mdn(
            "automatic-action/MDN-sent-automatically; processed/Error: 902^Identifiant patient inconnu",
            Some("902^Identifiant patient inconnu^applicationErrorCondition"),
        ),
    },
    FaultRow {
        name: "mdn-113",
        summary: "avis d'échec 902, édition 1.1.3",
        fault: Robot::Mdn(
            "automatic-action/MDN-sent-automatically; processed/error",
            Some("902^Identifiant patient inconnu"),
        ),
    },
    FaultRow { name: "mdn-twice", summary: "deux fois le même avis de lecture", fault: Robot::MdnTwice },
    FaultRow { name: "mdn-foreign-id", summary: "avis sur un courriel inconnu", fault: Robot::MdnForeign },
    FaultRow { name: "reply", summary: "une personne répond", fault: Robot::Reply },
];

/// The robot of this name. Errors: none has it; the nearest is offered.
pub fn robot(name: &str) -> Result<Robot, PlanError> {
    let found = ROBOTS.iter().find(|row| row.name == name).map(|row| row.fault);
    let names = || ROBOTS.iter().map(|row| row.name);
    found.ok_or_else(|| PlanError {
        sentence: format!("aucun robot ne s'appelle « {name} »"),
        remedy: match nearest(name, names()) {
            Some(near) => format!("vouliez-vous « {near} » ?"),
            None => format!("robots connus : {}", names().collect::<Vec<_>>().join(", ")),
        },
    })
}

/// A mail that was taken, as a robot sees it.
pub(super) struct Taken<'m> {
    pub(super) mail: &'m Mail,
    /// MAIL FROM; empty for a notice, which is answered by nobody.
    pub(super) from: &'m str,
    pub(super) to: &'m str,
    pub(super) envelope_id: &'m str,
    /// `NOTIFY` flags of smtp-proto.
    pub(super) notify: u64,
    pub(super) host: &'m str,
    pub(super) now: Timestamp,
}

/// A mail that comes back.
#[derive(Debug)]
pub(super) struct Back {
    pub(super) to: String,
    pub(super) raw: Bytes,
    pub(super) after: Duration,
}

/// How late is late.
const LATE: Duration = Duration::from_secs(2);

impl Taken<'_> {
    /// What comes back. `robots`: those of the mailbox; without one for it, an operator that was asked for a notice of
    /// success gives one, and nobody reads.
    pub(super) fn answers(&self, robots: &[Robot]) -> Vec<Back> {
        if self.from.is_empty() || jonction_mime::notice::is_automatic(self.mail) {
            return Vec::new();
        }
        let about_delivery = |robot: &Robot| {
            matches!(robot, Robot::NoDsn | Robot::Dsn(..) | Robot::DsnLate | Robot::Bounce(_))
        };
        let ok = Robot::Dsn("delivered", "2.1.5", "smtp; 250 2.1.5 Ok");
        let default = (!robots.iter().any(about_delivery)).then_some(ok);
        let mut back: Vec<Back> =
            default.into_iter().chain(robots.iter().copied()).flat_map(|robot| self.answer(robot)).collect();
        back.sort_by_key(|back| back.after);
        back
    }

    fn answer(&self, robot: Robot) -> Vec<Back> {
        let now = |raw: Option<(String, String)>| {
            raw.into_iter().map(|(to, raw)| Back { to, raw: raw.into(), after: Duration::ZERO }).collect()
        };
        match robot {
            Robot::NoDsn | Robot::NoMdn => Vec::new(),
            Robot::Dsn(action, status, diagnostic) => now(self.dsn(action, status, diagnostic)),
            Robot::DsnLate => {
                let late = self.dsn("delivered", "2.1.5", "smtp; 250 2.1.5 Ok");
                late.map(|(to, raw)| Back { to, raw: raw.into(), after: LATE }).into_iter().collect()
            }
            Robot::Bounce(words) => now(Some(self.bounce(words))),
            Robot::Mdn(disposition, error) => now(self.mdn(disposition, error, None)),
            Robot::MdnTwice => {
                let mut twice: Vec<Back> = now(self.mdn(PROCESSED, None, None));
                twice.extend(now(self.mdn(PROCESSED, None, Some("second"))));
                twice
            }
            Robot::MdnForeign => now(self.mdn(PROCESSED, None, Some("foreign"))),
            Robot::Reply => now(self.reply()),
        }
    }

    fn id(&self, what: &str) -> String {
        let text = format!("{what} {} {}", self.mail.message_id(), self.to);
        format!("{}@{}", &BodyId::of(text.as_bytes()).to_string()[..24], self.host)
    }

    fn date(&self) -> String {
        self.now.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
    }

    /// The value of a header as it stands on the wire: encoded words stay.
    fn header(&self, name: &str) -> String {
        self.mail.headers().get(name).map(|header| header.unfolded()).unwrap_or_default().trim().to_owned()
    }

    /// RFC 3464. `None`: nobody asked for this one.
    fn dsn(&self, action: &str, status: &str, diagnostic: &str) -> Option<(String, String)> {
        let asked = match action {
            "failed" => RCPT_NOTIFY_FAILURE,
            "delayed" => RCPT_NOTIFY_DELAY,
            _ => RCPT_NOTIFY_SUCCESS,
        };
        // Without NOTIFY, failures are told all the same (RFC 3461 §4.1).
        if self.notify & asked == 0 && !(self.notify == 0 && action == "failed") {
            return None;
        }
        let host = self.host;
        let envelope = match self.envelope_id {
            "" => String::new(),
            id => format!("Original-Envelope-Id: {id}\r\n"),
        };
        let diagnostic = match diagnostic {
            "" => String::new(),
            text => format!("Diagnostic-Code: {text}\r\n"),
        };
        let raw = format!(
            "Return-Path: <>\r\nDate: {date}\r\nFrom: Operateur <mailer-daemon@{host}>\r\nTo: <{from}>\r\n\
             Message-ID: <{id}>\r\nSubject: Avis de remise ({action})\r\nAuto-Submitted: auto-replied\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=dsn-sim\r\n\r\n\
             --dsn-sim\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nAvis de remise : {action}.\r\n\
             --dsn-sim\r\nContent-Type: message/delivery-status\r\n\r\n\
             Reporting-MTA: dns;{host}\r\n{envelope}\r\n\
             Original-Recipient: rfc822;{to}\r\nFinal-Recipient: rfc822;{to}\r\nAction: {action}\r\nStatus: {status}\r\n{diagnostic}\r\n\
             --dsn-sim\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{original}>\r\nSubject: {subject}\r\n\r\n\
             --dsn-sim--\r\n",
            date = self.date(),
            from = self.from,
            id = self.id(&format!("dsn {action}")),
            to = self.to,
            original = self.mail.message_id(),
            subject = self.header("Subject"),
        );
        Some((self.from.to_owned(), raw))
    }

    /// No status anywhere, as mails of Mon espace santé are said to be; their exact texts are unknown.
    fn bounce(&self, words: &str) -> (String, String) {
        let raw = format!(
            "Return-Path: <>\r\nDate: {date}\r\nFrom: Mon espace sante <ne-pas-repondre@{host}>\r\nTo: <{from}>\r\n\
             Message-ID: <{id}>\r\nIn-Reply-To: <{original}>\r\nSubject: =?utf-8?q?Message_non_distribu=C3=A9?=\r\n\
             Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: 8bit\r\n\r\nVotre message à <{to}> n'a pas été remis. {words}\r\n",
            date = self.date(),
            host = self.host,
            from = self.from,
            id = self.id("bounce"),
            original = self.mail.message_id(),
            to = self.to,
        );
        (self.from.to_owned(), raw)
    }

    /// RFC 8098, by default in the editions of the volet. `None`: nobody asked for one.
    fn mdn(&self, disposition: &str, error: Option<&str>, other: Option<&str>) -> Option<(String, String)> {
        let asked = self.mail.mailboxes("Disposition-Notification-To").into_iter().next()?.address;
        let original = match other {
            Some("foreign") => format!("personne.{}", self.id("foreign")),
            _ => self.mail.message_id(),
        };
        let error = error.map(|error| format!("Error: {error}\r\n")).unwrap_or_default();
        let code = disposition.to_ascii_lowercase().contains("/error");
        let mark = if code { "=?utf-8?q?[KO_Int=C3=A9gration_syst=C3=A8me_!][902]?= " } else { "" };
        let raw = format!(
            "Return-Path: <>\r\nDate: {date}\r\nFrom: <{to}>\r\nTo: <{asked}>\r\nMessage-ID: <{id}>\r\n\
             In-Reply-To: <{original}>\r\nSubject: {mark}{subject}\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=disposition-notification; boundary=mdn-sim\r\n\r\n\
             --mdn-sim\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nAvis de lecture.\r\n\
             --mdn-sim\r\nContent-Type: message/disposition-notification\r\n\r\n\
             Reporting-UA: lecteur; simulateur\r\nOriginal-Recipient: rfc822;{to}\r\nFinal-Recipient: rfc822;{to}\r\n\
             Original-Message-ID: <{original}>\r\nDisposition: {disposition}\r\n{error}\r\n\
             --mdn-sim--\r\n",
            date = self.date(),
            to = self.to,
            id = self.id(&format!("mdn {disposition} {}", other.unwrap_or_default())),
            subject = self.header("Subject"),
        );
        Some((asked, raw))
    }

    /// A person writes back, unless the mail forbids it (ECO.2.2.8).
    fn reply(&self) -> Option<(String, String)> {
        if self.header("X-MSS-MES") == "FIN" {
            return None;
        }
        let answered = |name: &str| self.mail.mailboxes(name).into_iter().next().map(|to| to.address);
        let to = answered("Reply-To").or_else(|| answered("From"))?;
        let raw = format!(
            "Return-Path: <{me}>\r\nDate: {date}\r\nFrom: =?utf-8?q?Ren=C3=A9e?= Essai <{me}>\r\nTo: <{to}>\r\n\
             Message-ID: <{id}>\r\nIn-Reply-To: <{original}>\r\nReferences: <{original}>\r\nSubject: Re: {subject}\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
             Merci, je l'ai bien reçu. Faut-il que je revienne ?\r\n",
            me = self.to,
            date = self.date(),
            id = self.id("reply"),
            original = self.mail.message_id(),
            subject = self.header("Subject"),
        );
        Some((to, raw))
    }
}

#[cfg(test)]
mod tests {
    use jonction_mime::{Limits, notice};

    use super::*;

    const MAIL: &str = "From: Hopital <pfi@hopital-a.mssante.example>\r\nTo: c@ville.mssante.example\r\nMessage-ID: <a1@hopital-a.mssante.example>\r\nDisposition-Notification-To: <pfi@hopital-a.mssante.example>\r\nSubject: XDM/1.0/DDM+CR X Y\r\n\r\nbonjour\r\n";

    fn back(robots: &[Robot], notify: u64, mail: &str) -> Vec<Mail> {
        let mail = Mail::read(&Bytes::from(mail.to_owned()), &Limits::default()).unwrap();
        let taken = Taken {
            mail: &mail,
            from: "pfi@hopital-a.mssante.example",
            to: "c@ville.mssante.example",
            envelope_id: "env-1",
            notify,
            host: "smtp.example",
            now: Timestamp::UNIX_EPOCH,
        };
        let back = taken.answers(robots);
        back.iter().map(|back| Mail::read(&back.raw, &Limits::default()).unwrap()).collect()
    }

    #[test]
    fn an_operator_tells_what_was_asked_and_nothing_else() {
        assert_eq!(back(&[], 0, MAIL).len(), 0);
        let told = back(&[], RCPT_NOTIFY_SUCCESS, MAIL);
        let notice = notice::delivery(&told[0]).unwrap();
        assert_eq!((notice.envelope_id.as_deref(), notice.message_ids.len()), (Some("env-1"), 1));
        let fail = robot("dsn-fail").unwrap();
        assert_eq!(back(&[fail], RCPT_NOTIFY_SUCCESS, MAIL).len(), 0);
        assert_eq!(back(&[fail], 0, MAIL).len(), 1);
    }

    #[test]
    fn every_reading_notice_is_read_as_what_it_is() {
        for row in ROBOTS.iter().filter(|row| matches!(row.fault, Robot::Mdn(..))) {
            let told = back(&[row.fault], 0, MAIL);
            let notice = notice::reading(&told[0]).unwrap();
            let failed = row.name.starts_with("mdn-11");
            assert_eq!(notice.is_positive(), !failed, "{}", row.name);
            assert_eq!(notice.message_id.unwrap().as_str(), "a1@hopital-a.mssante.example");
        }
        assert!(back(&[Robot::MdnTwice], 0, &MAIL.replace("Disposition-", "X-")).is_empty(), "nobody asked");
    }

    #[test]
    fn nobody_answers_a_notice_and_a_patient_does_not_where_it_is_forbidden() {
        assert!(back(&[Robot::Reply], 0, &format!("Auto-Submitted: auto-replied\r\n{MAIL}")).is_empty());
        assert!(back(&[Robot::Reply], 0, &format!("X-MSS-MES: FIN\r\n{MAIL}")).is_empty());
        assert_eq!(back(&[Robot::Reply], 0, MAIL)[0].headers().ids("In-Reply-To").len(), 1);
        let bounce = back(&[robot("mes-closed").unwrap()], 0, MAIL);
        assert_eq!(notice::bounce(&bounce[0]).unwrap().recipients[0].status, "5.2.1");
        assert!(robot("mdn-displaid").unwrap_err().remedy.contains("mdn-displayed"));
    }
}
