//! What routing and acknowledgements need of MSH.
//! In: a message, or the first bytes of one that could not be read. Out: owned texts. Source: hl7v2.md §2.2, §2.12, §6.5.

use bytes::Bytes;
use jonction_model::{IdError, MessageControlId, Origin};

use crate::{
    charset::Charset,
    delimiters::Delimiters,
    escape::{LineBreak, escape},
    limits::Limits,
    message::Message,
    value::Value,
};

/// MSH as text. Fields with parts (MSH-3 to 6, MSH-10) are written with the standard delimiters,
/// escapes included, so that a reply copies them; the others are plain texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// MSH-3.
    pub sending_application: String,
    /// MSH-4.
    pub sending_facility: String,
    /// MSH-5.
    pub receiving_application: String,
    /// MSH-6.
    pub receiving_facility: String,
    /// MSH-7, as written.
    pub time: String,
    /// MSH-9.1.
    pub message_code: String,
    /// MSH-9.2.
    pub trigger_event: String,
    /// MSH-9.3.
    pub structure: String,
    /// MSH-10.
    pub control_id: String,
    /// MSH-11.1.
    pub processing: String,
    /// MSH-12.1.
    pub version: String,
    /// MSH-15.
    pub accept_ack: String,
    /// MSH-16.
    pub application_ack: String,
    /// MSH-21.1: `2.1`.
    pub profile_version: String,
    /// MSH-21.2: `CISIS_CDA_HL7_V2`.
    pub profile: String,
    /// Charset of the message and of the replies to it.
    pub charset: Charset,
}

/// Bytes of a header worth reading in a message that cannot be read whole.
const HEADER_BYTES_MAX: usize = 8 * 1024;

impl Header {
    pub(crate) fn of(message: &Message) -> Self {
        let msh = message.msh();
        let field = |number: usize| msh.field(number);
        let part =
            |number: usize, component: usize| field(number).component(component).trimmed().into_owned();
        Self {
            sending_application: rewrite(field(3)),
            sending_facility: rewrite(field(4)),
            receiving_application: rewrite(field(5)),
            receiving_facility: rewrite(field(6)),
            time: field(7).trimmed().into_owned(),
            message_code: part(9, 1),
            trigger_event: part(9, 2),
            structure: part(9, 3),
            control_id: rewrite(field(10)),
            processing: part(11, 1),
            version: part(12, 1),
            accept_ack: part(15, 1),
            application_ack: part(16, 1),
            profile_version: part(21, 1),
            profile: part(21, 2),
            charset: message.charset().clone(),
        }
    }

    /// Reads the header of a message that is too long, or faulty further down, from its first bytes.
    /// `None` when even MSH cannot be read.
    pub fn read(beginning: &[u8]) -> Option<Self> {
        let window = &beginning[..beginning.len().min(HEADER_BYTES_MAX)];
        let start = window.windows(3).position(|bytes| bytes == b"MSH")?;
        let length = window[start..].iter().position(|b| matches!(b, b'\r' | b'\n'));
        let msh = &window[start..length.map_or(window.len(), |length| start + length)];
        let message = Message::parse(Bytes::copy_from_slice(msh), &Limits::default()).ok()?;
        Some(message.header())
    }

    /// What acknowledgements must repeat, for the shape that crosses the gateway.
    /// `event_time` is EVN-2 of an MDM, MSH-7 of an ORU: see [`Message::origin`].
    /// Errors: MSH-10 is empty or not printable.
    pub fn origin(&self, event_time: &str) -> Result<Origin, IdError> {
        Ok(Origin {
            control_id: MessageControlId::parse(&self.control_id)?,
            sending_application: self.sending_application.clone(),
            sending_facility: self.sending_facility.clone(),
            receiving_application: self.receiving_application.clone(),
            receiving_facility: self.receiving_facility.clone(),
            processing: self.processing.clone(),
            charset: self.charset.declared().to_owned(),
            event_time: event_time.to_owned(),
        })
    }

    /// Version as two numbers (`2.5.1` gives 2, 5); `None` when MSH-12 is none.
    pub fn version_numbers(&self) -> Option<(u32, u32)> {
        let mut numbers = self.version.split('.').map(|part| part.trim().parse::<u32>().ok());
        Some((numbers.next()??, numbers.next()??))
    }

    /// Whether the sender asks for accept and application acknowledgements apart (MSH-15 or MSH-16 valued).
    pub fn is_enhanced_mode(&self) -> bool {
        !self.accept_ack.is_empty() || !self.application_ack.is_empty()
    }
}

/// The value as the standard delimiters write it: as is when they are its own, else read and escaped again.
pub(crate) fn rewrite(value: Value<'_>) -> String {
    let standard = Delimiters::standard();
    if !value.is_valued() {
        return String::new();
    }
    if value.message().delimiters().same_writing(&standard) {
        return value.message().charset().decode(value.raw()).trim().to_owned();
    }
    let leaf = |leaf: Value<'_>| escape(&leaf.text(), &standard, LineBreak::Hex);
    let component = |component: Value<'_>| join(component.subcomponents().map(leaf), "&");
    let repetition = |repetition: Value<'_>| join(repetition.components().map(component), "^");
    join(value.repetitions().map(repetition), "~").trim().to_owned()
}

fn join(parts: impl Iterator<Item = String>, separator: &str) -> String {
    parts.collect::<Vec<_>>().join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(raw: &str) -> Header {
        Message::parse(Bytes::copy_from_slice(raw.as_bytes()), &Limits::default()).unwrap().header()
    }

    #[test]
    fn parts_keep_their_separators_and_texts_are_plain() {
        let header = header(
            "MSH|^~\\&|RIS^1.2.3^ISO|A\\T\\B|PFI|C|202601010800||MDM^T02^MDM_T02|0\\E\\5|T|2.6|||||FRA|UNICODE UTF-8|||2.1^ CISIS_CDA_HL7_V2\r",
        );
        assert_eq!(header.sending_application, "RIS^1.2.3^ISO");
        assert_eq!(header.sending_facility, "A\\T\\B");
        assert_eq!(header.control_id, "0\\E\\5");
        assert_eq!((header.message_code.as_str(), header.trigger_event.as_str()), ("MDM", "T02"));
        assert_eq!((header.profile_version.as_str(), header.profile.as_str()), ("2.1", "CISIS_CDA_HL7_V2"));
        assert_eq!(header.version_numbers(), Some((2, 6)));
        assert!(!header.is_enhanced_mode());
    }

    #[test]
    fn the_origin_takes_the_time_of_the_event() {
        let origin = |raw: &str| {
            Message::parse(Bytes::copy_from_slice(raw.as_bytes()), &Limits::default())
                .unwrap()
                .origin()
                .unwrap()
        };
        let mdm = origin("MSH|^~\\&|A|B|C|D|7||MDM^T02|M1|T|2.6||||||8859/15\rEVN||2\r");
        assert_eq!(
            (mdm.event_time.as_str(), mdm.control_id.as_str(), mdm.charset.as_str()),
            ("2", "M1", "8859/15")
        );
        assert_eq!(origin("MSH|^~\\&|A|B|C|D|7||ORU^R01|M1|T|2.5\r").event_time, "7");
        let nameless = Message::parse(Bytes::from_static(b"MSH|^~\\&|A\r"), &Limits::default()).unwrap();
        assert!(nameless.origin().is_err());
    }

    #[test]
    fn other_delimiters_are_written_as_the_standard_ones() {
        let header = header("MSH*:%!+*RIS:1.2+3*a!F!b^c|d*\r");
        assert_eq!(header.sending_application, "RIS^1.2&3");
        assert_eq!(header.sending_facility, "a*b\\S\\c\\F\\d");
    }

    #[test]
    fn a_header_is_read_from_the_beginning_of_what_cannot_be_parsed() {
        let header = Header::read(b"\x0bjunk MSH|^~\\&|A|B|C|D|1||ORU^R01|42|P|2.5\rPID|").unwrap();
        assert_eq!((header.control_id.as_str(), header.version.as_str()), ("42", "2.5"));
        assert_eq!(Header::read(b"PID|1"), None);
        assert_eq!(Header::read(b"MSH"), None);
    }
}
