//! Thirty rows on a 2 KB message against the same assignments written in Rust, in one run.
//! `beyond` measures both in short turns, so that a busy machine slows both. Bar: 5 µs for the rows, beyond parsing.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "bench code")]

use std::{hint::black_box, sync::Arc, time::Instant};

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use jonction_hl7v2::{Limits, Message};
use jonction_model::{
    EventAction, EventSource, IdentityStatus, Location, Masked, Movement, PatientEvent, PatientEventKind,
    PatientIdentity, Sex, Shape, Stay, Traits, Unit,
};
use jonction_rows::Mapping;
use jonction_settings::{Diagnoses, SourceFile};

const ROWS: &str = include_str!("thirty.yaml");

fn message() -> Message {
    let padding =
        "OBX|1|ST|NOTE^Note d'accueil^L||Texte sans importance pour les lignes de la traduction||||||F\r"
            .repeat(14);
    let text = format!(
        "MSH|^~\\&|GAM|CHU-X|DPI|CHU-X|20240306111154||ADT^A01^ADT_A01|3975|D|2.5^FRA^2.11|||||FRA|UNICODE UTF-8|FR\r\
         EVN||20240306111154||||20240306110000\r\
         PID|1||000003^^^CHU-X&000897406&N^PI||PAT-TROIS^DOMINIQUE^DOMINIQUE^^^^L~USUEL^DOM^^^^^D||19790328|F|||28 Av de \
         Breteuil^^PARIS^^75007^FRA^H~^^^^^^BDL^^63220|||||S||24000006^^^CHU-X&000897406&M^AN||||||||||||||VALI\r\
         PV1|1|I|A1^12^3^CHU-X&000897406&M^O||||||||||||||||000897406^^^CHU-X&000897406&M^VN|||||||||||||||||||||||||\
         20240306110000\r\
         ZBE|312^CHU-X^000897406|20240306110000||INSERT|N||Chir V^^^^^CHU-X&000897406&N^UF^^^6268|Chir \
         V^^^^^CHU-X&000897406&N^UF^^^6268|HMS\r{padding}"
    );
    Message::parse(Bytes::from(text), &Limits::default()).unwrap()
}

fn mapping() -> Mapping {
    let mut diagnoses = Diagnoses::default();
    let file = Arc::new(SourceFile { path: "thirty.yaml".into(), text: ROWS.to_owned() });
    let node = jonction_settings::read(file, &mut diagnoses).unwrap();
    let mapping = Mapping::read(&node, &|_| Err(String::new()), &mut diagnoses);
    mapping.unwrap_or_else(|| panic!("{}", diagnoses.list()[0].render()))
}

/// What the rows say, by hand.
fn in_rust(message: &Message) -> Shape {
    let text = |segment: &str, field: usize, component: usize| {
        message
            .segment(segment)
            .and_then(|s| s.field(field).component(component).code())
            .map(|c| c.into_owned())
    };
    let time = |text: Option<String>| text.and_then(|text| jonction_model::DocumentTime::parse(&text).ok());
    let pid = message.segment("PID").unwrap();
    let name = |kind: &str| pid.field(5).repetitions().find(|name| name.component(7) == kind);
    let part = |kind: &str, component: usize| {
        let value = name(kind)?.component(component).subcomponent(1).code()?;
        Some(Masked::new(value.into_owned()))
    };
    let event = match text("MSH", 9, 2).as_deref() {
        Some("A01") => PatientEventKind::Admitted,
        Some("A03") => PatientEventKind::Discharged,
        _ => PatientEventKind::StayUpdated,
    };
    let masked = |text: Option<String>| text.map(Masked::new);
    let unit = |field: usize| text("ZBE", field, 10).map(|code| Unit { code, label: text("ZBE", field, 1) });
    Shape::PatientEvent(Box::new(PatientEvent {
        source: EventSource {
            application: text("MSH", 3, 1).unwrap_or_default(),
            facility: text("MSH", 4, 1).unwrap_or_default(),
            control_id: text("MSH", 10, 1).unwrap_or_default(),
        },
        event,
        action: EventAction::Insert,
        recorded_at: time(text("EVN", 2, 1)),
        occurred_at: time(text("EVN", 6, 1)),
        patient: PatientIdentity {
            ins: None,
            local_ids: Vec::new(),
            traits: Traits {
                birth_name: part("L", 1),
                birth_given: part("L", 2),
                birth_givens: part("L", 3),
                used_name: part("D", 1),
                used_given: part("D", 2),
                birth_date: text("PID", 7, 1).map(|date| Masked::new(date.chars().take(8).collect())),
                sex: text("PID", 8, 1).and_then(|sex| Sex::parse(&sex)),
                birth_place: pid
                    .field(11)
                    .repetitions()
                    .find(|address| address.component(7) == "BDL")
                    .and_then(|address| {
                        address.component(9).code().map(|code| Masked::new(code.into_owned()))
                    }),
            },
            status: match text("PID", 32, 1).as_deref() {
                Some("VALI") => IdentityStatus::Validated,
                _ => IdentityStatus::Provisional,
            },
            declared_status: text("PID", 32, 1).unwrap_or_default(),
        },
        prior_ids: Vec::new(),
        stay: Some(Stay {
            visit: masked(text("PV1", 19, 1)),
            account: masked(text("PID", 18, 1)),
            class: text("PV1", 2, 1),
            location: Some(Location {
                unit: text("PV1", 3, 1),
                room: text("PV1", 3, 2),
                bed: text("PV1", 3, 3),
            }),
            admitted_at: time(text("PV1", 44, 1)),
            discharged_at: None,
            expected_discharge: None,
        }),
        movement: text("ZBE", 1, 1).map(|id| Movement {
            id: Masked::new(id),
            authority: text("ZBE", 1, 3),
            starts_at: time(text("ZBE", 2, 1)),
            original_event: None,
            historical: text("ZBE", 5, 1).as_deref() == Some("Y"),
            medical_unit: unit(7),
            care_unit: unit(8),
            nature: text("ZBE", 9, 1),
        }),
        dmp: None,
        professionals: Vec::new(),
    }))
}

fn rows(c: &mut Criterion) {
    let (message, mapping) = (message(), mapping());
    let mapped = mapping.run_hl7(&message).unwrap();
    assert_eq!(mapped.shapes, [in_rust(&message)], "both say the same");
    let mut group = c.benchmark_group("rows");
    group.bench_function("rows", |b| b.iter(|| mapping.run_hl7(black_box(&message)).unwrap()));
    group.bench_function("rust", |b| b.iter(|| in_rust(black_box(&message))));
    let raw = message.raw().clone();
    group.bench_function("parse", |b| {
        b.iter(|| Message::parse(black_box(&raw).clone(), &Limits::default()).unwrap())
    });
    group.bench_function("load", |b| b.iter(self::mapping));
    group.finish();
}

/// Prints both in short turns, one after the other, and the medians over the rounds.
fn beyond(_: &mut Criterion) {
    let (message, mapping) = (message(), mapping());
    let turns = 500;
    let time = |run: &dyn Fn()| {
        let start = Instant::now();
        (0..turns).for_each(|_| run());
        start.elapsed().as_secs_f64() * 1e6 / f64::from(turns)
    };
    let mut rounds: Vec<(f64, f64)> = (0..101)
        .map(|_| {
            (
                time(&|| drop(black_box(mapping.run_hl7(&message)))),
                time(&|| drop(black_box(in_rust(&message)))),
            )
        })
        .collect();
    rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
    let rows = rounds[50].0;
    rounds.sort_by(|a, b| a.1.total_cmp(&b.1));
    let rust = rounds[50].1;
    println!(
        "rows/beyond: {} rows on {} bytes: {rows:.2} µs (bar: 5), the same in Rust {rust:.2} µs, ratio {:.2}",
        mapping.rows().count(),
        message.raw().len(),
        rows / rust
    );
}

criterion_group!(benches, rows, beyond);
criterion_main!(benches);
