//! Reading notices we emit: when, in which form, byte for byte.

use std::{fs, path::PathBuf};

use bytes::Bytes;
use jonction_model::{MssAddress, ReportCode};
use jonction_mssante::incoming::receipt::{
    MdnProfile, NoReceipt, ReadingOutcome, Receipt, ReceiptRequest, write,
};

use super::world::*;

fn answer(raw: &Bytes, change: impl Fn(&mut ReceiptRequest<'_>)) -> Result<Receipt, NoReceipt> {
    let (incoming, mailbox) = (read(raw), MssAddress::parse("dossier@hopital-a.mssante.example").unwrap());
    let mut request = ReceiptRequest {
        incoming: &incoming,
        mailbox: &mailbox,
        name: "Hôpital A",
        outcome: &ReadingOutcome::Processed,
        profile: MdnProfile::default(),
        now: "2026-02-20T07:31:00Z".parse().unwrap(),
        size_max: 25 << 20,
        to_others: false,
    };
    change(&mut request);
    write(&request)
}

fn failure() -> ReadingOutcome {
    ReadingOutcome::Failed {
        code: ReportCode::new("902", "Identifiant patient inconnu"),
        details: vec![
            "document 1 : intégré".to_owned(),
            "document 2 : 902 Identifiant patient inconnu".to_owned(),
        ],
    }
}

#[test]
fn notices_are_written_byte_for_byte_and_read_back() {
    let raw = carrying(&[vec![doc()]]);
    let failed = failure();
    let cases = [
        ("processed", ReadingOutcome::Processed, MdnProfile::V112WithError),
        ("failed-1.1.2-with-error", failed.clone(), MdnProfile::V112WithError),
        ("failed-1.1.2", failed.clone(), MdnProfile::V112),
        ("failed-1.1.3", failed, MdnProfile::V113),
    ];
    for (name, outcome, profile) in cases {
        let receipt = answer(&raw, |request| {
            (request.profile, request.outcome) = (profile, Box::leak(Box::new(outcome.clone())));
        })
        .unwrap();

        let path =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/receiving/golden/mdn-{name}.eml"));
        if std::env::var_os("UPDATE").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &receipt.bytes).unwrap();
        }
        assert_eq!(receipt.bytes, fs::read(&path).unwrap(), "{name}");
        assert!(receipt.bytes.split(|c| *c == b'\n').all(|line| line.len() <= 999), "{name}");

        let back = read(&receipt.bytes);
        let notice = back.reading.clone().unwrap();
        assert_eq!(notice.message_id.as_ref().unwrap().as_str(), "0001@ville.mssante.example");
        assert_eq!(notice.is_positive(), name == "processed");
        assert_eq!(notice.error.map(|error| error.code), (name != "processed").then(|| "902".to_owned()));
        let returned = back.mail.parts().iter().find(|part| part.media_type == "message/rfc822").unwrap();
        assert_eq!(returned.content(), &raw, "the mail comes back as it came");
        let repeated = back.mail.leaves().filter(|part| part.name == "IHE_XDM.zip").count();
        assert_eq!(repeated, if profile == MdnProfile::V113 { 1 } else { 2 }, "{name}");
        assert_eq!(answer(&receipt.bytes, |_| {}).unwrap_err(), NoReceipt::NotAsked, "no loop");
    }
}

#[test]
fn a_second_notice_on_the_same_mail_is_the_same_mail() {
    let raw = carrying(&[vec![doc()]]);
    let (one, two) = (answer(&raw, |_| {}).unwrap(), answer(&raw, |_| {}).unwrap());
    assert_eq!((one.message_id, one.bytes), (two.message_id, two.bytes));
}

#[test]
fn no_notice_is_sent_where_the_rules_forbid_it() {
    let asked = "Disposition-Notification-To: <cabinet@ville.mssante.example>\r\n";
    let with = |change: &dyn Fn(String) -> String| letter(&change(HEAD.to_owned()), "x");
    let cases: [(&dyn Fn(String) -> String, NoReceipt); 10] = [
        (&|head| head.replace(asked, ""), NoReceipt::NotAsked),
        (&|head| format!("Auto-Submitted: auto-replied\r\n{head}"), NoReceipt::Automatic),
        (&|head| format!("Precedence: bulk\r\n{head}"), NoReceipt::Automatic),
        (&|head| format!("Return-Path: <>\r\n{head}"), NoReceipt::NullReturnPath),
        (
            &|head| head.replace("<cabinet@ville", "<a@ville.mssante.example>, <cabinet@ville"),
            NoReceipt::NotOneAddress,
        ),
        (
            &|head| head.replace("-To: <cabinet@ville.mssante.example>", "-To: personne"),
            NoReceipt::NotOneAddress,
        ),
        (&|head| head.replace("-To: <cabinet@", "-To: <autre@"), NoReceipt::ToOthers),
        (&|head| format!("Return-Path: <equipe@ville.mssante.example>\r\n{head}"), NoReceipt::ToOthers),
        (&|head| head.replace("-To: <cabinet@ville.", "-To: <dossier@hopital-a."), NoReceipt::ToOurselves),
        (&|head| head.replace("Message-ID", "X-Message-ID"), NoReceipt::NoMessageId),
    ];
    for (change, why) in cases {
        assert_eq!(answer(&with(change), |_| {}).unwrap_err(), why, "{}", why.code());
    }
    let redirected = with(&|head| format!("Return-Path: <equipe@ville.mssante.example>\r\n{head}"));
    assert!(answer(&redirected, |request| request.to_others = true).is_ok());
}

#[test]
fn the_first_recipient_of_a_redirected_mail_is_repeated() {
    let head = format!("Original-Recipient: rfc822;service@hopital-a.mssante.example\r\n{HEAD}")
        .replace("Subject: ", "Subject: TR: ");
    let receipt = answer(&letter(&head, "x"), |_| {}).unwrap();
    let notice = read(&receipt.bytes).reading.unwrap();
    assert_eq!(notice.original.unwrap().expose(), "service@hopital-a.mssante.example");
    assert_eq!(notice.reader.unwrap().expose(), "dossier@hopital-a.mssante.example");
    assert!(read(&receipt.bytes).mail.subject().starts_with("XDM/1.0/DDM+"));
}

#[test]
fn a_mail_that_is_too_large_or_unfit_comes_back_as_its_headers() {
    let raw = carrying(&[vec![doc()]]);
    let small = answer(&raw, |request| request.size_max = 9_000).unwrap();
    let unfit =
        answer(&Bytes::from(String::from_utf8(raw.to_vec()).unwrap().replace("\r\n", "\n")), |_| {}).unwrap();
    for receipt in [small, unfit] {
        assert!(receipt.headers_only && receipt.bytes.len() < 4_000);
        let notice = read(&receipt.bytes).reading.unwrap();
        assert_eq!(notice.message_id.unwrap().as_str(), "0001@ville.mssante.example");
    }
    let without_repeats = answer(&raw, |request| request.size_max = raw.len() + 9_000).unwrap();
    assert!(!without_repeats.headers_only);
}
