//! HL7 v2 messages of the volet « transmission d'un document CDA-R2 en HL7v2 » 2.1, as a hospital would send them.
//! Written by hand on purpose, not by our own builder: the sender of the stories does not share our code.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::people::{Doctor, HOSPITAL, Patient, SENDER};

/// What the message asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// MDM^T02.
    New,
    /// MDM^T10.
    Replace,
    /// MDM^T04.
    Delete,
    /// ORU^R01, a first version.
    Results,
}

/// The metadata flags that change from story to story.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flags {
    pub(crate) dmp: bool,
    pub(crate) professionals: bool,
    pub(crate) patient: bool,
    pub(crate) delivery_reports: bool,
    pub(crate) reading_reports: bool,
    pub(crate) hidden_from_patient: bool,
}

/// A recipient.
#[derive(Clone, Copy, Debug)]
pub(crate) enum To {
    Doctor(Doctor),
    Patient,
}

/// A message.
#[derive(Clone, Debug)]
pub(crate) struct Request<'r> {
    pub(crate) control_id: &'r str,
    /// MSH-7.
    pub(crate) sent: &'r str,
    pub(crate) event: Event,
    pub(crate) patient: Patient,
    /// PID-32.
    pub(crate) identity: &'r str,
    /// Code and label of the document type.
    pub(crate) code: (&'r str, &'r str),
    pub(crate) sender: Doctor,
    pub(crate) to: &'r [To],
    /// CDA documents, as XML.
    pub(crate) documents: &'r [String],
    /// Identifier of the document, and of the one it replaces (TXA).
    pub(crate) ids: (&'r str, Option<&'r str>),
    pub(crate) flags: Flags,
    /// Text of the mail to professionals.
    pub(crate) text: Option<&'r str>,
}

/// The bytes: UTF-8, one CR after every segment.
pub(crate) fn message(request: &Request<'_>) -> String {
    let results = request.event == Event::Results;
    let (event, order, status) = match request.event {
        Event::New => ("T02", "NW", "F"),
        Event::Replace => ("T10", "RO", "C"),
        Event::Delete => ("T04", "CA", "D"),
        Event::Results => ("R01", "NW", "F"),
    };
    let (kind, version, coded, text_word) = if results {
        ("ORU^R01^ORU_R01".to_owned(), "2.5", "CE", "TEXT")
    } else {
        (format!("MDM^{event}^MDM_T02"), "2.6", "CWE", "text")
    };
    let (application, facility) = SENDER;
    let Request { control_id, sent, code: (code, label), .. } = request;
    let mut segments = vec![format!(
        "MSH|^~\\&|{application}|{facility}|JONCTION|PFI-DEMO|{sent}||{kind}|{control_id}|T|{version}|||||FRA|UNICODE UTF-8|||2.1^CISIS_CDA_HL7_V2"
    )];
    if !results {
        segments.push(format!("EVN||{sent}"));
    }
    segments.push(pid(request));
    segments.push("PV1|1|I|RADIO^^^^^^^^Radiologie||||||||||||||||V900001^^^HOPITAL-DEMO&2.25.198001011.2&ISO^VN|||||||||||||||||||||||||20261119".to_owned());
    segments.push(format!("ORC|{order}"));
    segments.push(format!("OBR|1|||{code}^{label}^LN"));
    if !results {
        let (id, parent) = request.ids;
        let parent = parent.map(|parent| format!("|{parent}")).unwrap_or_else(|| "|".to_owned());
        segments.push(format!("TXA|1|{code}|TEXT|||||||||{id}{parent}||||AU"));
    }
    let mut number = 0;
    for (at, document) in request.documents.iter().enumerate() {
        number += 1;
        segments.push(format!(
            "OBX|{number}|ED|{code}^{label}^LN||^{text_word}^XML^Base64^{}||||||{status}",
            STANDARD.encode(document)
        ));
        if at == 0 {
            segments.extend(participations(request));
        }
    }
    for (code, label, value) in flags(&request.flags) {
        number += 1;
        let value = if value { "Y" } else { "N" };
        segments.push(format!(
            "OBX|{number}|{coded}|{code}^{label}^MetaDMPMSS||{value}^^expandedYes-NoIndicator||||||F"
        ));
    }
    if let Some(text) = request.text {
        number += 1;
        segments.push(format!(
            "OBX|{number}|ED|CORPSMAIL_PS^Corps du mail pour un PS^MetaDMPMSS||^{text_word}^^Base64^{}||||||F",
            STANDARD.encode(text)
        ));
    }
    segments.iter().map(|segment| format!("{segment}\r")).collect()
}

fn pid(request: &Request<'_>) -> String {
    let Patient { birth_name, given, givens, birth_date, sex, birth_place, ipp, .. } = request.patient;
    let ins = format!("{}^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS", request.patient.ins());
    let local = format!("{ipp}^^^HOPITAL-DEMO&2.25.198001011.8.1&ISO^PI");
    let ids = if request.identity == "VALI" { format!("{ins}~{local}") } else { local };
    format!(
        "PID|||{ids}||{birth_name}^{given}^{givens}^^^^L||{birth_date}|{sex}|||^^^^^^BDL^^{birth_place}|||||||D900001^^^HOPITAL-DEMO&2.25.198001011.3&ISO^AN||||||||||||||{}",
        request.identity
    )
}

fn participations(request: &Request<'_>) -> Vec<String> {
    let (name, finess) = HOSPITAL;
    let person = |doctor: &Doctor| {
        format!(
            "{}^{}^{}^^^^^^ASIP-SANTE-PS&1.2.250.1.71.4.2.1&ISO^D^^^RPPS",
            doctor.rpps, doctor.family, doctor.given
        )
    };
    let mut segments = vec![format!(
        "PRT||UC||SB^Send by^participation|{}|||{name}^^^^^ASIP-SANTE-ST&1.2.250.1.71.4.2.2&ISO^FINEG^^^{finess}",
        person(&request.sender)
    )];
    for to in request.to {
        let (who, address) = match to {
            To::Doctor(doctor) => (person(doctor), doctor.address.to_owned()),
            To::Patient => {
                let patient = &request.patient;
                let who = format!(
                    "{}^{}^{}^^^^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^L^^^INS",
                    patient.ins(),
                    patient.birth_name,
                    patient.given
                );
                (who, patient.address())
            }
        };
        segments
            .push(format!("PRT||UC||RCT^Result Copies To^participation|{who}||||||||||^^X.400^{address}"));
    }
    segments
}

fn flags(flags: &Flags) -> [(&'static str, &'static str, bool); 10] {
    [
        ("MASQUE_PS", "Masqué aux professionnels de Santé", false),
        ("INVISIBLE_PATIENT", "Document Non Visible par le patient", flags.hidden_from_patient),
        ("INVISIBLE_REP_LEGAUX", "Non visible par les représentants Légaux du patient", false),
        ("CONNEXION_SECRETE", "Connexion Secrete", false),
        ("MODIF_CONF_CODE", "Modification Confidentiality Code", false),
        ("DESTDMP", "Destinataire DMP", flags.dmp),
        (
            "DESTMSSANTEPS",
            "Destinataire (Professionnel de Santé, organisation ou BAL applicative)",
            flags.professionals,
        ),
        ("DESTMSSANTEPAT", "Destinataire Patient", flags.patient),
        ("ACK_RECEPTION", "Accusé de réception", flags.delivery_reports),
        ("ACK_LECTURE_MSS", "Accusé de lecture", flags.reading_reports),
    ]
}
