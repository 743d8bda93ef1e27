//! Folders with counterparts that are not ours: a writer and a reader in Python.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use jonction_folder::{Collect, Content, Deliver, FolderAdmission, FolderSink, FolderSource, SourceTools};
use jonction_model::{Environment, ManualClock, Mode, PartnerName, RouteName, SeededEntropy, Shape};
use jonction_ports::{
    Arrival, Artefact, BoxFuture, Delivery, DeliveryId, Flow, Intake, IntakeError, MemoryBodies,
    MessageFacts, MessageId, Outcome, Piece, RawBody, Reading, Receipt, Sink, Source, StopHandle, Tools,
};
use jonction_testkit::{python_says, python_with, skipped};
use tokio::sync::watch;

/// A journal in memory: knows repeats, can fail before or after it stored.
struct Journal {
    stored: Mutex<Vec<Arrival>>,
    known: Mutex<HashMap<String, u64>>,
    /// Stores, then says that it could not.
    cut_after: AtomicBool,
    count: watch::Sender<usize>,
}

impl Journal {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            stored: Mutex::default(),
            known: Mutex::default(),
            cut_after: AtomicBool::new(false),
            count: watch::Sender::new(0),
        })
    }

    async fn holds(&self, count: usize) {
        self.count.subscribe().wait_for(|now| *now >= count).await.unwrap();
    }

    fn bytes(&self) -> Vec<Bytes> {
        let whole = |arrival: &Arrival| match &arrival.raw {
            RawBody::Whole(bytes) => bytes.clone(),
            RawBody::Kept(_) => panic!("spooled"),
        };
        self.stored.lock().unwrap().iter().map(whole).collect()
    }
}

impl Intake for Journal {
    fn submit(&self, arrival: Arrival) -> BoxFuture<'_, Result<Receipt, IntakeError>> {
        Box::pin(async move {
            let key = arrival.admitted.repeat.as_ref().map(|repeat| repeat.key.clone());
            let mut known = self.known.lock().unwrap();
            let reply = arrival.reply.clone();
            if let Some(first) = key.as_ref().and_then(|key| known.get(key)) {
                return Ok(Receipt { message: MessageId(*first), reply, repeated: true });
            }
            let mut stored = self.stored.lock().unwrap();
            stored.push(arrival);
            let number = stored.len() as u64;
            known.extend(key.map(|key| (key, number)));
            self.count.send_replace(stored.len());
            if self.cut_after.load(Ordering::SeqCst) {
                return Err(IntakeError::Stopping);
            }
            Ok(Receipt { message: MessageId(number), reply, repeated: false })
        })
    }
}

fn csv(from: &Path) -> Collect {
    Collect {
        from: from.to_owned(),
        content: Content::Other { kind: "CSV", facility: "990000018".to_owned() },
        names: Vec::new(),
        settle: Duration::from_millis(400),
        every: Duration::from_millis(20),
        taken: from.join("pris"),
        refused: from.join("refuses"),
        size_max: 1 << 20,
    }
}

fn partner() -> PartnerName {
    PartnerName::parse("esms").unwrap()
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at("2026-11-24T08:00:00Z".parse().unwrap()))
}

fn source(settings: &Collect) -> FolderSource {
    let admission = FolderAdmission::new(settings, Environment::Test);
    let tools = SourceTools { clock: clock(), entropy: Arc::new(SeededEntropy::new(1)) };
    FolderSource::new(partner(), settings.clone(), admission, tools)
}

/// Runs a source until the journal holds so many, then lets it finish what it does.
async fn until(settings: &Collect, journal: &Arc<Journal>, count: usize) {
    let mut source = source(settings);
    // A process that another test is just starting holds our files until it has become itself: the engine opens again too.
    let opened = async {
        while source.open().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), opened).await.expect("the folder is free again");
    let (handle, stop) = StopHandle::new();
    let running = tokio::spawn(Box::new(source).run(journal.clone(), stop, Duration::from_secs(1)));
    tokio::time::timeout(Duration::from_secs(60), journal.holds(count))
        .await
        .expect("what was put down is taken");
    handle.stop();
    running.await.unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut names: Vec<_> = entries
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn what_python_writes_slowly_is_never_taken_half_and_its_links_are_never_followed() {
    let Some(python) = python_with("json") else { return skipped("python3: no writer of another make") };
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("partage");
    fs::create_dir(&from).unwrap();
    let script = "
import os, sys, time
folder = sys.argv[1]
with open(os.path.join(folder, 'lent.csv'), 'w') as f:
    for part in ('nom;date\\n', 'un;1\\n', 'deux;2\\n'):
        f.write(part); f.flush(); os.fsync(f.fileno()); time.sleep(0.15)
with open(os.path.join(folder, 'b.csv.tmp'), 'w') as f:
    f.write('nom;date\\n')
    f.flush(); time.sleep(0.1); f.write('trois;3\\n')
os.rename(os.path.join(folder, 'b.csv.tmp'), os.path.join(folder, 'b.csv'))
os.symlink('/etc/hostname', os.path.join(folder, 'lien.csv'))
";
    let (journal, settings, put) = (Journal::new(), csv(&from), from.to_str().unwrap().to_owned());
    let writer = tokio::task::spawn_blocking(move || python_says(&python, script, &[&put]));
    until(&settings, &journal, 2).await;
    writer.await.unwrap();
    let mut found = journal.bytes();
    found.sort();
    assert_eq!(found, ["nom;date\ntrois;3\n", "nom;date\nun;1\ndeux;2\n"]);
    assert!(fs::symlink_metadata(from.join("lien.csv")).unwrap().is_symlink(), "it stays");
    let taken = names(&from.join("pris"));
    assert_eq!(taken.len(), 4, "each with its answer: {taken:?}");
    assert!(taken.iter().all(|name| name.starts_with("000000000")), "{taken:?}");
    let answer = fs::read_to_string(from.join("pris").join(&taken[1])).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&answer).unwrap()["accepted"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_journaled_and_not_moved_is_moved_at_the_next_start_and_is_no_second_message() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("jour.csv"), "nom\nun\n").unwrap();
    let (journal, settings) = (Journal::new(), Collect { settle: Duration::ZERO, ..csv(folder.path()) });
    journal.cut_after.store(true, Ordering::SeqCst);
    until(&settings, &journal, 1).await;
    assert_eq!(names(folder.path()), [".jonction-verrou", "jour.csv"], "nobody was told: it stays");

    journal.cut_after.store(false, Ordering::SeqCst);
    fs::write(folder.path().join("suite.csv"), "nom\ndeux\n").unwrap();
    until(&settings, &journal, 2).await;
    assert_eq!(journal.bytes(), ["nom\nun\n", "nom\ndeux\n"]);
    assert_eq!(names(folder.path()), [".jonction-verrou"]);
    assert_eq!(
        names(&folder.path().join("pris")),
        [
            "0000000001-jour.csv",
            "0000000001-jour.csv.reponse.json",
            "0000000002-suite.csv",
            "0000000002-suite.csv.reponse.json"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hl7_file_is_answered_beside_it_and_who_may_not_send_goes_apart() {
    let folder = tempfile::tempdir().unwrap();
    let message = |facility: &str, id: &str| {
        format!(
            "MSH|^~\\&|DUI|{facility}|PFI|R|20261124080000||ADT^A04^ADT_A01|{id}|T|2.5\rPID|||1^^^E&1.2.3&ISO^PI||UN^DEUX\r"
        )
    };
    fs::write(folder.path().join("a.hl7"), message("ESMS", "A1")).unwrap();
    fs::write(folder.path().join("b.hl7"), message("AUTRE", "B1")).unwrap();
    fs::write(folder.path().join("c.hl7"), format!("{}{}", message("ESMS", "C1"), message("ESMS", "C2")))
        .unwrap();
    let settings = Collect {
        settle: Duration::ZERO,
        content: Content::Hl7 { facilities: vec!["ESMS".to_owned()] },
        ..csv(folder.path())
    };
    let journal = Journal::new();
    until(&settings, &journal, 4).await;
    let accepted: Vec<bool> =
        journal.stored.lock().unwrap().iter().map(|one| one.admitted.accepted).collect();
    assert_eq!(accepted, [true, false, true, true]);
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(read("pris/0000000001-a.hl7.ack").contains("MSA|AA|A1"));
    let refusal = read("refuses/0000000002-b.hl7.ack");
    assert!(refusal.contains("MSA|AE|B1") && refusal.contains("ERR|"), "{refusal}");
    let both = read("pris/0000000003-c.hl7.ack");
    assert!(both.contains("MSA|AA|C1") && both.contains("MSA|AA|C2"), "{both}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_over_the_limit_is_refused_by_its_first_bytes() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gros.csv"), vec![b'x'; 200_000]).unwrap();
    let settings = Collect { settle: Duration::ZERO, size_max: 100_000, ..csv(folder.path()) };
    let journal = Journal::new();
    until(&settings, &journal, 1).await;
    assert_eq!(journal.bytes()[0].len(), 64 << 10);
    assert_eq!(journal.stored.lock().unwrap()[0].admitted.findings[0].check, "folder.too-large");
    assert_eq!(names(&folder.path().join("refuses")).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_never_take_the_files_of_one_folder_and_a_missing_one_is_never_made() {
    let folder = tempfile::tempdir().unwrap();
    let settings = csv(folder.path());
    let (mut first, mut second) = (source(&settings), source(&settings));
    first.open().await.unwrap();
    assert_eq!(second.open().await.unwrap_err().code, "folder.in-use");
    let missing = csv(&folder.path().join("absent"));
    assert_eq!(source(&missing).open().await.unwrap_err().code, "folder.missing");
    assert!(!folder.path().join("absent").exists());
    std::os::unix::fs::symlink(folder.path(), folder.path().join("lien")).unwrap();
    assert_eq!(
        source(&csv(&folder.path().join("lien"))).open().await.unwrap_err().code,
        "folder.not-a-folder"
    );
}

/// A submission of one document, made from a message of the volet.
fn submission(bodies: &MemoryBodies) -> Shape {
    let raw = include_bytes!("../../../mappings/samples/mdm-t02-lettre.er7");
    let mut flow = Flow {
        message: bodies.put(&raw[..]),
        facts: MessageFacts::default(),
        environment: Environment::Test,
        shapes: Vec::new(),
        findings: Vec::new(),
        reading: Reading::default(),
    };
    let settings = jonction_mappings::VoletSettings::default();
    let steps = jonction_mappings::steps(settings, Mode::Tolerant);
    let (_, map) = steps.into_iter().find(|(_, step)| step.name() == "hl7v2-to-document").unwrap();
    map.run(&mut flow, bodies).unwrap();
    flow.shapes.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_a_folder_that_python_reads_whole_and_that_names_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let bodies = Arc::new(MemoryBodies::default());
    let shape = Arc::new(submission(&bodies));
    let tools = Tools { bodies: bodies.clone(), clock: clock(), entropy: Arc::new(SeededEntropy::new(2)) };
    let sink = FolderSink::new(partner(), Deliver { into: folder.path().to_owned() });
    let part = sink.parts(&shape).remove(0);
    let ordering = part.ordering.clone().unwrap();
    let delivery = Delivery {
        id: DeliveryId(34),
        message: MessageId(12),
        route: RouteName::parse("essai").unwrap(),
        sink: partner(),
        shape,
        part,
        attempt: 1,
        after_unknown: false,
        received_at: "2026-11-24T08:00:00Z".parse().unwrap(),
    };
    let prepared = sink.prepare(&delivery, &tools).unwrap();
    let pieces = prepared.pieces.into_iter().map(|piece| match piece {
        Piece::New(bytes) | Piece::Shared { bytes, .. } => bodies.put(bytes),
        Piece::Stored(content) => content,
    });
    let artefact = Artefact { ids: prepared.ids, pieces: pieces.collect() };
    let name = artefact.ids["folder"].as_str().unwrap().to_owned();
    assert!(name.starts_with("000000000012-000000000034-") && !name.contains(&ordering));
    // A half that an attempt left behind is no obstacle.
    fs::create_dir(folder.path().join(format!(".{name}.nouveau"))).unwrap();
    fs::write(folder.path().join(format!(".{name}.nouveau/metadata.json")), "{").unwrap();
    for expected in ["écrit", "déjà écrit"] {
        match sink.attempt(&delivery, &artefact, &tools).await.outcome {
            Outcome::Done { detail } => assert_eq!(detail, expected),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the whole folder and nothing else");
    let Some(python) = python_with("json") else { return skipped("python3: nobody else reads the folder") };
    let script = "
import json, os, sys
folder = os.path.join(sys.argv[1], os.listdir(sys.argv[1])[0])
meta = json.load(open(os.path.join(folder, 'metadata.json'), encoding='utf-8'))
document = meta['content']['documents'][0]
cda = open(os.path.join(folder, document['content']['file']), 'rb').read()
print(meta['content']['shape'], [f['name'] for f in meta['files']], sorted(os.listdir(folder)), cda[:5].decode(), b'ClinicalDocument' in cda)
";
    let read = python_says(&python, script, &[folder.path().to_str().unwrap()]);
    assert_eq!(
        read.trim(),
        "document-submission ['contenu-1.xml'] ['contenu-1.xml', 'metadata.json'] <?xml True"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_not_there_is_tried_again_later() {
    let folder = tempfile::tempdir().unwrap();
    let bodies = Arc::new(MemoryBodies::default());
    let tools = Tools { bodies: bodies.clone(), clock: clock(), entropy: Arc::new(SeededEntropy::new(2)) };
    let sink = FolderSink::new(partner(), Deliver { into: folder.path().join("demonte") });
    let artefact = Artefact {
        ids: serde_json::json!({ "folder": "1-2-3", "files": [] }),
        pieces: vec![bodies.put("{}")],
    };
    let shape = Arc::new(submission(&bodies));
    let part = sink.parts(&shape).remove(0);
    let route = RouteName::parse("essai").unwrap();
    let received_at = "2026-11-24T08:00:00Z".parse().unwrap();
    let delivery = Delivery {
        id: DeliveryId(1),
        message: MessageId(1),
        route,
        sink: partner(),
        shape,
        part,
        attempt: 1,
        after_unknown: false,
        received_at,
    };
    let outcome = sink.attempt(&delivery, &artefact, &tools).await.outcome;
    assert!(
        matches!(&outcome, Outcome::Retry { finding, .. } if finding.check == "folder.not-writable"),
        "{outcome:?}"
    );
    // What is stored is believed no further than the names we make.
    for name in ["../evade", ".cache", ""] {
        let artefact = Artefact {
            ids: serde_json::json!({ "folder": name, "files": [] }),
            pieces: artefact.pieces.clone(),
        };
        assert!(matches!(sink.attempt(&delivery, &artefact, &tools).await.outcome, Outcome::Park { .. }));
    }
}
