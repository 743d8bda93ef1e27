//! Who sends, who receives, where answers go.
//! In: PRT, found by PRT-4.1. Out: sender, recipients each once, reply addresses, faults of recipients.
//! Source: hl7v2.md §2.7. Deliberately absent: CDA informationRecipient, never used.

use jonction_hl7v2::{Message, Segment, Value};
use jonction_model::{
    Device, Finding, InsDomain, Masked, MssAddress, Obstacle, ObstacleScope, Organization, Person, PersonId,
    Place, Recipient, RecipientKind, Sender, StructureId, people::PERSON_AUTHORITY,
};

use crate::settings::VoletSettings;

use super::{
    Report,
    identity::{authority_oid, identifier},
};

/// Why a recipient cannot be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressFault {
    Absent,
    Malformed,
}

/// A fault, with the recipient's index and path.
#[derive(Clone, Debug)]
pub(super) struct RecipientFault {
    pub(super) recipient: usize,
    pub(super) fault: AddressFault,
}

#[derive(Debug, Default)]
pub(super) struct Participations {
    pub(super) sender: Option<Sender>,
    pub(super) recipients: Vec<Recipient>,
    /// Path of each recipient's PRT.
    pub(super) paths: Vec<String>,
    pub(super) reply_to: Vec<MssAddress>,
    pub(super) faults: Vec<RecipientFault>,
    /// More recipients than the settings allow.
    too_many: bool,
}

/// Reads every PRT, also misplaced ones.
pub(super) fn read(message: &Message, report: &mut Report, settings: &VoletSettings) -> Participations {
    let mut people = Participations::default();
    for (at, prt) in message.segments_of("PRT").enumerate() {
        let path = format!("PRT[{}]", at + 1);
        match &*prt.field(4).component(1).trimmed().to_ascii_uppercase() {
            "SB" => {
                let sender = sender(prt, &path, report);
                people.sender = people.sender.take().or(Some(sender));
            }
            "RCT" => recipient(prt, &path, &mut people, report, settings),
            "REPLY" => reply(prt, &path, &mut people, report, settings),
            _ => {}
        }
    }
    people
}

fn text(value: Value<'_>) -> Option<String> {
    value.code().map(|text| text.into_owned())
}

fn sender(prt: Segment<'_>, path: &str, report: &mut Report) -> Sender {
    let (person, device) = (prt.field(5), prt.field(10));
    let id = identifier(person.component(1), &format!("{path}-5.1"), &mut report.findings);
    let kind = person.component(13).trimmed();
    // A device may also come as a person of type U or RI: software, then model (dmp-xds.md §7.3).
    let automaton = kind == "RI" || person.component(10) == "U";
    let family = text(person.component(2).subcomponent(1));
    let given = text(person.component(3));
    let named = id.is_some() || family.is_some();
    let (person, device) = if device.is_valued() && !named {
        let id = identifier(device.component(1), &format!("{path}-10.1"), &mut report.findings);
        let software = text(device.component(2))
            .unwrap_or_else(|| text(prt.message().msh().field(3).component(1)).unwrap_or_default());
        let device = Device { id: id.as_deref().map(PersonId::prefixed), software, model: String::new() };
        (None, Some(device))
    } else if automaton {
        let device = Device {
            id: id.as_deref().map(PersonId::prefixed),
            software: family.unwrap_or_default(),
            model: given.unwrap_or_default(),
        };
        (None, Some(device))
    } else if named {
        let authority = authority_oid(person.component(9)).unwrap_or_else(|| PERSON_AUTHORITY.to_owned());
        let id = id.map(|id| PersonId::normalise(&id, &kind));
        (Some(Person { id, authority, family, given }), None)
    } else {
        (None, None)
    };
    Sender { person, device, organization: organization(prt, path, report) }
}

/// Identifiers of units (UF, SVR) mean nothing outside the establishment: the name stays, the number goes.
fn organization(prt: Segment<'_>, path: &str, report: &mut Report) -> Option<Organization> {
    let xon = prt.field(8);
    let kind = xon.component(7).trimmed();
    let id = identifier(xon.component(10), &format!("{path}-8.10"), &mut report.findings);
    let id = id.filter(|_| !matches!(&*kind, "UF" | "SVR" | "SRV"));
    let organization = Organization {
        id: id.map(|id| StructureId::normalise(&id, &kind)),
        name: text(xon.component(1).subcomponent(1)),
    };
    (organization.id.is_some() || organization.name.is_some()).then_some(organization)
}

/// Address of PRT-15.4; beside it, wherever `X.400^address` stands in the segment (one separator too many or missing).
fn address(prt: Segment<'_>, path: &str, report: &mut Report) -> Option<String> {
    let of_field = |number: usize| {
        let mut repetitions = prt.field(number).repetitions();
        repetitions.find_map(|xtn| xtn.component(4).valued()).map(|value| value.text().into_owned())
    };
    if let Some(address) = of_field(15) {
        return Some(address);
    }
    let elsewhere = (11..=prt.field_count()).find_map(|number| {
        let mut components = prt.field(number).components();
        components.find(|part| part.trimmed().eq_ignore_ascii_case("X.400"))?;
        components.next()?.valued().map(|value| value.text().into_owned())
    })?;
    report.warn(
        "hl7v2/H086",
        format!("{path}-15"),
        "l'adresse n'est pas en PRT-15.4 : lue ailleurs dans le segment",
        "porter l'adresse en PRT-15.4, X.400 en PRT-15.3",
    );
    Some(elsewhere)
}

fn recipient(
    prt: Segment<'_>,
    path: &str,
    people: &mut Participations,
    report: &mut Report,
    settings: &VoletSettings,
) {
    if people.too_many {
        return;
    }
    let given = address(prt, path, report);
    let parsed = given.as_deref().map(MssAddress::parse);
    let address = parsed.as_ref().and_then(|parsed| parsed.clone().ok());
    if address
        .as_ref()
        .is_some_and(|address| people.recipients.iter().any(|known| same(known.address.as_ref(), address)))
    {
        report.warn(
            "mapping.same-recipient",
            format!("{path}-15.4"),
            "la même adresse est donnée deux fois : un seul envoi",
            "donner chaque destinataire une fois",
        );
        return;
    }
    if people.recipients.len() >= settings.recipients_max {
        people.too_many = true;
        report.obstacles.push(Obstacle {
            scope: ObstacleScope::Everything,
            finding: too_many(path, settings.recipients_max),
            code: None,
        });
        return;
    }
    let fault = match parsed {
        None => Some(AddressFault::Absent),
        Some(Err(_)) => Some(AddressFault::Malformed),
        Some(Ok(_)) => None,
    };
    if let Some(fault) = fault {
        people.faults.push(RecipientFault { recipient: people.recipients.len(), fault });
    }
    let kind = kind(prt, address.as_ref(), given.as_deref().unwrap_or_default(), settings);
    people.paths.push(path.to_owned());
    people.recipients.push(Recipient {
        kind,
        id: received_id(prt, kind),
        address,
        given_address: Masked::new(given.unwrap_or_default()),
        no_reply: false,
    });
}

/// Nobody is left out: a message with too many recipients is sent to none.
fn too_many(path: &str, limit: usize) -> Finding {
    Finding::error(
        "mapping.too-many-recipients",
        "le message a plus de destinataires que la passerelle n'en accepte : rien n'est envoyé",
    )
    .at(Place::path(path))
    .expected(format!("{limit} au plus"), "davantage")
    .remedy("répartir les destinataires sur plusieurs messages")
    .requirement("hl7v2.md §2.7")
    .wire_code("207")
}

/// One mailbox, however its letters are written: no known server tells two apart by their case.
fn same(known: Option<&MssAddress>, address: &MssAddress) -> bool {
    known.is_some_and(|known| known.expose().eq_ignore_ascii_case(address.expose()))
}

/// Whether an address, or what should have been one, is in the patients' space.
fn of_patients(address: Option<&MssAddress>, given: &str, settings: &VoletSettings) -> bool {
    let mut domains = settings.patient_domains.iter();
    match address {
        Some(address) => domains.any(|known| known == address.domain()),
        None => {
            let mut plain: String = given.chars().filter(|letter| !letter.is_whitespace()).collect();
            plain.make_ascii_lowercase();
            domains.any(|known| plain.contains(&format!("@{known}")))
        }
    }
}

/// What a recipient is; first match wins.
fn kind(
    prt: Segment<'_>,
    address: Option<&MssAddress>,
    given: &str,
    settings: &VoletSettings,
) -> RecipientKind {
    let person = prt.field(5);
    let patient_domain = of_patients(address, given, settings);
    let ins_register = authority_oid(person.component(9)).is_some_and(|oid| InsDomain::of(&oid).is_some());
    if patient_domain || person.component(13) == "INS" || ins_register {
        RecipientKind::Patient
    } else if prt.field(10).is_valued() {
        RecipientKind::Application
    } else if prt.field(8).is_valued() && !person.is_valued() {
        RecipientKind::Organization
    } else {
        RecipientKind::Professional
    }
}

/// PRT-5.1, PRT-8.10 or PRT-10.1, as received: what a report repeats.
fn received_id(prt: Segment<'_>, kind: RecipientKind) -> Option<Masked<String>> {
    let value = match kind {
        RecipientKind::Professional | RecipientKind::Patient => prt.field(5).component(1),
        RecipientKind::Organization => prt.field(8).component(10),
        RecipientKind::Application => prt.field(10).component(1),
    };
    text(value).map(Masked::new)
}

fn reply(
    prt: Segment<'_>,
    path: &str,
    people: &mut Participations,
    report: &mut Report,
    settings: &VoletSettings,
) {
    let parsed = address(prt, path, report).and_then(|given| MssAddress::parse(&given).ok());
    match parsed {
        Some(address) if people.reply_to.iter().any(|known| same(Some(known), &address)) => {}
        Some(_) if people.reply_to.len() >= settings.replies_max => report.warn(
            "mapping.too-many-replies",
            path,
            "le message a plus d'adresses de réponse que la passerelle n'en accepte : celle-ci est ignorée",
            "donner moins d'adresses de réponse",
        ),
        Some(address) => people.reply_to.push(address),
        None => report.warn(
            "hl7v2/H086",
            format!("{path}-15.4"),
            "l'adresse de réponse est absente ou incorrecte : ignorée",
            "porter une adresse MSSanté en PRT-15.4",
        ),
    }
}
