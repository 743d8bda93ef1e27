use super::*;

const EHLO: &str = "250-op.example\r\n250-SIZE 1000\r\n250-DSN\r\n250 AUTH EXTERNAL PLAIN\r\n";

fn address(text: &str) -> MssAddress {
    MssAddress::parse(text).unwrap()
}

fn config(auth: Auth) -> SessionConfig {
    SessionConfig {
        security: Security::StartTls,
        auth,
        client_name: "pfi.example".to_owned(),
        limits: ReplyLimits::default(),
    }
}

fn envelope(to: &[&str]) -> Envelope {
    Envelope {
        from: address("pfi@a.mssante.example"),
        to: to.iter().map(|to| address(to)).collect(),
        size: 10,
        envelope_id: "e+1".to_owned(),
        notify: Some(Notify::All),
    }
}

fn sent(session: &mut Session) -> String {
    match session.next_action() {
        Action::Send(bytes) => String::from_utf8(bytes).unwrap(),
        other => panic!("nothing to send: {other:?}"),
    }
}

fn answer(session: &mut Session, reply: &str) {
    assert_eq!(session.next_action(), Action::Read);
    session.received(reply.as_bytes());
}

/// A session up to the point where a mail may be submitted.
fn ready(auth: Auth) -> Session {
    let mut session = Session::new(config(auth));
    answer(&mut session, "220 op.example\r\n");
    assert_eq!(sent(&mut session), "EHLO pfi.example\r\n");
    answer(&mut session, "250-op.example\r\n250 STARTTLS\r\n");
    assert_eq!(sent(&mut session), "STARTTLS\r\n");
    answer(&mut session, "220 go\r\n");
    assert_eq!(session.next_action(), Action::StartTls);
    session.secured();
    assert_eq!(sent(&mut session), "EHLO pfi.example\r\n");
    answer(&mut session, EHLO);
    session
}

/// A session whose body is complete and whose final answer is awaited.
fn body_sent() -> Session {
    let mut session = ready(Auth::None);
    assert_eq!(session.next_action(), Action::Ready);
    session.submit(envelope(&["a@b.mssante.example"]));
    for reply in ["250 2.1.0 ok\r\n", "250 2.1.5 ok\r\n", "354 go\r\n"] {
        sent(&mut session);
        answer(&mut session, reply);
    }
    assert_eq!(session.next_action(), Action::SendBody);
    assert_eq!(session.body(b"X: y\r\n\r\n.\r\n"), b"X: y\r\n\r\n..\r\n");
    assert!(!session.outcome_is_unknown());
    session.end_body();
    assert_eq!(sent(&mut session), ".\r\n");
    session
}

fn broken(session: &mut Session) -> SessionError {
    match session.next_action() {
        Action::Broken(error) => error,
        other => panic!("not broken: {other:?}"),
    }
}

#[test]
fn a_mail_is_submitted_with_size_and_notices() {
    let mut session = ready(Auth::None);
    assert_eq!(session.next_action(), Action::Ready);

    session.submit(envelope(&["a=1@b.mssante.example"]));

    assert_eq!(sent(&mut session), "MAIL FROM:<pfi@a.mssante.example> SIZE=10 RET=HDRS ENVID=e+2B1\r\n");
    answer(&mut session, "250 ok\r\n");
    assert_eq!(
        sent(&mut session),
        "RCPT TO:<a=1@b.mssante.example> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;a+3D1@b.mssante.example\r\n"
    );
}

#[test]
fn each_recipient_gets_its_own_verdict() {
    let mut session = ready(Auth::None);
    session.submit(envelope(&["a@b.mssante.example", "c@d.mssante.example"]));
    for reply in ["250 ok\r\n", "550 5.1.1 no\r\n", "250 ok\r\n", "354 go\r\n"] {
        sent(&mut session);
        answer(&mut session, reply);
    }
    session.end_body();
    sent(&mut session);
    answer(&mut session, "250 2.0.0 queued\r\n");

    let Action::Done(MailResult::Accepted { recipients, reply }) = session.next_action() else { panic!() };

    assert_eq!(recipients.iter().map(Reply::codes).collect::<Vec<_>>(), ["550 5.1.1", "250"]);
    assert_eq!(reply.codes(), "250 2.0.0");
    assert_eq!(session.next_action(), Action::Ready);
    assert!(session.is_reusable() && !session.outcome_is_unknown());
}

#[test]
fn when_every_recipient_is_refused_no_body_is_sent() {
    let mut session = ready(Auth::None);
    session.submit(envelope(&["a@b.mssante.example"]));
    for reply in ["250 ok\r\n", "451 4.7.1 later\r\n"] {
        sent(&mut session);
        answer(&mut session, reply);
    }
    let Action::Done(MailResult::RecipientsRefused(replies)) = session.next_action() else { panic!() };
    assert!(replies[0].is_transient());
    session.reset();
    assert_eq!(sent(&mut session), "RSET\r\n");
}

/// MSS-T03.
#[test]
fn a_server_without_starttls_gets_neither_credential_nor_mail() {
    let mut session = Session::new(config(Auth::None));
    answer(&mut session, "220 op.example\r\n");
    sent(&mut session);
    answer(&mut session, "250-op.example\r\n250 AUTH PLAIN\r\n");
    assert_eq!(broken(&mut session), SessionError::NoStartTls);
}

/// MSS-T22: another client took such a forged answer for the one inside TLS.
#[test]
fn bytes_behind_the_answer_to_starttls_are_an_attack() {
    for injected in ["220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n", "220 go\r\nx", "220 go\r\n\r\n"] {
        let mut session = Session::new(config(Auth::None));
        answer(&mut session, "220 op.example\r\n");
        sent(&mut session);
        answer(&mut session, "250-op.example\r\n250 STARTTLS\r\n");
        sent(&mut session);
        answer(&mut session, injected);
        assert_eq!(broken(&mut session), SessionError::Injected, "{injected:?}");
    }
}

#[test]
fn what_was_offered_in_clear_is_forgotten_inside_tls() {
    let mut session = Session::new(config(Auth::None));
    answer(&mut session, "220 op.example\r\n");
    sent(&mut session);
    answer(&mut session, "250-op.example\r\n250-SIZE 5\r\n250-DSN\r\n250 STARTTLS\r\n");
    sent(&mut session);
    answer(&mut session, "220 go\r\n");
    session.secured();
    sent(&mut session);
    answer(&mut session, "250 op.example\r\n");
    assert_eq!(session.capabilities(), &Capabilities::default());
}

#[test]
fn authentication_comes_after_tls_and_only_as_offered() {
    let mut external = ready(Auth::External(address("pfi@a.mssante.example")));
    assert_eq!(sent(&mut external), "AUTH EXTERNAL cGZpQGEubXNzYW50ZS5leGFtcGxl\r\n");
    answer(&mut external, "235 2.7.0 ok\r\n");
    assert_eq!(external.next_action(), Action::Ready);

    let mut plain = ready(Auth::Plain { user: "u".to_owned(), password: "p".to_owned() });
    assert_eq!(sent(&mut plain), "AUTH PLAIN AHUAcA==\r\n");
    answer(&mut plain, "535 5.7.8 no\r\n");
    assert_eq!(broken(&mut plain), SessionError::AuthRefused("535 5.7.8".to_owned()));

    let mut implicit = Session::new(SessionConfig {
        security: Security::Implicit,
        ..config(Auth::External(address("pfi@a.mssante.example")))
    });
    answer(&mut implicit, "220 op.example\r\n");
    sent(&mut implicit);
    answer(&mut implicit, "250 op.example\r\n");
    assert_eq!(broken(&mut implicit), SessionError::AuthNotOffered);
}

#[test]
fn a_mail_over_the_announced_size_is_never_offered() {
    let mut session = ready(Auth::None);
    session.submit(Envelope { size: 1001, ..envelope(&["a@b.mssante.example"]) });
    assert_eq!(session.next_action(), Action::Done(MailResult::TooLarge { limit: 1000 }));
    session.submit(Envelope { size: 1000, ..envelope(&["a@b.mssante.example"]) });
    assert!(sent(&mut session).contains("SIZE=1000"));
}

#[test]
fn a_lost_answer_to_the_body_leaves_the_outcome_unknown() {
    let mut session = body_sent();
    session.closed();
    assert_eq!(broken(&mut session), SessionError::Closed);
    assert!(session.outcome_is_unknown());
}

#[test]
fn an_answer_to_another_question_leaves_the_outcome_unknown() {
    for odd in ["354 again\r\n", "250 ok\r\n250 ok\r\n", "nonsense\r\n", "220 hello\r\n"] {
        let mut session = body_sent();
        answer(&mut session, odd);
        broken(&mut session);
        assert!(session.outcome_is_unknown(), "{odd:?}");
    }
}

#[test]
fn a_refusal_of_the_body_or_a_421_is_an_answer() {
    let mut refused = body_sent();
    answer(&mut refused, "552 5.2.2 full\r\n");
    let Action::Done(MailResult::DataRefused(reply)) = refused.next_action() else { panic!() };
    assert_eq!((reply.codes().as_str(), refused.outcome_is_unknown()), ("552 5.2.2", false));

    let mut closing = body_sent();
    answer(&mut closing, "421 4.3.2 bye\r\n");
    assert_eq!(broken(&mut closing), SessionError::Closing("421 4.3.2".to_owned()));
    assert!(!closing.outcome_is_unknown());
}

#[test]
fn a_refusal_in_the_middle_of_a_body_ends_the_mail_and_spoils_the_session() {
    let mut session = ready(Auth::None);
    session.submit(envelope(&["a@b.mssante.example"]));
    for reply in ["250 ok\r\n", "250 ok\r\n", "354 go\r\n"] {
        sent(&mut session);
        answer(&mut session, reply);
    }
    assert_eq!(session.next_action(), Action::SendBody);
    session.body(b"X: y\r\n");
    session.received(b"552 5.3.4 too big\r\n");
    assert!(matches!(session.next_action(), Action::Done(MailResult::DataRefused(_))));
    assert!(!session.is_reusable());
}

#[test]
fn an_unsolicited_reply_breaks_the_session() {
    let mut session = ready(Auth::None);
    assert_eq!(session.next_action(), Action::Ready);
    session.received(b"250 ok\r\n");
    assert_eq!(broken(&mut session), SessionError::OutOfStep("nothing was asked"));
}

#[test]
fn a_password_never_prints() {
    let text = format!("{:?}", config(Auth::Plain { user: "u".to_owned(), password: "secret".to_owned() }));
    assert!(!text.contains("secret"), "{text}");
}

proptest::proptest! {
    /// Whatever a server says, nothing of a mail nor of an account is written before TLS, and nothing panics.
    #[test]
    fn nothing_but_ehlo_and_starttls_is_ever_said_in_clear(
        replies in proptest::collection::vec(
            proptest::prop_oneof![
                proptest::strategy::Just("220 op\r\n".as_bytes().to_vec()),
                proptest::strategy::Just("250-op\r\n250 STARTTLS\r\n".as_bytes().to_vec()),
                proptest::strategy::Just("250-op\r\n250 AUTH PLAIN\r\n".as_bytes().to_vec()),
                proptest::strategy::Just("235 ok\r\n".as_bytes().to_vec()),
                proptest::strategy::Just("354 go\r\n".as_bytes().to_vec()),
                proptest::strategy::Just("421 bye\r\n".as_bytes().to_vec()),
                proptest::arbitrary::any::<Vec<u8>>(),
            ],
            0..12,
        )
    ) {
        let plain = Auth::Plain { user: "u".to_owned(), password: "p".to_owned() };
        let mut session = Session::new(config(plain));
        let mut replies = replies.into_iter();
        loop {
            match session.next_action() {
                Action::Send(bytes) => {
                    let said = String::from_utf8(bytes).unwrap();
                    assert!(said.starts_with("EHLO ") || said == "STARTTLS\r\n", "{said}");
                }
                Action::Read => match replies.next() {
                    Some(bytes) => session.received(&bytes),
                    None => session.closed(),
                },
                Action::StartTls | Action::Broken(_) => break,
                other => panic!("{other:?} in clear"),
            }
        }
    }
}
