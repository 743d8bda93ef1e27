//! The mail as a shape, and the step that makes shapes.

use bytes::Bytes;
use jonction_model::{ContentRef, Environment, MailKind, Shape};
use jonction_mssante::incoming::{IncomingSettings, MailToShapes};
use jonction_ports::{Bodies as _, Flow, MemoryBodies, MessageFacts, Reading, Step as _};

use super::world::*;

fn run(raw: &Bytes, environment: Environment) -> Result<Flow, jonction_model::Finding> {
    let bodies = MemoryBodies::default();
    let mut flow = Flow {
        message: bodies.put(raw.clone()),
        facts: MessageFacts::default(),
        environment,
        shapes: Vec::new(),
        findings: Vec::new(),
        reading: Reading::default(),
    };
    MailToShapes::new(IncomingSettings::new(Environment::Production)).run(&mut flow, &bodies)?;
    Ok(flow)
}

#[test]
fn the_step_gives_the_mail_then_its_documents() {
    let flow = run(&carrying(&[vec![doc()]]), Environment::Test).unwrap();
    let names: Vec<_> = flow.shapes.iter().map(Shape::name).collect();
    assert_eq!(names, ["secure-mail", "document-submission"]);
    let submission = flow.shapes[1].as_submission().unwrap();
    assert!(submission.obstacles.is_empty(), "the environment is the flow's");
    let Shape::SecureMail(letter) = &flow.shapes[0] else { panic!("the mail comes first") };
    assert_eq!(submission.carried_by.as_ref(), Some(letter));
    let json = serde_json::to_value(&flow.shapes).unwrap();
    assert_eq!(serde_json::from_value::<Vec<Shape>>(json).unwrap(), flow.shapes);
}

#[test]
fn the_step_parks_what_is_no_mail() {
    assert_eq!(run(&Bytes::from("rien"), Environment::Test).unwrap_err().check, "mime.not-a-mail");
}

#[test]
fn the_step_parks_what_announces_documents_that_nobody_can_reach() {
    let cut = part("Content-Type: application/zip; name=IHE_XDM.zip", b"PK\x03\x04");
    for (raw, check) in
        [(letter(HEAD, "bonjour"), "mssante.archive-missing"), (mail(HEAD, &[TEXT, &cut]), "xdm.not-zip")]
    {
        assert_eq!(run(&raw, Environment::Test).unwrap_err().check, check);
    }
    let pdf = part("Content-Type: application/pdf; name=lettre.pdf", b"%PDF-1.4");
    assert_eq!(run(&mail(PLAIN_HEAD, &[TEXT, &pdf]), Environment::Test).unwrap().shapes.len(), 1);
}

#[test]
fn a_thread_is_followed_nearest_first_and_people_are_kept_as_written() {
    let head = "From: Dr Fictif <dr.fictif@ville.mssante.example>\r\nTo: equipe: a@hopital-a.mssante.example, \"B, c\" <b@hopital-a.mssante.example>;\r\nCc: sans arobase\r\nReply-To: secretariat@ville.mssante.example\r\nMessage-ID: <3@v.example>\r\nIn-Reply-To: <2@v.example>\r\nReferences: <1@v.example> <2@v.example>\r\nSubject: Re: XDM/1.0/DDM+CR radio\r\n";
    let letter = read(&letter(head, "oui")).letter();
    assert_eq!(letter.kind, MailKind::Conversation, "an answer keeps our subject and announces nothing");
    let answers: Vec<_> = letter.answers.iter().map(|id| id.as_str()).collect();
    assert_eq!(answers, ["2@v.example", "1@v.example"]);
    assert_eq!(letter.shown_subject(), "Re: CR radio");
    assert_eq!(letter.to.iter().map(|to| to.name.expose().as_str()).collect::<Vec<_>>(), ["", "B, c"]);
    assert_eq!(
        (letter.copies[0].address.clone(), letter.copies[0].written.expose().as_str()),
        (None, "sansarobase")
    );
    assert_eq!(letter.reply_to[0].address.as_ref().unwrap().expose(), "secretariat@ville.mssante.example");
    assert_eq!(format!("{letter:?}").matches("radio").count(), 0, "nothing of a person is printed");
}

/// Row 24.
#[test]
fn a_mail_in_html_only_gives_its_text() {
    let html = "Content-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>R=E9sultat&nbsp;<b>normal</b></p><script>x</script>";
    assert_eq!(read(&mail(PLAIN_HEAD, &[html])).letter().text.expose(), "Résultat normal");
}

/// A file is read through its handle, whatever its encoding.
#[test]
fn attachments_are_read_in_the_stored_mail() {
    let printable = "Content-Type: text/csv; name=a.csv\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nr=C3=A9sultat;1=\r\n2\r\nfin;3";
    let plain = "Content-Type: text/csv; name=b.csv\r\nContent-Disposition: attachment\r\n\r\na;b";
    let raw =
        mail(PLAIN_HEAD, &[TEXT, printable, plain, &part("Content-Type: image/png; name=c.png", b"\x89PNG")]);
    let bodies = MemoryBodies::default();
    bodies.put(raw.clone());
    let read_back = |content: &Option<ContentRef>| bodies.read(content.as_ref().unwrap(), 1000).unwrap();
    let files: Vec<_> = read(&raw).letter().attachments.iter().map(|file| read_back(&file.content)).collect();
    assert_eq!(
        files,
        [Bytes::from("résultat;12\r\nfin;3"), Bytes::from("a;b"), Bytes::from_static(b"\x89PNG")]
    );
}

proptest::proptest! {
    #[test]
    fn a_mail_cut_or_changed_anywhere_is_read_or_refused(cut in 0_usize..6_000, at in 0_usize..6_000, byte: u8) {
        let mut raw = carrying(&[vec![doc()]]).to_vec();
        raw.truncate(cut.max(1));
        let at = at % raw.len();
        raw[at] = byte;
        let settings = IncomingSettings::new(Environment::Test);
        if let Ok(incoming) = jonction_mssante::incoming::IncomingMail::read(&raw.into(), &settings) {
            let _ = incoming.submissions();
        }
    }
}
