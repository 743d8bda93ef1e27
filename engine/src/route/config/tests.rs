use std::sync::Arc;

use jonction_model::Finding;
use jonction_ports::{Bodies, Flow};
use jonction_settings::SourceFile;

use super::*;
use crate::{OnFailure, OrderBy, Policy, RouteStep};

struct Named(&'static str);

impl Step for Named {
    fn name(&self) -> &str {
        self.0
    }
    fn version(&self) -> String {
        "1".into()
    }
    fn run(&self, _: &mut Flow, _: &dyn Bodies) -> Result<(), Finding> {
        Ok(())
    }
}

fn registry() -> Registry {
    let partner = |connector: &str, source, sink| KnownPartner { connector: connector.into(), source, sink };
    let name = |text: &str| PartnerName::parse(text).unwrap();
    Registry::new()
        .partner(name("sil"), partner("mllp", true, true))
        .partner(name("dmp-national"), partner("dmp", false, true))
        .partner(name("operateur-regional"), partner("mssante", false, true))
        .step("check", Arc::new(Named("hl7v2/volet-cda@2.1")))
        .step("map", Arc::new(Named("hl7v2-to-document")))
        .reply("zam", "mllp")
        .guarded("dmp")
}

fn read(files: &[(&str, &str)]) -> (Vec<Route>, Diagnoses) {
    let mut diagnoses = Diagnoses::default();
    let nodes: Vec<_> = files
        .iter()
        .filter_map(|(path, text)| {
            let file = SourceFile { path: (*path).into(), text: (*text).to_owned() };
            jonction_settings::read(Arc::new(file), &mut diagnoses)
        })
        .collect();
    let routes = read_routes(&nodes, &registry(), &mut diagnoses);
    (routes, diagnoses)
}

const WHOLE: &str = r#"# routes/cr-imagerie.yaml
route: cr-imagerie
from: { partner: sil, connector: mllp }
accept: message.type in ["MDM^T02", "MDM^T10", "MDM^T04", "ORU^R01"]
steps:
  - check: hl7v2/volet-cda@2.1        # tolérant
  - map: hl7v2-to-document
to:
  - dmp: dmp-national
    when: wants.dmp and identity.qualified
    order_by: patient
    retry: { initial: 500ms, factor: 3, max: 10s, give_up: 7j }
  - mssante: operateur-regional
    when: wants.mssante
reply:
  - zam: sil
"#;

fn places(text: &str) -> Vec<(String, usize, usize)> {
    let (_, diagnoses) = read(&[("essai.yaml", text)]);
    let place = |d: &jonction_settings::Diagnosis| {
        let span = d.span.as_ref().unwrap();
        (d.code.clone(), span.line, span.column)
    };
    diagnoses.list().iter().map(place).collect()
}

fn changed(from: &str, to: &str) -> String {
    assert!(WHOLE.contains(from), "{from}");
    WHOLE.replacen(from, to, 1)
}

fn only(text: &str) -> (String, usize, usize) {
    let mut places = places(text);
    assert_eq!(places.len(), 1, "{places:?}");
    places.remove(0)
}

#[test]
fn the_route_of_the_guide_is_read_whole() {
    let (routes, diagnoses) = read(&[("routes/cr-imagerie.yaml", WHOLE)]);
    assert_eq!(diagnoses.list(), []);
    let route = &routes[0];
    assert_eq!(
        (route.name.as_str(), route.from.as_ref().unwrap().as_str(), route.steps.len()),
        ("cr-imagerie", "sil", 2)
    );
    let dmp = &route.to[0];
    assert_eq!((dmp.sink.as_str(), dmp.order_by), ("dmp-national", OrderBy::Patient));
    assert_eq!(dmp.policy.initial.as_millis(), 500);
    assert_eq!((dmp.policy.factor, dmp.policy.give_up.as_secs()), (3, 7 * 86_400));
    assert_eq!(route.to[1].policy, Policy::default());
    assert_eq!(route.reply[0].sink.as_str(), "sil");
    assert_eq!(route.version, BodyId::of(WHOLE.as_bytes()).to_string());
}

#[test]
fn an_unguarded_dmp_is_refused_with_the_way_through_and_a_remedy() {
    let text = changed("wants.dmp and identity.qualified", "wants.dmp");
    assert_eq!(only(&text), ("route.identity-not-guaranteed".into(), 9, 5));
    let (routes, diagnoses) = read(&[("routes/cr.yaml", &text)]);
    assert!(routes.is_empty());
    let shown = diagnoses.list()[0].render();
    assert!(shown.contains("un patient dont l'INS n'est pas qualifiée"), "{shown}");
    assert!(shown.contains("la condition de la ligne 10 le laisse passer quand wants.dmp"), "{shown}");
    assert!(shown.contains("écrire  when: wants.dmp and identity.qualified"), "{shown}");

    let without = changed("    when: wants.dmp and identity.qualified\n", "");
    assert_eq!(only(&without), ("route.identity-not-guaranteed".into(), 9, 5));
    let either = changed("wants.dmp and identity.qualified", "wants.dmp or identity.qualified");
    let shown = read(&[("cr.yaml", &either)]).1.list()[0].render();
    assert!(shown.contains("(wants.dmp or identity.qualified) and identity.qualified"), "{shown}");
}

#[test]
fn unknown_names_are_told_at_their_place_with_the_nearest() {
    for (from, to, code, line, column, remedy) in [
        (
            "dmp: dmp-national",
            "dmp: dmp-nationale",
            "route.unknown-partner",
            9,
            10,
            "vouliez-vous dmp-national ?",
        ),
        ("- dmp: dmp-national", "- dpm: dmp-national", "route.unknown-connector", 9, 5, "vouliez-vous dmp ?"),
        (
            "- map: hl7v2-to-document",
            "- map: hl7v2-to-documents",
            "route.unknown-step",
            7,
            10,
            "vouliez-vous hl7v2-to-document ?",
        ),
        ("- map: hl7v2", "- mpa: hl7v2", "route.unknown-step-kind", 7, 5, "vouliez-vous map ?"),
        ("partner: sil", "partner: dmp-national", "route.unknown-partner", 3, 18, "partenaires connus : sil"),
        ("order_by: patient", "order_by: nom", "settings.wrong-value", 11, 15, "attendu : "),
        ("order_by: patient", "orderby: patient", "settings.unknown-key", 11, 5, "order_by"),
        ("connector: mllp", "connector: dmp", "route.wrong-connector", 3, 34, "écrire mllp ici"),
        ("zam: sil", "zam: dmp-national", "route.wrong-connector", 16, 10, "son connecteur est dmp"),
        (
            "- mssante: operateur-regional",
            "- mssante: dmp-national",
            "route.wrong-connector",
            13,
            5,
            "écrire dmp ici",
        ),
        ("message.type in", "message.typ in", "route.unknown-predicate", 4, 9, "vouliez-vous message.type ?"),
        (
            "wants.mssante\n",
            "wants.mssante and wants.dpm\n",
            "route.unknown-predicate",
            14,
            29,
            "vouliez-vous wants.dmp ?",
        ),
        (
            "accept: message.type in",
            "accept: wants.dmp and message.type in",
            "route.predicate-too-early",
            4,
            9,
            "mettre cette condition dans when",
        ),
        ("max: 10s", "max: 100ms", "route.bad-retry", 12, 12, "augmenter max"),
        ("initial: 500ms", "initial: 0s", "settings.wrong-value", 12, 23, "attendu : "),
    ] {
        let text = changed(from, to);
        assert_eq!(only(&text), (code.to_owned(), line, column), "{to}");
        let told = read(&[("essai.yaml", &text)]).1.list()[0].remedy.clone().unwrap();
        assert!(told.contains(remedy), "{to}: {told}");
    }
}

#[test]
fn every_mistake_of_every_file_is_told_at_once() {
    let broken =
        changed("dmp: dmp-national", "dmp: dmp-nationale").replace("map: hl7v2-to-document", "map: x");
    let (routes, diagnoses) =
        read(&[("a.yaml", &broken), ("b.yaml", "route: b\n"), ("c.yaml", WHOLE), ("d.yaml", WHOLE)]);
    let codes: Vec<_> = diagnoses.list().iter().map(|d| d.code.as_str()).collect();
    assert_eq!(
        codes,
        ["route.unknown-step", "route.unknown-partner", "settings.missing-key", "route.name-twice"]
    );
    assert_eq!(routes.len(), 1, "the whole one");
}

#[test]
fn quoted_conditions_keep_their_columns() {
    let text = changed("when: wants.mssante\n", "when: \"wants.mssante and wants.dpm\"\n");
    assert_eq!(only(&text), ("route.unknown-predicate".into(), 14, 30));
}

/// The route of the guide with these steps instead of its own.
fn with_steps(steps: &str) -> String {
    changed("  - check: hl7v2/volet-cda@2.1        # tolérant\n  - map: hl7v2-to-document\n", steps)
}

#[test]
fn every_kind_of_step_is_read() {
    let text = with_steps(
        "  - check: hl7v2/volet-cda@2.1\n    on_failure: continue\n  - filter: essais\n    drop: message.type == \"ORU^R01\"\n  \
         - map: hl7v2-to-document\n  - check: hl7v2/volet-cda@2.1\n    on_failure: refuse\n  - split: documents\n  \
         - once: doublons\n    key: [document.id, sender.facility]\n    window: 7j\n",
    );
    let (routes, diagnoses) = read(&[("cr.yaml", &text)]);
    assert_eq!(diagnoses.list(), []);
    let kinds: Vec<_> = routes[0]
        .steps
        .iter()
        .map(|step| match step {
            RouteStep::Run { on_failure: OnFailure::Park, .. } => "park",
            RouteStep::Run { on_failure: OnFailure::Refuse, .. } => "refuse",
            RouteStep::Run { on_failure: OnFailure::Continue, .. } => "continue",
            RouteStep::Filter { .. } => "filter",
            RouteStep::Split => "split",
            RouteStep::Once(_) => "once",
        })
        .collect();
    assert_eq!(kinds, ["continue", "filter", "park", "refuse", "split", "once"]);
}

#[test]
fn a_step_that_asks_too_much_of_its_place_is_refused_there() {
    for (steps, code, line, column) in [
        ("  - map: hl7v2-to-document\n    on_failure: continue\n", "route.bad-failure-policy", 7, 17),
        ("  - check: hl7v2/volet-cda@2.1\n    on_failure: refuse\n", "route.bad-failure-policy", 7, 17),
        ("  - check: hl7v2/volet-cda@2.1\n    on_failure: ignore\n", "settings.wrong-value", 7, 17),
        ("  - split: documents\n  - map: hl7v2-to-document\n", "route.step-too-early", 6, 5),
        ("  - map: hl7v2-to-document\n  - split: pages\n", "settings.wrong-value", 7, 12),
        ("  - once: x\n    key: document.id\n    window: 1h\n", "route.step-too-early", 7, 10),
        ("  - once: x\n    key: content\n    window: 1\n", "settings.wrong-value", 8, 13),
        ("  - once: x\n    key: contenu\n    window: 1h\n", "settings.wrong-value", 7, 10),
        ("  - once: x\n    key: content\n", "settings.missing-key", 6, 5),
        ("  - filter: x\n    drop: identity.qualified\n", "route.predicate-too-early", 7, 11),
        ("  - filter: x\n", "settings.missing-key", 6, 5),
        (
            "  - filter: x\n    drop: operation == delete\n    key: content\n",
            "route.predicate-too-early",
            7,
            11,
        ),
        ("  - map: hl7v2-to-document\n    drop: operation == delete\n", "settings.unknown-key", 7, 5),
        ("  - map: hl7v2-to-document\n    check: hl7v2/volet-cda@2.1\n", "route.bad-item", 7, 5),
        ("  - documents\n", "route.bad-item", 6, 5),
    ] {
        let found = places(&with_steps(steps));
        assert_eq!(found.first(), Some(&(code.to_owned(), line, column)), "{steps} {found:?}");
    }
}

fn linked(name: &str, from: &str, to: &[&str]) -> (String, String) {
    let to: Vec<_> = to.iter().map(|to| format!("  - route: {to}\n")).collect();
    let steps = if from.is_empty() { "" } else { "steps: [map: hl7v2-to-document]\n" };
    let sink = "  - mssante: operateur-regional\n";
    (format!("{name}.yaml"), format!("route: {name}\n{from}{steps}to:\n{}{sink}", to.concat()))
}

fn link_all(files: &[(String, String)]) -> (Vec<Route>, Vec<(String, String)>) {
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let (routes, diagnoses) = read(&files);
    (routes, diagnoses.list().iter().map(|d| (d.code.clone(), d.sentence.clone())).collect())
}

#[test]
fn a_route_hands_over_to_routes_that_have_no_source() {
    let (routes, told) =
        link_all(&[linked("a", "from: sil\n", &["b", "c"]), linked("b", "", &["c"]), linked("c", "", &[])]);
    assert_eq!(told, []);
    let reach: Vec<_> = routes[0].reach().iter().map(|route| route.name.to_string()).collect();
    assert_eq!(reach, ["a", "b", "c", "c"]);
}

#[test]
fn a_ring_of_routes_is_refused_once_with_its_path() {
    let from = "from: sil\n";
    let (routes, told) = link_all(&[
        linked("z", from, &["a"]),
        linked("a", from, &["b"]),
        linked("b", "", &["c"]),
        linked("c", "", &["a"]),
        linked("d", from, &["d"]),
        linked("e", from, &[]),
    ]);
    let sentences: Vec<_> = told.iter().map(|(code, sentence)| (code.as_str(), sentence.as_str())).collect();
    assert_eq!(
        sentences,
        [
            ("route.cycle", "ces routes tournent en rond : a → b → c → a"),
            ("route.cycle", "ces routes tournent en rond : d → d")
        ]
    );
    assert_eq!(routes.len(), 1, "only e turns in no ring");
}

#[test]
fn links_that_lead_nowhere_are_told() {
    let (_, told) = link_all(&[linked("a", "from: sil\n", &["bb"]), linked("b", "", &[])]);
    let codes: Vec<_> = told.iter().map(|(code, _)| code.as_str()).collect();
    assert_eq!(codes, ["route.unknown-route", "route.never-reached"]);
    let many: Vec<_> = (0..9).map(|n| (format!("r{n}"), format!("r{}", n + 1))).collect();
    let mut files: Vec<_> = many.iter().map(|(name, to)| linked(name, "from: sil\n", &[to, to])).collect();
    files.push(linked("r9", "", &[]));
    let (_, told) = link_all(&files);
    assert_eq!(told[0].0, "route.too-many-links");
}

#[test]
fn a_partner_is_served_by_a_route_in_one_way() {
    let twice = "  - mssante: operateur-regional\n    when: wants.mssante_ps\n    delay: 1h\n    window: lun-ven 08:00-18:00\n";
    let text = changed("reply:\n", &format!("{twice}reply:\n"));
    assert_eq!(only(&text), ("route.two-policies".into(), 15, 14));
}
