//! Inputs that want to break the parser: each gives a message or a typed error, never a panic, never a hang.
//! Source: hl7v2.md §6.1 and §10, architecture §4.8.

#![allow(clippy::unwrap_used, reason = "test code")]

use bytes::Bytes;
use jonction_hl7v2::{
    AckCode, Limits, Message, ParseFault, Path, Profile, ack, admission, batch,
    bench_support::sample_message, checks, parse_ack, profiles, zam,
};
use jonction_model::{Mode, run_checks};
use proptest::prelude::*;

fn parse(raw: impl Into<Bytes>) -> Result<Message, ParseFault> {
    Message::parse(raw.into(), &Limits::default()).map_err(|error| error.fault)
}

/// Runs everything that reads a message.
fn exercise(raw: &[u8]) {
    let Ok(message) = parse(raw.to_vec()) else { return };
    for segment in message.segments() {
        assert!(segment.span().end <= raw.len());
        for field in segment.fields() {
            for repetition in field.repetitions() {
                for component in repetition.components() {
                    for leaf in component.subcomponents() {
                        assert_eq!(&raw[leaf.span()], leaf.raw());
                        assert!(
                            leaf.span().start >= field.span().start && leaf.span().end <= field.span().end
                        );
                        leaf.text();
                    }
                }
            }
        }
    }
    message.charset();
    let findings = admission::refusals(&message, Profile::DocumentToPfi);
    run_checks(checks::CHECKS, &message, Mode::Strict);
    let now = jiff::Timestamp::UNIX_EPOCH;
    let answer = ack::build(Some(&message), AckCode::AE, &findings, "1", now).unwrap();
    let read = Message::parse(answer, &Limits::default()).unwrap();
    if message.header().control_id.is_empty() {
        assert!(parse_ack(&read).is_err());
    } else {
        assert_eq!(parse_ack(&read).unwrap().control_id, message.header().control_id);
    }
    let _ = zam::read(&message);
    batch::split(message.raw(), 10);
    let path = Path::parse("PID-3[2].4.2").unwrap();
    if let Ok(edits) = message.edit().set(&path, "x|y") {
        assert_eq!(parse(edits.apply()).unwrap().get(&path).text(), "x|y");
    }
    assert_eq!(message.edit().apply(), raw);
}

#[test]
fn truncation_at_every_byte_is_a_message_or_a_typed_error() {
    let whole = sample_message(0);
    for end in 0..=whole.len() {
        match parse(whole[..end].to_vec()) {
            Ok(message) => assert!(end >= 5 && message.msh().is("MSH")),
            Err(fault) => assert!(end <= 5, "{end}: {fault}"),
        }
    }
    for end in (0..whole.len()).step_by(37) {
        exercise(&whole[..end]);
    }
}

#[test]
fn no_header_no_message() {
    for (raw, fault) in [
        (&b""[..], ParseFault::Empty),
        (b"\r\n \0\xEF\xBB\xBF", ParseFault::Empty),
        (b"PID|1", ParseFault::NoHeader),
        (b"msh|^~\\&|", ParseFault::NoHeader),
        (b"{\"resourceType\":\"Bundle\"}", ParseFault::NoHeader),
        (b"MSH", ParseFault::FieldSeparator),
        (b"MSH|", ParseFault::EncodingCharacters),
        (b"\xFF\xFEM\0S\0H\0", ParseFault::WideCharset),
        (b"\xFE\xFF\0M\0S\0H", ParseFault::WideCharset),
        (b"M\0S\0H\0|\0", ParseFault::WideCharset),
        (b"\0M\0S\0H\0|", ParseFault::WideCharset),
        (b"MSH|||", ParseFault::EncodingCharacters),
        (b"MSH|^^^^|", ParseFault::SameDelimiters),
        (b"MSHx^~\\&x", ParseFault::FieldSeparator),
        (b"MSH|ab~\\|", ParseFault::UnusableDelimiter),
    ] {
        assert_eq!(parse(raw).unwrap_err(), fault, "{raw:?}");
    }
}

#[test]
fn an_error_gives_its_place_and_its_answer() {
    let error = Message::parse(Bytes::from_static(b"\r\nMSH|^^\\&|A"), &Limits::default()).unwrap_err();
    assert_eq!((error.segment, error.offset, error.code()), (1, 6, "hl7v2.same-delimiters"));
    let finding = error.finding();
    assert_eq!((finding.place.path.as_str(), finding.wire_code.as_deref()), ("MSH-2", Some("102")));
    assert!(!finding.sentence.is_empty() && finding.remedy.is_some());
}

#[test]
fn leading_rubbish_is_stripped_and_counted() {
    let message = parse(&b"\xEF\xBB\xBF\r\n \0MSH|^~\\&|A\r\x1c\r"[..]).unwrap();
    assert_eq!(message.segments().len(), 1);
    assert!(message.notes().contains(&jonction_hl7v2::Note::LeadingBytes { count: 7 }));
}

#[test]
fn every_limit_holds_at_its_value_and_one_beyond() {
    let raw = Bytes::from_static(b"MSH|^~\\&|A\rPID|1|2\rOBX|1\r");
    let with = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        Message::parse(raw.clone(), &limits).map(|_| ()).map_err(|error| error.fault)
    };
    assert_eq!(raw.len(), 25);
    assert_eq!(with(|l| l.message_bytes_max = 25), Ok(()));
    assert_eq!(with(|l| l.message_bytes_max = 24), Err(ParseFault::TooLong { limit: 24 }));
    assert_eq!(with(|l| l.segments_max = 3), Ok(()));
    assert_eq!(with(|l| l.segments_max = 2), Err(ParseFault::TooManySegments { limit: 2 }));
    assert_eq!(with(|l| l.fields_max = 7), Ok(()));
    assert_eq!(with(|l| l.fields_max = 6), Err(ParseFault::TooManyFields { limit: 6 }));
}

#[test]
fn a_hundred_thousand_fields_are_read_and_a_million_and_one_refused() {
    let mut raw = b"MSH|^~\\&|A\rPID".to_vec();
    raw.extend(std::iter::repeat_n(b'|', 100_000));
    raw.extend(b"x\r");
    let message = parse(raw.clone()).unwrap();
    assert_eq!(message.segment("PID").unwrap().field(100_000).raw(), b"x");
    exercise(&raw);
    raw.extend(std::iter::repeat_n(b'|', 1_000_000));
    assert_eq!(parse(raw).unwrap_err(), ParseFault::TooManyFields { limit: 1_000_000 });
}

#[test]
fn a_segment_of_a_hundred_megabytes_meets_the_limit() {
    let mut raw = b"MSH|^~\\&|A\rOBX|1|ED|||^a^b^Base64^".to_vec();
    raw.resize(100 << 20, b'A');
    assert_eq!(parse(raw).unwrap_err(), ParseFault::TooLong { limit: 64 << 20 });
}

#[test]
fn many_separators_of_every_level_stay_linear() {
    for separator in [
        "^",
        "&",
        "~",
        "\\",
        "\\F",
        "\r",
        "\n",
        "˜",
        "MSH|\r",
        "OBX|\r",
        "PRT|\r",
        " ",
        "OBX|1|ED|||^^XML^Base64^Q\r",
        "OBX|1|CWE|DESTDMP\rNTE||||FIN\r",
    ] {
        let mut raw = "MSH|^˜\\&|A\rOBX|1|ED|||".as_bytes().to_vec();
        raw.extend(separator.as_bytes().repeat(20_000));
        exercise(&raw);
    }
}

#[test]
fn a_payload_is_not_cut_by_what_it_holds() {
    let message = parse(&b"MSH|^~\\&|A\rOBX|1|ED|||^text^XML^base64^QU~JD&\\F\\x^^~|F\r"[..]).unwrap();
    let field = message.segment("OBX").unwrap().field(5);
    assert_eq!(field.component(5).raw(), b"QU~JD&\\F\\x");
    assert_eq!(field.component(5).text(), "QU~JD&\\F\\x");
    assert_eq!(field.component(5).subcomponent(1).span(), field.component(5).span());
    assert_eq!(field.repetitions().count(), 1);
    assert_eq!(field.component(3).text(), "XML");
    assert_eq!(field.components().count(), 5);
    // Without Base64 in its fourth component it is cut like any other.
    let message = parse(&b"MSH|^~\\&|A\rOBX|1|ED|||^text^XML^A^QU~JD|F\r"[..]).unwrap();
    assert_eq!(message.segment("OBX").unwrap().field(5).repetitions().count(), 2);
}

#[test]
fn presence_is_told_apart_at_every_level() {
    use jonction_hl7v2::Presence::{Absent, Empty, Null, Valued};
    let message = parse(&b"MSH|^~\\&|A\rZZZ||\"\"|a^^\"\"^b&&\"\"|\"|x \r"[..]).unwrap();
    let zzz = message.segment("ZZZ").unwrap();
    let at = |field: usize, component: usize, sub: usize| {
        zzz.field(field).component(component).subcomponent(sub).presence()
    };
    assert_eq!(
        [1, 2, 3, 4, 5, 6].map(|n| zzz.field(n).presence()),
        [Empty, Null, Valued, Valued, Valued, Absent]
    );
    assert_eq!(
        [at(3, 1, 1), at(3, 2, 1), at(3, 3, 1), at(3, 4, 1), at(3, 4, 2), at(3, 4, 3)],
        [Valued, Empty, Null, Valued, Empty, Null]
    );
    assert_eq!([at(3, 5, 1), at(3, 1, 2), at(6, 1, 1)], [Absent; 3]);
    assert_eq!(
        (zzz.field(2).text(), zzz.field(4).text(), zzz.field(5).text()),
        ("".into(), "\"".into(), "x".into())
    );
}

#[test]
fn debug_shows_nothing_of_the_content() {
    let message = parse(sample_message(0)).unwrap();
    let pid = message.segment("PID").unwrap();
    let shown = format!("{message:?} {pid:?} {:?} {:?}", pid.field(5), message.observations());
    assert!(!shown.contains("MARTINET") && !shown.contains("279035121518989"), "{shown}");
}

proptest! {
    #[test]
    fn random_bytes_never_panic(raw in prop::collection::vec(any::<u8>(), 0..300)) {
        exercise(&raw);
    }

    #[test]
    fn random_messages_never_panic(raw in "MSH\\|\\^~\\\\&\\|[A-Z|^~&\\\\é\"\r\n ]{0,60}((PID|OBX|PRT|ZZ|ERR|MSA|EVN)\\|[A-Z0-9|^~&\\\\é\"' .]{0,80}[\r\n]{1,2}){0,6}") {
        exercise(raw.as_bytes());
    }

    #[test]
    fn mutated_messages_never_panic(at in 0_usize..2600, byte in any::<u8>()) {
        let mut raw = sample_message(0);
        let at = at.min(raw.len() - 1);
        raw[at] = byte;
        exercise(&raw);
    }

    #[test]
    fn line_ends_change_nothing(lines in prop::collection::vec("[A-Z]{3}\\|[a-z|^~&]{0,30}[a-z]", 1..8)) {
        let forms = ["\r", "\n", "\r\n", "\r\n\r\n"].map(|end| {
            let text = std::iter::once("MSH|^~\\&|A").chain(lines.iter().map(String::as_str)).map(|line| format!("{line}{end}"));
            parse(text.collect::<String>().into_bytes()).unwrap()
        });
        let read = |message: &Message| message.segments().map(|segment| segment.raw().to_vec()).collect::<Vec<_>>();
        for form in &forms {
            prop_assert_eq!(read(form), read(&forms[0]));
        }
    }
}

#[test]
fn profiles_are_found_for_any_message() {
    assert!(profiles::for_message(&parse(sample_message(0)).unwrap()).len() > 60);
}
