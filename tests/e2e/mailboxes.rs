//! Mailboxes collected by the program, and what comes back of mails, as users of `examples/messagerie` meet it.
//! In: the example, mails and messages. Out: every mail once whatever is killed; journeys that are completed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    desk::{Desk, answered, stops},
    program::{IDLE, Program, files_of, jonction, project},
};

/// Where the example's README sends mails and messages.
const OPERATOR: &str = "mssante://127.0.0.1:2597";
const SIL: &str = "mllp://127.0.0.1:2595";

fn example() -> PathBuf {
    project().join("examples/messagerie")
}

fn send(desk: &Desk, to: &str, files: &[PathBuf]) {
    let mut arguments = vec!["send", "--to", to, "--data", desk.data()];
    arguments.extend(files.iter().map(|file| file.to_str().unwrap()));
    jonction(arguments).exits(0);
}

/// Mails that a correspondent wrote, each its own.
fn letters(folder: &Path, count: usize) -> Vec<PathBuf> {
    let write = |number: usize| {
        let path = folder.join(format!("lettre-{number}.eml"));
        let text = format!(
            "From: Paul <paul.briand-test@cabinet.mssante.example>\nTo: passerelle@hopital.mssante.example\nMessage-ID: <lettre.{number}@cabinet.mssante.example>\nSubject: question {number}\n\nBonjour.\n"
        );
        fs::write(&path, text).unwrap();
        path
    };
    (0..count).map(write).collect()
}

/// Messages received from the operator, and how often one came again.
fn received(desk: &Desk) -> (u64, u64) {
    let balance = &desk.ask_json(["balance"]).exits(0).json()[0]["total"]["messages"];
    let number = |word: &str| balance[word].as_u64().unwrap();
    (number("received") - number("repeated"), number("repeated"))
}

fn a_message(line: &str) -> Option<()> {
    line.contains(r#""event":"message""#).then_some(())
}

fn run(desk: &Desk) -> Program {
    desk.run(&example())
}

#[test]
fn a_gateway_killed_while_it_collects_loses_no_mail_and_takes_none_twice() {
    const MAILS: usize = 150;
    let desk = Desk::new();
    let simulators = desk.simulate(&example());
    let folder = tempfile::tempdir().unwrap();
    send(&desk, OPERATOR, &letters(folder.path(), MAILS));

    for _ in 0..3 {
        let mut gateway = run(&desk);
        gateway.wait_for("a mail", |line| a_message(line).or_else(|| (line == IDLE).then_some(())));
        gateway.kill();
    }
    let mut gateway = run(&desk);
    let whole = |desk: &Desk| received(desk).0 == MAILS as u64 && answered(desk) > 0;
    gateway.wait_for("the last mail", |line| (line == IDLE && whole(&desk)).then_some(()));
    stops(gateway);
    let (mails, repeated) = received(&desk);
    assert_eq!(mails, MAILS as u64);
    assert!(repeated <= 3, "one at each death at most, between the journal and the move: {repeated}");

    // Nothing is left in the box: what comes now is the first mail that a new start sees.
    let mut gateway = run(&desk);
    send(&desk, OPERATOR, &[letters(folder.path(), MAILS + 1).remove(MAILS)]);
    gateway.wait_for("the new mail", a_message);
    gateway.wait_for("its end", |line| (line == IDLE && answered(&desk) > MAILS).then_some(()));
    stops(gateway);
    stops(simulators);
    assert_eq!(received(&desk), (MAILS as u64 + 1, repeated));
}

#[test]
fn a_letter_of_the_city_reaches_the_software_and_its_doctor_gets_the_acknowledgement() {
    let desk = Desk::new();
    let simulators = desk.simulate(&example());
    let mut gateway = run(&desk);
    send(&desk, OPERATOR, &files_of(&example().join("courriers")));
    gateway.wait_for("the acknowledgement", |line| {
        (line.contains("accusé") && line.contains("250")).then_some(())
    });
    gateway.wait_for("its end", |line| (line == IDLE && answered(&desk) == 2).then_some(()));
    stops(gateway);
    stops(simulators);

    let journey = desk.ask(["journey", "#1"]).exits(0);
    journey.says(["MDM^T02", "acquitté AA", "accusé à paul.briand-test@…", "250 2.0.0"]);
    let mailbox = desk.folder.path().join("simulateurs/boites/cabinet.mssante.example/paul.briand-test");
    let notices: Vec<_> = files_of(&mailbox).iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    assert_eq!(notices.len(), 1, "one notice, and none for the question");
    assert!(notices[0].contains("Disposition: automatic-action/MDN-sent-automatically; processed"));
    assert_eq!(received(&desk), (2, 0), "nobody answers a notice");
}

#[test]
fn what_comes_back_of_a_mail_completes_its_journey_and_is_told_to_the_sender() {
    let desk = Desk::new();
    let simulators = desk.simulate(&example());
    let mut gateway = run(&desk);
    let messages = files_of(&example().join("messages"));
    send(&desk, SIL, &messages[..1]);
    // The doctor and the patient: in the mailbox, then read.
    let mut answers = 0;
    gateway.wait_for("four notices", |line| {
        answers += usize::from(line.contains(r#""event":"answered""#));
        (answers == 4).then_some(())
    });
    gateway
        .wait_for("the answer of the patient", |line| (line == IDLE && received(&desk).0 == 6).then_some(()));
    let journey = desk.ask(["journey", "MESS-0001"]).exits(0);
    journey.says([
        "remis dans la boîte  paul.briand-test@…",
        "lu  paul.briand-test@…",
        "lu  patient@…",
        "ZAM^Z02 = O",
        "ZAM^Z03 = O",
    ]);

    send(&desk, SIL, &messages[1..2]);
    gateway.wait_for("the bounce", |line| line.contains(r#""negative":{"code":"552""#).then_some(()));
    gateway.wait_for("its report", |line| (line == IDLE && answered(&desk) == 8).then_some(()));
    stops(gateway);
    stops(simulators);
    desk.ask(["journey", "MESS-0002"]).exits(0).says(["revenu, code 552", "ZAM^Z02 = N"]);
    desk.ask(["balance"]).exits(0).says(["juste"]);
}
