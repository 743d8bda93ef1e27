//! For whom a peer may speak: applications, facilities, certificates, addresses.
//! In: what MSH-3 and MSH-4 claim, who is connected. Out: nothing, or a finding that names the place.
//! Source: architecture §4.12, hl7v2.md §6.6 « SAN/CN allow-list per route ».

use std::net::IpAddr;

use jonction_model::{Finding, Place};
use jonction_net::Subject;
use jonction_ports::Peer;

/// One structure that may send through a partner.
#[derive(Clone, Debug, PartialEq)]
pub struct SenderRule {
    /// MSH-3, whole or its first component; `None`: any application of the facility.
    pub application: Option<String>,
    /// MSH-4, whole or its first component.
    pub facility: String,
    /// Certificate it must show; `None`: any that TLS let in.
    pub certificate: Option<CertificateRule>,
    /// Network it must call from; `None`: anywhere.
    pub network: Option<Network>,
}

/// Which certificate a sender shows.
#[derive(Clone, Debug, PartialEq)]
pub enum CertificateRule {
    /// Common name.
    CommonName(String),
    /// Whole subject, in any order.
    Subject(Subject),
}

impl CertificateRule {
    /// `sil.chu.example` is a common name, `CN=sil,O=CHU,C=FR` a whole subject.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.contains('=') {
            true => Subject::parse(text).map(Self::Subject).map_err(|_| {
                "un sujet de certificat, par exemple CN=sil,O=CHU,C=FR, ou son seul CN".to_owned()
            }),
            false if text.trim().is_empty() => Err("un nom de certificat non vide".to_owned()),
            false => Ok(Self::CommonName(text.to_owned())),
        }
    }

    fn allows(&self, certificate: Option<&str>) -> bool {
        let Some(subject) = certificate.and_then(|text| Subject::parse(text).ok()) else { return false };
        match self {
            Self::CommonName(name) => subject.cn() == Some(name),
            Self::Subject(expected) => subject.same_names(expected),
        }
    }
}

/// An address, or a network in prefix notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// `10.1.2.3`, `10.1.0.0/16`, `2001:db8::/32`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = || "une adresse ou un réseau : 10.1.2.3 ou 10.1.0.0/16".to_owned();
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().map_err(|_| expected())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| expected())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(longest);
        if prefix > longest { Err(expected()) } else { Ok(Self { address, prefix }) }
    }

    /// Whether an address belongs to it. An IPv4 peer on a socket that also takes IPv6 counts as IPv4.
    pub fn contains(self, address: IpAddr) -> bool {
        let same = |a: u128, b: u128, width: u32| {
            let shift = width - u32::from(self.prefix);
            a.checked_shr(shift).unwrap_or(0) == b.checked_shr(shift).unwrap_or(0)
        };
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(peer)) => {
                same(network.to_bits().into(), peer.to_bits().into(), 32)
            }
            (IpAddr::V6(network), IpAddr::V6(peer)) => same(network.to_bits(), peer.to_bits(), 128),
            _ => false,
        }
    }
}

/// What a rule must allow, where it is said, what is wrong when none does, what to do.
type Step<'a> = (&'a dyn Fn(&SenderRule) -> bool, &'static str, &'static str, &'static str);

/// Says why a peer may not send in the name it claims; `None`: it may. Without a peer, only the name is judged.
/// The finding tells which part is wrong: facility, application, certificate or address, in that order.
pub fn refusal(
    rules: &[SenderRule],
    application: &str,
    facility: &str,
    peer: Option<&Peer>,
) -> Option<Finding> {
    let mut rules: Vec<&SenderRule> = rules.iter().collect();
    let steps: [Step<'_>; 4] = [
        (
            &|rule| is_named(facility, &rule.facility),
            "MSH-4",
            "cet établissement n'est pas autorisé à émettre vers ce port",
            "déclarer son MSH-4 dans « senders » du partenaire, ou corriger MSH-4",
        ),
        (
            &|rule| rule.application.as_deref().is_none_or(|name| is_named(application, name)),
            "MSH-3",
            "cette application n'est pas autorisée à émettre pour cet établissement",
            "déclarer son MSH-3 dans « senders » du partenaire, ou corriger MSH-3",
        ),
        (
            &|rule| match (&rule.certificate, peer) {
                (Some(rule), Some(peer)) => rule.allows(peer.certificate.as_deref()),
                _ => true,
            },
            "MSH-4",
            "le certificat de la connexion n'est pas celui de cet établissement",
            "présenter le certificat de l'établissement nommé en MSH-4, ou déclarer ce certificat dans « senders »",
        ),
        (
            &|rule| match (rule.network, peer) {
                (Some(network), Some(peer)) => network.contains(peer.address.ip()),
                _ => true,
            },
            "MSH-4",
            "cet établissement n'émet pas depuis cette adresse réseau",
            "émettre depuis une adresse déclarée dans « senders » du partenaire",
        ),
    ];
    for (holds, place, sentence, remedy) in steps {
        rules.retain(|rule| holds(rule));
        if rules.is_empty() {
            let finding = Finding::error("mllp.sender-not-allowed", sentence);
            return Some(
                finding
                    .at(Place::path(place))
                    .remedy(remedy)
                    .requirement("architecture §4.12")
                    .wire_code("207"),
            );
        }
    }
    None
}

fn is_named(claimed: &str, expected: &str) -> bool {
    let claimed = claimed.trim();
    claimed == expected
        || (!expected.contains('^') && claimed.split('^').next().map(str::trim) == Some(expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Vec<SenderRule> {
        let rule = |application: Option<&str>,
                    facility: &str,
                    certificate: Option<&str>,
                    network: Option<&str>| SenderRule {
            application: application.map(str::to_owned),
            facility: facility.to_owned(),
            certificate: certificate.map(|text| CertificateRule::parse(text).unwrap()),
            network: network.map(|text| Network::parse(text).unwrap()),
        };
        vec![
            rule(Some("DPI"), "CHU", None, None),
            rule(None, "CLINIQUE", Some("sil.clinique.example"), None),
            rule(None, "EHPAD", Some("C=FR,CN=ehpad"), Some("10.1.0.0/16")),
        ]
    }

    fn place(
        application: &str,
        facility: &str,
        certificate: Option<&str>,
        address: &str,
    ) -> Option<(String, String)> {
        let peer = Peer {
            address: format!("{address}:4000").parse().unwrap(),
            certificate: certificate.map(str::to_owned),
        };
        refusal(&rules(), application, facility, Some(&peer))
            .map(|finding| (finding.place.path, finding.sentence))
    }

    #[test]
    fn a_declared_sender_passes_with_or_without_its_namespace() {
        assert_eq!(place("DPI", "CHU", None, "127.0.0.1"), None);
        assert_eq!(place("DPI^1.2.3^ISO", "CHU^010000001^L", None, "127.0.0.1"), None);
        assert_eq!(place("X", "CLINIQUE", Some("CN=sil.clinique.example,C=FR"), "127.0.0.1"), None);
        assert_eq!(place("X", "EHPAD", Some("CN=ehpad,C=FR"), "10.1.255.1"), None);
    }

    #[test]
    fn without_a_connection_only_the_name_is_judged() {
        assert_eq!(refusal(&rules(), "X", "EHPAD", None), None);
        assert!(refusal(&rules(), "X", "AUTRE", None).is_some());
    }

    #[test]
    fn the_refusal_names_what_is_wrong() {
        let refused = |application, facility, certificate, address| {
            let (place, sentence) = place(application, facility, certificate, address).unwrap();
            (place, sentence.split_whitespace().nth(1).unwrap().to_owned())
        };
        assert_eq!(refused("DPI", "AUTRE", None, "127.0.0.1"), ("MSH-4".into(), "établissement".into()));
        assert_eq!(refused("DPI", "", None, "127.0.0.1"), ("MSH-4".into(), "établissement".into()));
        assert_eq!(refused("SIL", "CHU", None, "127.0.0.1"), ("MSH-3".into(), "application".into()));
        assert_eq!(refused("X", "CLINIQUE", None, "127.0.0.1"), ("MSH-4".into(), "certificat".into()));
        assert_eq!(
            refused("X", "CLINIQUE", Some("CN=autre"), "127.0.0.1"),
            ("MSH-4".into(), "certificat".into())
        );
        assert_eq!(
            refused("X", "EHPAD", Some("CN=ehpad,O=x,C=FR"), "10.1.0.1"),
            ("MSH-4".into(), "certificat".into())
        );
        assert_eq!(
            refused("X", "EHPAD", Some("C=FR,CN=ehpad"), "10.2.0.1"),
            ("MSH-4".into(), "établissement".into())
        );
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_other() {
        let holds = |network: &str, address: &str| {
            Network::parse(network).unwrap().contains(address.parse().unwrap())
        };
        assert!(holds("10.1.2.3", "10.1.2.3") && !holds("10.1.2.3", "10.1.2.4"));
        assert!(holds("10.1.0.0/16", "10.1.9.9") && !holds("10.1.0.0/16", "10.2.0.1"));
        assert!(holds("0.0.0.0/0", "192.0.2.1") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1") && holds("10.0.0.0/8", "::ffff:10.1.1.1"));
        for wrong in ["", "10.1", "10.0.0.0/33", "10.0.0.0/x", "::/129"] {
            assert!(Network::parse(wrong).is_err(), "{wrong}");
        }
    }
}
