//! What the sender of a world sends: letters that are all different, some larger than a body kept in the database.
//! In: a number and a seed. Out: its bytes, what it owes, and the step that makes a shape of it.

use bytes::Bytes;
use jiff::Timestamp;
use jonction_model::*;
use jonction_ports::*;

use crate::dice::Dice;

/// People the letters are about: order is kept for each.
pub(crate) const PATIENTS: u64 = 4;
/// Size from which a body is a file in these worlds.
pub(crate) const BODY_FILE_BYTES: u64 = 4096;
/// Sizes a letter may be padded to, beside the small ones.
const LARGE: [u64; 3] = [BODY_FILE_BYTES, 9_000, 20_000];

/// One letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) control_id: String,
    pub(crate) patient: u64,
    pub(crate) dmp: bool,
    pub(crate) recipients: usize,
    pub(crate) reports: bool,
    pub(crate) text: Bytes,
}

impl Letter {
    pub(crate) fn draw(number: u64, dice: &mut Dice) -> Self {
        let (patient, dmp, reports) = (dice.below(PATIENTS), dice.percent(80), dice.percent(50));
        let recipients = dice.place(3);
        let control_id = format!("M{number}");
        let mut text = format!("{control_id};patient=P{patient};to={recipients}");
        for (set, word) in [(dmp, ";dmp"), (reports, ";reports")] {
            text += if set { word } else { "" };
        }
        text += &format!(";{:016x};", dice.number());
        if dice.percent(40) {
            let size = LARGE[dice.place(LARGE.len())] as usize;
            while text.len() < size {
                text += &format!("{:016x}", dice.number());
            }
        }
        Self { control_id, patient, dmp, recipients, reports, text: text.into() }
    }

    /// `(sink, part)` of every delivery it owes in the end, reports excluded.
    pub(crate) fn owes(&self) -> Vec<(&'static str, String)> {
        let dmp = self.dmp.then(|| ("dmp", "lot".to_owned()));
        dmp.into_iter().chain((0..self.recipients).map(|at| ("mail", format!("recipient {at}")))).collect()
    }

    /// The same, with a report for each.
    pub(crate) fn owes_with_reports(&self) -> Vec<(&'static str, String)> {
        let mut owed = self.owes();
        let reports = if self.reports { owed.len() } else { 0 };
        owed.extend((0..reports).map(|_| ("sil", "zam".to_owned())));
        owed
    }

    /// As a source hands it over.
    pub(crate) fn arrival(&self, at: Timestamp, partner: PartnerName) -> Arrival {
        Arrival {
            partner,
            peer: Peer { address: ([127, 0, 0, 1], 2575).into(), certificate: None },
            received_at: at,
            raw: self.text.clone().into(),
            admitted: Admitted {
                facts: MessageFacts {
                    kind: "MDM^T02".to_owned(),
                    control_id: MessageControlId::parse(&self.control_id).ok(),
                    sending_facility: "FAC".to_owned(),
                    ..MessageFacts::default()
                },
                findings: Vec::new(),
                accepted: true,
                repeat: Some(Repeat {
                    key: format!("APP|FAC|{}", self.control_id),
                    digest: *BodyId::of(&self.text).as_bytes(),
                }),
            },
            // As real ones: the moment is in it, so that a repeat's own answer would differ.
            reply: format!("ack of {} at {at}", self.control_id).into(),
            conflict_reply: None,
        }
    }
}

/// The step of the only route: reads a letter back.
pub(crate) struct ReadLetter;

impl Step for ReadLetter {
    fn name(&self) -> &str {
        "letter-to-document"
    }

    fn version(&self) -> String {
        "1".to_owned()
    }

    fn run(&self, flow: &mut Flow, bodies: &dyn Bodies) -> Result<(), Finding> {
        let unreadable = || Finding::error("crash.unreadable", "la lettre d'essai ne se lit pas");
        let bytes = bodies.read(&flow.message, 1 << 24).map_err(|_| unreadable())?;
        let text = std::str::from_utf8(&bytes).map_err(|_| unreadable())?;
        let shape = submission(text, &flow.message).ok_or_else(unreadable)?;
        flow.shapes.push(Shape::DocumentSubmission(Box::new(shape)));
        Ok(())
    }
}

/// The control id of what a shape tells about.
pub(crate) fn control_id(shape: &Shape) -> String {
    match shape {
        Shape::DocumentSubmission(submission) => submission.origin.control_id.to_string(),
        Shape::DeliveryReport(report) => report.origin.control_id.to_string(),
        Shape::Answer(answer) => answer.detail.clone(),
        Shape::MessageOutcome(outcome) => outcome.door.clone(),
        Shape::SecureMail(mail) => mail.message_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        Shape::PatientEvent(event) => event.source.control_id.clone(),
        Shape::Appointment(appointment) => appointment.source.control_id.clone(),
        Shape::Hl7Message(message) => message.kind.clone(),
    }
}

fn submission(text: &str, content: &ContentRef) -> Option<DocumentSubmission> {
    let words: Vec<&str> = text.split(';').collect();
    let value = |name: &str| words.iter().find_map(|word| word.strip_prefix(name));
    let has = |name: &str| words.contains(&name);
    let patient = value("patient=")?;
    let recipients: usize = value("to=")?.parse().ok()?;
    let control_id = *words.first()?;
    Some(DocumentSubmission {
        origin: Origin {
            control_id: MessageControlId::parse(control_id).ok()?,
            sending_application: "APP".to_owned(),
            sending_facility: "FAC".to_owned(),
            receiving_application: String::new(),
            receiving_facility: String::new(),
            processing: "T".to_owned(),
            charset: String::new(),
            event_time: String::new(),
        },
        operation: Operation::Submit,
        patient: PatientIdentity {
            ins: Some(InsIdentity { ins: Ins::parse("279035121518989").ok()?, domain: InsDomain::TestNir }),
            local_ids: vec![LocalId {
                id: patient.into(),
                authority: "1.2.3".to_owned(),
                kind: "PI".to_owned(),
            }],
            traits: Traits {
                birth_name: Some("PAT-TROIS".into()),
                birth_given: Some("DOMINIQUE".into()),
                birth_date: Some("19790328".into()),
                sex: Some(Sex::F),
                ..Traits::default()
            },
            status: IdentityStatus::Qualified,
            declared_status: String::new(),
        },
        sender: None,
        encounter: Encounter::default(),
        documents: vec![document(control_id, content)],
        visibility: Visibility::default(),
        wants: Wants {
            dmp: has("dmp"),
            mssante_professionals: recipients > 0,
            mssante_patient: false,
            delivery_reports: has("reports"),
            reading_reports: false,
        },
        recipients: (0..recipients)
            .map(|at| recipient(&format!("{patient}-{at}@x.mssante.example")))
            .collect(),
        reply_to: Vec::new(),
        mail: MailTexts::default(),
        obstacles: Vec::new(),
        carried_by: None,
    })
}

fn document(control_id: &str, content: &ContentRef) -> SubmittedDocument {
    let number = control_id.trim_start_matches('M');
    SubmittedDocument {
        unique_id: DocumentUniqueId::root(format!("2.25.198001011.7.{number}")),
        set_id: None,
        version: Some(1),
        replaces: None,
        subject: DocumentSubject::default(),
        metadata: DocumentMetadata {
            type_code: CodedValue { code: "18748-4".into(), system: "s".into(), label: "CR".into() },
            title: String::new(),
            creation_time: None,
            language: "fr-FR".to_owned(),
            confidentiality: None,
            authors: Vec::new(),
            legal_authenticator: None,
            service_start: None,
            service_stop: None,
            events: Vec::new(),
            practice_setting: None,
            facility_type: None,
            references: Vec::new(),
            templates: Vec::new(),
        },
        kind: ContentKind::CdaLevel3 { pdf: None },
        content: content.clone(),
    }
}

fn recipient(address: &str) -> Recipient {
    Recipient {
        kind: RecipientKind::Professional,
        address: MssAddress::parse(address).ok(),
        given_address: address.into(),
        id: None,
        no_reply: false,
    }
}
