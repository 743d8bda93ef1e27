//! Identity of the patient as one value: matricule, its register, traits, and how far they were verified.
//! Only a [`QualifiedIdentity`] may reach the DMP or a patient's mailbox: the sinks take nothing else.
//! Sources: dmp-xds.md §8, hl7v2.md §4.4 to §4.5, mssante.md §1.4.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    environment::Environment,
    ids::{Ins, InsDomain},
    masked::Masked,
};

/// An INS and the register that gave it: a matricule without its OID means nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct InsIdentity {
    /// The matricule.
    pub ins: Ins,
    /// Its register.
    pub domain: InsDomain,
}

impl InsIdentity {
    /// XDS CX form: `{INS}^^^&{OID}&ISO^NH`. Source: dmp-xds.md §7.4.
    pub fn to_cx(&self) -> String {
        format!("{}^^^&{}&ISO^NH", self.ins.expose(), self.domain.oid())
    }
}

/// An identifier that means something to one institution only (IPP…).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct LocalId {
    /// The identifier.
    pub id: Masked<String>,
    /// OID of the assigning authority; may be empty when the sender gave a name only.
    pub authority: String,
    /// Type of HL7 table 0203: `PI`, `PIP`… Empty when unknown.
    pub kind: String,
}

/// Administrative sex. CDA writes `UN` where HL7 v2 and XDS write `U` (cda.md §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Sex {
    /// Male.
    M,
    /// Female.
    F,
    /// Undetermined.
    U,
}

impl Sex {
    /// From `M`, `F`, `U` or `UN`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "M" => Some(Self::M),
            "F" => Some(Self::F),
            "U" | "UN" => Some(Self::U),
            _ => None,
        }
    }

    /// HL7 v2 and XDS letter.
    pub fn as_hl7(self) -> &'static str {
        match self {
            Self::M => "M",
            Self::F => "F",
            Self::U => "U",
        }
    }
}

/// Birth date `AAAAMMJJ`, as text: lunar dates (day 00) exist.
pub type BirthDate = Masked<String>;

/// What identifies a person beside numbers. Every part may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Traits {
    /// Birth name (family `BR`, XPN type `L`).
    pub birth_name: Option<Masked<String>>,
    /// Name in use (family `CL`, XPN type `D`).
    pub used_name: Option<Masked<String>>,
    /// First birth given name.
    pub birth_given: Option<Masked<String>>,
    /// All birth given names, separated by blanks.
    pub birth_givens: Option<Masked<String>>,
    /// Given name in use.
    pub used_given: Option<Masked<String>>,
    /// Birth date, `AAAAMMJJ`.
    pub birth_date: Option<BirthDate>,
    /// Administrative sex.
    pub sex: Option<Sex>,
    /// INSEE code of the birthplace, 5 characters.
    pub birth_place: Option<Masked<String>>,
}

impl Traits {
    /// The traits that an INS cannot go without (birth name, first given name, birth date, sex) and that are missing.
    /// Source: mssante.md §3.3 `X-MSS-INS`, hl7v2.md H038 to H041.
    pub fn missing_with_ins(&self) -> Vec<&'static str> {
        [
            (self.birth_name.is_none(), "nom de naissance"),
            (self.birth_given.is_none() && self.birth_givens.is_none(), "premier prénom de naissance"),
            (self.birth_date.is_none(), "date de naissance"),
            (self.sex.is_none(), "sexe"),
        ]
        .into_iter()
        .filter_map(|(missing, name)| missing.then_some(name))
        .collect()
    }
}

/// The four statuses of the référentiel national d'identitovigilance, and the attributes that forbid the INS.
/// Source: dmp-xds.md §8.1, hl7v2.md §4.5 (PID-32).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityStatus {
    /// Neither the INS nor an identity document was checked; also what a missing status means.
    Provisional,
    /// The téléservice gave the INS, no identity document was checked.
    Retrieved,
    /// An identity document was checked, there is no INS.
    Validated,
    /// Both: the INS may be used.
    Qualified,
    /// Fictitious, doubtful, homonym or anonymous: the INS must not be used whatever else is said.
    Barred,
}

impl IdentityStatus {
    /// French word of the référentiel.
    pub fn label(self) -> &'static str {
        match self {
            Self::Provisional => "provisoire",
            Self::Retrieved => "récupérée",
            Self::Validated => "validée",
            Self::Qualified => "qualifiée",
            Self::Barred => "fictive, douteuse ou anonyme",
        }
    }
}

/// The patient of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PatientIdentity {
    /// INS, when one was given.
    pub ins: Option<InsIdentity>,
    /// Local identifiers, in the order of the message.
    pub local_ids: Vec<LocalId>,
    /// Traits.
    pub traits: Traits,
    /// How far the identity was verified, as the sender says.
    pub status: IdentityStatus,
    /// What the sender wrote, for findings: the values of PID-32, empty when there was none.
    pub declared_status: String,
}

impl PatientIdentity {
    /// The gate of the DMP and of patient mailboxes.
    /// Errors: the first reason why this identity may not carry its INS there.
    pub fn qualified(&self, environment: Environment) -> Result<QualifiedIdentity, NotQualified> {
        let ins = self.ins.clone().ok_or(NotQualified::NoIns)?;
        if self.status != IdentityStatus::Qualified {
            return Err(NotQualified::Status(self.status));
        }
        match (environment, ins.domain.is_test()) {
            (Environment::Production, true) => return Err(NotQualified::TestInsInProduction),
            (Environment::Test, false) => return Err(NotQualified::RealInsInTest),
            _ => {}
        }
        // Official test numbers have wrong keys: an error in production only (dmp-xds.md §8.2).
        if environment == Environment::Production && !ins.ins.key_is_valid() {
            return Err(NotQualified::WrongKey);
        }
        if let Some(missing) = self.traits.missing_with_ins().first() {
            return Err(NotQualified::MissingTrait(missing));
        }
        Ok(QualifiedIdentity { ins, traits: self.traits.clone(), local_ids: self.local_ids.clone() })
    }
}

/// Why an identity is not qualified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotQualified {
    /// There is no INS.
    NoIns,
    /// The status is not `qualifiée`.
    Status(IdentityStatus),
    /// A test or demonstration INS on a production gateway.
    TestInsInProduction,
    /// A real INS on a test gateway.
    RealInsInTest,
    /// The key of the matricule is wrong.
    WrongKey,
    /// One of the compulsory traits is missing; its French name.
    MissingTrait(&'static str),
}

impl NotQualified {
    /// Stable name of the reason.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoIns => "identity.no-ins",
            Self::Status(_) => "identity.not-qualified",
            Self::TestInsInProduction => "identity.test-ins-in-production",
            Self::RealInsInTest => "identity.real-ins-in-test",
            Self::WrongKey => "identity.wrong-key",
            Self::MissingTrait(_) => "identity.missing-trait",
        }
    }

    /// The reason in French, without any datum of the person.
    pub fn sentence(self) -> String {
        match self {
            Self::NoIns => "le message ne porte pas d'INS".to_owned(),
            Self::Status(status) => format!("l'identité n'est pas qualifiée : elle est {}", status.label()),
            Self::TestInsInProduction => {
                "un INS de test ou de démonstration ne passe pas en production".to_owned()
            }
            Self::RealInsInTest => "un INS réel ne passe pas sur une passerelle de test".to_owned(),
            Self::WrongKey => "la clé du matricule INS est fausse".to_owned(),
            Self::MissingTrait(name) => {
                format!("il manque un trait d'identité obligatoire avec l'INS : {name}")
            }
        }
    }
}

/// An identity that passed the gate. Made by [`PatientIdentity::qualified`] only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QualifiedIdentity {
    ins: InsIdentity,
    traits: Traits,
    local_ids: Vec<LocalId>,
}

impl QualifiedIdentity {
    /// The INS and its register.
    pub fn ins(&self) -> &InsIdentity {
        &self.ins
    }

    /// The traits; those compulsory with an INS are present.
    pub fn traits(&self) -> &Traits {
        &self.traits
    }

    /// Local identifiers.
    pub fn local_ids(&self) -> &[LocalId] {
        &self.local_ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patient() -> PatientIdentity {
        PatientIdentity {
            ins: Some(InsIdentity {
                ins: Ins::parse("279035121518989").unwrap(),
                domain: InsDomain::TestNir,
            }),
            local_ids: vec![],
            traits: Traits {
                birth_name: Some("PAT-TROIS".into()),
                birth_given: Some("DOMINIQUE".into()),
                birth_date: Some("19790328".into()),
                sex: Some(Sex::F),
                ..Traits::default()
            },
            status: IdentityStatus::Qualified,
            declared_status: "VALI".to_owned(),
        }
    }

    #[test]
    fn a_qualified_test_identity_passes_in_test_and_never_in_production() {
        assert!(patient().qualified(Environment::Test).is_ok());
        assert_eq!(patient().qualified(Environment::Production), Err(NotQualified::TestInsInProduction));
    }

    #[test]
    fn a_real_ins_never_passes_on_a_test_gateway() {
        let mut real = patient();
        real.ins.as_mut().unwrap().domain = InsDomain::Nir;
        assert_eq!(real.qualified(Environment::Test), Err(NotQualified::RealInsInTest));
        assert!(real.qualified(Environment::Production).is_ok());
    }

    #[test]
    fn every_status_but_qualified_is_stopped() {
        use IdentityStatus::*;
        for status in [Provisional, Retrieved, Validated, Barred] {
            let other = PatientIdentity { status, ..patient() };
            assert_eq!(other.qualified(Environment::Test), Err(NotQualified::Status(status)));
        }
    }

    #[test]
    fn a_wrong_key_stops_production_only() {
        let mut wrong = patient();
        wrong.ins = Some(InsIdentity { ins: Ins::parse("276037510669380").unwrap(), domain: InsDomain::Nir });
        assert_eq!(wrong.qualified(Environment::Production), Err(NotQualified::WrongKey));
        wrong.ins.as_mut().unwrap().domain = InsDomain::TestNir;
        assert!(wrong.qualified(Environment::Test).is_ok());
    }

    #[test]
    fn a_missing_compulsory_trait_is_named() {
        let mut nameless = patient();
        nameless.traits.birth_name = None;
        assert_eq!(
            nameless.qualified(Environment::Test),
            Err(NotQualified::MissingTrait("nom de naissance"))
        );
    }

    #[test]
    fn debug_of_a_patient_shows_nothing_of_the_person() {
        let text = format!("{:?}", patient());
        assert!(!text.contains("PAT-TROIS") && !text.contains("279035121518989"), "{text}");
    }
}
