//! What a human holds back waits at once, is seen to wait, and goes on in its order when it is lifted.

use std::time::Duration;

use jonction_model::RouteName;

use super::world::{Act, World, partner};
use crate::{
    DeliveryState::{self, Delivered, Held, Retrying, Waiting},
    Filter, LaneState, MessageState, StateWord, Window,
    order::{self, hold::Held as What},
};

fn patient(id: &str) -> What {
    What::Patient(id.to_owned().into())
}

fn mailbox(address: &str) -> What {
    What::Recipient(address.to_owned().into())
}

fn route_essai() -> What {
    What::Route(RouteName::parse("essai").unwrap())
}

impl World {
    async fn hold(&self, what: What) {
        self.order(order::Act::Hold { what }, "à vérifier").await.unwrap();
    }

    async fn lift(&self, what: What) {
        self.order(order::Act::Lift { what }, "").await.unwrap();
    }

    fn held(&self) -> usize {
        self.found(Filter { state: StateWord::parse("held"), limit: 100, ..Filter::default() }).len()
    }

    fn waiting_for(&self, kind: &str) -> u64 {
        let holds = self.engine.reader().holds().unwrap();
        holds.iter().find(|hold| hold.kind == kind).map(|hold| hold.waiting).unwrap()
    }

    async fn states_are(&self, id: &str, states: &[(&str, DeliveryState)]) {
        let states: Vec<_> = states.iter().map(|(sink, state)| ((*sink).to_owned(), *state)).collect();
        for _ in 0..1000 {
            if self.states(id) == states {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(self.states(id), states);
    }
}

#[tokio::test(start_paused = true)]
async fn a_held_patient_waits_and_nobody_else() {
    let world = World::new().await;
    world.hold(patient(" A ")).await;
    world.send_all(&["A1;patient=A;dmp;mail", "B1;patient=B;to=b@x.fr;dmp;mail", "A2;patient=A;dmp"]).await;
    world.idle().await;

    world.states_are("A1", &[("dmp", Held), ("mail", Held)]).await;
    world.states_are("B1", &[("dmp", Delivered), ("mail", Delivered)]).await;
    // Behind the first of his own.
    world.states_are("A2", &[("dmp", Waiting)]).await;
    assert!(world.of_patient("dmp", 'A').is_empty(), "nothing left");
    let finding = world.journey("A1").deliveries[0].finding.clone().unwrap();
    assert_eq!(finding.check, "engine.held");
    assert!(finding.sentence.contains("à vérifier"), "{}", finding.sentence);
    assert_eq!((world.held(), world.waiting_for("patient")), (1, 2));

    world.lift(patient("A")).await;
    world.idle().await;
    assert_eq!(world.of_patient("dmp", 'A'), ["A1", "A2"]);
    assert_eq!((world.held(), world.engine.reader().holds().unwrap().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_waits_when_the_hold_comes_is_held_at_once() {
    let world = World::new().await;
    world.script("dmp", "A1", &[Act::RetryAfter(600)]);
    world.send_all(&["A1;patient=A;dmp", "A2;patient=A;dmp"]).await;
    world.states_are("A1", &[("dmp", Retrying)]).await;
    world.hold(patient("A")).await;

    assert_eq!(world.states("A1"), [("dmp".into(), Held)]);
    assert_eq!(world.states("A2"), [("dmp".into(), Held)]);
    world.idle().await;
    world.lift(patient("A")).await;
    world.idle().await;
    assert_eq!(world.of_patient("dmp", 'A'), ["A1", "A1", "A2"]);
}

#[tokio::test(start_paused = true)]
async fn a_held_mailbox_waits_however_its_address_is_written() {
    let world = World::new().await;
    world.hold(mailbox("B@X.fr")).await;
    world.send("M1;to=a@x.fr,b@x.fr;mail;dmp").await;
    world.idle().await;
    world.states_are("M1", &[("dmp", Delivered), ("mail", Delivered), ("mail", Held)]).await;

    world.lift(mailbox("b@x.fr")).await;
    world.idle().await;
    world.states_are("M1", &[("dmp", Delivered), ("mail", Delivered), ("mail", Delivered)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_held_route_takes_its_messages_and_routes_them_when_it_is_lifted() {
    let mut world = World::new().await;
    world.script("dmp", "M1", &[Act::RetryAfter(600)]);
    world.send("M1;patient=A;dmp").await;
    world.states_are("M1", &[("dmp", Retrying)]).await;
    world.hold(route_essai()).await;
    assert!(world.send("M2;patient=A;dmp").await.reply.starts_with(b"ack"), "acknowledged all the same");
    world.idle().await;

    assert_eq!(world.message_state("M2"), MessageState::Held);
    assert_eq!(world.states("M1"), [("dmp".into(), Held)], "what it owed does not leave");
    assert_eq!(world.engine.reader().balance(Window::default()).unwrap().total.messages.held, 1);
    // It outlives the process.
    world = world.crash().await;
    world.send("M3;patient=A;dmp").await;
    world.idle().await;
    assert_eq!(world.message_state("M3"), MessageState::Held);
    assert_eq!(world.held(), 3);

    world.lift(route_essai()).await;
    world.idle().await;
    assert_eq!(world.of_patient("dmp", 'M'), ["M1", "M1", "M2", "M3"]);
}

#[tokio::test(start_paused = true)]
async fn a_paused_partner_gets_nothing_until_it_is_resumed() {
    let mut world = World::new().await;
    world.hold(What::Partner(partner("dmp"))).await;
    world.send("M1;dmp;mail").await;
    world.states_are("M1", &[("dmp", Held), ("mail", Delivered)]).await;
    let lanes = world.engine.lanes();
    assert_eq!(lanes.iter().find(|lane| lane.partner == partner("dmp")).unwrap().state, LaneState::Held);
    assert_eq!((world.held(), world.waiting_for("partner")), (1, 1));

    world = world.crash().await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(world.seen("dmp").is_empty(), "nor after a restart");
    world.lift(What::Partner(partner("dmp"))).await;
    world.idle().await;
    world.states_are("M1", &[("dmp", Delivered), ("mail", Delivered)]).await;
}

/// More than one commit marks, in more than one order of magnitude.
#[tokio::test(start_paused = true)]
async fn a_hold_marks_everything_that_waits_a_few_at_a_time_and_gives_it_back_in_order() {
    const MESSAGES: usize = 65;
    let mut world = World::new().await;
    world.hold(What::Partner(partner("dmp"))).await;
    for n in 0..MESSAGES {
        world.send(&format!("A{n};patient=A;dmp")).await;
    }
    while world.engine.reader().queues().unwrap().messages_waiting > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.hold(route_essai()).await;
    let lane = |world: &World| world.engine.reader().queues().unwrap().lanes[0].clone();
    assert_eq!((lane(&world).held, lane(&world).waiting), (MESSAGES as u64, 0));
    for n in 0..MESSAGES {
        world.send(&format!("B{n};patient=A;dmp")).await;
    }
    world.idle().await;
    assert_eq!(world.engine.reader().queues().unwrap().messages_held, MESSAGES as u64);
    let holds = world.engine.reader().holds().unwrap();
    let of_route = holds.iter().find(|hold| hold.kind == "route").unwrap();
    assert_eq!((of_route.messages, of_route.waiting), (MESSAGES as u64, MESSAGES as u64));

    let commits = world.engine.commits();
    world.lift(route_essai()).await;
    assert!(world.engine.commits() - commits > 4, "a few at a time");
    world = world.crash().await;
    assert!(world.engine.reader().holds().unwrap().iter().all(|hold| hold.kind == "partner"));
    world.lift(What::Partner(partner("dmp"))).await;
    world.idle().await;
    let expected: Vec<_> =
        ["A", "B"].iter().flat_map(|l| (0..MESSAGES).map(move |n| format!("{l}{n}"))).collect();
    assert_eq!(world.seen_ids("dmp"), expected);
}

#[tokio::test(start_paused = true)]
async fn a_lift_that_was_cut_goes_on_at_the_next_start() {
    for commits in 1..6 {
        let mut world = World::new().await;
        world.hold(route_essai()).await;
        for n in 0..45 {
            world.send(&format!("A{n};patient=A;dmp")).await;
        }
        world.idle().await;
        let (mut dying, _) = world.reopen_dying(1 + commits, true);
        dying.try_start().await;
        let _ = dying.order(order::Act::Lift { what: route_essai() }, "").await;
        world = dying.crash().await;
        let _ = world.order(order::Act::Lift { what: route_essai() }, "").await;
        world.idle().await;
        for _ in 0..1000 {
            if world.seen("dmp").len() == 45 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let expected: Vec<_> = (0..45).map(|n| format!("A{n}")).collect();
        assert_eq!(world.seen_ids("dmp"), expected, "cut after {commits} commits");
    }
}

/// Held for longer than anything is tried: given back, it is tried for as long as ever.
#[tokio::test(start_paused = true)]
async fn what_waits_for_a_paused_partner_does_not_age() {
    let world = World::new().await;
    world.script("dmp", "A1", &[Act::Retry; 3]);
    world.script("dmp", "B1", &[Act::RetryAfter(60), Act::Retry]);
    world.send("B1;patient=B;dmp").await;
    world.states_are("B1", &[("dmp", Retrying)]).await;
    world.hold(What::Partner(partner("dmp"))).await;
    world.send("A1;patient=A;dmp").await;
    tokio::time::sleep(Duration::from_secs(10 * 3600)).await;
    world.lift(What::Partner(partner("dmp"))).await;
    world.idle().await;
    world.states_are("A1", &[("dmp", Delivered)]).await;
    world.states_are("B1", &[("dmp", Delivered)]).await;
}

#[tokio::test(start_paused = true)]
async fn what_two_holds_stop_waits_for_both() {
    let world = World::new().await;
    world.hold(patient("A")).await;
    world.hold(mailbox("rose.ancien@chu.mssante.example")).await;
    world.send("A1;patient=A;mail;dmp").await;
    world.idle().await;
    world.lift(patient("A")).await;
    world.idle().await;
    world.states_are("A1", &[("dmp", Delivered), ("mail", Held)]).await;
    world.lift(mailbox("rose.ancien@chu.mssante.example")).await;
    world.idle().await;
    world.states_are("A1", &[("dmp", Delivered), ("mail", Delivered)]).await;
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_runs_ends_and_its_retry_waits() {
    let world = World::new().await;
    world.script("dmp", "A1", &[Act::Retry]);
    world.send("A1;patient=A;dmp").await;
    world.seen_at_least("dmp", 1).await;
    world.hold(patient("A")).await;
    world.idle().await;
    assert_eq!(world.seen("dmp").len(), 1);
    world.states_are("A1", &[("dmp", Held)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_hold_of_nothing_known_and_a_second_one_are_refused() {
    let world = World::new().await;
    let hold = |what| world.order(order::Act::Hold { what }, "essai");
    let code = |result: Result<_, crate::Error>| result.map(|_: crate::Ordered| ()).unwrap_err();
    let unknown = code(hold(What::Route(RouteName::parse("esai").unwrap())).await);
    assert_eq!(unknown.code(), "engine.unknown-target");
    assert!(unknown.remedy().contains("essai"), "{}", unknown.remedy());
    assert_eq!(code(hold(What::Partner(partner("dpm"))).await).code(), "engine.unknown-target");
    world.hold(patient("A")).await;
    assert_eq!(code(hold(patient("A")).await).code(), "engine.held-already");
    let lift = world.order(order::Act::Lift { what: patient("B") }, "").await;
    assert_eq!(code(lift).code(), "engine.not-held");
}

/// Neither the chain nor the holds name anybody.
#[tokio::test(start_paused = true)]
async fn a_hold_keeps_no_identifier_of_a_person() {
    let world = World::new().await;
    world.hold(patient("IPP-SECRET")).await;
    world.hold(mailbox("secret@chu.mssante.example")).await;
    let holds = serde_json::to_string(&world.engine.reader().holds().unwrap()).unwrap();
    let audit = serde_json::to_string(&world.engine.reader().audit(&Default::default()).unwrap()).unwrap();
    let database = rusqlite::Connection::open(world.path().join("journal.db")).unwrap();
    let dump: String = database
        .query_row("SELECT group_concat(quote(target) || finding) FROM hold", [], |row| row.get(0))
        .unwrap();
    for text in [holds, audit, dump] {
        assert!(!text.to_lowercase().contains("secret"), "{text}");
    }
}
