use jonction_model::*;
use jonction_settings::logic::{CHARACTERS_MAX, DEPTH_MAX};
use proptest::prelude::*;

use super::*;

fn shape() -> Condition {
    Condition::always()
}

fn parse(text: &str) -> Condition {
    Condition::parse(text, Stage::Shape).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

fn error(text: &str) -> (&'static str, usize, usize) {
    let error = Condition::parse(text, Stage::Shape).unwrap_err();
    (error.code, error.offset, error.length)
}

fn submission(qualified: bool, dmp: bool) -> Shape {
    let json = serde_json::json!({
        "shape": "document-submission",
        "origin": { "control_id": "M1", "sending_application": "", "sending_facility": "",
            "receiving_application": "", "receiving_facility": "", "processing": "T", "charset": "", "event_time": "" },
        "operation": "replace",
        "patient": {
            "ins": { "ins": "279035121518989", "domain": "test-nir" }, "local_ids": [],
            "traits": { "birth_name": "X", "birth_given": "Y", "birth_date": "19790328", "sex": "F" },
            "status": if qualified { "qualified" } else { "provisional" }, "declared_status": "" },
        "sender": null, "encounter": { "class": "I" }, "documents": [],
        "visibility": Visibility::default(),
        "wants": Wants { dmp, ..Wants::default() },
        "recipients": [], "reply_to": [], "mail": MailTexts::default(),
    });
    serde_json::from_value(json).unwrap()
}

fn judge(text: &str, qualified: bool, dmp: bool) -> Judgement {
    let facts = MessageFacts { kind: "MDM^T02".into(), sending_facility: "FAC".into(), ..Default::default() };
    let shape = submission(qualified, dmp);
    let subject = Subject { facts: &facts, shape: Some(&shape), environment: Environment::Test };
    parse(text).judge(&subject)
}

fn holds(text: &str) -> bool {
    judge(text, true, true) == Judgement::Owed
}

#[test]
fn comparisons_mean_what_they_say() {
    for (text, expected) in [
        ("message.type in [\"MDM^T02\", \"ORU^R01\"]", true),
        ("message.type == 'ORU^R01'", false),
        ("message.type != \"ORU^R01\"", true),
        ("sender.facility == \"FAC\" and not wants.mssante", true),
        ("operation in [submit, replace]", true),
        ("operation == \"delete\"", false),
        ("encounter.class == \"I\" or wants.mssante", true),
        ("not (wants.dmp or wants.mssante)", false),
        ("wants.mssante and wants.dmp or wants.dmp", true),
        ("document.type == \"x\"", false),
        ("document.type != \"x\"", true),
    ] {
        assert_eq!(holds(text), expected, "{text}");
    }
    let facts = MessageFacts::default();
    assert!(shape().holds(&Subject { facts: &facts, shape: None, environment: Environment::Test }));
}

#[test]
fn a_gate_refuses_and_a_selection_omits() {
    let text = "wants.dmp and identity.qualified";
    assert_eq!(judge(text, true, true), Judgement::Owed);
    assert_eq!(judge(text, true, false), Judgement::NotAsked);
    assert_eq!(judge(text, false, false), Judgement::NotAsked);
    match judge(text, false, true) {
        Judgement::Refused(findings) => {
            assert_eq!(findings.len(), 1);
            assert_eq!(findings[0].check, "identity.not-qualified");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_gate_under_not_is_a_selection() {
    assert_eq!(judge("wants.dmp and not identity.qualified", true, true), Judgement::NotAsked);
    assert_eq!(judge("wants.dmp and not identity.qualified", false, true), Judgement::Owed);
    // Twice denied, it stands positively again.
    assert!(matches!(judge("not (not identity.qualified)", false, true), Judgement::Refused(_)));
}

#[test]
fn the_guarantee_is_decided_by_a_table() {
    for (text, guaranteed) in [
        ("identity.qualified", true),
        ("wants.dmp and identity.qualified", true),
        ("identity.qualified and (wants.dmp or wants.mssante)", true),
        ("wants.dmp", false),
        ("identity.has_ins", false),
        ("identity.qualified or wants.dmp", false),
        ("not identity.qualified", false),
        ("(wants.dmp and identity.qualified) or (wants.mssante and identity.qualified)", true),
        ("wants.dmp and not wants.dmp", true),
        ("not (not identity.qualified or not wants.dmp)", true),
    ] {
        assert_eq!(parse(text).guarantees_qualified_identity(), guaranteed, "{text}");
    }
    assert!(!Condition::always().guarantees_qualified_identity());
    let way = parse("identity.qualified or (wants.dmp and operation == submit)").unqualified_way_through();
    assert_eq!(way.unwrap(), ["wants.dmp", "operation in [\"submit\"]"]);
}

#[test]
fn mistakes_are_told_at_their_place() {
    assert_eq!(error("wants.dpm"), ("route.unknown-predicate", 0, 9));
    assert_eq!(error("wants.dmp and"), ("route.condition-syntax", 13, 1));
    assert_eq!(error("wants.dmp wants.mssante"), ("route.condition-syntax", 10, 13));
    assert_eq!(error("(wants.dmp"), ("route.condition-syntax", 10, 1));
    assert_eq!(error("operation == \"retract\""), ("route.unknown-value", 13, 9));
    assert_eq!(error("message.type = \"x\""), ("route.condition-syntax", 13, 1));
    assert_eq!(error("message.type == \"x"), ("route.condition-syntax", 16, 2));
    assert_eq!(error("message.type"), ("route.condition-syntax", 0, 12));
    assert_eq!(error("message.type in [\"x\" \"y\"]"), ("route.condition-syntax", 21, 3));
    assert_eq!(error(""), ("route.condition-syntax", 0, 1));
    assert_eq!(error("é"), ("route.condition-syntax", 0, 1));
    let early = Condition::parse("wants.dmp", Stage::Message).unwrap_err();
    assert_eq!(early.code, "route.predicate-too-early");
    let near = Condition::parse("wants.dpm", Stage::Shape).unwrap_err();
    assert_eq!(near.remedy, "vouliez-vous wants.dmp ?");
}

#[test]
fn limits_hold_exactly() {
    let nested = |depth: usize| format!("{}wants.dmp{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Condition::parse(&nested(DEPTH_MAX - 1), Stage::Shape).is_ok());
    assert!(Condition::parse(&nested(DEPTH_MAX), Stage::Shape).is_err());
    assert!(Condition::parse(&nested(1_000), Stage::Shape).is_err());
    assert!(Condition::parse(&format!("{}wants.dmp", "not ".repeat(1_000)), Stage::Shape).is_err());

    let predicates = |count: usize| {
        (0..count).map(|n| format!("document.type == \"{n}\"")).collect::<Vec<_>>().join(" and ")
    };
    assert!(Condition::parse(&predicates(PREDICATES_MAX), Stage::Shape).is_ok());
    let error = Condition::parse(&predicates(PREDICATES_MAX + 1), Stage::Shape).unwrap_err();
    assert_eq!(error.code, "route.condition-too-long");
    let spaces = |length: usize| format!("{:length$}", "wants.dmp");
    assert!(Condition::parse(&spaces(CHARACTERS_MAX), Stage::Shape).is_ok());
    assert!(Condition::parse(&spaces(CHARACTERS_MAX + 1), Stage::Shape).is_err());
}

#[test]
fn every_word_of_the_vocabulary_is_understood() {
    for (name, meaning) in vocabulary() {
        assert!(!meaning.is_empty());
        let alone = Condition::parse(name, Stage::Shape).is_ok();
        let compared = ["\"x\"", "submit", "P"]
            .iter()
            .any(|value| Condition::parse(&format!("{name} == {value}"), Stage::Shape).is_ok());
        assert!(alone ^ compared, "{name} is a question or a text");
    }
}

/// Random conditions over three predicates, with what they mean written a second time.
fn conditions() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![Just("identity.qualified"), Just("wants.dmp"), Just("wants.mssante")];
    leaf.prop_map(str::to_owned).prop_recursive(4, 12, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|a| format!("not ({a})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) and ({b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a}) or ({b})")),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_guaranteed_is_never_owed_to_an_unqualified_identity(text in conditions()) {
        let guaranteed = parse(&text).guarantees_qualified_identity();
        let reached = [false, true].into_iter().any(|dmp| judge(&text, false, dmp) == Judgement::Owed);
        prop_assert!(!(guaranteed && reached), "{text}");
    }

    #[test]
    fn a_refusal_always_names_a_gate(text in conditions(), dmp: bool, qualified: bool) {
        if let Judgement::Refused(findings) = judge(&text, qualified, dmp) {
            prop_assert!(!qualified && !findings.is_empty(), "{text}");
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[a-z.()\\[\\]\"'=!, é]{0,80}") {
        let _ = Condition::parse(&text, Stage::Shape);
    }
}
