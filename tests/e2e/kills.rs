//! The gateway is killed (SIGKILL) at random moments while messages keep coming, and restarted at once.
//! In: JONCTION_KILLS_MESSAGES (300), JONCTION_KILLS (30), JONCTION_KILLS_SEED (printed). Out: nothing acknowledged is
//! lost, nothing is deposited or mailed twice, each message has its reports. Source: architecture §4.1 to §4.4.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    env,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use jonction_engine::{DeliveryState, MessageState, Reader, Window};
use jonction_mllp::Received;
use jonction_model::{Clock as _, SystemClock, Verdict};
use jonction_simkit::Judged;
use tokio::sync::{Semaphore, watch};

use crate::{
    letters::{Letter, PLAIN_INS, matricule},
    program::{IDLE, PATIENCE, example, listening_address},
    world::{Counterparts, World, sender},
};

/// Links of the hospital.
const LINKS: usize = 4;
/// People the documents are about: order is kept for each, all of them go on side by side.
const PEOPLE: usize = 12;
/// Longest life of a gateway that will be killed, from the start of its process.
const LIFE_MAX_MS: u64 = 350;

/// What the hospital sends.
#[derive(Clone)]
struct Sending {
    control_id: String,
    document: String,
    person: usize,
}

impl Sending {
    fn number(at: usize) -> Self {
        let person = at % PEOPLE;
        Self { control_id: format!("KILL-{at:04}"), document: format!("2.25.198001011.8.7.{at}"), person }
    }

    fn bytes(&self) -> bytes::Bytes {
        let ins = matricule(100 + u16::try_from(self.person).unwrap());
        let letter = Letter::plain(&self.control_id, &self.document).both(PLAIN_INS, &ins);
        // Each document begins a set of its own.
        letter.document("2.25.198001011.8.360", &format!("{}.0", self.document)).bytes()
    }
}

/// A small generator: the moments are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}: a number")))
}

#[test]
fn killed_at_random_moments_it_loses_nothing_and_repeats_nothing() {
    let world = World::start(&Counterparts::default());
    let messages = usize::try_from(setting("JONCTION_KILLS_MESSAGES", 300)).unwrap();
    storm(&world, messages, usize::try_from(setting("JONCTION_KILLS", 30)).unwrap());
}

/// Partners that take and hang up without a word leave as many unknown outcomes as kills do.
#[test]
fn killed_while_its_partners_fail_it_loses_nothing_and_repeats_nothing() {
    let world = World::start(&Counterparts::default());
    let dmp = ["drop-after-receiving rate 0.1", "busy rate 0.1", "http-503 rate 0.1"];
    world.dmp.set_faults(dmp).unwrap();
    world.mssante.faults().replace(["dup rate 0.15", "drop-data rate 0.1", "busy rate 0.1"]).unwrap();
    world.lps.play(["drop rate 0.1", "ack-ar rate 0.1", "close-each rate 0.1"]).unwrap();
    storm(&world, 60, 6);
}

fn storm(world: &World, messages: usize, kills: usize) {
    let now = SystemClock.now().as_nanosecond();
    let seed = setting("JONCTION_KILLS_SEED", u64::try_from(now % 1_000_000_007).unwrap()).max(1);
    eprintln!("kills: {messages} messages, {kills} kills, JONCTION_KILLS_SEED={seed}");
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let sendings: Vec<Sending> = (0..messages).map(Sending::number).collect();
    let (told, address) = watch::channel(None);
    let permits = Arc::new(Semaphore::new(0));
    let cuts = Arc::new(AtomicU64::new(0));
    let links = (0..LINKS).map(|link| {
        let share: Vec<Sending> = sendings.iter().skip(link).step_by(LINKS).cloned().collect();
        world.runtime.spawn(hospital(share, address.clone(), Arc::clone(&permits), Arc::clone(&cuts)))
    });
    let links: Vec<_> = links.collect();

    let mut heard = 0;
    for life in 0..kills {
        permits.add_permits(messages * (life + 1) / (kills + 1) - messages * life / (kills + 1));
        let mut gateway = world.spawn_gateway(&example());
        // Some die before they listen, some long after; the length of a life is all that is drawn.
        let end = Instant::now() + Duration::from_millis(dice.below(LIFE_MAX_MS));
        while let Some(line) = gateway.line_until(end) {
            heard += 1;
            if let Some(address) = listening_address(&line) {
                told.send_replace(Some(address));
            }
        }
        gateway.kill();
    }
    permits.add_permits(messages);
    let (mut gateway, address) = world.gateway(&example());
    told.send_replace(Some(address));
    world.runtime.block_on(async {
        for link in links {
            tokio::time::timeout(PATIENCE, link).await.expect("the hospital still waits").unwrap();
        }
    });
    gateway.wait_for("an empty balance", |line| (line == IDLE && settled(world, messages)).then_some(()));
    gateway.terminate();
    gateway.ended().exits(0);

    eprintln!("kills: {heard} events before the last life, {} sendings cut", cuts.load(Ordering::Relaxed));
    let journal = Journal::read(world, &sendings);
    nothing_lost(world, &sendings, &journal);
    registry_holds_each_once_in_order(world, &sendings, &journal);
    mails_are_never_doubled(world, &sendings, &journal);
    reports_are_whole(&world.lps.received(), &sendings);
    everything_sent_conforms(world);
}

/// Whatever the moment, what left the gateway is as its text wants it. A handshake cut by the kill is no fault of ours.
fn everything_sent_conforms(world: &World) {
    let judged = [world.dmp.verdicts(), world.mssante.verdicts().list(), world.lps.verdicts().list()];
    let cut = |judged: &Judged| judged.findings.iter().all(|finding| finding.check == "dmp/TLS-02");
    let wrong: Vec<_> = judged.iter().flatten().filter(|judged| !judged.conforms() && !cut(judged)).collect();
    assert!(wrong.is_empty(), "{} do not conform: {:#?}", wrong.len(), wrong.first());
}

/// One link: sends its messages in order, the same bytes again after a cut, until each is acknowledged.
async fn hospital(
    share: Vec<Sending>,
    mut address: watch::Receiver<Option<SocketAddr>>,
    permits: Arc<Semaphore>,
    cuts: Arc<AtomicU64>,
) {
    let mut link = None;
    for sending in share {
        permits.acquire().await.unwrap().forget();
        let bytes = sending.bytes();
        loop {
            let to: SocketAddr = address.wait_for(Option::is_some).await.unwrap().unwrap();
            address.mark_unchanged();
            let (_, sender) = match &link {
                Some((known, _)) if *known == to => link.as_ref().unwrap(),
                _ => link.insert((to, sender(to))),
            };
            match sender.send(&bytes).await.reply {
                Ok(reply) => {
                    let ack = reply.ack.code.as_str();
                    assert!(
                        ack == "AA" || ack == "AR",
                        "{}: {ack} {:?}",
                        sending.control_id,
                        reply.ack.errors
                    );
                    if ack == "AA" {
                        break;
                    }
                }
                Err(_) => drop(cuts.fetch_add(1, Ordering::Relaxed)),
            }
            // The gateway is down: it comes back elsewhere. A refusal for now (AR) is tried again at the same place.
            let _ = tokio::time::timeout(Duration::from_secs(1), address.changed()).await;
        }
    }
}

fn settled(world: &World, messages: usize) -> bool {
    let balance = Reader::open(&world.data).unwrap().balance(Window::default()).unwrap();
    let total = balance.total;
    let came = total.messages.received - total.messages.repeated;
    came == messages as u64 && total.messages.waiting == 0 && total.deliveries.in_flight == 0
}

/// What the journal says of each message.
struct Journal {
    /// Number of the message, by MSH-10.
    numbers: BTreeMap<String, u64>,
    /// Message-ID of its mail, by MSH-10.
    mails: BTreeMap<String, String>,
    /// Attempts after a first one, over all deliveries.
    tried_again: usize,
}

impl Journal {
    fn read(world: &World, sendings: &[Sending]) -> Self {
        let reader = Reader::open(&world.data).unwrap();
        let mut journal = Self { numbers: BTreeMap::new(), mails: BTreeMap::new(), tried_again: 0 };
        for sending in sendings {
            let id = &sending.control_id;
            let journeys = reader.journey(id).unwrap();
            let [journey] = journeys.as_slice() else { panic!("{id}: {} journeys", journeys.len()) };
            assert_eq!(journey.state, MessageState::Routed, "{id}");
            let mut owed: Vec<(&str, &str)> = Vec::new();
            for delivery in &journey.deliveries {
                assert_eq!(delivery.state, DeliveryState::Delivered, "{id}: {delivery:?}");
                owed.push((delivery.sink.as_str(), &delivery.label));
                journal.tried_again += delivery.attempts.len() - 1;
                if delivery.sink.as_str() == "operateur-regional" {
                    let mail = delivery.ids.as_ref().unwrap()["message_id"].as_str().unwrap().to_owned();
                    journal.mails.insert(id.clone(), mail);
                }
            }
            owed.sort_unstable();
            let expected = [
                ("dmp-national", "dépôt 11490-0"),
                ("operateur-regional", "paul.briand-test@…"),
                ("sil", "ZAM^Z01 = O"),
                ("sil", "ZAM^Z02 = O"),
            ];
            assert_eq!(owed, expected, "{id}");
            journal.numbers.insert(id.clone(), journey.id.0);
        }
        eprintln!("kills: {} attempts after a first one", journal.tried_again);
        journal
    }
}

fn nothing_lost(world: &World, sendings: &[Sending], journal: &Journal) {
    let balance = Reader::open(&world.data).unwrap().balance(Window::default()).unwrap();
    let count = sendings.len() as u64;

    assert!(balance.closes(), "{balance:?}");
    let (messages, deliveries) = (balance.total.messages, balance.total.deliveries);
    assert_eq!((messages.routed, messages.waiting), (count, 0), "{messages:?}");
    assert_eq!(messages.received, count + messages.repeated, "{messages:?}");
    assert_eq!((deliveries.delivered, deliveries.owed), (4 * count, 4 * count), "{deliveries:?}");
    let distinct: BTreeSet<&u64> = journal.numbers.values().collect();
    assert_eq!(distinct.len(), sendings.len(), "a number of the journal stands for one message");
}

fn registry_holds_each_once_in_order(world: &World, sendings: &[Sending], journal: &Journal) {
    let held: Vec<_> = world.dmp.documents().into_iter().filter(|document| !document.signature).collect();

    let mut found: Vec<(&str, &str)> =
        held.iter().map(|document| (document.unique_id.as_str(), document.status.as_str())).collect();
    found.sort_unstable();
    let mut expected: Vec<(&str, &str)> =
        sendings.iter().map(|sending| (sending.document.as_str(), "Approved")).collect();
    expected.sort_unstable();
    assert_eq!(found, expected);

    // Of one person, the registry got the documents in the order the gateway took them.
    let by_document: BTreeMap<&str, &Sending> =
        sendings.iter().map(|sending| (sending.document.as_str(), sending)).collect();
    let mut last: BTreeMap<usize, u64> = BTreeMap::new();
    for document in &held {
        let sending = by_document[document.unique_id.as_str()];
        let number = journal.numbers[&sending.control_id];
        let before = last.insert(sending.person, number).unwrap_or(0);
        assert!(before < number, "#{number} came before #{before}, of the same person");
    }
}

fn mails_are_never_doubled(world: &World, sendings: &[Sending], journal: &Journal) {
    let mailboxes = world.mssante.mailboxes();
    let [(mailbox, mails)] = mailboxes.as_slice() else { panic!("{} mailboxes", mailboxes.len()) };

    assert_eq!(mailbox, "paul.briand-test@cabinet.mssante.example");
    let held: BTreeMap<&str, u32> =
        mails.iter().map(|mail| (mail.message_id.as_str(), mail.copies)).collect();
    assert_eq!((held.len(), mails.len()), (sendings.len(), sendings.len()), "one Message-ID per message");
    let journaled: BTreeSet<&str> = journal.mails.values().map(|id| id.trim_matches(['<', '>'])).collect();
    let held_ids: BTreeSet<&str> = held.keys().map(|id| id.trim_matches(['<', '>'])).collect();
    assert_eq!(held_ids, journaled, "the mails are those of the journal");
    let copies: u64 = held.values().map(|copies| u64::from(*copies)).sum();
    assert_eq!(copies, world.mssante.received(), "what came more than once came under the same Message-ID");
    eprintln!("kills: {} copies of mails, same Message-ID", copies - held.len() as u64);
}

fn reports_are_whole(received: &[Received], sendings: &[Sending]) {
    let mut first = HashSet::new();
    for zam in received.iter().filter(|zam| !zam.repeated) {
        let request = zam.answers.clone().unwrap_or_else(|| panic!("answers nobody: {zam:?}"));
        assert_eq!(zam.verdict, Some(Verdict::Positive), "{zam:?}");
        assert!(first.insert((request, zam.kind.clone())), "two different reports: {zam:?}");
    }
    let wanted =
        |sending: &Sending| ["ZAM^Z01", "ZAM^Z02"].map(|kind| (sending.control_id.clone(), kind.to_owned()));
    let expected: HashSet<(String, String)> = sendings.iter().flat_map(wanted).collect();
    assert_eq!(first, expected);
}
