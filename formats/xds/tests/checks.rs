//! Each check: the good lot passes, one mutation is refused with that id. Source: dmp-xds.md §10.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::*;
use jonction_model::*;
use jonction_xds::{checks::*, ebrim::*, metadata::*, signature::signature_entry, *};

const OLD: &str = "urn:uuid:0b5a2f52-6a54-4d3c-9a40-3e2f2b8f3a11";

/// A replacement, signed, with every fact a receiver may know.
fn good() -> Received {
    let entries = vec![EntryIdentifiers { id: "Document01".to_owned(), replaces: Some(OLD.to_owned()) }];
    let identifiers = Identifiers { entries, ..identifiers() };
    let submission = submission();
    let (mut lot, _) = build_dmp_with(&submission, &identifiers, &Defaults::default());
    let facts = ContentFacts::of(CDA);
    (lot.entries[0].hash, lot.entries[0].size) = (Some(facts.sha1.to_uppercase()), Some(facts.size));
    let signature = signature_entry(&lot, &oid("1.2.250.1.999.1.1.8121.5.1"), submission_time());
    lot.add_signature(signature);
    let document = &submission.documents[0];
    let cda = CdaFacts {
        unique_id: document.unique_id.clone(),
        effective_time: document.metadata.creation_time.clone(),
        patient: Some(ins()),
        media_type: Some("application/pdf".to_owned()),
        set_id: document.set_id.clone(),
        version: Some(2),
        replaces: Some(DocumentUniqueId::root("1.2.250.1.999.1.1.8121.1.0")),
    };
    let context = Context {
        now: Some(submission_time()),
        vihf_patient: Some(Cx::ins(&ins())),
        vihf_structure: structure().id,
        documents: vec![DocumentFacts { id: "Document01".to_owned(), content: facts, cda: Some(cda) }],
        signature: Some(SignatureFacts {
            listed: vec![
                format!("urn:oid:{}", lot.set.unique_id),
                format!("urn:oid:{}", lot.entries[0].unique_id),
            ],
            wrong_digests: vec![],
        }),
        set_reused: false,
        replaced: vec![ReplacedFacts {
            entry_uuid: OLD.to_owned(),
            unique_id: "1.2.250.1.999.1.1.8121.1.0".to_owned(),
            set_id: document.set_id.clone(),
            version: Some(1),
        }],
    };
    Received { request: ProvideAndRegister { submission: lot, documents: vec![] }, notes: vec![], context }
}

fn run(received: &Received) -> Vec<String> {
    let mut ids: Vec<_> =
        run_checks(CHECKS, received, Mode::Strict).into_iter().map(|finding| finding.check).collect();
    ids.dedup();
    ids
}

fn entry(received: &mut Received) -> &mut DocumentEntry {
    &mut received.request.submission.entries[0]
}

fn set(received: &mut Received) -> &mut SubmissionSet {
    &mut received.request.submission.set
}

fn cda(received: &mut Received) -> &mut CdaFacts {
    received.context.documents[0].cda.as_mut().unwrap()
}

/// What the reader says after this change of the XML text.
fn reread(received: &mut Received, change: impl Fn(String) -> String) {
    let text = change(write_provide_and_register(&received.request));
    let decoded = read_provide_and_register(text.as_bytes(), &Limits::default()).unwrap();
    (received.request, received.notes) = (decoded.value, decoded.notes);
}

type Mutation = fn(&mut Received);

/// Each mutation breaks one check alone.
const MUTATIONS: &[(&str, Mutation)] = &[
    ("SUB-01", |r| reread(r, |text| text.replace("a54d6aa5-d40d", "a54d6aa5-0000"))),
    ("SUB-02", |r| set(r).submission_time = Some("202601310915".to_owned())),
    ("SUB-02", |r| set(r).submission_time = Some("20260131092001".to_owned())),
    ("SUB-02", |r| set(r).submission_time = None),
    ("SUB-03", |r| set(r).source_id = "1.2.08".to_owned()),
    ("SUB-04", |r| {
        entry(r).patient_id = Some(Cx::from_text("279035121518989^^^&1.2.250.1.213.1.4.8&ISO^NH"))
    }),
    ("SUB-04", |r| r.context.vihf_patient = Some(Cx::from_text("1^^^&1.2&ISO^NH"))),
    ("SUB-04", |r| cda(r).patient = None),
    ("SUB-05", |r| set(r).authors.clear()),
    ("SUB-05", |r| set(r).authors[0].institutions.clear()),
    ("SUB-05", |r| r.context.vihf_structure = Some(StructureId::prefixed("1999900026"))),
    ("SUB-06", |r| set(r).content_type = Some(coded("AUTRE", "1.2.250.1.213.2.2", ""))),
    ("SUB-06", |r| set(r).content_type = None),
    ("SUB-07", |r| {
        r.request.submission.associations.remove(0);
    }),
    ("SUB-07", |r| r.request.submission.associations[0].slots.clear()),
    ("SUB-08", |r| r.request.submission.associations.retain(|link| link.kind != AssociationKind::Signs)),
    ("SUB-08", |r| {
        r.request.submission.entries.pop();
    }),
    ("SUB-09", |r| {
        r.context.signature.as_mut().unwrap().listed.pop();
    }),
    ("SUB-09", |r| r.context.signature.as_mut().unwrap().wrong_digests.push("urn:oid:1.2".to_owned())),
    ("SUB-10", |r| r.context.set_reused = true),
    ("DE-01", |r| entry(r).title = None),
    ("DE-01", |r| entry(r).object_type = "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248".to_owned()),
    ("DE-02", |r| entry(r).logical_id = Some("urn:uuid:1".to_owned())),
    ("DE-03", |r| entry(r).type_code.as_mut().unwrap().code = "51851-4".to_owned()),
    ("DE-03", |r| entry(r).type_code.as_mut().unwrap().system = "1.2.3".to_owned()),
    ("DE-04", |r| entry(r).class_code = Some(coded("11", "1.2.250.1.213.1.1.4.1", "Synthèse"))),
    ("DE-04", |r| entry(r).class_code.as_mut().unwrap().code = "99".to_owned()),
    ("DE-05", |r| entry(r).format_code.as_mut().unwrap().code = "urn:x".to_owned()),
    ("DE-05", |r| {
        entry(r).format_code = tables::find(tables::FORMATS, "urn:ihe:pcc:ips:2020").map(tables::coded)
    }),
    ("DE-06", |r| entry(r).facility_type.as_mut().unwrap().code = "SA11".to_owned()),
    ("DE-06", |r| entry(r).practice_setting.as_mut().unwrap().system = String::new()),
    ("DE-07", |r| entry(r).confidentiality.push(coded("R", "2.16.840.1.113883.5.25", "Restreint"))),
    ("DE-07", |r| entry(r).confidentiality.push(coded("SECRET", "1.2.250.1.213.1.1.4.13", ""))),
    ("DE-07", |r| {
        let mask = coded("MASQUE_PS", "1.2.250.1.213.1.1.4.13", "Masqué aux professionnels de santé");
        entry(r).confidentiality.extend([mask.clone(), mask]);
    }),
    ("DE-08", |r| entry(r).type_code.as_mut().unwrap().label = "Compte rendu".to_owned()),
    ("DE-09", |r| entry(r).language = Some("fr-fr".to_owned())),
    ("DE-10", |r| entry(r).service_start = Some("20200327154500+0100".to_owned())),
    ("DE-10", |r| entry(r).creation_time = Some("20200327153500".to_owned())),
    ("DE-11", |r| entry(r).service_stop = Some("20200327144459".to_owned())),
    ("DE-12", |r| cda(r).unique_id = DocumentUniqueId::root("1.2.3")),
    ("DE-13", |r| entry(r).legal_authenticator = Some(Xcn::from_text("801234567123^TILLEUL^Olivia"))),
    ("DE-13", |r| {
        let wrong = "901234567123^TILLEUL^Olivia^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS";
        entry(r).authors[0].person = Some(Xcn::from_text(wrong));
    }),
    ("DE-14", |r| {
        let nameless = "^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^1999900018";
        entry(r).authors[0].institutions = vec![Xon::from_text(nameless)];
    }),
    ("DE-15", |r| entry(r).authors[0].specialties = vec![Ce::from_text("X^Y^1.2")]),
    ("DE-16", |r| {
        entry(r).source_patient_id = Some(Cx::from_text("279035121518989^^^&1.2.250.1.213.1.4.13&ISO^PI"));
    }),
    ("DE-16", |r| entry(r).source_patient_info[0] = "PID-5|ESSAI-TROIS^CAMILLE^^^^^D".into()),
    ("DE-17", |r| entry(r).hash = Some("0".repeat(40))),
    ("DE-17", |r| entry(r).size = Some(1)),
    ("DE-18", |r| entry(r).mime_type = "application/pdf".to_owned()),
    ("DE-19", |r| entry(r).title = Some("x".repeat(129).into())),
    ("DE-20", |r| entry(r).references[0] = Cxi::from_text("1^^^&1.2&ISO^urn:x")),
    ("DE-21", |r| {
        let added = "<rim:Classification id='x' classificationScheme='urn:uuid:0' classifiedObject='Document01' nodeRepresentation='y'/>";
        reread(r, |text| {
            text.replacen(
                "<rim:ExternalIdentifier id=\"ei04\"",
                &format!("{added}<rim:ExternalIdentifier id=\"ei04\""),
                1,
            )
        });
    }),
    ("DE-22", |r| reread(r, |text| text.replacen(" classifiedObject=\"Document01\"", "", 1))),
    ("RPL-02", |r| cda(r).replaces = None),
    ("RPL-02", |r| cda(r).set_id = None),
    ("RPL-02", |r| cda(r).version = Some(1)),
];

#[test]
fn a_good_lot_gives_no_finding_at_all() {
    let mut received = good();
    assert_eq!(run(&received), Vec::<String>::new());
    reread(&mut received, |text| text);
    assert_eq!(run(&received), Vec::<String>::new());
    received.context = Context::default();
    assert_eq!(run(&received), Vec::<String>::new());
}

#[test]
fn each_mutation_is_refused_with_its_id_alone() {
    for (at, (id, mutation)) in MUTATIONS.iter().enumerate() {
        let mut received = good();
        mutation(&mut received);
        assert_eq!(run(&received), [format!("xds/{id}")], "mutation {at} of {id}");
    }
}

#[test]
fn every_check_has_a_mutation_and_a_place_is_always_said() {
    for check in CHECKS {
        let id = check.id.strip_prefix("xds/").unwrap();
        assert!(MUTATIONS.iter().any(|(own, _)| *own == id), "{id}");
    }
    for (id, mutation) in MUTATIONS {
        let mut received = good();
        mutation(&mut received);
        for finding in run_checks(CHECKS, &received, Mode::Strict) {
            assert!(!finding.place.path.is_empty(), "{id}");
            assert!(!format!("{finding:?}").contains("279035121518989"), "{id}");
        }
    }
}

#[test]
fn a_label_that_differs_by_accents_is_a_remark_only() {
    let mut received = good();
    entry(&mut received).type_code.as_mut().unwrap().label = "CR de telemedecine".to_owned();
    let findings = run_checks(CHECKS, &received, Mode::Strict);
    assert_eq!(codes(&findings), ["xds/DE-08"]);
}

#[test]
fn a_type_without_published_class_may_have_any_class() {
    let mut received = good();
    let (code, label, system, _) = tables::dmp_type("78341-5").unwrap();
    entry(&mut received).type_code = Some(coded(code, system, label));
    assert_eq!(run(&received), Vec::<String>::new());
}

#[test]
fn a_unique_id_with_extension_is_refused() {
    let mut received = good();
    entry(&mut received).unique_id.push_str("^7");
    let ids = run(&received);
    assert!(ids.contains(&"xds/DE-12".to_owned()), "{ids:?}");
}

#[test]
fn a_slot_of_257_characters_is_noted() {
    let with = |length: usize| {
        let mut received = good();
        entry(&mut received).authors[0].roles = vec!["r".repeat(length)];
        reread(&mut received, |text| text);
        run(&received)
    };
    assert_eq!(with(256), Vec::<String>::new());
    assert_eq!(with(257), ["xds/DE-22"]);
}
