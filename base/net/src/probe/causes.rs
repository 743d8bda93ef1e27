//! The table of causes: from a fault and what was seen of the peer, what is wrong and whose turn it is.
//! In: a [`DialError`], the certificates shown, our own, the first bytes. Out: a finding in French with its remedy.

use jiff::Timestamp;
use jonction_model::Finding;

use super::chain::{Facts, day, shown};
use crate::fault::{DialError, TlsFault};

/// Days before the end of a certificate when it begins to be remarked upon.
pub(super) const SOON_DAYS: i64 = 30;

/// What is known when something fails.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// `host:port`.
    pub(super) peer: String,
    /// Name the certificate must bear.
    pub(super) expected: String,
    /// Certificates the peer showed, its own first.
    pub(super) chain: Vec<Facts>,
    /// Subjects of the authorities we believe.
    pub(super) anchors: Vec<String>,
    /// Our certificate, when there is one.
    pub(super) ours: Option<Facts>,
    /// Authorities the peer says it believes; `None`: it asked for no certificate.
    pub(super) accepts: Option<Vec<String>>,
    /// First bytes the peer sent.
    pub(super) first: Vec<u8>,
    /// It wanted to negotiate again in the middle (TLS 1.2).
    pub(super) asked_again: bool,
    pub(super) now: Timestamp,
}

/// First bytes → who speaks so. Longest first where one begins another.
const SPEAKERS: &[(&[u8], &str)] = &[
    (b"SSH-", "SSH"),
    (b"HTTP/", "HTTP"),
    (b"* OK", "IMAP"),
    (b"* BYE", "IMAP"),
    (b"+OK", "POP3"),
    (b"220", "SMTP ou FTP en clair"),
    (b"4", "SMTP ou FTP en clair, qui refuse"),
    (b"5", "SMTP ou FTP en clair, qui refuse"),
    (b"\x0bMSH", "MLLP"),
    (b"MSH|", "HL7 sans MLLP"),
    (b"\x15\x03", "TLS"),
    (b"\x16\x03", "TLS"),
    (b"RFB ", "VNC"),
    (b"\xff\xfb", "telnet"),
    (b"\xff\xfd", "telnet"),
    (b"<", "HTML ou XML"),
];

/// Which protocol begins with these bytes.
pub fn speaker(first: &[u8]) -> Option<&'static str> {
    SPEAKERS.iter().find(|(start, _)| first.starts_with(start)).map(|(_, who)| *who)
}

/// What the peer said instead of what it should.
pub(super) fn heard(first: &[u8]) -> String {
    let line: Vec<u8> = first.iter().copied().take_while(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let text: String = line
        .iter()
        .map(|&byte| if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '.' })
        .collect();
    match speaker(first) {
        Some(who) => format!("{who} : « {} »", shown(&text)),
        None => format!("« {} »", shown(&text)),
    }
}

const THEIR_TURN: &str = "à l'exploitant du partenaire de le renouveler ; rien à changer ici";

/// A fault of a connection, told with everything that was seen.
pub(super) fn explain(fault: &DialError, seen: &Seen) -> Finding {
    if seen.asked_again {
        return renegotiation();
    }
    match fault {
        DialError::Tls(fault) => explain_tls(fault, seen),
        DialError::Closed if !seen.first.is_empty() || !seen.chain.is_empty() => Finding::error(
            fault.code(),
            "le correspondant a fermé la connexion au milieu de l'échange, sans dire pourquoi",
        )
        .remedy("chercher la raison dans ses journaux, à l'heure de cet essai"),
        _ => fault.finding(&seen.peer),
    }
}

impl DialError {
    /// What to tell the operator when nothing more was seen than this fault; `peer`: `host:port`.
    pub fn finding(&self, peer: &str) -> Finding {
        let (sentence, remedy) = match self {
            Self::NameNotFound => (
                format!("le nom de {peer} n'est connu d'aucun annuaire (DNS)"),
                "vérifier l'orthographe de l'adresse, puis le DNS de cette machine (getent hosts NOM)",
            ),
            Self::Refused => (
                format!("rien n'écoute sur {peer} : connexion refusée"),
                "vérifier le numéro de port ; s'il est bon, le service du partenaire est arrêté",
            ),
            Self::Unreachable => (
                format!("{peer} n'est pas joignable depuis cette machine"),
                "vérifier la route, le VPN et le pare-feu entre les deux machines",
            ),
            Self::Timeout => (
                format!("{peer} ne répond rien dans le délai"),
                "machine arrêtée, ou pare-feu qui jette les paquets : faire ouvrir ce port vers cette adresse",
            ),
            Self::Closed => (
                format!("{peer} ferme la connexion aussitôt, sans un mot"),
                "le partenaire filtre sans doute les adresses : lui donner celle de cette machine",
            ),
            Self::Tls(fault) => (fault.sentence(), THEIR_TURN),
            Self::Io(kind) => {
                (format!("erreur du réseau avec {peer} ({kind})"), "recommencer, puis voir le réseau")
            }
        };
        Finding::error(self.code(), sentence).remedy(remedy)
    }
}

fn renegotiation() -> Finding {
    Finding::error(
        "net.renegotiation",
        "le serveur demande notre certificat après coup, par renégociation TLS 1.2 : ce partenaire ne peut pas être \
         atteint ainsi",
    )
    .remedy(
        "à l'exploitant d'exiger le certificat dès la poignée de main (Apache : SSLVerifyClient au niveau du serveur, \
         pas d'un dossier) ou d'offrir TLS 1.3 ; en attendant, un relais stunnel local",
    )
}

fn explain_tls(fault: &TlsFault, seen: &Seen) -> Finding {
    let error = |sentence: String| Finding::error(fault.code(), sentence);
    match fault {
        TlsFault::Expired => {
            let (whose, at) = whose(seen, |facts| facts.not_after < seen.now);
            let since = at.map_or_else(String::new, |facts| format!(" depuis le {}", day(facts.not_after)));
            error(format!("le certificat {whose} est expiré{since}")).remedy(THEIR_TURN)
        }
        TlsFault::NotYetValid => {
            let (whose, at) = whose(seen, |facts| facts.not_before > seen.now);
            let from = at.map_or_else(String::new, |facts| format!(" avant le {}", day(facts.not_before)));
            error(format!("le certificat {whose} n'est pas valable{from}"))
                .remedy("vérifier d'abord l'heure de cette machine ; sinon, à l'exploitant d'installer un certificat en cours")
        }
        TlsFault::WrongName => {
            let found = seen.chain.first().map_or_else(|| "?".to_owned(), Facts::names);
            error(format!("le certificat du serveur est fait pour un autre nom : attendu {}, trouvé {found}", seen.expected))
                .expected(&seen.expected, found)
                .remedy("vérifier l'adresse configurée ; si elle est bonne, à l'exploitant d'installer le certificat de ce nom")
        }
        TlsFault::WrongUsage => {
            let usages = seen.chain.first().map_or_else(String::new, |facts| facts.usages.join(", "));
            error(format!("le certificat {} n'est pas fait pour un serveur", whose(seen, |_| true).0))
                .expected("serveur (TLS Web Server Authentication)", usages)
                .remedy("à l'exploitant d'installer un certificat de serveur (IGC-Santé : ORG AUTH_SERV)")
        }
        TlsFault::UnknownAuthority => unknown_authority(fault, seen),
        TlsFault::Revoked => error(format!("le certificat {} est révoqué", whose(seen, |_| true).0)).remedy(
            "ne rien envoyer à ce serveur ; prévenir l'exploitant, qui doit installer un nouveau certificat",
        ),
        TlsFault::OursRefused(alert) => ours_refused(fault, alert, seen),
        TlsFault::NotTls => {
            error(format!("{} ne parle pas TLS sur ce port ; il dit {}", seen.peer, heard(&seen.first)))
                .remedy("vérifier le port, et si ce partenaire se joint en clair ou par STARTTLS")
        }
        TlsFault::Protocol(why) if why.contains("ProtocolVersion") => {
            error("le serveur n'accepte que d'anciennes versions de TLS".to_owned())
                .expected("TLS 1.2 ou 1.3", "TLS 1.1 ou moins")
                .remedy("à l'exploitant d'activer TLS 1.2 ou 1.3")
        }
        TlsFault::Protocol(why) if why.contains("HandshakeFailure") && seen.ours.is_none() => {
            error("le serveur refuse la négociation TLS, sans doute parce qu'il exige un certificat client".to_owned())
                .remedy("donner « identity » à ce partenaire ; sinon, comparer les suites de chiffrement avec l'exploitant")
        }
        TlsFault::Protocol(why) => error(format!("la négociation TLS a échoué ({})", shown(why)))
            .remedy("comparer versions et suites de chiffrement avec l'exploitant (ici : TLS 1.2 ECDHE-GCM et TLS 1.3)"),
        TlsFault::NoCertificate | TlsFault::Unacceptable(_) => error(fault.sentence()).remedy(THEIR_TURN),
    }
}

/// The certificate at fault, said as a place of the chain.
fn whose(seen: &Seen, wrong: impl Fn(&Facts) -> bool) -> (String, Option<&Facts>) {
    match seen.chain.iter().position(wrong) {
        Some(0) => (format!("du serveur « {} »", seen.chain[0].subject), seen.chain.first()),
        Some(at) => (
            format!("de l'autorité « {} » (n° {} de la chaîne)", seen.chain[at].subject, at + 1),
            seen.chain.get(at),
        ),
        None => ("du serveur".to_owned(), None),
    }
}

fn unknown_authority(fault: &TlsFault, seen: &Seen) -> Finding {
    let known = if seen.anchors.is_empty() { "aucune".to_owned() } else { seen.anchors.join(", ") };
    let Some(last) = seen.chain.last() else {
        return Finding::error(fault.code(), fault.sentence()).remedy("vérifier le fichier des autorités");
    };
    let (sentence, remedy) = if seen.anchors.contains(&last.issuer) {
        (
            format!(
                "« {} », connue ici, n'a pas signé « {} » : deux autorités de même nom, ou un certificat falsifié",
                last.issuer, last.subject
            ),
            "demander au partenaire l'empreinte de son autorité, et mettre à jour le fichier des autorités s'il en a changé",
        )
    } else if last.issuer == last.subject && seen.chain.len() == 1 {
        (
            format!("le serveur montre un certificat auto-signé, « {} »", last.subject),
            "à l'exploitant d'installer un certificat émis par une autorité (en production : IGC-Santé)",
        )
    } else {
        (
            format!(
                "« {} », émis par « {} », ne mène à aucune autorité connue ici (n° {} de la chaîne)",
                last.subject,
                last.issuer,
                seen.chain.len()
            ),
            "si cette autorité est la bonne, l'ajouter au fichier « trust » après en avoir vérifié l'empreinte ; \
             si c'est une intermédiaire, à l'exploitant d'envoyer la chaîne complète",
        )
    };
    Finding::error(fault.code(), sentence).expected(known, last.issuer.clone()).remedy(remedy)
}

/// Alert → what the peer blames, what to do.
const ALERTS: &[(&str, &str, &str)] = &[
    (
        "UnknownCA",
        "il ne connaît pas l'autorité qui l'a émis",
        "lui demander d'ajouter cette autorité, ou obtenir un certificat d'une autorité qu'il connaît",
    ),
    (
        "CertificateExpired",
        "il le dit expiré",
        "renouveler ce certificat ; s'il est en cours, l'horloge du partenaire est fausse",
    ),
    ("CertificateRevoked", "il le dit révoqué", "demander un nouveau certificat"),
    (
        "UnsupportedCertificate",
        "il ne le veut pas pour cet usage",
        "présenter un certificat de client (IGC-Santé : ORG AUTH_CLI)",
    ),
    (
        "AccessDenied",
        "il est valable, mais pas autorisé chez lui",
        "faire enregistrer ce certificat auprès du partenaire",
    ),
    (
        "DecryptError",
        "sa signature ne se vérifie pas chez lui",
        "vérifier que la clé est celle du certificat, et qu'aucun équipement ne coupe la liaison TLS",
    ),
];

fn ours_refused(fault: &TlsFault, alert: &str, seen: &Seen) -> Finding {
    let Some(ours) = &seen.ours else {
        return Finding::error(
            "net.our-certificate-missing",
            format!("le correspondant exige un certificat client, et aucun n'est configuré pour lui (alerte {alert})"),
        )
        .remedy("donner « identity » à ce partenaire dans jonction.yaml");
    };
    let own = |sentence: String, remedy: &'static str| Finding::error(fault.code(), sentence).remedy(remedy);
    let whom = format!("le correspondant refuse notre certificat « {} » (alerte {alert})", ours.subject);
    // What is wrong on our own side is certain; what the peer says is only an alert.
    if ours.not_after < seen.now {
        return own(format!("{whom} : il est expiré depuis le {}", day(ours.not_after)), "le renouveler");
    }
    if !ours.usages.is_empty() && !ours.usages.iter().any(|usage| matches!(*usage, "client" | "tout usage")) {
        return own(
            format!("{whom} : il n'est pas fait pour un client (usage : {})", ours.usages.join(", ")),
            "présenter un certificat de client (IGC-Santé : ORG AUTH_CLI)",
        );
    }
    let known = ALERTS.iter().find(|(name, ..)| *name == alert);
    let (why, remedy) = known
        .map_or(("sans en dire plus", "demander au partenaire la raison, à l'heure de cet essai"), |row| {
            (row.1, row.2)
        });
    let finding = own(format!("{whom} : {why}"), remedy);
    match &seen.accepts {
        Some(accepted) if !accepted.is_empty() => finding.expected(accepted.join(", "), ours.issuer.clone()),
        _ => finding,
    }
}

/// A certificate that will have to be renewed.
pub(super) fn soon(facts: &Facts, whose: &str, now: Timestamp) -> Option<Finding> {
    let days = facts.days_left(now);
    (days < SOON_DAYS).then(|| {
        Finding::warning(
            "net.certificate-expires-soon",
            format!("le certificat {whose} « {} » expire le {}", facts.subject, day(facts.not_after)),
        )
        .remedy(if whose == "du serveur" {
            "prévenir l'exploitant du partenaire"
        } else {
            "le renouveler avant"
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_speaks_is_known_by_its_first_bytes_and_nothing_raw_is_shown() {
        assert_eq!(speaker(b"SSH-2.0-OpenSSH_9"), Some("SSH"));
        assert_eq!(speaker(b"Bonjour"), None);
        assert_eq!(heard(b"\x15\x03\x03\x00\x02\x02\x28"), "TLS : « ......( »");
        assert_eq!(heard(b"SSH-2.0-x\r\nencore"), "SSH : « SSH-2.0-x »");
    }

    #[test]
    fn a_request_to_negotiate_again_is_told_whatever_failed_then() {
        let seen = Seen { asked_again: true, ..Seen::default() };
        assert_eq!(explain(&DialError::Closed, &seen).check, "net.renegotiation");
    }
}
