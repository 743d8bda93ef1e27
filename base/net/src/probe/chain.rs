//! Certificates as an operator names them: whose, by whom, until when, for which names and use.
//! In: DER. Out: facts, sentences in French. Source: dependencies §2.2. Texts of a peer are cut and cleaned before they are shown.

use std::net::{Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;
use jonction_model::clock::paris;
use rustls::pki_types::CertificateDer;
use x509_parser::{extensions::GeneralName, parse_x509_certificate, x509::X509Name};

/// Longest text of a peer that is shown.
const SHOWN_MAX: usize = 80;
/// Names of a certificate that are shown.
const NAMES_MAX: usize = 8;
const DAY_S: i64 = 86_400;

/// What a certificate says.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    /// Host names and addresses it is made for.
    pub(super) names: Vec<String>,
    /// What it may be used for, in French; empty: anything.
    pub(super) usages: Vec<&'static str>,
}

/// A text of somebody else, fit for a screen.
pub fn shown(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut shown: String = clean.take(SHOWN_MAX).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    shown.trim().to_owned()
}

/// A day in French legal time.
pub(super) fn day(at: Timestamp) -> String {
    at.to_zoned_datetime(paris()).strftime("%d/%m/%Y").to_string()
}

pub(super) fn name(name: &X509Name<'_>) -> String {
    let common = name.iter_common_name().next().and_then(|name| name.as_str().ok());
    shown(&common.map_or_else(|| name.to_string(), str::to_owned))
}

impl Facts {
    /// `None`: not a certificate.
    pub(super) fn of(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = parse_x509_certificate(der).ok()?;
        let validity = certificate.validity();
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.map_or_else(Vec::new, |names| {
            names.value.general_names.iter().filter_map(host).take(NAMES_MAX).collect()
        });
        let usages = certificate.extended_key_usage().ok().flatten().map_or_else(Vec::new, |usage| {
            let usage = usage.value;
            let known = [
                (usage.server_auth, "serveur"),
                (usage.client_auth, "client"),
                (usage.email_protection, "messagerie"),
                (usage.code_signing, "signature de code"),
                (usage.any, "tout usage"),
            ];
            let mut usages: Vec<_> = known.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
            if usages.is_empty() {
                usages.push("autre");
            }
            usages
        });
        Some(Self {
            subject: name(certificate.subject()),
            issuer: name(certificate.issuer()),
            not_before: Timestamp::from_second(validity.not_before.timestamp()).ok()?,
            not_after: Timestamp::from_second(validity.not_after.timestamp()).ok()?,
            names,
            usages,
        })
    }

    /// Whole days until it expires; negative once it has.
    pub(super) fn days_left(&self, now: Timestamp) -> i64 {
        (self.not_after.as_second() - now.as_second()).div_euclid(DAY_S)
    }

    /// `localhost, émis par AC X, valable jusqu'au 23/11/2029 (1 094 jours)`.
    pub(super) fn describe(&self, now: Timestamp) -> String {
        let days = self.days_left(now);
        let left = match days {
            ..0 => "expiré".to_owned(),
            0 => "moins d'un jour".to_owned(),
            1 => "1 jour".to_owned(),
            days => format!("{days} jours"),
        };
        format!(
            "{}, émis par {}, valable jusqu'au {} ({left})",
            self.subject,
            self.issuer,
            day(self.not_after)
        )
    }

    pub(super) fn names(&self) -> String {
        if self.names.is_empty() { "aucun nom de machine".to_owned() } else { self.names.join(", ") }
    }
}

fn host(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(shown(name)),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|bytes| Ipv4Addr::from(bytes).to_string()),
            16 => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| Ipv6Addr::from(bytes).to_string()),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_certificate_has_no_facts_and_texts_are_bounded() {
        assert!(Facts::of(&CertificateDer::from(vec![0x30, 0x82, 0xff])).is_none());
        assert_eq!(shown("a\u{1b}[31mb\n"), "a [31mb");
        assert_eq!(shown(&"é".repeat(200)).chars().count(), SHOWN_MAX + 1);
    }
}
