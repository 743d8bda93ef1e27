//! What each answer of the DMP leads to, code by code.

use super::*;

fn context(codes: &CodeTable, act: Act, attempt: u32) -> Context<'_> {
    Context { codes, attempt, act }
}

fn failure(code: &str) -> RegistryFailure {
    RegistryFailure { code: code.to_owned(), context: "détail".to_owned(), location: String::new() }
}

fn registry(codes: &[&str], act: Act, attempt: u32) -> String {
    let table = CodeTable::default();
    let failures: Vec<_> = codes.iter().map(|code| failure(code)).collect();
    word(&context(&table, act, attempt).of_registry(&failures))
}

fn word(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done { .. } => "done".to_owned(),
        Outcome::Retry { after, .. } => format!("retry {after:?}"),
        Outcome::Park { .. } => "park".to_owned(),
        Outcome::Refuse { code, .. } => format!("refuse {}", code.code),
        Outcome::Unknown { .. } => "unknown".to_owned(),
    }
}

#[test]
fn each_code_of_the_sheet_has_its_outcome() {
    for (code, expected) in [
        ("XDSRegistryBusy", "retry None"),
        ("XDSRepositoryBusy", "retry None"),
        ("XDSRegistryOutOfResources", "retry Some(600s)"),
        ("XDSRegistryNotAvailable", "retry None"),
        ("XDSUnknownPatientId", "refuse XDSUnknownPatientId"),
        ("DMPClosed", "refuse DMPClosed"),
        ("XDSPatientIdDoesNotMatch", "park"),
        ("XDSDuplicateUniqueIdInRegistry", "refuse XDSDuplicateUniqueIdInRegistry"),
        ("XDSNonIdenticalHash", "park"),
        ("XDSRegistryMetadataError", "refuse XDSRegistryMetadataError"),
        ("InvalidDocumentContent", "refuse InvalidDocumentContent"),
        ("UnresolvedReferenceException", "refuse XDSReplaceFailed"),
        ("XDSTooManyResults", "park"),
        ("DMPxyz", "park"),
        ("", "park"),
    ] {
        assert_eq!(registry(&[code], Act::Change, 1), expected, "{code}");
    }
}

#[test]
fn an_unclear_error_is_tried_three_times_then_read_by_a_human() {
    let outcomes = [1, 2, 3].map(|attempt| registry(&["XDSRegistryError"], Act::Change, attempt));
    assert_eq!(outcomes, ["retry None", "retry None", "park"]);
}

#[test]
fn the_gravest_of_several_errors_decides() {
    assert_eq!(registry(&["XDSRegistryBusy", "DMPClosed"], Act::Change, 1), "refuse DMPClosed");
    assert_eq!(registry(&[], Act::Change, 1), "retry None");
}

#[test]
fn a_failed_probe_keeps_the_outcome_unknown_and_never_refuses() {
    assert_eq!(registry(&["XDSRegistryBusy"], Act::Probe, 1), "unknown");
    assert_eq!(registry(&["DMPClosed"], Act::Probe, 1), "park");
    let table = CodeTable::default();
    assert_eq!(
        word(&context(&table, Act::Probe, 1).of_exchange(&ExchangeError::ConnectTimeout, false)),
        "unknown"
    );
}

#[test]
fn what_left_without_answer_is_unknown_only_when_it_changes_something() {
    let table = CodeTable::default();
    let of =
        |act, departed| word(&context(&table, act, 1).of_exchange(&ExchangeError::AnswerTimeout, departed));
    assert_eq!(of(Act::Change, true), "unknown");
    assert_eq!(of(Act::Change, false), "retry None");
    assert_eq!(of(Act::LookUp, true), "retry None");
}

#[test]
fn http_statuses_are_classed() {
    let table = CodeTable::default();
    let of = |status| word(&context(&table, Act::Change, 1).of_http(status, None));
    assert_eq!(
        [503, 502, 500, 413, 403, 302].map(of),
        ["retry None", "unknown", "unknown", "refuse XDSRepositoryOutOfResources", "park", "park"]
    );
}

#[test]
fn the_delay_a_partner_asks_is_kept_up_to_an_hour() {
    let table = CodeTable::default();
    let of = |seconds| {
        let asked = Some(Duration::from_secs(seconds));
        word(&context(&table, Act::Change, 1).of_http(503, asked))
    };
    assert_eq!([of(30), of(86_400)], ["retry Some(30s)", "retry Some(3600s)"]);
}

#[test]
fn faults_are_read_by_their_code_then_by_their_sentence() {
    let table = CodeTable::default();
    let of = |code: &str, subcode: &str, reason: &str| {
        let failure =
            SoapFailure { code: code.to_owned(), subcode: subcode.to_owned(), reason: reason.to_owned() };
        let outcome = context(&table, Act::Change, 1).of_fault(&failure);
        let check = match &outcome {
            Outcome::Park { finding } | Outcome::Refuse { finding, .. } | Outcome::Retry { finding, .. } => {
                finding.check.clone()
            }
            _ => String::new(),
        };
        (word(&outcome), check)
    };
    let own = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(of("Sender", "DMPInvalidCertificate", "x"), own("park", "dmp.DMPInvalidCertificate"));
    assert_eq!(
        of("Sender", "DMPAccessDeniedByRightsService", "x"),
        own("refuse DMPAccessDeniedByRightsService", "dmp.DMPAccessDeniedByRightsService")
    );
    assert_eq!(of("Sender", "", "Aucune spécialité dans le VIHF"), own("park", "dmp.vihf-no-specialty"));
    assert_eq!(of("Sender", "DMPxyz", "x"), own("park", "dmp.fault"));
    assert_eq!(of("Receiver", "", "x"), own("retry None", "dmp.fault-receiver"));
}

#[test]
fn the_context_is_kept_and_no_matricule_goes_with_it() {
    let table = CodeTable::default();
    let failure = RegistryFailure {
        code: "XDSRegistryMetadataError".to_owned(),
        context: "classCode 99 inconnu pour 279035121518989^^^&1.2.250.1.213.1.4.10&ISO^NH".to_owned(),
        location: String::new(),
    };
    let Outcome::Refuse { finding, .. } = context(&table, Act::Change, 1).of_registry(&[failure]) else {
        panic!("not refused");
    };
    assert_eq!(
        finding.found.as_deref(),
        Some("classCode 99 inconnu pour ***^^^&1.2.250.1.213.1.4.10&ISO^NH")
    );
    assert!(!finding.sentence.contains("279035121518989"));
}
