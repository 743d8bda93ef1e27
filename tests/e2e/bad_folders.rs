//! Two hundred bad folders, each refused for its own reason and for no other; the good ones they come from all accepted.
//! In: a table of mutations, the examples, a larger project, a seed. Out: facts about codes and places.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use crate::program::{copy_folder, example, jonction, project};

/// A mistake: where, what makes it, the code it must be told under.
struct Mutation {
    code: &'static str,
    file: File,
    make: fn(&str) -> String,
}

/// Which file of a folder.
#[derive(Clone, Copy, PartialEq, Eq)]
enum File {
    Settings,
    /// A route that has a source, drawn by the seed.
    Entry,
    /// A route that others hand to, drawn by the seed.
    Linked,
}

const fn on(file: File, code: &'static str, make: fn(&str) -> String) -> Mutation {
    Mutation { code, file, make }
}

#[track_caller]
fn swap(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "« {from} » is not in\n{text}");
    text.replacen(from, to, 1)
}

const SINK: &str = "  - mssante: operateur-regional\n";

/// Mistakes of a route, made in routes of the larger project.
const OF_ROUTES: &[Mutation] = &[
    on(File::Entry, "route.unknown-partner", |t| swap(t, "dmp: dmp-national", "dmp: dmp-nationale")),
    on(File::Entry, "route.unknown-partner", |t| swap(t, "from: sil", "from: lis")),
    on(File::Entry, "route.unknown-partner", |t| swap(t, "from: sil", "from: dmp-national")),
    on(File::Entry, "route.unknown-connector", |t| swap(t, "  - dmp: dmp-national", "  - dpm: dmp-national")),
    on(File::Entry, "route.wrong-connector", |t| swap(t, "zam: sil", "zam: dmp-national")),
    on(File::Entry, "route.wrong-connector", |t| {
        swap(t, "from: sil", "from: { partner: sil, connector: dmp }")
    }),
    on(File::Entry, "route.unknown-step", |t| swap(t, "hl7v2-to-document", "hl7v2-to-documents")),
    on(File::Entry, "route.unknown-step-kind", |t| swap(t, "  - map:", "  - mapp:")),
    on(File::Entry, "settings.wrong-value", |t| swap(t, "order_by: patient", "order_by: nom")),
    on(File::Entry, "settings.wrong-value", |t| swap(t, "max: 60s", "max: 60")),
    on(File::Entry, "settings.wrong-value", |t| swap(t, "factor: 2", "factor: 2000")),
    on(File::Entry, "settings.unknown-key", |t| swap(t, "order_by:", "orderby:")),
    on(File::Entry, "settings.unknown-key", |t| swap(t, "accept:", "acept:")),
    on(File::Entry, "settings.unknown-key", |t| format!("{t}comment: x\n")),
    on(File::Entry, "settings.missing-key", |t| {
        swap(t, "  - filter: essais\n    drop: sender.facility == \"X\"", "  - filter: essais")
    }),
    on(File::Entry, "settings.missing-key", |t| swap(t, "    window: 7j\n", "")),
    on(File::Entry, "route.identity-not-guaranteed", |t| {
        swap(t, "wants.dmp and identity.qualified", "wants.dmp")
    }),
    on(File::Entry, "route.identity-not-guaranteed", |t| {
        swap(t, "wants.dmp and identity.qualified", "wants.dmp or identity.qualified")
    }),
    on(File::Entry, "route.bad-retry", |t| swap(t, "initial: 300ms", "initial: 2min")),
    on(File::Entry, "route.condition-syntax", |t| swap(t, "wants.dmp and", "wants.dmp &&")),
    on(File::Entry, "route.condition-syntax", |t| swap(t, "wants.dmp and", "(wants.dmp and")),
    on(File::Entry, "route.condition-syntax", |t| swap(t, "wants.dmp and", &"(".repeat(60))),
    on(File::Entry, "route.unknown-predicate", |t| swap(t, "wants.dmp and", "wants.dpm and")),
    on(File::Entry, "route.unknown-value", |t| swap(t, "wants.dmp and", "operation == deplace and")),
    on(File::Entry, "route.condition-too-long", |t| swap(t, "wants.dmp and", &"wants.dmp and ".repeat(400))),
    on(File::Entry, "route.predicate-too-early", |t| swap(t, "accept: ", "accept: identity.qualified and ")),
    on(File::Entry, "route.bad-failure-policy", |t| {
        swap(t, "map: hl7v2-to-document\n", "map: hl7v2-to-document\n    on_failure: continue\n")
    }),
    on(File::Entry, "route.bad-failure-policy", |t| swap(t, "on_failure: continue", "on_failure: refuse")),
    on(File::Entry, "route.step-too-early", |t| swap(t, "  - map: ", "  - split: documents\n  - map: ")),
    on(File::Entry, "route.step-too-early", |t| {
        swap(t, "  - map: ", "  - { once: tot, key: document.id, window: 1h }\n  - map: ")
    }),
    on(File::Entry, "route.bad-item", |t| swap(t, "  - map: hl7v2-to-document", "  - hl7v2-to-document")),
    on(File::Entry, "route.bad-item", |t| swap(t, "  - map: ", "  - check: hl7v2/volet-cda@2.1\n    map: ")),
    on(File::Entry, "route.cycle", |t| {
        let name = t.lines().find_map(|line| line.strip_prefix("route: ")).unwrap();
        swap(t, "to:\n", &format!("to:\n  - route: {name}\n"))
    }),
    on(File::Entry, "route.unknown-route", |t| swap(t, "to:\n", "to:\n  - route: nulle-part\n")),
    on(File::Entry, "settings.not-yaml", |t| swap(t, "accept: ", "accept: [")),
    on(File::Entry, "settings.not-yaml", |t| format!("{t}route: encore\n")),
    on(File::Entry, "settings.not-yaml", |t| format!("{t}---\nroute: encore\n")),
    on(File::Entry, "settings.not-yaml", |t| format!("{t}\ttabs: here\n")),
    on(File::Entry, "settings.not-yaml", |_| "[".repeat(5000)),
    on(File::Entry, "settings.not-yaml", |_| alias_bomb()),
    on(File::Entry, "settings.too-large", |t| format!("{t}# {}\n", "x".repeat(5 << 20))),
    on(File::Linked, "settings.not-a-block", |_| "- une\n- liste\n".to_owned()),
    on(File::Linked, "settings.wrong-value", |t| swap(t, "delay: 2h", "delay: deux heures")),
    on(File::Linked, "settings.wrong-value", |t| swap(t, "lun-ven 08:00-18:00", "lundi matin")),
    on(File::Linked, "route.two-policies", |t| format!("{t}{SINK}    when: wants.mssante_patient\n")),
    on(File::Linked, "route.reply-without-from", |t| format!("{t}reply: [zam: sil]\n")),
    on(File::Linked, "settings.wrong-value", |t| swap(t, "split: documents", "split: pages")),
    on(File::Linked, "settings.unknown-key", |t| swap(t, "    delay: 2h", "    delai: 2h")),
];

/// Mistakes of `jonction.yaml`, made in each folder.
const OF_SETTINGS: &[Mutation] = &[
    on(File::Settings, "settings.wrong-value", |t| swap(t, "environment: test", "environment: essai")),
    on(File::Settings, "settings.missing-key", |t| swap(t, "  environment: test", "  #")),
    on(File::Settings, "settings.unknown-key", |t| swap(t, "gateway:\n", "gateway:\n  nom: x\n")),
    on(File::Settings, "settings.wrong-value", |t| swap(t, "gateway:\n", "gateway:\n  stop_grace: 10\n")),
    on(File::Settings, "settings.wrong-value", |t| {
        swap(t, "gateway:\n", "gateway:\n  watch_routes: peut-être\n")
    }),
    on(File::Settings, "settings.wrong-value", |t| swap(t, "gateway:\n", "gateway:\n  finess: 12\n")),
    on(File::Settings, "settings.wrong-value", |t| {
        let line = t.lines().find(|line| line.trim_start().starts_with("source_id:")).unwrap();
        swap(t, line, "  source_id: 2.25.x")
    }),
    on(File::Settings, "settings.not-yaml", |t| swap(t, "gateway:\n", "gateway: {\n")),
    on(File::Settings, "partner.unknown-connector", |t| swap(t, "connector: mllp", "connector: mlpp")),
    on(File::Settings, "partner.bad-name", |t| {
        swap(t, "partners:\n", "partners:\n  Été: { connector: mllp, send_to: mllp://localhost:1 }\n")
    }),
    on(File::Settings, "mllp.neither-way", |t| {
        swap(t, "partners:\n", "partners:\n  muet: { connector: mllp }\n")
    }),
    on(File::Settings, "mllp.no-senders", |t| {
        swap(t, "partners:\n", "partners:\n  seul: { connector: mllp, listen: 127.0.0.1:1 }\n")
    }),
    on(File::Settings, "partner.same-port", |t| {
        let block = "{ connector: mllp, listen: 127.0.0.1:7, senders: [facility: F] }";
        swap(t, "partners:\n", &format!("partners:\n  un: {block}\n  deux: {block}\n"))
    }),
    on(File::Settings, "lane.burst-without-rate", |t| {
        swap(t, "connector: mllp\n", "connector: mllp\n    lane: { burst: 3 }\n")
    }),
    on(File::Settings, "mllp.budget-too-small", |t| {
        swap(
            t,
            "connector: mllp\n",
            "connector: mllp\n    limits: { message_max: 10MB, in_flight_max: 1MB }\n",
        )
    }),
    on(File::Settings, "retention.metadata-first", |t| {
        format!("{t}\nretention: {{ bodies: 90j, metadata: 1j }}\n")
    }),
    on(File::Settings, "settings.unknown-key", |t| format!("{t}\nroutes: []\n")),
    on(File::Settings, "settings.wrong-value", |t| format!("{t}\nretention: {{ bodies: longtemps }}\n")),
    on(File::Settings, "settings.missing-key", |t| format!("{t}\nreports: {{ hour: 06:00 }}\n")),
];

fn alias_bomb() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..30 {
        let _ = writeln!(text, "a{n}: &a{n} [{}]", vec![format!("*a{}", n - 1); 9].join(", "));
    }
    text
}

const ENTRIES: usize = 24;

/// Twenty-four routes with a source, each handing to one that has none.
fn larger(folder: &Path) {
    copy_folder(&example(), folder);
    fs::remove_file(folder.join("routes/documents.yaml")).unwrap();
    for n in 0..ENTRIES {
        let entry = format!(
            "route: entree-{n:02}\nfrom: sil\naccept: sender.facility == \"F{n}\" and message.type in [\"MDM^T02\", \"ORU^R01\"]\n\
             steps:\n  - check: hl7v2/volet-cda@2.1\n    on_failure: continue\n  - filter: essais\n    drop: sender.facility == \"X\"\n  \
             - map: hl7v2-to-document\n  - once: doublons\n    key: [document.id, sender.facility]\n    window: 7j\n\
             to:\n  - route: suite-{n:02}\n    when: wants.mssante\n  - dmp: dmp-national\n    when: wants.dmp and identity.qualified\n    \
             order_by: patient\n    retry: {{ initial: 300ms, factor: 2, max: 60s, give_up: 3j }}\nreply:\n  - zam: sil\n"
        );
        let linked = format!(
            "route: suite-{n:02}\nsteps: [split: documents]\nto:\n{SINK}    when: wants.mssante_ps\n    delay: 2h\n    \
             window: [lun-ven 08:00-18:00]\n"
        );
        fs::write(folder.join(format!("routes/entree-{n:02}.yaml")), entry).unwrap();
        fs::write(folder.join(format!("routes/suite-{n:02}.yaml")), linked).unwrap();
    }
}

/// Makes one mistake in a folder that has none. Out: the file it was made in, with its good text.
fn spoil(folder: &Path, mutation: &Mutation, seed: usize) -> (PathBuf, String) {
    // Any seed draws a route; the same one draws the same.
    let drawn = seed.wrapping_mul(7919) % ENTRIES;
    let path = match mutation.file {
        File::Settings => folder.join("jonction.yaml"),
        File::Entry => folder.join(format!("routes/entree-{drawn:02}.yaml")),
        File::Linked => folder.join(format!("routes/suite-{drawn:02}.yaml")),
    };
    let good = fs::read_to_string(&path).unwrap();
    fs::write(&path, (mutation.make)(&good)).unwrap();
    (path, good)
}

#[test]
fn two_hundred_bad_folders_are_refused_each_for_its_own_reason_and_the_good_ones_accepted() {
    let place = tempfile::tempdir().unwrap();
    let large = place.path().join("large");
    larger(&large);
    let mut folders = vec![(large.clone(), OF_SETTINGS)];
    for name in ["etablissement", "annuaires"] {
        let folder = place.path().join(name);
        copy_folder(&project().join("examples").join(name), &folder);
        folders.push((folder, OF_SETTINGS));
    }
    let good = |folder: &Path| jonction(["check", folder.to_str().unwrap()]).exits(0);
    folders.iter().for_each(|(folder, _)| drop(good(folder).says(["0 erreur, 0 avertissement"])));
    // Each mistake of a route three times, elsewhere in the project.
    folders.extend((0..3).map(|_| (large.clone(), OF_ROUTES)));
    let (mut refused, mut wrong) = (0, Vec::new());
    for (round, (folder, mutations)) in folders.iter().enumerate() {
        for (at, mutation) in mutations.iter().enumerate() {
            let (path, good) = spoil(folder, mutation, round * 1000 + at);
            let said = jonction(["check", "--json", folder.to_str().unwrap()]);
            let told = said.json();
            let codes: Vec<_> =
                told.iter().map(|diagnosis| diagnosis["code"].as_str().unwrap_or("")).collect();
            let here = told.iter().all(|diagnosis| diagnosis["file"].as_str() == path.to_str());
            let remedied = told.iter().all(|diagnosis| diagnosis["remedy"].is_string());
            if said.code != 2 || codes != [mutation.code] || !here || !remedied {
                wrong.push(format!(
                    "{} {}: {codes:?} here {here} remedy {remedied}",
                    mutation.code,
                    path.display()
                ));
            }
            fs::write(&path, good).unwrap();
            refused += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(refused >= 200, "{refused}");
    folders.iter().for_each(|(folder, _)| drop(good(folder)));
}
