//! A message that a human corrects: judged and routed again, in its place, and nothing that left leaves twice.

use jonction_ports::MessageId;

use super::world::{Act, World};
use crate::{
    AuditQuery, DeliveryState,
    DeliveryState::{Delivered, Held, Parked, Refused, Replaced},
    Error, MessageBytes, MessageState, Ordered,
    order::{self, hold::Held as What},
};

impl World {
    async fn resend(&self, message: u64, text: &str) -> Result<Ordered, Error> {
        self.resend_so(message, text, false).await
    }

    async fn resend_so(&self, message: u64, text: &str, not_received: bool) -> Result<Ordered, Error> {
        let edited = MessageBytes::new(text.to_owned());
        let act = order::Act::Resend { message: MessageId(message), edited, not_received };
        self.order(act, "destinataire corrigé").await
    }

    async fn exported(&self, message: u64) -> Vec<u8> {
        let act = order::Act::Export { message: MessageId(message) };
        let ordered = self.order(act, "à corriger").await.unwrap();
        ordered.exported.unwrap().expose().to_vec()
    }

    fn labelled(&self, id: &str) -> Vec<(String, DeliveryState)> {
        self.journey(id).deliveries.into_iter().map(|delivery| (delivery.label, delivery.state)).collect()
    }
}

fn code(result: Result<Ordered, Error>) -> &'static str {
    result.unwrap_err().code()
}

#[tokio::test(start_paused = true)]
async fn a_message_parked_in_routing_is_corrected_and_routed() {
    let world = World::new().await;
    world.send("M1;dmp;park").await;
    world.idle().await;
    assert_eq!(world.message_state("M1"), MessageState::Parked);
    assert_eq!(world.exported(1).await, b"M1;dmp;park");
    world.resend(1, "M1;dmp").await.unwrap();
    world.idle().await;

    assert_eq!(world.states("M1"), [("dmp".into(), Delivered)]);
    let journey = world.journey("M1");
    let edition = &journey.editions[0];
    assert_eq!((journey.editions.len(), edition.number, edition.author.as_str()), (1, 1, "marie"));
    assert_eq!(edition.sha256, jonction_model::BodyId::of(b"M1;dmp;park").to_string());
    assert_eq!(world.exported(1).await, b"M1;dmp", "the last edition is taken out");
    let lines = world.engine.reader().audit(&AuditQuery { limit: 9, ..AuditQuery::default() }).unwrap();
    let acts: Vec<_> = lines.iter().map(|line| line.row.act.as_str()).collect();
    assert_eq!(acts, ["export", "resend", "export", "start"]);
    assert!(lines[1].row.detail.as_deref().unwrap().contains(&edition.sha256));
    // What its sender sent is still known by its first bytes.
    assert!(world.send("M1;dmp;park").await.repeated);
}

#[tokio::test(start_paused = true)]
async fn what_was_delivered_stays_delivered_and_what_is_parked_is_replaced() {
    let world = World::new().await;
    world.script("mail", "M1", &[Act::Done, Act::Park]);
    world.send("M1;to=a@x.fr,b@x.fr;dmp;mail;reports").await;
    world.idle().await;
    assert_eq!(world.labelled("M1")[2], ("b@…".into(), Parked));
    // The recipients in another order, one of them corrected, one more.
    world.resend(1, "M1;to=c@x.fr,a@x.fr;dmp;mail;reports").await.unwrap();
    world.idle().await;

    let told: Vec<_> =
        world.labelled("M1").into_iter().filter(|(label, _)| !label.starts_with("ZAM")).collect();
    let expected =
        [("lot d'un document", Delivered), ("a@…", Delivered), ("b@…", Replaced), ("c@…", Delivered)];
    assert_eq!(told, expected.map(|(label, state)| (label.to_owned(), state)));
    let parts: Vec<_> = world.seen("mail").into_iter().map(|seen| seen.part).collect();
    assert_eq!(parts, ["recipient 0", "recipient 1", "recipient 0"], "nobody got it twice");
    let zams = world.seen("sil").len();
    assert_eq!(zams, 3, "one for each that was delivered, none for what was replaced");
    let total = world.engine.reader().balance(crate::Window::default()).unwrap().total.deliveries;
    assert_eq!((total.owed, total.delivered, total.replaced, total.parked), (7, 6, 1, 0));
    assert!(world.engine.reader().message(MessageId(1)).unwrap().unwrap().deliveries[2].finding.is_some());
}

/// The second message of the patient replaces the document of the first: sent before it, it would be refused.
#[tokio::test(start_paused = true)]
async fn a_corrected_message_keeps_its_place_among_those_of_its_patient() {
    let world = World::new().await;
    world.script("dmp", "A1", &[Act::Park]);
    world.send_all(&["A1;patient=A;dmp", "A2;patient=A;dmp", "A3;patient=A;dmp"]).await;
    world.idle().await;
    assert_eq!(world.of_patient("dmp", 'A'), ["A1"]);
    world.script("dmp", "A1", &[Act::RetryAfter(60), Act::Park]);
    world.resend(1, "A1;patient=A;dmp;corrected").await.unwrap();
    world.idle().await;
    assert_eq!(world.of_patient("dmp", 'A'), ["A1"; 3], "retried, then parked again: nobody overtook it");
    assert_eq!(world.engine.reader().message(MessageId(1)).unwrap().unwrap().deliveries[1].behind, 2);
    world.resend(1, "A1;patient=A;dmp;corrected again").await.unwrap();
    world.idle().await;

    assert_eq!(world.of_patient("dmp", 'A'), ["A1", "A1", "A1", "A1", "A2", "A3"]);
    assert_eq!(
        world.states("A1").iter().map(|(_, state)| *state).collect::<Vec<_>>(),
        [Replaced, Replaced, Delivered]
    );
    assert_eq!(world.journey("A1").editions.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_has_not_left_is_replaced_with_what_is_parked() {
    let world = World::new().await;
    let mailbox = What::Recipient("b@x.fr".to_owned().into());
    world.order(order::Act::Hold { what: mailbox.clone() }, "essai").await.unwrap();
    world.script("mail", "M1", &[Act::Park]);
    world.send("M1;to=a@x.fr,b@x.fr;mail").await;
    world.idle().await;
    assert_eq!(world.labelled("M1").iter().map(|(_, state)| *state).collect::<Vec<_>>(), [Parked, Held]);
    world.resend(1, "M1;to=a@x.fr,b@x.fr;mail;corrected").await.unwrap();
    world.idle().await;
    let states: Vec<_> = world.labelled("M1").into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, [Replaced, Replaced, Delivered, Held], "still held");
    world.order(order::Act::Lift { what: mailbox }, "").await.unwrap();
    world.idle().await;
    assert_eq!(world.seen("mail").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_received_is_replaced_only_when_the_partner_was_asked() {
    let world = World::new().await;
    world.script("dmp", "M1", &[Act::Panic]);
    world.send("M1;dmp").await;
    world.idle().await;
    assert!(world.journey("M1").deliveries[0].after_unknown);
    assert_eq!(code(world.resend(1, "M1;dmp;corrected").await), "engine.outcome-unknown");
    assert_eq!(world.states("M1"), [("dmp".into(), Parked)]);
    world.resend_so(1, "M1;dmp;corrected", true).await.unwrap();
    world.idle().await;
    assert_eq!(world.states("M1"), [("dmp".into(), Replaced), ("dmp".into(), Delivered)]);
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_for_good_is_not_sent_by_a_correction() {
    let world = World::new().await;
    world.script("dmp", "M1", &[Act::Refuse]);
    world.script("mail", "M1", &[Act::Park]);
    world.send("M1;dmp;mail;reports").await;
    world.idle().await;
    world.resend(1, "M1;dmp;mail;reports;corrected").await.unwrap();
    world.idle().await;
    let states: Vec<_> = world.states("M1").into_iter().filter(|(sink, _)| sink != "sil").collect();
    assert_eq!(states, [("dmp".into(), Refused), ("mail".into(), Replaced), ("mail".into(), Delivered)]);
    assert_eq!(world.seen("dmp").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_correction_that_is_another_message_or_no_correction_is_refused_with_its_place() {
    let world = World::new().await;
    world.send_all(&["M1;dmp;park", "M2;dmp"]).await;
    world.idle().await;
    let refused = world.resend(1, "M1;dmp;refuse").await.unwrap_err();
    assert_eq!(refused.code(), "engine.edition-refused");
    assert!(
        refused.sentence().contains("PID-3") && refused.sentence().contains("fake/A1"),
        "{}",
        refused.sentence()
    );
    let other = world.resend(1, "M9;dmp").await.unwrap_err();
    assert!(
        other.code() == "engine.other-message" && other.sentence().contains("MSH-10"),
        "{}",
        other.sentence()
    );
    let other = world.resend(1, "M1;dmp;facility=X").await.unwrap_err();
    assert!(other.sentence().contains("MSH-4"), "{}", other.sentence());
    assert_eq!(code(world.resend(1, "M1;dmp;park").await), "engine.unchanged");
    assert_eq!(code(world.resend(2, "M2;dmp;x").await), "engine.nothing-parked");
    assert_eq!(code(world.resend(9, "M9;dmp").await), "engine.no-message");
    assert_eq!(world.message_state("M1"), MessageState::Parked);
    assert!(world.journey("M1").editions.is_empty());
    let stopped = world.die();
    assert_eq!(code(stopped.resend(1, "M1;dmp").await), "engine.not-running");
}

#[tokio::test(start_paused = true)]
async fn a_correction_outlives_a_crash_and_the_routes_may_refuse_it_again() {
    let mut world = World::new().await;
    world.script("dmp", "M1", &[Act::Park]);
    world.send("M1;patient=A;dmp").await;
    world.idle().await;
    world.resend(1, "M1;patient=A;dmp;park").await.unwrap();
    world.idle().await;
    // Its step gives up: what it owed still waits, and keeps its place.
    assert_eq!(world.message_state("M1"), MessageState::Parked);
    assert_eq!(world.states("M1"), [("dmp".into(), Parked)]);
    world = world.crash().await;
    world.resend(1, "M1;patient=A;dmp;right").await.unwrap();
    world = world.crash().await;
    world.idle().await;
    assert_eq!(world.states("M1"), [("dmp".into(), Replaced), ("dmp".into(), Delivered)]);
    assert_eq!(world.seen("dmp").len(), 2);
    assert_eq!(world.engine.reader().verify_audit(None).unwrap().broken, None);
}

#[tokio::test(start_paused = true)]
async fn every_edition_goes_with_its_message() {
    use crate::order::retention::{Aging, PurgeStep};

    let world = World::new().await;
    let large = |end: &str| format!("M1;dmp;x={};{end}", "0123456789abcdef".repeat(1000));
    world.send(&large("park")).await;
    world.idle().await;
    world.resend(1, &large("right")).await.unwrap();
    world.idle().await;
    world.send("M2;dmp").await;
    world.idle().await;
    let body = |text: &str| {
        let id = jonction_model::BodyId::of(text.as_bytes());
        let content = jonction_model::ContentRef::whole(id, text.len() as u64);
        world.engine.tools().bodies.read(&content, 1 << 20).is_ok()
    };
    assert!(body(&large("park")) && body(&large("right")));
    for (what, editions) in [(Aging::Bodies, 1), (Aging::Metadata, 0)] {
        let before = "2026-11-21T09:00:00Z".parse().unwrap();
        let step = PurgeStep { what, before, after: None, compact: false };
        let purged = world.order(order::Act::Purge(step), "fin").await.unwrap().purged.unwrap();
        assert_eq!(purged.destroyed.files, if editions == 1 { 2 } else { 0 });
        assert!(!body(&large("park")) && !body(&large("right")));
        let database = rusqlite::Connection::open(world.path().join("journal.db")).unwrap();
        let left: i64 = database.query_row("SELECT count(*) FROM edition", [], |row| row.get(0)).unwrap();
        assert_eq!(left, editions);
        if editions == 1 {
            assert_eq!(code(world.resend(1, "M1;dmp").await), "engine.nothing-parked");
        }
    }
    world.idle().await;
}

/// Each document has its own deposit, and all of them the same key.
#[tokio::test(start_paused = true)]
async fn of_several_documents_each_is_known_again_and_a_doubt_goes_to_a_human() {
    let world = super::routes::with_steps(vec![crate::RouteStep::Split]).await;
    world.script("dmp", "M1", &[Act::Done, Act::Park]);
    world.send("M1;patient=A;doc=7,8,9;dmp").await;
    world.idle().await;
    let states = || world.states("M1").iter().map(|(_, state)| *state).collect::<Vec<_>>();
    assert_eq!(states(), [Delivered, Parked, DeliveryState::Waiting]);
    world.resend(1, "M1;patient=A;doc=4,5,6;dmp").await.unwrap();
    world.idle().await;
    assert_eq!(world.journey("M1").error.as_deref(), Some("engine.correction-unclear"));
    assert_eq!(states(), [Delivered, Parked, DeliveryState::Waiting]);

    world.resend(1, "M1;patient=A;doc=9,5,7;dmp").await.unwrap();
    world.idle().await;
    assert_eq!(states(), [Delivered, Replaced, Replaced, Delivered, Delivered]);
    assert_eq!(world.seen("dmp").len(), 4, "the first document left once");
}
