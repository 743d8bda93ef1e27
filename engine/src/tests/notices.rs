//! What comes back of a delivery after its end: it is tied to it, the first sender learns of it once, and what is late,
//! repeated or foreign closes nothing.

use jonction_model::ReportStage;
use jonction_ports::MessageId;

use super::world::{Act, World, partner, policy};
use crate::{
    DeliveryState::{self, Delivered},
    Filter, MessageState, ReplyBinding, order,
};

/// One mail to one mailbox, sent: its delivery is number 1, its report number 2.
async fn sent(words: &str) -> World {
    let world = World::new().await;
    world.send(&format!("M1;to=a@x.fr;mail{words}")).await;
    world.idle().await;
    world
}

/// Reports of the first message, in their order.
fn reports(world: &World) -> Vec<(String, DeliveryState)> {
    let reports = world.journey("M1").deliveries.into_iter().filter(|delivery| delivery.report_of.is_some());
    reports.map(|report| (report.label, report.state)).collect()
}

fn standings(world: &World) -> Vec<(ReportStage, &'static str)> {
    let answers = &world.journey("M1").deliveries[0].answers;
    answers.iter().map(|answer| (answer.stage, answer.standing)).collect()
}

fn codes(world: &World, id: &str) -> Vec<String> {
    world.journey(id).route_findings.into_iter().map(|finding| finding.check).skip(1).collect()
}

fn overdue(world: &World, stage: ReportStage) -> u64 {
    let (first, end) = ("2026-11-20T00:00:00Z".parse().unwrap(), "2026-11-25T00:00:00Z".parse().unwrap());
    world.engine.reader().unanswered(stage, first, end).unwrap().count
}

const GOOD: &str = "ZAM true";
const BAD: &str = "ZAM false";

#[tokio::test(start_paused = true)]
async fn an_answer_completes_the_journey_and_tells_the_first_sender() {
    let world = sent(";reports").await;
    assert_eq!((overdue(&world, ReportStage::Delivery), overdue(&world, ReportStage::Reading)), (1, 1));
    let waiting = Filter { unanswered: Some(ReportStage::Reading), ..Filter::default() };
    assert_eq!(world.found(waiting), [1]);
    world.send_all(&["N1;answers=1@fake;asked=A@x.fr", "N2;answers=1@fake;read"]).await;
    world.idle().await;

    use ReportStage::{Delivery, Reading};
    assert_eq!(standings(&world), [(Delivery, "positive"), (Reading, "positive")]);
    let told = |label: &str| (label.to_owned(), Delivered);
    assert_eq!(reports(&world), [told(GOOD), told(GOOD), told(GOOD)]);
    let given = &world.journey("N1").answers[0];
    assert_eq!(
        (given.delivery.0, given.message, given.detail.as_str()),
        (1, MessageId(1), "réponse d'essai")
    );
    assert_eq!((overdue(&world, Delivery), overdue(&world, Reading)), (0, 0));
    assert!(world.found(Filter { unanswered: Some(Reading), ..Filter::default() }).is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_same_answer_twice_and_a_better_one_after_a_worse_tell_nothing() {
    let world = sent(";reports").await;
    world.send_all(&["N1;answers=1@fake;pending", "N2;answers=1@fake", "N3;answers=1@fake"]).await;
    world.idle().await;
    world.send_all(&["N4;answers=1@fake;failed", "N5;answers=1@fake"]).await;
    world.idle().await;

    let labels: Vec<_> = reports(&world).into_iter().map(|(label, _)| label).collect();
    assert_eq!(labels, [GOOD, GOOD, BAD], "the submission, the delivery, then what came back");
    assert_eq!(standings(&world).len(), 5, "each is kept");
    assert_eq!(codes(&world, "N5"), ["engine.answer-repeated"]);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_answer_closes_nothing() {
    let world = sent(";reports").await;
    world
        .send_all(&["N1;answers=9@fake", "N2;answers=1@fake;asked=b@x.fr", "N3;answers=2@fake;failed"])
        .await;
    world.idle().await;

    assert!(standings(&world).is_empty());
    assert_eq!(codes(&world, "N1"), ["engine.answer-to-nothing"]);
    assert_eq!(codes(&world, "N2"), ["engine.answer-foreign"]);
    assert_eq!(codes(&world, "N3"), ["engine.answer-to-nothing"], "a report is answered by nobody");
    assert_eq!(overdue(&world, ReportStage::Delivery), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_nobody_would_learn_of_waits_for_a_human_who_says_that_it_is_seen() {
    let world = sent("").await;
    world.send("N1;answers=1@fake;failed").await;
    world.idle().await;

    let notice = world.journey("N1");
    assert_eq!((notice.state, notice.error.as_deref()), (MessageState::Parked, Some("engine.answer-untold")));
    assert_eq!(standings(&world), [(ReportStage::Delivery, "negative")], "it is known all the same");
    world.order(order::Act::RouteAgain { message: notice.id }, "").await.unwrap();
    world.idle().await;
    assert_eq!(world.message_state("N1"), MessageState::Routed);
    assert_eq!(standings(&world).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_is_told_once_whatever_comes_back() {
    let world = World::new().await;
    world.script("mail", "M1", &[Act::Unknown, Act::Refuse]);
    world.send("M1;to=a@x.fr;mail;reports").await;
    world.idle().await;
    world.send("N1;answers=1@fake;failed").await;
    world.idle().await;
    assert_eq!(reports(&world), [(BAD.to_owned(), Delivered)]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_survives_a_crash_and_is_not_told_again() {
    let world = sent(";reports").await;
    world.send("N1;answers=1@fake").await;
    let world = world.crash().await;
    world.idle().await;
    let world = world.crash().await;
    world.idle().await;
    assert_eq!(reports(&world).len(), 2);
    assert_eq!(standings(&world).len(), 1);
}

/// Whoever sent a message asks what became of the whole of it.
async fn asked() -> World {
    let mut world = World::unstarted();
    let mut wired = world.wired();
    wired.sinks.extend(world.sinks(&["mdn"]));
    wired.routes[0].reply = vec![ReplyBinding { sink: partner("mdn"), policy: policy() }];
    world.running = Some(world.engine.start(wired).await.unwrap());
    world
}

#[tokio::test(start_paused = true)]
async fn what_became_of_a_whole_message_is_told_once_when_everything_is_delivered() {
    let world = asked().await;
    world.script("mail", "M1", &[Act::Retry, Act::Retry]);
    world.send("M1;to=a@x.fr,b@x.fr;dmp;mail").await;
    world.idle().await;
    assert_eq!(reports(&world), [("accusé".to_owned(), Delivered)]);
    let last = world.seen("mdn")[0].at_ms;
    assert!(world.seen("mail").iter().all(|seen| seen.at_ms <= last), "after the last of them");
}

#[tokio::test(start_paused = true)]
async fn the_first_refusal_is_told_at_once_and_alone() {
    let world = asked().await;
    world.script("mail", "M1", &[Act::Refuse, Act::Refuse]);
    world.send("M1;to=a@x.fr,b@x.fr;dmp;mail").await;
    world.idle().await;
    assert_eq!(reports(&world), [("accusé 550".to_owned(), Delivered)]);
}

#[tokio::test(start_paused = true)]
async fn nothing_good_is_told_while_something_waits_for_a_human() {
    let world = asked().await;
    world.script("mail", "M1", &[Act::Park]);
    world.send("M1;to=a@x.fr;dmp;mail").await;
    world.idle().await;
    assert!(reports(&world).is_empty());
    let parked = world.journey("M1").deliveries[1].id;
    world.release(parked).await.unwrap();
    world.idle().await;
    assert_eq!(reports(&world), [("accusé".to_owned(), Delivered)]);
}
