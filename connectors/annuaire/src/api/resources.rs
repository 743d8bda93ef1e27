//! Resources of the API into records: what a person does where, structures, mailboxes.
//! In: trees. Out: records, the same ones whether a whole pull or a change brought them. Source: annuaires.md §2.5.

use jonction_fhir::Node;
use jonction_model::{
    MssAddress, PersonId, StructureId,
    directory::{
        Coded, Diploma, Holder, Holdings, Mailbox, MailboxKind, PostalAddress, Practice, Professional,
        Structure, Whose,
    },
};
use serde_json::Value;

const PERSON: &str = "urn:oid:1.2.250.1.71.4.2.1";
const STRUCTURE: &str = "urn:oid:1.2.250.1.71.4.2.2";
/// Numbers of the RPPS; the older address is still met.
const RPPS: [&str; 2] = ["https://rpps.esante.gouv.fr", "https://rpps.fr"];
const RPPS_RANK: &str = "https://rppsrang.esante.gouv.fr";
const FINESS: &str = "https://finess.esante.gouv.fr";
const SIRENE: &str = "https://sirene.fr";
/// Tables a savoir-faire may be of.
const SKILLS: [&str; 8] =
    ["TRE_R38", "TRE_R39", "TRE_R40", "TRE_R42", "TRE_R43", "TRE_R44", "TRE_R45", "TRE_R97"];

/// The resources that are pulled, in the order they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Resource {
    Organization,
    Practitioner,
    PractitionerRole,
}

impl Resource {
    pub(crate) const ALL: [Resource; 3] = [Self::Organization, Self::Practitioner, Self::PractitionerRole];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Organization => "Organization",
            Self::Practitioner => "Practitioner",
            Self::PractitionerRole => "PractitionerRole",
        }
    }
}

/// What is kept of a resource: the rest (cards, profiles, narrative) is half of its bytes.
pub(crate) fn slim(mut resource: Value) -> Value {
    const KEPT: [&str; 13] = [
        "resourceType",
        "id",
        "identifier",
        "active",
        "name",
        "alias",
        "type",
        "telecom",
        "address",
        "partOf",
        "qualification",
        "practitioner",
        "organization",
    ];
    if let Some(members) = resource.as_object_mut() {
        members.retain(|key, _| KEPT.contains(&key.as_str()) || key == "code");
    }
    resource
}

/// Whether the source says that it is no longer there.
pub(crate) fn is_gone(node: Node<'_>) -> bool {
    node.at("active").flag() == Some(false)
}

/// PS_IdNat of a practitioner, else `8` and the RPPS number. Never the technical id: it changed from v1 to v2.
pub(crate) fn person_id(practitioner: Node<'_>) -> Option<PersonId> {
    let national = practitioner.identifier(PERSON, None);
    if !national.is_empty() {
        return Some(PersonId::prefixed(national));
    }
    let rpps =
        RPPS.iter().map(|system| practitioner.identifier(system, None)).find(|text| !text.is_empty())?;
    Some(PersonId::prefixed(&format!("8{rpps}")))
}

/// Where somebody practises.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    pub(crate) structure: Structure,
    pub(crate) sector: Coded,
}

/// An organisation; `legal` is the entity it is part of, when it is known.
pub(crate) fn place(node: Node<'_>, legal: Option<Node<'_>>) -> Place {
    let own = |system, code| node.identifier(system, code).to_owned();
    let finess_of_entity = |node: Node<'_>| node.identifier(FINESS, Some("FINEJ")).to_owned();
    let (finess, entity) = (own(FINESS, Some("FINEG")), finess_of_entity(node));
    let is_legal = finess.is_empty() && !entity.is_empty();
    let siret = own(SIRENE, Some("SIRET"));
    // Nothing else names the practices that have neither FINESS nor SIRET.
    let technical = [own(RPPS_RANK, None), own(STRUCTURE, None)].into_iter().find(|text| !text.is_empty());
    let mut structure = Structure {
        finess_legal: if entity.is_empty() {
            legal.map(finess_of_entity).unwrap_or_default()
        } else {
            entity
        },
        siren: own(SIRENE, Some("SIREN")),
        technical_id: technical.filter(|_| finess.is_empty() && !is_legal).unwrap_or_default(),
        legal: is_legal,
        name: node.text("name").to_owned(),
        brand: node.text("alias").to_owned(),
        category: node.at("type").coded("TRE_R66"),
        address: address(node.at("address")),
        inactive: is_gone(node),
        finess,
        siret,
        ..Structure::default()
    };
    for contact in node.items("telecom") {
        let value = contact.text("value").to_owned();
        match contact.text("system") {
            "phone" if !structure.phones.contains(&value) => structure.phones.push(value),
            "fax" => structure.fax = value,
            // Without that mark it is an ordinary address: never for health data.
            "email" if !is_mssante(contact) => structure.email = value,
            _ => {}
        }
    }
    Place { structure, sector: node.at("type").coded("TRE_R02") }
}

fn address(node: Node<'_>) -> PostalAddress {
    let part = |name: &str| {
        let of_line = |line: Node<'_>| line.extension(name).text("valueString").to_owned();
        node.items("_line").map(of_line).find(|text| !text.is_empty()).unwrap_or_default()
    };
    let (number, kind, street) = (
        part("iso21090-ADXP-houseNumber"),
        part("iso21090-ADXP-streetNameType"),
        part("iso21090-ADXP-streetNameBase"),
    );
    let lines: Vec<&str> = node.items("line").map(Node::as_text).collect();
    PostalAddress {
        street: if street.is_empty() { lines.join(" ") } else { street },
        number,
        street_type: kind,
        point: part("iso21090-ADXP-additionalLocator"),
        place: part("iso21090-ADXP-postBox"),
        postcode: node.text("postalCode").to_owned(),
        commune: node.extension("fr-core-address-insee-code").at("valueCoding").text("code").to_owned(),
        commune_name: node.text("city").to_owned(),
        country: node.text("country").to_owned(),
        ..PostalAddress::default()
    }
}

/// The mailboxes of an organisation itself. `None`: it has no national identifier to hold them.
pub(crate) fn holdings_of(node: Node<'_>, structure: &Structure) -> Option<Holdings> {
    let id = structure.national_id()?;
    let holder =
        Holder { structure: Some(id.clone()), site: Some(Box::new(structure.clone())), ..Holder::default() };
    Some(Holdings { whose: Whose::Structure(id), mailboxes: mailboxes(node, &holder) })
}

fn is_mssante(contact: Node<'_>) -> bool {
    contact.extension("fr-core-contact-point-email-type").at("valueCoding").text("code") == "MSSANTE"
}

/// Mailboxes of a resource. One on the red list is nobody's business.
fn mailboxes(node: Node<'_>, holder: &Holder) -> Vec<Mailbox> {
    let mailbox = |contact: Node<'_>| {
        let about = contact.extension("as-ext-mailbox-mss-metadata");
        let flag = |name: &str| about.extension(name).at("valueBoolean").flag();
        let address = contact.text("value");
        if !is_mssante(contact) || flag("listeRouge") == Some(true) || MssAddress::parse(address).is_err() {
            return None;
        }
        let kind = about.extension("type").at("valueCodeableConcept").codings().next();
        let usual = if holder.person.is_some() { MailboxKind::Per } else { MailboxKind::Org };
        let service = about.extension("service").text("valueString").to_owned();
        Some(Mailbox {
            address: address.to_owned(),
            kind: kind.and_then(|(_, coded)| MailboxKind::of(&coded.code)).unwrap_or(usual),
            holders: vec![Holder { service, ..holder.clone() }],
            paperless: flag("digitization"),
            ended: None,
        })
    };
    node.items("telecom").filter_map(mailbox).collect()
}

/// A situation d'exercice with its place.
pub(crate) struct Role {
    pub(crate) resource: Value,
    pub(crate) place: Option<Place>,
}

/// A person with everything they do, and all their mailboxes. `None`: without identifier.
pub(crate) fn person(practitioner: Node<'_>, roles: &[Role]) -> Option<(Professional, Holdings)> {
    let id = person_id(practitioner)?;
    let name = practitioner.at("name");
    let qualified = Qualified::of(practitioner);
    let record = Professional {
        id: id.clone(),
        civility: Coded::new(name.text("prefix"), ""),
        title: Coded::new(name.text("suffix"), ""),
        family: name.text("family").to_owned(),
        given: name.items("given").map(Node::as_text).collect::<Vec<_>>().join(" "),
        practices: qualified.practices(roles),
        diplomas: qualified.diplomas,
        ended: None,
    };
    let first = record.practices.first();
    let holder = Holder {
        person: Some(id.clone()),
        family: record.family.clone(),
        given: record.given.clone(),
        profession: first.map(|practice| practice.profession.clone()).unwrap_or_default(),
        skill: first.map(|practice| practice.skill.clone()).unwrap_or_default(),
        ..Holder::default()
    };
    let mut held = mailboxes(practitioner, &holder);
    for role in roles {
        let site = role.place.as_ref().map(|place| &place.structure);
        let at = Holder {
            structure: site.and_then(Structure::national_id),
            site: site.map(|site| Box::new(site.clone())),
            ..holder.clone()
        };
        held.extend(mailboxes(Node::of(&role.resource), &at));
    }
    Some((record, Holdings { whose: Whose::Person(id), mailboxes: held }))
}

/// What the qualifications of a practitioner say, one list each.
struct Qualified {
    professions: Vec<(Coded, Coded)>,
    skills: Vec<(Coded, Coded)>,
    diplomas: Vec<Diploma>,
}

impl Qualified {
    fn of(practitioner: Node<'_>) -> Self {
        let mut own = Self { professions: Vec::new(), skills: Vec::new(), diplomas: Vec::new() };
        for qualification in practitioner.items("qualification") {
            let code = qualification.at("code");
            let profession = code.coded("TRE_G15");
            if !profession.is_empty() {
                own.professions.push((profession, code.coded("TRE_R09")));
                continue;
            }
            let is_skill = |table: &str| SKILLS.contains(&table);
            let Some((_, first)) = code.codings().next() else { continue };
            match code.codings().find(|(table, _)| is_skill(table)) {
                // Beside the skill stands its type, in a table whose name is not always told.
                Some((_, skill)) => {
                    let kind = code.codings().find(|(table, _)| !is_skill(table)).map(|(_, kind)| kind);
                    own.skills.push((kind.unwrap_or_default(), skill));
                }
                None => own.diplomas.push(Diploma {
                    kind: code.coded("TRE_R14"),
                    diploma: first,
                    ..Diploma::default()
                }),
            }
        }
        own
    }

    /// One for each place and savoir-faire; what is done nowhere stands alone. Roles are of the first profession: the API
    /// does not say of which they are.
    fn practices(&self, roles: &[Role]) -> Vec<Practice> {
        let nothing = [(Coded::default(), Coded::default())];
        let professions = if self.professions.is_empty() { &nothing } else { self.professions.as_slice() };
        let skills = if self.skills.is_empty() { &nothing } else { self.skills.as_slice() };
        let mut practices = Vec::new();
        for (at, (profession, category)) in professions.iter().enumerate() {
            let bare = Practice {
                profession: profession.clone(),
                category: category.clone(),
                ..Practice::default()
            };
            if at > 0 {
                practices.push(bare);
                continue;
            }
            for (skill_type, skill) in skills {
                let skilled =
                    Practice { skill_type: skill_type.clone(), skill: skill.clone(), ..bare.clone() };
                if roles.is_empty() {
                    practices.push(skilled);
                } else {
                    practices.extend(roles.iter().map(|role| at_role(&skilled, role)));
                }
            }
        }
        practices
    }
}

fn at_role(skilled: &Practice, role: &Role) -> Practice {
    let node = Node::of(&role.resource);
    let code = node.at("code");
    let any = |tables: &[&str]| {
        tables.iter().map(|table| code.coded(table)).find(|coded| !coded.is_empty()).unwrap_or_default()
    };
    Practice {
        mode: any(&["TRE_R23"]),
        genre: any(&["TRE_R22"]),
        role: any(&["TRE_R21", "TRE_R85", "TRE_R96"]),
        section: any(&["TRE_R06", "TRE_G05"]),
        sector: role.place.as_ref().map(|place| place.sector.clone()).unwrap_or_default(),
        situation: node.identifier(RPPS[0], None).to_owned(),
        site: role.place.as_ref().map(|place| Box::new(place.structure.clone())),
        ..skilled.clone()
    }
}

/// A structure that the source only says to be gone. `None`: nothing names it.
pub(crate) fn gone_structure(node: Node<'_>) -> Option<(Structure, Option<StructureId>)> {
    let structure = place(node, None).structure;
    let id = structure.national_id();
    (id.is_some() || !structure.technical_id.is_empty()).then_some((structure, id))
}
