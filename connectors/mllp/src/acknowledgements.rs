//! Which acknowledgements are owed: one in original mode; in enhanced mode, those that MSH-15 and MSH-16 ask for.
//! In: the header of a request, a verdict. Out: codes, in the order they are sent. Pure.
//! Source: HL7 2.5 chapter 2.9.3; hl7v2.md §6.5.

use jonction_hl7v2::{AckCode, Header};

/// Which mode a partner speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acknowledgements {
    /// One acknowledgement, whatever MSH-15 and MSH-16 say: many senders fill them and wait for one.
    #[default]
    Original,
    /// An accept acknowledgement, then an application one, as MSH-15 and MSH-16 ask.
    Enhanced,
}

/// When an acknowledgement is wanted (table 0155).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Always,
    Never,
    OnError,
    OnSuccess,
}

impl Condition {
    /// Once one of both is valued, the other means never. What no table knows is answered rather than not.
    fn of(text: &str) -> Self {
        match text {
            "" | "NE" => Self::Never,
            "ER" => Self::OnError,
            "SU" => Self::OnSuccess,
            _ => Self::Always,
        }
    }

    fn wants(self, positive: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::OnError => !positive,
            Self::OnSuccess => positive,
        }
    }
}

/// The acknowledgements that a verdict (AA, AE, AR) owes to a request.
pub(crate) fn owed(mode: Acknowledgements, header: &Header, verdict: AckCode) -> Vec<AckCode> {
    if mode == Acknowledgements::Original || !header.is_enhanced_mode() {
        // Both refused beforehand: the sender is set up to wait for nothing.
        let silence = header.accept_ack == "NE" && header.application_ack == "NE";
        return if silence { Vec::new() } else { vec![verdict] };
    }
    let positive = verdict.is_positive();
    let accept = Condition::of(&header.accept_ack).wants(positive).then_some(accept_code(verdict));
    let application = Condition::of(&header.application_ack).wants(positive).then_some(verdict);
    match positive {
        true => accept.into_iter().chain(application).collect(),
        // What was not accepted was never processed: one refusal is all there is to say.
        false => accept.or(application).into_iter().collect(),
    }
}

fn accept_code(verdict: AckCode) -> AckCode {
    match verdict {
        AckCode::AA | AckCode::CA => AckCode::CA,
        AckCode::AE | AckCode::CE => AckCode::CE,
        AckCode::AR | AckCode::CR => AckCode::CR,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jonction_hl7v2::{Limits, Message};

    use super::*;

    fn told(mode: Acknowledgements, accept: &str, application: &str, verdict: AckCode) -> String {
        let raw = format!("MSH|^~\\&|A|B|C|D|7||ADT^A01|M1|T|2.5|||{accept}|{application}\r");
        let header = Message::parse(Bytes::from(raw), &Limits::default()).unwrap().header();
        owed(mode, &header, verdict).iter().map(|code| code.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn conditions_decide_in_enhanced_mode_and_only_there() {
        use AckCode::{AA, AE, AR};
        for (accept, application, positive, negative, later) in [
            ("AL", "AL", "CA AA", "CE", "CR"),
            ("AL", "NE", "CA", "CE", "CR"),
            ("AL", "", "CA", "CE", "CR"),
            ("NE", "AL", "AA", "AE", "AR"),
            ("", "AL", "AA", "AE", "AR"),
            ("ER", "SU", "AA", "CE", "CR"),
            ("SU", "ER", "CA", "AE", "AR"),
            ("NE", "NE", "", "", ""),
            ("XX", "", "CA", "CE", "CR"),
            ("", "", "AA", "AE", "AR"),
        ] {
            let enhanced = |verdict| told(Acknowledgements::Enhanced, accept, application, verdict);
            assert_eq!(
                (enhanced(AA), enhanced(AE), enhanced(AR)),
                (positive.into(), negative.into(), later.into()),
                "{accept} {application}"
            );
        }
        assert_eq!(told(Acknowledgements::Original, "AL", "AL", AA), "AA");
        assert_eq!(told(Acknowledgements::Original, "NE", "NE", AA), "");
    }
}
