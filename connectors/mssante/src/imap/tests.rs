//! The session against scripts: what it sends, what it makes of answers, good and hostile.

use proptest::prelude::*;

use super::*;

const MAILBOX: &str = "pfi@hopital-a.mssante.example";

fn mailbox() -> MssAddress {
    MssAddress::parse(MAILBOX).unwrap()
}

fn session(security: Security, login: Login) -> Session {
    Session::new(SessionConfig { security, login, limits: WireLimits::default() })
}

/// Sends what the session wants sent and gives the answers in order; `$` stands for the tag of the last command.
/// Ends when the session wants to read and no answer is left, or at the first other action.
fn play(session: &mut Session, answers: &[&str]) -> (Vec<String>, Action) {
    let mut sent = Vec::new();
    let mut answers = answers.iter();
    let mut tag = String::new();
    loop {
        match session.next_action() {
            Action::Send(bytes) => {
                let line = String::from_utf8(bytes).unwrap();
                let (first, rest) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
                let tagged = first.starts_with('J') && first[1..].bytes().all(|b| b.is_ascii_digit());
                if tagged {
                    tag = first.to_owned();
                }
                sent.push(if tagged { rest.to_owned() } else { line.trim_end().to_owned() });
            }
            Action::Read => match answers.next() {
                Some(answer) => session.received(answer.replace('$', &tag).as_bytes()),
                None => return (sent, Action::Read),
            },
            Action::StartTls => {
                sent.push("(tls)".to_owned());
                session.secured();
            }
            other => return (sent, other),
        }
    }
}

const GREETING: &str = "* OK prêt\r\n";
const IN_CLEAR: &str = "* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\n$ OK fait\r\n";
const OK: &str = "$ OK fait\r\n";

fn capability(words: &str) -> String {
    format!("* CAPABILITY IMAP4rev1 {words}\r\n$ OK fait\r\n")
}

/// A session that may be asked things.
fn ready() -> Session {
    let mut session = session(Security::Implicit, Login::Certificate);
    let after = capability("IDLE MOVE UIDPLUS");
    assert_eq!(play(&mut session, &["* PREAUTH bonjour\r\n", &after]).1, Action::Ready);
    session
}

fn asked(session: &mut Session, request: Request, answers: &[&str]) -> Action {
    session.ask(request);
    play(session, answers).1
}

fn broken(action: Action) -> SessionError {
    match action {
        Action::Broken(error) => error,
        other => panic!("not broken: {other:?}"),
    }
}

fn body(uid: u32, origin: &str, text: &str) -> String {
    format!("* 1 FETCH (UID {uid} BODY[]{origin} {{{}}}\r\n{text})\r\n{OK}", text.len())
}

fn slice() -> Request {
    Request::Slice(Slice { uid: 7, headers: false, from: 0, length: 10 })
}

//= MSS-T02
#[test]
fn tls_comes_before_the_login_and_what_was_offered_in_clear_is_forgotten() {
    let mut session = session(Security::StartTls, Login::External(mailbox()));
    let clear = "* CAPABILITY IMAP4rev1 STARTTLS AUTH=EXTERNAL SASL-IR MOVE\r\n$ OK fait\r\n";
    let inside = capability("AUTH=EXTERNAL SASL-IR");
    let (sent, action) = play(&mut session, &[GREETING, clear, OK, &inside, OK, &capability("IDLE")]);
    let login = format!("AUTHENTICATE EXTERNAL {}", STANDARD.encode(MAILBOX));
    assert_eq!(sent, ["CAPABILITY", "STARTTLS", "(tls)", "CAPABILITY", &login, "CAPABILITY"]);
    assert_eq!(action, Action::Ready);
    assert!(session.capabilities().offers("IDLE") && !session.capabilities().offers("MOVE"));
}

//= MSS-T03
#[test]
fn nothing_is_said_in_clear_to_a_server_without_starttls() {
    for answers in [
        [GREETING, "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n$ OK fait\r\n"].as_slice(),
        &["* PREAUTH deja connu\r\n"],
    ] {
        let mut session = session(Security::StartTls, Login::External(mailbox()));
        let (sent, action) = play(&mut session, answers);
        assert_eq!(broken(action), SessionError::NoStartTls);
        assert!(sent.iter().all(|line| line == "CAPABILITY"), "{sent:?}");
    }
    let mut session = session(Security::StartTls, Login::External(mailbox()));
    let refused = play(&mut session, &[GREETING, IN_CLEAR, "$ NO [UNAVAILABLE] plus tard\r\n"]).1;
    assert_eq!(broken(refused), SessionError::StartTlsRefused("UNAVAILABLE".to_owned()));
}

//= MSS-T22
#[test]
fn bytes_behind_the_answer_to_starttls_end_the_session() {
    for behind in ["* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n", "J", "\0"] {
        let mut session = session(Security::StartTls, Login::External(mailbox()));
        let (sent, action) = play(&mut session, &[GREETING, IN_CLEAR, &format!("{OK}{behind}")]);
        assert_eq!(broken(action), SessionError::Injected);
        assert_eq!(sent, ["CAPABILITY", "STARTTLS"]);
    }
}

//= MSS-T16
#[test]
fn a_token_goes_with_its_mailbox_in_one_step_or_in_two() {
    let login = |mechanism| Login::Bearer { mechanism, mailbox: mailbox(), token: "jeton".into() };
    let xoauth2 = STANDARD.encode(format!("user={MAILBOX}\x01auth=Bearer jeton\x01\x01"));
    let oauthbearer = STANDARD.encode(format!("n,a={MAILBOX},\x01auth=Bearer jeton\x01\x01"));

    let mut one = session(Security::Implicit, login(Bearer::XOAuth2));
    let (sent, action) =
        play(&mut one, &[GREETING, &capability("AUTH=XOAUTH2 SASL-IR"), OK, &capability("")]);
    assert_eq!(
        (sent[1].as_str(), action),
        (format!("AUTHENTICATE XOAUTH2 {xoauth2}").as_str(), Action::Ready)
    );

    let mut two = session(Security::Implicit, login(Bearer::OAuthBearer));
    let answers = [GREETING, &capability("AUTH=OAUTHBEARER"), "+ \r\n", OK, &capability("")];
    let (sent, action) = play(&mut two, &answers);
    assert_eq!(sent[1..3], ["AUTHENTICATE OAUTHBEARER".to_owned(), oauthbearer]);
    assert_eq!(action, Action::Ready);
}

#[test]
fn a_refusal_that_is_explained_gets_an_empty_answer_and_is_then_told() {
    for (mechanism, offered, empty) in [
        (Bearer::XOAuth2, "AUTH=XOAUTH2 SASL-IR", ""),
        (Bearer::OAuthBearer, "AUTH=OAUTHBEARER SASL-IR", "AQ=="),
    ] {
        let mut session = session(
            Security::Implicit,
            Login::Bearer { mechanism, mailbox: mailbox(), token: "jeton".into() },
        );
        let why = "+ eyJzdGF0dXMiOiI0MDAifQ==\r\n";
        let answers = [GREETING, &capability(offered), why, "$ NO [AUTHENTICATIONFAILED] non\r\n"];
        let (sent, action) = play(&mut session, &answers);
        assert_eq!(sent.last().unwrap(), empty);
        assert_eq!(broken(action), SessionError::AuthRefused("AUTHENTICATIONFAILED".to_owned()));
    }
}

#[test]
fn a_password_goes_by_plain_then_by_login_and_never_where_login_is_disabled() {
    let login = || Login::Password { user: "u".to_owned().into(), password: "p\"w".to_owned().into() };
    let told = |offered: &str| {
        let mut session = session(Security::Implicit, login());
        let (sent, action) = play(&mut session, &[GREETING, &capability(offered), OK, &capability("")]);
        (sent.get(1).cloned().unwrap_or_default(), action)
    };
    let plain = format!("AUTHENTICATE PLAIN {}", STANDARD.encode("\0u\0p\"w"));
    assert_eq!(told("AUTH=PLAIN SASL-IR"), (plain, Action::Ready));
    assert_eq!(told(""), ("LOGIN \"u\" \"p\\\"w\"".to_owned(), Action::Ready));
    assert_eq!(broken(told("LOGINDISABLED").1), SessionError::AuthNotOffered);
}

#[test]
fn a_folder_says_its_validity_and_what_it_keeps() {
    let answers = "* FLAGS (\\Seen)\r\n* 12 EXISTS\r\n* OK [UIDVALIDITY 42] ok\r\n* OK [PERMANENTFLAGS (\\Seen \\*)] ok\r\n$ OK [READ-WRITE] fait\r\n";
    let Action::Done(told) = asked(&mut ready(), Request::Select(Folder::inbox()), &[answers]) else {
        panic!()
    };
    let expected = Selected { uid_validity: 42, exists: 12, read_only: false, keeps_keyword: true };
    assert_eq!(told.selected, expected);

    let answers = "* OK [PERMANENTFLAGS (\\Seen)] ok\r\n$ OK [READ-ONLY] fait\r\n";
    let Action::Done(told) = asked(&mut ready(), Request::Select(Folder::inbox()), &[answers]) else {
        panic!()
    };
    assert!(told.selected.read_only && !told.selected.keeps_keyword);
}

#[test]
fn what_was_asked_is_told_and_what_was_not_is_not() {
    let mut session = ready();
    let forged = "* SEARCH 99\r\n* 1 FETCH (UID 99 RFC822.SIZE 1)\r\n";
    let Action::Done(told) = asked(&mut session, Request::Noop, &[forged, OK]) else { panic!() };
    assert!(told.found.is_empty() && told.sizes.is_empty());

    let search = "* SEARCH 3\r\n* SEARCH 5 8\r\n$ OK fait\r\n";
    let Action::Done(told) = asked(&mut session, Request::Untreated, &[search]) else { panic!() };
    assert_eq!(told.found, [3, 5, 8]);

    let sizes = "* 1 FETCH (UID 3 RFC822.SIZE 100)\r\n* 9 FETCH (UID 99 RFC822.SIZE 1)\r\n* 2 FETCH (RFC822.SIZE 7 UID 5)\r\n$ OK fait\r\n";
    let Action::Done(told) = asked(&mut session, Request::Sizes(vec![3, 5]), &[sizes]) else { panic!() };
    assert_eq!(told.sizes, [(3, 100), (5, 7)]);
}

#[test]
fn a_slice_comes_for_its_mail_and_its_place_only() {
    for (origin, text) in [("<0>", "0123456789"), ("<0>", "x"), ("", "abc")] {
        let Action::Done(told) = asked(&mut ready(), slice(), &[&body(7, origin, text)]) else { panic!() };
        assert_eq!(told.slice.unwrap(), text.as_bytes());
    }
    for forged in [body(8, "<0>", "abc"), body(7, "<10>", "abc"), body(7, "<0>", "0123456789a")] {
        assert_eq!(
            broken(asked(&mut ready(), slice(), &[&forged])),
            SessionError::OutOfStep("a mail nobody asked for")
        );
    }
    let twice = body(7, "<0>", "abc").replace(OK, "") + &body(7, "<0>", "def");
    assert!(matches!(asked(&mut ready(), slice(), &[&twice]), Action::Broken(_)));
    let unasked = body(7, "<0>", "abc");
    assert!(matches!(asked(&mut ready(), Request::Noop, &[&unasked]), Action::Broken(_)));
}

#[test]
fn a_mail_that_is_gone_is_a_slice_without_bytes() {
    for answers in [OK.to_owned(), format!("* 1 FETCH (UID 7 BODY[]<0> NIL)\r\n{OK}")] {
        let Action::Done(told) = asked(&mut ready(), slice(), &[&answers]) else { panic!() };
        assert_eq!(told.slice, None);
    }
}

#[test]
fn a_literal_of_4_gb_is_refused_when_it_is_announced() {
    let error = broken(asked(&mut ready(), slice(), &["* 1 FETCH (UID 7 BODY[]<0> {4294967296}\r\n"]));
    let limit = WireLimits::default().literal_bytes_max;
    assert_eq!(error, SessionError::NotImap(WireError::LiteralTooLong { announced: 1 << 32, limit }));
    assert_eq!(error.code(), "mssante.not-imap");
}

#[test]
fn an_endless_line_and_a_flood_end_the_session() {
    let mut session = ready();
    session.ask(Request::Noop);
    let endless = ["* OK ", &"a".repeat(1 << 20)].concat();
    assert!(matches!(
        broken(play(&mut session, &[&endless]).1),
        SessionError::NotImap(WireError::LineTooLong(_))
    ));
    let flood = "* 3 EXISTS\r\n".repeat(UNTAGGED_MAX + 1);
    let error = broken(asked(&mut ready(), Request::Noop, &[&flood]));
    assert_eq!(error, SessionError::OutOfStep("a flood of untagged answers"));
}

#[test]
fn an_answer_to_another_question_ends_the_session() {
    for answer in ["J1 OK fait\r\n", "J99999 OK fait\r\n", "X OK fait\r\n", "+ allez\r\n"] {
        assert!(matches!(broken(asked(&mut ready(), Request::Noop, &[answer])), SessionError::OutOfStep(_)));
    }
    let mut session = ready();
    session.received(b"J9 OK rien\r\n");
    assert!(matches!(session.next_action(), Action::Broken(SessionError::OutOfStep(_))));
}

#[test]
fn a_refused_request_is_told_with_its_code_and_the_session_goes_on() {
    let mut session = ready();
    let refused = asked(
        &mut session,
        Request::Move(7, Folder::parse("MSS-Traites").unwrap()),
        &["$ NO [TRYCREATE] absent\r\n"],
    );
    assert_eq!(refused, Action::Refused("TRYCREATE"));
    assert!(matches!(asked(&mut session, Request::Noop, &[OK]), Action::Done(_)));
}

#[test]
fn waiting_ends_when_we_say_so_and_news_are_noticed() {
    let mut session = ready();
    session.ask(Request::Idle);
    assert_eq!(play(&mut session, &["+ attente\r\n"]).1, Action::Idling);
    session.received(b"* OK toujours la\r\n");
    assert!(!session.has_news());
    session.received(b"* 4 EXISTS\r\n");
    assert!(session.has_news());
    session.wake();
    let (sent, action) = play(&mut session, &["J2 OK fini\r\n"]);
    assert_eq!(sent, ["DONE"]);
    assert!(matches!(action, Action::Done(_)));
}

/// A mail that arrives while another one is moved is told with the move, and never again.
#[test]
fn news_are_remembered_until_the_next_search_whatever_command_brings_them() {
    let mut session = ready();
    asked(&mut session, Request::Select(Folder::inbox()), &["* 2 EXISTS\r\n$ OK fait\r\n"]);
    asked(&mut session, Request::Untreated, &["* SEARCH 1 2\r\n$ OK fait\r\n"]);
    asked(&mut session, Request::Move(1, Folder::inbox()), &["* 1 EXPUNGE\r\n* 1 EXISTS\r\n$ OK fait\r\n"]);
    assert!(!session.has_news(), "one left, and nothing came");
    asked(&mut session, Request::Move(2, Folder::inbox()), &["* 2 EXISTS\r\n* 1 EXPUNGE\r\n$ OK fait\r\n"]);
    asked(&mut session, Request::Noop, &[OK]);
    assert!(session.has_news());
    asked(&mut session, Request::Untreated, &["* SEARCH 3\r\n* 1 EXISTS\r\n$ OK fait\r\n"]);
    assert!(!session.has_news(), "the same number at each command is no news");
}

#[test]
fn a_goodbye_is_an_end_unless_we_asked_for_it() {
    let error = broken(asked(&mut ready(), Request::Noop, &["* BYE [UNAVAILABLE] maintenance\r\n"]));
    assert_eq!(error, SessionError::Closing("UNAVAILABLE".to_owned()));
    let ended = asked(&mut ready(), Request::Logout, &["* BYE au revoir\r\n$ OK fait\r\n"]);
    assert_eq!(broken(ended), SessionError::Closed);
}

#[test]
fn secrets_never_print() {
    let login = Login::Bearer { mechanism: Bearer::XOAuth2, mailbox: mailbox(), token: "jeton".into() };
    let session = session(Security::Implicit, login);
    assert!(!format!("{session:?}").contains("jeton"));
}

proptest! {
    #[test]
    fn any_answers_in_any_cut_are_survived(pieces in proptest::collection::vec(prop_oneof![
        any::<Vec<u8>>(), Just(b"* OK hi\r\n".to_vec()), Just(b"J1 OK x\r\n".to_vec()), Just(b"J2 OK x\r\n".to_vec()),
        Just(b"+ go\r\n".to_vec()), Just(b"* CAPABILITY STARTTLS AUTH=EXTERNAL\r\n".to_vec()),
        Just(b"* 1 FETCH (UID 7 BODY[]<0> {3}\r\nabc)\r\n".to_vec()), Just(b"* BYE\r\n".to_vec())], 0..12)) {
        let mut session = session(Security::StartTls, Login::External(mailbox()));
        for piece in pieces {
            session.received(&piece);
            for _ in 0..3 {
                match session.next_action() {
                    Action::StartTls => session.secured(),
                    Action::Ready => session.ask(slice()),
                    _ => {}
                }
            }
        }
    }
}
