//! Technical acknowledgements: written for a request, read by the client.
//! In: the header of a request, a verdict, findings; or a reply. Out: bytes; or what it says. Source: hl7v2.md §2.12, §2.14, §6.5.

use bytes::Bytes;
use jiff::Timestamp;
use jonction_model::{Finding, Severity, time::local_ts};

use crate::{
    builder::{Builder, Position},
    delimiters::Delimiters,
    header::{Header, rewrite},
    message::{Message, Segment},
    path::Path,
};

/// MSA-1. Source: hl7v2.md §2.12 and §6.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AckCode {
    /// Understood, stored, responsibility taken: the sender never sends it again.
    AA,
    /// Refused for good.
    AE,
    /// Refused for now: the sender may send it again later.
    AR,
    /// Enhanced mode: stored.
    CA,
    /// Enhanced mode: refused for good.
    CE,
    /// Enhanced mode: refused for now.
    CR,
}

impl AckCode {
    const ALL: [(Self, &'static str); 6] = [
        (Self::AA, "AA"),
        (Self::AE, "AE"),
        (Self::AR, "AR"),
        (Self::CA, "CA"),
        (Self::CE, "CE"),
        (Self::CR, "CR"),
    ];

    /// The code on the wire.
    pub fn as_str(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// Reads MSA-1; case and blanks aside.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, code)| code.eq_ignore_ascii_case(text.trim())).map(|(code, _)| *code)
    }

    /// Whether the receiver took the message.
    pub fn is_positive(self) -> bool {
        matches!(self, Self::AA | Self::CA)
    }

    /// Whether the same message may be sent again later.
    pub fn may_be_sent_again(self) -> bool {
        matches!(self, Self::AR | Self::CR)
    }
}

/// Table 0357 with the labels of the volet. Compare codes, never labels.
const CONDITIONS: [(&str, &str); 16] = [
    ("0", "Message accepted"),
    ("100", "Segment sequence error"),
    ("101", "Required field missing"),
    ("102", "Data type error"),
    ("103", "Table value not found"),
    ("198", "Non-conformant cardinality"),
    ("199", "Other HL7 Error"),
    ("200", "Unsupported message type"),
    ("201", "Unsupported event code"),
    ("202", "Unsupported processing"),
    ("203", "Unsupported version"),
    ("204", "Unknown key identifier"),
    ("205", "Duplicate key identifier"),
    ("206", "Application record locked"),
    ("207", "Application error"),
    ("", "Application error"),
];

/// Label of a code of table 0357.
pub fn condition_label(code: &str) -> &'static str {
    CONDITIONS.iter().find(|(known, _)| *known == code).map_or("Application error", |(_, label)| label)
}

/// At most so many ERR: a message of 10⁵ faults must not be answered by 10⁵ segments.
const ERRORS_MAX: usize = 50;
/// Length of ERR-8 in the standard, in characters.
const USER_MESSAGE_MAX: usize = 250;

/// An acknowledgement to write.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// Header of the request.
    pub header: &'a Header,
    /// The request, when it could be parsed: ERR-2 then says exact occurrences.
    pub request: Option<&'a Message>,
    /// MSA-1.
    pub verdict: AckCode,
    /// What was found. Written as ERR when the verdict is negative; only errors are.
    pub findings: &'a [Finding],
    /// MSH-10 of the acknowledgement.
    pub control_id: &'a str,
    /// MSH-7 of the acknowledgement.
    pub now: Timestamp,
}

/// Acknowledges a parsed request. `None` without request: nobody can be answered by name.
/// A request that could not be parsed may still have a header: [`Header::read`], then [`Reply::write`].
pub fn build(
    request: Option<&Message>,
    verdict: AckCode,
    findings: &[Finding],
    control_id: &str,
    now: Timestamp,
) -> Option<Bytes> {
    let header = request?.header();
    Some(Reply { header: &header, request, verdict, findings, control_id, now }.write())
}

impl Reply<'_> {
    /// The acknowledgement, in the charset of the request.
    pub fn write(&self) -> Bytes {
        let header = self.header;
        let mut builder = Builder::new(Delimiters::standard(), header.charset.clone());
        let msh = builder.segment("MSH");
        msh.written(3, &header.receiving_application)
            .written(4, &header.receiving_facility)
            .written(5, &header.sending_application)
            .written(6, &header.sending_facility)
            .text(7, &local_ts(self.now))
            .text(10, self.control_id)
            .text(11, &header.processing)
            .text(12, &header.version)
            .text(17, "FRA")
            .text(18, header.charset.reply_label());
        match header.trigger_event.as_str() {
            "" => msh.text(9, "ACK"),
            event => msh.components(9, &["ACK", event, "ACK"]),
        };
        let errors = self.errors();
        let msa = builder.segment("MSA");
        msa.text(1, self.verdict.as_str()).written(2, &header.control_id);
        if header.version_numbers().is_some_and(|version| version < (2, 5)) {
            if let Some(first) = errors.first() {
                // ERR has no room for a text before 2.5; MSA-3 is the only one.
                msa.text(3, &user_message(first, 80));
                self.write_old_error(&errors, &mut builder);
            }
        } else {
            errors.iter().for_each(|finding| self.write_error(finding, &mut builder));
        }
        builder.finish().bytes
    }

    fn errors(&self) -> Vec<Finding> {
        if self.verdict.is_positive() {
            return Vec::new();
        }
        let errors = self.findings.iter().filter(|finding| finding.severity == Severity::Error);
        let errors: Vec<Finding> = errors.take(ERRORS_MAX).cloned().collect();
        if errors.is_empty() {
            // The volet requires an ERR with AE and AR.
            return vec![Finding::error("hl7v2.refused", "message refusé").wire_code("207")];
        }
        errors
    }

    fn write_error(&self, finding: &Finding, builder: &mut Builder) {
        let code = finding.wire_code.as_deref().unwrap_or("207");
        let location: Vec<String> = self.location(finding).iter().map(ToString::to_string).collect();
        let location: Vec<&str> = location.iter().map(String::as_str).collect();
        builder
            .segment("ERR")
            .components(2, &location)
            .components(3, &[code, condition_label(code), "messageErrorCondition"])
            .text(4, severity_code(finding.severity))
            .text(7, &finding.check)
            .formatted(8, &user_message(finding, USER_MESSAGE_MAX));
    }

    /// ERR-1 (ELD), one repetition per error, the code in subcomponents.
    fn write_old_error(&self, errors: &[Finding], builder: &mut Builder) {
        let err = builder.segment("ERR");
        for (number, finding) in (1..).zip(errors) {
            let place = Position::field(1).repetition(number);
            let code = finding.wire_code.as_deref().unwrap_or("207");
            for (component, part) in (1..).zip(self.location(finding).iter().take(3)) {
                err.text(place.component(component), &part.to_string());
            }
            for (sub, part) in (1..).zip([code, condition_label(code), "HL70357"]) {
                err.text(place.component(4).subcomponent(sub), part);
            }
        }
    }

    /// ERL of a finding: segment, occurrence, field, repetition, component, subcomponent, as far as known.
    fn location(&self, finding: &Finding) -> Vec<ErlPart> {
        // A path of another grammar (XPath in the document) has no ERL.
        let Ok(path) = Path::parse(&finding.place.path) else { return Vec::new() };
        let found = self.request.and_then(|request| path.locate(request));
        let occurrence = found.map(|(segment, _)| segment.occurrence()).or(path.occurrence()).unwrap_or(1);
        let repetition = found.map_or(1, |(_, repetition)| repetition);
        let mut parts = vec![ErlPart::Segment(path.segment().to_owned()), ErlPart::Number(occurrence)];
        parts.extend(path.field().map(ErlPart::Number));
        if path.picks_repetition() || path.component().is_some() {
            parts.push(ErlPart::Number(repetition));
        }
        parts.extend(path.component().map(ErlPart::Number));
        parts.extend(path.subcomponent().map(ErlPart::Number));
        parts
    }
}

enum ErlPart {
    Segment(String),
    Number(usize),
}

impl std::fmt::Display for ErlPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Segment(id) => f.write_str(id),
            Self::Number(number) => number.fmt(f),
        }
    }
}

fn severity_code(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "E",
        Severity::Warning => "W",
        Severity::Info => "I",
    }
}

/// Sentence, what was expected and found, remedy: as much as fits.
fn user_message(finding: &Finding, characters_max: usize) -> String {
    let mut text = finding.sentence.clone();
    if let (Some(expected), Some(found)) = (&finding.expected, &finding.found) {
        text.push_str(&format!(" ; attendu : {expected} ; reçu : {found}"));
    }
    if let Some(remedy) = &finding.remedy {
        text.push_str(&format!(" ; {remedy}"));
    }
    text.chars().take(characters_max).collect()
}

/// What an acknowledgement says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AckView {
    /// MSA-1.
    pub code: AckCode,
    /// MSA-2, written with the standard delimiters: compare it with [`Header::control_id`] of the request.
    pub control_id: String,
    /// MSH-9.2 of the acknowledgement; empty when not given.
    pub trigger_event: String,
    /// What the receiver complains of.
    pub errors: Vec<AckError>,
}

/// One ERR (or one repetition of an old ERR-1). Texts are the receiver's: they may hold anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AckError {
    /// ERR-2, written with the standard delimiters: `PID^1^3`.
    pub location: String,
    /// ERR-3.1.
    pub code: String,
    /// ERR-3.2.
    pub label: String,
    /// ERR-4.
    pub severity: String,
    /// ERR-5.1.
    pub application_code: String,
    /// ERR-5.2.
    pub application_label: String,
    /// ERR-8, else ERR-7, else MSA-3.
    pub text: String,
}

/// Why a reply is not an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAnAck {
    /// No MSA.
    #[error("the reply has no msa segment")]
    NoMsa,
    /// MSA-1 is none of AA, AE, AR, CA, CE, CR.
    #[error("msa-1 is not an acknowledgement code")]
    UnknownCode,
    /// MSA-2 is empty: it cannot be matched with a request.
    #[error("msa-2 is empty")]
    NoControlId,
}

/// Reads an acknowledgement. Any message with an MSA is one: some systems answer with a business message.
/// Errors: no MSA, unknown code, no control id.
pub fn parse_ack(message: &Message) -> Result<AckView, NotAnAck> {
    let msa = message.segment("MSA").ok_or(NotAnAck::NoMsa)?;
    let code = AckCode::parse(&msa.field(1).text()).ok_or(NotAnAck::UnknownCode)?;
    let control_id = rewrite(msa.field(2));
    if control_id.is_empty() {
        return Err(NotAnAck::NoControlId);
    }
    let mut errors: Vec<AckError> =
        message.segments_of("ERR").take(ERRORS_MAX).flat_map(read_errors).collect();
    let text = msa.field(3).trimmed();
    if !text.is_empty() && !code.is_positive() {
        match errors.first_mut() {
            Some(first) if first.text.is_empty() => first.text = text.into_owned(),
            Some(_) => {}
            None => errors.push(AckError { text: text.into_owned(), ..AckError::default() }),
        }
    }
    Ok(AckView { code, control_id, trigger_event: message.header().trigger_event, errors })
}

fn read_errors(err: Segment<'_>) -> Vec<AckError> {
    let part = |field: usize, component: usize| err.field(field).component(component).trimmed().into_owned();
    if err.field(3).is_valued() {
        let text =
            Some(err.field(8).trimmed()).filter(|text| !text.is_empty()).unwrap_or(err.field(7).trimmed());
        return vec![AckError {
            location: rewrite(err.field(2)),
            code: part(3, 1),
            label: part(3, 2),
            severity: part(4, 1),
            application_code: part(5, 1),
            application_label: part(5, 2),
            text: text.into_owned(),
        }];
    }
    let old = err.field(1).repetitions().filter(|eld| eld.is_valued()).take(ERRORS_MAX);
    old.map(|eld| {
        let place: Vec<String> = eld.components().take(3).map(|part| part.trimmed().into_owned()).collect();
        AckError {
            location: place.join("^").trim_end_matches('^').to_owned(),
            code: eld.component(4).subcomponent(1).trimmed().into_owned(),
            label: eld.component(4).subcomponent(2).trimmed().into_owned(),
            ..AckError::default()
        }
    })
    .collect()
}

#[cfg(test)]
mod tests;
