//! Business acknowledgements ZAM^Z01, Z02, Z03: written from a delivery report, read by the simulated sender.
//! In: a report; or a message. Out: bytes; or what it says. Source: hl7v2.md §2.13 and §2.17.

use jiff::Timestamp;
use jonction_model::{
    DeliveryReport, Masked, ReportChannel, ReportCode, ReportRecipient, ReportStage, Verdict, time::local_ts,
};

use crate::{
    ack::condition_label,
    builder::{Builder, Built},
    charset::Charset,
    delimiters::Delimiters,
    header::rewrite,
    message::Message,
};

/// Which ZAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ZamEvent {
    /// The DMP took the documents, or refused them.
    Z01,
    /// A mailbox took the mail, or refused it.
    Z02,
    /// Somebody read the mail.
    Z03,
}

/// What tells one ZAM from another.
struct Form {
    event: ZamEvent,
    name: &'static str,
    /// OBX(1)-3.1 and its label.
    code: &'static str,
    label: &'static str,
    /// OBX(2)-3.1 and its label; none for the DMP.
    recipient: Option<(&'static str, &'static str)>,
    /// ERR-5.3.
    table: &'static str,
}

const FORMS: [Form; 3] = [
    Form {
        event: ZamEvent::Z01,
        name: "Z01",
        code: "ACK_RECEPTION_DMP",
        label: "Accusé de réception DMP",
        recipient: None,
        table: "DMP_ERROR_CODE",
    },
    Form {
        event: ZamEvent::Z02,
        name: "Z02",
        code: "ACK_RECEPTION_MSS",
        label: "Accusé de réception MSSanté",
        recipient: Some(("DESTINATAIRE_MSS", "Destinataire MSSanté")),
        table: "SMTPERRORCODE",
    },
    Form {
        event: ZamEvent::Z03,
        name: "Z03",
        code: "ACK_LECTURE_MSS",
        label: "Accusé de lecture",
        recipient: Some(("LECTEUR_MSS", "Lecteur du courriel MSSanté")),
        table: "applicationErrorCondition",
    },
];

const SYSTEM: &str = "AckMetierZAM";
const YES_NO: &str = "expandedYes-NoIndicator";

impl ZamEvent {
    fn form(self) -> &'static Form {
        &FORMS[self as usize]
    }

    /// The event on the wire.
    pub fn as_str(self) -> &'static str {
        self.form().name
    }

    /// The ZAM that tells this report.
    pub fn of(report: &DeliveryReport) -> Self {
        match (report.channel, report.stage) {
            (ReportChannel::Dmp, _) => Self::Z01,
            (ReportChannel::Mssante, ReportStage::Reading) => Self::Z03,
            (ReportChannel::Mssante, _) => Self::Z02,
        }
    }
}

/// Why a ZAM cannot be written or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ZamError {
    /// A report on a mail names no mailbox.
    #[error("a report on a mail needs a recipient")]
    NoRecipient,
    /// Neither MSH-9 nor OBX-3 says which ZAM it is.
    #[error("not a zam message")]
    NotAZam,
    /// OBX(1)-4 is empty.
    #[error("the zam names no message")]
    NoControlId,
    /// OBX(1)-5 is neither Y nor N.
    #[error("obx-5 is neither y nor n")]
    NoVerdict,
}

/// Writes the ZAM of a report, in the charset of the first message.
/// `Origin` texts are taken as written in HL7 with the standard delimiters, as [`crate::Header`] gives them.
/// Errors: no recipient in a report on a mail.
pub fn write(report: &DeliveryReport, control_id: &str, now: Timestamp) -> Result<Built, ZamError> {
    let form = ZamEvent::of(report).form();
    let origin = &report.origin;
    let charset = Charset::of_label(&origin.charset);
    let mut builder = Builder::new(Delimiters::standard(), charset.clone());
    builder
        .segment("MSH")
        .written(3, &origin.receiving_application)
        .written(4, &origin.receiving_facility)
        .written(5, &origin.sending_application)
        .written(6, &origin.sending_facility)
        .text(7, &local_ts(now))
        .components(9, &["ZAM", form.name, "ZAM_Z01"])
        .text(10, control_id)
        .text(11, &origin.processing)
        .text(12, "2.6")
        .text(17, "FRA")
        .text(18, charset.reply_label())
        .components(21, &["2.1", "CISIS_CDA_HL7_V2"]);
    builder.segment("EVN").text(2, &origin.event_time);
    let verdict = if report.verdict == Verdict::Positive { "Y" } else { "N" };
    builder
        .segment("OBX")
        .text(1, "1")
        .text(2, "CWE")
        .components(3, &[form.code, form.label, SYSTEM])
        .written(4, origin.control_id.as_str())
        .components(5, &[verdict, "", YES_NO])
        .text(11, "F")
        .text(12, "");
    if let Some((code, label)) = form.recipient {
        let recipient = report.recipient.as_ref().ok_or(ZamError::NoRecipient)?;
        let id = recipient.id.as_ref().map_or("", |id| id.expose());
        builder
            .segment("OBX")
            .text(1, "2")
            .text(2, "XTN")
            .components(3, &[code, label, SYSTEM])
            .text(4, id)
            .components(5, &["", "", "X.400", recipient.address.expose()])
            .text(11, "F")
            .text(12, "");
    }
    if let Verdict::Negative(cause) = &report.verdict {
        builder
            .segment("ERR")
            .components(3, &["207", condition_label("207"), "messageErrorCondition"])
            .text(4, "E")
            .components(5, &[&cause.code, &cause.label, form.table]);
    }
    Ok(builder.finish())
}

/// What a ZAM says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zam {
    /// Which one.
    pub event: ZamEvent,
    /// Its own MSH-10.
    pub control_id: String,
    /// MSH-10 of the message that it answers (OBX(1)-4), written with the standard delimiters.
    pub request_control_id: String,
    /// EVN-2, as written.
    pub event_time: String,
    /// Good, or bad and why; the code is empty when a negative ZAM gives none.
    pub verdict: Verdict,
    /// The mailbox, for Z02 and Z03.
    pub recipient: Option<ReportRecipient>,
    /// ERR-5.3, as written: several spellings are about.
    pub table: String,
}

/// Reads a ZAM of edition 2.0 or 2.1, whatever spelling of labels and tables.
/// Errors: not a ZAM, no message named, no verdict.
pub fn read(message: &Message) -> Result<Zam, ZamError> {
    let header = message.header();
    let status = message.segment("OBX").ok_or(ZamError::NotAZam)?;
    let code = status.field(3).component(1).trimmed();
    // OBX-3 decides: MSH-9 is misprinted in the volet itself (`ZAM_Z03^ZAM_Z01`, hl7v2.md §2.15).
    let by_event = |form: &&Form| header.message_code == "ZAM" && header.trigger_event == form.name;
    let form = FORMS
        .iter()
        .find(|form| form.code == code)
        .or_else(|| FORMS.iter().find(by_event))
        .ok_or(ZamError::NotAZam)?;
    let request_control_id = rewrite(status.field(4));
    if request_control_id.is_empty() {
        return Err(ZamError::NoControlId);
    }
    let cause = message.segment("ERR").map_or(message.absent(), |err| err.field(5));
    let verdict = match &*status.field(5).component(1).trimmed() {
        "Y" => Verdict::Positive,
        "N" => Verdict::Negative(ReportCode::new(cause.component(1).trimmed(), cause.component(2).trimmed())),
        _ => return Err(ZamError::NoVerdict),
    };
    let recipient = message.segments_of("OBX").nth(1).map(|obx| ReportRecipient {
        address: Masked::new(obx.field(5).component(4).trimmed().into_owned()),
        id: obx.field(4).code().map(|id| Masked::new(id.into_owned())),
    });
    Ok(Zam {
        event: form.event,
        control_id: header.control_id,
        request_control_id,
        event_time: message.segment("EVN").map(|evn| evn.field(2).trimmed().into_owned()).unwrap_or_default(),
        verdict,
        recipient,
        table: cause.component(3).trimmed().into_owned(),
    })
}

#[cfg(test)]
mod tests;
