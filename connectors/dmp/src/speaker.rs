//! In whose name a lot is fed: the structure, and the person or the automaton. The VIHF and the author of the
//! SubmissionSet say the same, or the DMP refuses (« Aucun AuthorInstitution ne correspond… »).
//! In: a submission and the settings. Out: a [`Speaker`], or a finding. Source: dmp-xds.md §5.1, §5.3, §7.3.

use jonction_model::{
    CodedValue, Device, DocumentSubmission, Finding, Organization, PersonId, Place, Sender, StructureId,
};

use crate::config::{Settings, SpeaksFor};

/// Role code of an automaton, and its code system (TRE_A00). Source: dmp-xds.md §5.1.
pub(crate) const AUTOMATON: (&str, &str, &str) = ("AUTOMATE", "1.2.250.1.213.1.1.4.6", "Automate");

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Speaker {
    /// Struct_IdNat of the structure.
    pub(crate) structure: StructureId,
    /// NameID of the VIHF.
    pub(crate) name_id: PersonId,
    /// subject-id of the VIHF: software, model, service.
    pub(crate) subject: String,
    /// Author of the SubmissionSet.
    pub(crate) sender: Sender,
}

impl Speaker {
    /// Reads who sends. A person without national identifier, or nobody, makes the gateway speak as an automaton.
    /// Errors: a structure this partner may not speak for.
    pub(crate) fn of(submission: &DocumentSubmission, settings: &Settings) -> Result<Self, Finding> {
        let sender = submission.sender.as_ref();
        let organization = organization(sender.and_then(|sender| sender.organization.as_ref()), settings)?;
        let structure = organization.id.clone().unwrap_or_else(|| settings.structure.id.clone());
        let person = sender.and_then(|sender| sender.person.clone()).filter(|person| person.id.is_some());
        let device = sender.and_then(|sender| sender.device.clone()).filter(|device| device.id.is_some());
        let organization = Some(organization);
        let own = || Device {
            id: Some(settings.automaton.clone()),
            software: settings.lps.name.clone(),
            model: settings.lps.version.clone(),
        };
        // Whoever sent, an automaton acts: the VIHF names its software, model and service (S12, VIHF-23).
        let automaton = device.unwrap_or_else(own);
        let subject = format!("{}, {}, {}", automaton.software, automaton.model, settings.service);
        let name_id = person.as_ref().and_then(|person| person.id.clone());
        let device = person.is_none().then_some(automaton);
        Ok(Self {
            structure,
            // The person who sends is the one responsible for the processing; else the one of the settings.
            name_id: name_id.unwrap_or_else(|| settings.responsible.clone()),
            subject,
            sender: Sender { person, device, organization },
        })
    }
}

/// authorSpecialty of every lot, equal to the role of the VIHF: HL7 v2 says no profession, so the gateway speaks as an
/// automaton even when a person sent (hl7v2.md §2.11 « directory lookup, else AUTOMATE »).
pub(crate) fn specialty() -> CodedValue {
    let (code, system, label) = AUTOMATON;
    CodedValue { code: code.to_owned(), system: system.to_owned(), label: label.to_owned() }
}

fn organization(given: Option<&Organization>, settings: &Settings) -> Result<Organization, Finding> {
    let own = || Organization {
        id: Some(settings.structure.id.clone()),
        name: Some(settings.structure.name.clone()),
    };
    let Some((given, id)) = given.and_then(|given| given.id.as_ref().map(|id| (given, id))) else {
        return Ok(own());
    };
    if *id == settings.structure.id {
        return Ok(own());
    }
    let allowed = match &settings.speaks_for {
        SpeaksFor::Any => true,
        SpeaksFor::Listed(listed) => listed.contains(id),
    };
    if !allowed {
        return Err(Finding::error(
            "dmp.structure-not-ours",
            "la structure qui envoie n'est ni celle du certificat ni l'une de celles déclarées pour ce partenaire",
        )
        .at(Place::path("PRT[4='SB']-8"))
        .expected(settings.structure.id.as_str(), id.as_str())
        .remedy("ajouter cette structure à « speaks_for » du partenaire si elle relève de la même entité juridique")
        .requirement("dmp-xds.md §4, §10 VIHF-20"));
    }
    let name = given.name.clone().filter(|name| !name.trim().is_empty());
    Ok(Organization { id: given.id.clone(), name: name.or_else(|| Some(settings.structure.name.clone())) })
}
