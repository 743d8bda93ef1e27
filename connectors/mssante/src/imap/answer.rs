//! What an answer says, as far as this client listens.
//! In: one whole answer. Out: a value; what it does not know is [`Answer::Other`], as RFC 3501 §2.2.2 asks. IO: none.
//! Sources: RFC 3501 §7, RFC 9051 §7.1 (codes), RFC 9208 (quota).

use super::wire::{Token, Tokens, WireError};

/// How a command or a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Ok,
    No,
    Bad,
    Bye,
    Preauth,
}

const CONDITIONS: &[(&str, Condition)] = &[
    ("OK", Condition::Ok),
    ("NO", Condition::No),
    ("BAD", Condition::Bad),
    ("BYE", Condition::Bye),
    ("PREAUTH", Condition::Preauth),
];

/// Codes that mean something to us or to an operator (RFC 3501 §7.1, RFC 5530, RFC 4315). No other one is repeated: a server may
/// write anything in its brackets.
const CODES: &[&str] = &[
    "ALERT",
    "ALREADYEXISTS",
    "APPENDUID",
    "AUTHENTICATIONFAILED",
    "AUTHORIZATIONFAILED",
    "CANNOT",
    "CAPABILITY",
    "CLIENTBUG",
    "CONTACTADMIN",
    "COPYUID",
    "CORRUPTION",
    "EXPIRED",
    "EXPUNGEISSUED",
    "INUSE",
    "LIMIT",
    "NONEXISTENT",
    "NOPERM",
    "OVERQUOTA",
    "PERMANENTFLAGS",
    "PRIVACYREQUIRED",
    "READ-ONLY",
    "READ-WRITE",
    "SERVERBUG",
    "TRYCREATE",
    "UIDNEXT",
    "UIDVALIDITY",
    "UNAVAILABLE",
];

/// A status, with its code in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) condition: Condition,
    /// First word of the code, `UIDVALIDITY`; empty when there is none that we know.
    pub(super) code: &'static str,
    /// What follows it inside the brackets.
    pub(super) argument: String,
}

/// What one message of a FETCH says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fetched {
    pub(super) uid: Option<u32>,
    pub(super) size: Option<u64>,
    pub(super) body: Option<Body>,
}

/// A piece of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Body {
    /// What stands in the brackets: empty for the whole mail, `HEADER`.
    pub(super) section: Vec<u8>,
    /// Where it begins; `None`: the server gave no place.
    pub(super) origin: Option<u64>,
    /// `None`: NIL.
    pub(super) bytes: Option<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Continue,
    Tagged {
        tag: String,
        status: Status,
    },
    Status(Status),
    Capability(Vec<String>),
    Exists(u32),
    Expunge,
    Fetch(Fetched),
    Search(Vec<u32>),
    /// Used and allowed, in the unit of the server.
    Quota {
        used: u64,
        limit: u64,
    },
    Other,
}

impl Answer {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.first() == Some(&b'+') {
            return Ok(Self::Continue);
        }
        let mut tokens = Tokens::new(bytes);
        let Some(Token::Atom(first)) = tokens.next()? else {
            return Err(WireError::Malformed("no first word"));
        };
        if first != b"*" {
            let status = read_status(bytes, first.len()).ok_or(WireError::Malformed("no status"))?;
            let tag =
                std::str::from_utf8(first).map_err(|_| WireError::Malformed("a tag in another alphabet"))?;
            return Ok(Self::Tagged { tag: tag.to_owned(), status });
        }
        if let Some(status) = read_status(bytes, 1) {
            return Ok(Self::Status(status));
        }
        let Some(Token::Atom(word)) = tokens.next()? else { return Ok(Self::Other) };
        match number(word).and_then(|number| u32::try_from(number).ok()) {
            Some(number) => read_numbered(number, tokens),
            None => read_named(word, tokens),
        }
    }
}

/// A status after the tag: its text is not looked at, it may be in any alphabet.
fn read_status(bytes: &[u8], tag: usize) -> Option<Status> {
    let rest = bytes.get(tag..)?.trim_ascii();
    let word = rest.split(u8::is_ascii_whitespace).next()?;
    let (name, condition) = CONDITIONS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()))?;
    let text = rest[name.len()..].trim_ascii_start();
    let bracketed = text.strip_prefix(b"[").and_then(|text| text.split(|byte| *byte == b']').next());
    let (code, argument) = bracketed.map(read_code).unwrap_or_default();
    Some(Status { condition: *condition, code, argument })
}

fn read_code(bracketed: &[u8]) -> (&'static str, String) {
    let text = std::str::from_utf8(bracketed).unwrap_or_default();
    let (code, argument) = text.split_once(' ').unwrap_or((text, ""));
    let known = CODES.iter().find(|known| code.eq_ignore_ascii_case(known));
    known.map(|known| (*known, argument.to_owned())).unwrap_or_default()
}

fn read_numbered(number: u32, mut tokens: Tokens<'_>) -> Result<Answer, WireError> {
    match tokens.next()? {
        Some(Token::Atom(word)) if word.eq_ignore_ascii_case(b"EXISTS") => Ok(Answer::Exists(number)),
        Some(Token::Atom(word)) if word.eq_ignore_ascii_case(b"EXPUNGE") => Ok(Answer::Expunge),
        Some(Token::Atom(word)) if word.eq_ignore_ascii_case(b"FETCH") => {
            read_fetch(tokens).map(Answer::Fetch)
        }
        _ => Ok(Answer::Other),
    }
}

fn read_named(word: &[u8], mut tokens: Tokens<'_>) -> Result<Answer, WireError> {
    if word.eq_ignore_ascii_case(b"CAPABILITY") {
        let mut words = Vec::new();
        while let Some(token) = tokens.next()? {
            if let Token::Atom(word) = token {
                words.push(word.escape_ascii().to_string().to_ascii_uppercase());
            }
        }
        return Ok(Answer::Capability(words));
    }
    if word.eq_ignore_ascii_case(b"SEARCH") {
        let mut found = Vec::new();
        while let Some(token) = tokens.next()? {
            match token {
                Token::Atom(word) => {
                    let uid = number(word).and_then(|uid| u32::try_from(uid).ok());
                    found.push(uid.ok_or(WireError::Malformed("a search result that is no number"))?);
                }
                // (MODSEQ n) of RFC 7162 ends the list.
                _ => break,
            }
        }
        return Ok(Answer::Search(found));
    }
    if word.eq_ignore_ascii_case(b"QUOTA") {
        return read_quota(tokens);
    }
    Ok(Answer::Other)
}

/// `* QUOTA root (STORAGE used limit …)`: the fullest of its resources.
fn read_quota(mut tokens: Tokens<'_>) -> Result<Answer, WireError> {
    tokens.next()?;
    let mut numbers = Vec::new();
    let mut fullest = (0, 0);
    while let Some(token) = tokens.next()? {
        match token {
            Token::Atom(word) => match number(word) {
                Some(n) => numbers.push(n),
                None => numbers.clear(),
            },
            _ => numbers.clear(),
        }
        if let [used, limit] = numbers[..]
            && u128::from(used) * u128::from(fullest.1.max(1))
                >= u128::from(fullest.0) * u128::from(limit.max(1))
        {
            fullest = (used, limit);
        }
    }
    Ok(Answer::Quota { used: fullest.0, limit: fullest.1 })
}

fn read_fetch(mut tokens: Tokens<'_>) -> Result<Fetched, WireError> {
    let mut fetched = Fetched::default();
    if tokens.next()? != Some(Token::Open) {
        return Err(WireError::Malformed("FETCH without a list"));
    }
    loop {
        let name = match tokens.next()? {
            Some(Token::Atom(name)) => name,
            Some(Token::Close) => return Ok(fetched),
            _ => return Err(WireError::Malformed("FETCH with a value without a name")),
        };
        let value = tokens.next()?.ok_or(WireError::Malformed("FETCH cut short"))?;
        if name.eq_ignore_ascii_case(b"UID") {
            fetched.uid = number_of(&value).and_then(|uid| u32::try_from(uid).ok());
        } else if name.eq_ignore_ascii_case(b"RFC822.SIZE") {
            fetched.size = number_of(&value);
        } else if let Some((section, origin)) = section_of(name) {
            let bytes = match value {
                Token::Text(bytes) => Some(bytes.into_owned()),
                Token::Atom(word) if word.eq_ignore_ascii_case(b"NIL") => None,
                _ => return Err(WireError::Malformed("FETCH with a body that is no text")),
            };
            fetched.body = Some(Body { section: section.to_vec(), origin, bytes });
        } else if value == Token::Open {
            skip_list(&mut tokens)?;
        }
    }
}

/// Everything up to the parenthesis that closes the one just read.
fn skip_list(tokens: &mut Tokens<'_>) -> Result<(), WireError> {
    let mut depth = 1_usize;
    while depth > 0 {
        match tokens.next()?.ok_or(WireError::Malformed("a list without end"))? {
            Token::Open => depth += 1,
            Token::Close => depth -= 1,
            _ => {}
        }
    }
    Ok(())
}

/// `BODY[HEADER]<0>`: what is in the brackets, and the origin. A bare `BODY` is a structure, not a piece.
fn section_of(name: &[u8]) -> Option<(&[u8], Option<u64>)> {
    let rest = name.get(4..).filter(|_| name[..4].eq_ignore_ascii_case(b"BODY"))?.strip_prefix(b"[")?;
    let end = memchr::memrchr(b']', rest)?;
    let origin = rest[end + 1..].strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")).and_then(number);
    Some((&rest[..end], origin))
}

fn number_of(token: &Token<'_>) -> Option<u64> {
    match token {
        Token::Atom(word) => number(word),
        _ => None,
    }
}

fn number(word: &[u8]) -> Option<u64> {
    let digits = !word.is_empty() && word.len() <= 19 && word.iter().all(u8::is_ascii_digit);
    if digits { std::str::from_utf8(word).ok()?.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Answer {
        Answer::read(text.as_bytes()).unwrap()
    }

    fn status(condition: Condition, code: &'static str, argument: &str) -> Status {
        Status { condition, code, argument: argument.to_owned() }
    }

    #[test]
    fn a_status_gives_its_code_and_its_text_may_be_anything() {
        assert_eq!(
            read("* OK [UIDVALIDITY 17] UIDs valides\r\n"),
            Answer::Status(status(Condition::Ok, "UIDVALIDITY", "17"))
        );
        let tagged = Answer::read(b"J3 no [TRYCREATE] bo\xeete \"{ absente\r\n").unwrap();
        assert_eq!(
            tagged,
            Answer::Tagged { tag: "J3".to_owned(), status: status(Condition::No, "TRYCREATE", "") }
        );
        assert_eq!(read("* OK\r\n"), Answer::Status(status(Condition::Ok, "", "")));
    }

    #[test]
    fn what_a_server_writes_in_its_brackets_never_reaches_our_errors_unless_it_is_a_known_code() {
        assert_eq!(read("* NO [DUPONT Jeanne] non\r\n"), Answer::Status(status(Condition::No, "", "")));
        assert_eq!(read("* NO [overquota] non\r\n"), Answer::Status(status(Condition::No, "OVERQUOTA", "")));
    }

    #[test]
    fn a_fetch_gives_what_was_asked_and_skips_the_rest() {
        let text = "* 4 FETCH (FLAGS (\\Seen) INTERNALDATE \"1-Jan-2026 00:00:00 +0000\" ENVELOPE (NIL (\"a\" (\"b\"))) UID 12 RFC822.SIZE 33 BODY[]<0> {4}\r\nab\r\n)\r\n";
        let body = Body { section: vec![], origin: Some(0), bytes: Some(b"ab\r\n".to_vec()) };
        assert_eq!(read(text), Answer::Fetch(Fetched { uid: Some(12), size: Some(33), body: Some(body) }));
        let nil = read("* 4 FETCH (UID 12 BODY[HEADER] NIL)\r\n");
        let body = Body { section: b"HEADER".to_vec(), origin: None, bytes: None };
        assert_eq!(nil, Answer::Fetch(Fetched { uid: Some(12), size: None, body: Some(body) }));
    }

    #[test]
    fn lists_of_numbers_are_read_and_anything_else_in_them_is_refused() {
        assert_eq!(read("* SEARCH 1 3 4294967295 (MODSEQ 9)\r\n"), Answer::Search(vec![1, 3, u32::MAX]));
        assert_eq!(read("* SEARCH\r\n"), Answer::Search(vec![]));
        assert!(Answer::read(b"* SEARCH 1 x\r\n").is_err());
    }

    #[test]
    fn the_fullest_resource_of_a_quota_counts() {
        assert_eq!(
            read("* QUOTA \"\" (MESSAGE 10 1000 STORAGE 90 100)\r\n"),
            Answer::Quota { used: 90, limit: 100 }
        );
    }

    #[test]
    fn what_is_not_known_is_let_pass() {
        for text in
            ["* FLAGS (\\Seen)\r\n", "* 3 RECENT\r\n", "* VANISHED 1:3\r\n", "* ID NIL\r\n", "* ENABLED\r\n"]
        {
            assert_eq!(read(text), Answer::Other, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(start in prop_oneof![Just("* "), Just("* 1 FETCH ("), Just("* QUOTA "), Just("J1 "), Just("")],
                                  bytes: Vec<u8>) {
            let _ = Answer::read(&[start.as_bytes(), &bytes, b"\r\n"].concat());
        }
    }
}
