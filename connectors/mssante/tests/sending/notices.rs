//! Reading notices that we owe: sent with a null return path, once, in words that only the volet knows.

use std::sync::Arc;

use jonction_mime::notice;
use jonction_model::{ContentRef, MessageOutcome, PartnerName, ReportCode, RouteName, Shape, Verdict};
use jonction_mssante::incoming::{IncomingMail, IncomingSettings};
use jonction_ports::{Artefact, Delivery, DeliveryId, MessageId, Outcome, Piece, Sink as _};

use crate::world::{DOCTOR, OURS, World, received_at};

fn mail(headers: &str) -> String {
    format!(
        "From: Camille <{DOCTOR}>\r\nTo: <{OURS}>\r\nMessage-ID: <question.1@ville.mssante.example>\r\n{headers}Subject: XDM/1.0/DDM+CR X Y\r\n\r\nbonjour\r\n"
    )
}

const ASKS: &str = "Disposition-Notification-To: <camille.martin@ville.mssante.example>\r\n";

fn outcome(world: &World, mail: &str, verdict: Verdict) -> MessageOutcome {
    let message: ContentRef = world.bodies.put(mail.to_owned());
    let settings = IncomingSettings::new(jonction_model::Environment::Test);
    let incoming = IncomingMail::read(&mail.to_owned().into(), &settings).unwrap();
    MessageOutcome {
        message,
        understood: Box::new(Shape::SecureMail(Box::new(incoming.letter()))),
        door: OURS.to_owned(),
        verdict,
        time: received_at(),
    }
}

fn delivery(world: &World, outcome: MessageOutcome) -> Option<Delivery> {
    let shape = Shape::MessageOutcome(Box::new(outcome));
    let part = world.sink.parts(&shape).into_iter().next()?;
    Some(Delivery {
        id: DeliveryId(1),
        message: MessageId(1),
        route: RouteName::parse("courriers").unwrap(),
        sink: PartnerName::parse("operateur").unwrap(),
        shape: Arc::new(shape),
        part,
        attempt: 1,
        after_unknown: false,
        received_at: received_at(),
    })
}

#[tokio::test]
async fn a_notice_reaches_whoever_asked_with_a_null_return_path_and_the_code_of_the_software() {
    let refused = |code: &str| Verdict::Negative(ReportCode::new(code, "libellé"));
    for (verdict, code) in
        [(Verdict::Positive, None), (refused("902"), Some("902")), (refused("refus-manuel"), Some("906"))]
    {
        let world = World::new();
        let delivery = delivery(&world, outcome(&world, &mail(ASKS), verdict)).unwrap();
        assert_eq!(delivery.part.label, "accusé à camille.martin@…");
        let prepared = world.sink.prepare(&delivery, &world.tools).unwrap();
        let [Piece::New(bytes)] = prepared.pieces.as_slice() else { panic!("one piece") };
        let artefact = Artefact { ids: prepared.ids, pieces: vec![world.bodies.put(bytes.clone())] };
        let report = world.sink.attempt(&delivery, &artefact, &world.tools).await;
        assert!(matches!(report.outcome, Outcome::Done { .. }), "{report:?}");

        let mails = world.simulator.mails();
        let [mail] = mails.as_slice() else { panic!("one mail: {mails:?}") };
        assert_eq!((mail.from.as_str(), mail.to.as_str()), ("", DOCTOR));
        let notice = notice::reading(&mail.read().unwrap()).unwrap();
        assert_eq!(notice.message_id.unwrap().as_str(), "question.1@ville.mssante.example");
        assert_eq!(notice.error.map(|error| error.code), code.map(str::to_owned));
    }
}

#[test]
fn nothing_is_owed_to_who_did_not_ask_to_machines_and_for_a_technical_failure() {
    let world = World::with_runtime();
    let owed = |mail: &str, verdict| delivery(&world, outcome(&world, mail, verdict)).is_some();
    assert!(!owed(&mail(""), Verdict::Positive));
    assert!(!owed(&mail(&format!("{ASKS}Auto-Submitted: auto-replied\r\n")), Verdict::Positive));
    assert!(!owed(&mail(ASKS), Verdict::Negative(ReportCode::new("AE", "refus technique"))));
    // A redirected mail: the address is another one than the sender's, and no setting allows it.
    let other = ASKS.replace("camille.martin", "secretariat");
    let delivery = delivery(&world, outcome(&world, &mail(&other), Verdict::Positive)).unwrap();
    let ended = world.sink.prepare(&delivery, &world.tools).unwrap_err();
    let Outcome::Done { detail } = ended else { panic!("nothing is sent, and that is its end") };
    assert!(detail.contains("mdn_to_others"), "{detail}");
}
