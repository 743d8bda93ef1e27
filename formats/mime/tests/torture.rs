//! Torture mails of our own, read by us and by Python's `email`. Where they differ, `torture.md` says why, row by row:
//! a difference that is not listed fails, and so does a row that no longer differs.
#![allow(clippy::unwrap_used, reason = "a test program")]

use std::{
    collections::BTreeSet,
    io::Write as _,
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jonction_mime::{Limits, Mail, PartKind};
use jonction_model::BodyId;
use serde_json::{Value, json};

const PYTHON: &str = r#"
import sys, json, base64, hashlib, email, email.policy
for line in sys.stdin:
    raw = base64.b64decode(line)
    m = email.message_from_bytes(raw, policy=email.policy.default)
    seen = {"types": [], "names": [], "contents": []}
    def attempt(read):
        try:
            return read()
        except Exception as error:
            return "error: " + type(error).__name__
    seen["subject"] = attempt(lambda: str(m["subject"] or ""))
    seen["from"] = attempt(lambda: [[a.display_name, a.addr_spec] for a in m["from"].addresses] if m["from"] else [])
    for p in m.walk():
        if p.is_multipart():
            continue
        seen["types"].append(p.get_content_type())
        seen["names"].append(attempt(lambda: p.get_filename() or ""))
        content = attempt(lambda: p.get_payload(decode=True))
        if isinstance(content, str):
            content = content.encode()
        seen["contents"].append(hashlib.sha256(content or b"").hexdigest())
    print(json.dumps(seen))
"#;

fn ours(raw: &Bytes) -> Value {
    let mail = Mail::read(raw, &Limits::default()).unwrap();
    let leaves: Vec<_> = mail.parts().iter().filter(|part| part.kind == PartKind::Leaf).collect();
    let from = mail.mailboxes("From");
    json!({
        "subject": mail.subject(),
        "from": from.iter().map(|from| [&from.name, &from.address]).collect::<Vec<_>>(),
        "types": leaves.iter().map(|part| &part.media_type).collect::<Vec<_>>(),
        "names": leaves.iter().map(|part| &part.name).collect::<Vec<_>>(),
        "contents": leaves.iter().map(|part| BodyId::of(part.content()).to_string()).collect::<Vec<_>>(),
    })
}

fn headed(header: &str) -> Vec<u8> {
    format!("From: a@b.example\r\n{header}\r\n\r\nbonjour\r\n").into_bytes()
}

fn encoded(encoding: &str, body: &str) -> Vec<u8> {
    format!("Subject: x\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}")
        .into_bytes()
}

fn composed(kind: &str, parts: &str) -> Vec<u8> {
    format!("Subject: x\r\nContent-Type: multipart/{kind}; boundary=b\r\n\r\n{parts}").into_bytes()
}

fn typed(value: &str) -> Vec<u8> {
    format!("Subject: x\r\nContent-Type: {value}\r\n\r\nbonjour\r\n").into_bytes()
}

/// Named mails, each with one oddity.
fn oddities() -> Vec<(String, Vec<u8>)> {
    let bytes = |name: &str, raw: &[u8]| (name.to_owned(), raw.to_vec());
    let of = |name: &str, raw: Vec<u8>| (name.to_owned(), raw);
    vec![
        // headers
        of("subject-q", headed("Subject: =?utf-8?Q?R=C3=A9sultat_d'examen?=")),
        of("subject-b", headed("Subject: =?UTF-8?B?UsOpc3VsdGF0?=")),
        of("subject-latin", headed("Subject: =?iso-8859-1?Q?R=E9sultat?=")),
        of("subject-adjacent", headed("Subject: =?utf-8?Q?a?= =?utf-8?Q?b?=")),
        of("subject-adjacent-folded", headed("Subject: =?utf-8?Q?a?=\r\n =?utf-8?Q?b?=")),
        of("subject-split-character", headed("Subject: =?utf-8?Q?R=C3?= =?utf-8?Q?=A9?=")),
        of("subject-word-glued", headed("Subject: a=?utf-8?Q?=C3=A9?=b")),
        of("subject-blank-in-word", headed("Subject: =?utf-8?Q?a b?=")),
        of("subject-unknown-charset", headed("Subject: =?x-inconnu?Q?abc?=")),
        of("subject-bad-encoding", headed("Subject: =?utf-8?X?abc?=")),
        of("subject-language", headed("Subject: =?utf-8*fr?Q?=C3=A9?=")),
        of("subject-folded", headed("Subject: un\r\n deux\r\n\ttrois")),
        of("subject-twice", headed("Subject: un\r\nSubject: deux")),
        of("subject-blank-before-colon", headed("Subject : un")),
        of("subject-empty", headed("Subject:")),
        bytes("subject-raw-utf8", "From: a@b.example\r\nSubject: Résultat\r\n\r\nx".as_bytes()),
        bytes("subject-raw-latin", b"From: a@b.example\r\nSubject: R\xE9sultat\r\n\r\nx"),
        of("from-quoted", b"From: \"MARTIN, Anne\" <a@b.example>\r\n\r\nx".to_vec()),
        of("from-encoded", b"From: =?utf-8?Q?H=C3=B4pital?= <a@b.example>\r\n\r\nx".to_vec()),
        of("from-encoded-in-quotes", b"From: \"=?utf-8?Q?H=C3=B4pital?=\" <a@b.example>\r\n\r\nx".to_vec()),
        of("from-comment", b"From: a@b.example (Anne)\r\n\r\nx".to_vec()),
        of("from-group", b"From: equipe: a@b.example, c@d.example;\r\n\r\nx".to_vec()),
        of("from-route", b"From: <@relais.example:a@b.example>\r\n\r\nx".to_vec()),
        of("from-two", b"From: A <a@b.example>, C <c@d.example>\r\n\r\nx".to_vec()),
        of("mbox-mark", b"From a@b.example Mon Jan  1 00:00:00 2024\r\nFrom: a@b.example\r\nSubject: x\r\n\r\nx".to_vec()),
        of("no-blank-line", b"Subject: x\r\nbonjour sans ligne vide\r\n".to_vec()),
        of("first-line-folded", b" suite\r\nSubject: x\r\n\r\nx".to_vec()),
        of("head-only", b"Subject: x\r\n".to_vec()),
        // content types and names
        of("type-none", typed("")),
        of("type-word", typed("text")),
        of("type-three", typed("a/b/c")),
        of("type-case", typed("TEXT/Plain; CHARSET=utf-8")),
        of("type-comment", typed("text/plain (commentaire); charset=utf-8")),
        of("name-unquoted-blanks", typed("application/zip; name=IHE XDM.zip")),
        of("name-2231", typed("a/b; name*=UTF-8''m%C3%A9dical.pdf")),
        of("name-2231-pieces", typed("a/b; name*0*=UTF-8''m%C3%A9; name*1=dical; name*2*=%C3%A9.pdf")),
        of("name-2231-unordered", typed("a/b; name*1=deux; name*0=un")),
        of("name-2231-and-plain", typed("a/b; name=vieux.pdf; name*=utf-8''neuf.pdf")),
        of("name-2047", typed("a/b; name=\"=?utf-8?Q?m=C3=A9dical?=.pdf\"")),
        of("name-parenthesis", typed("a/b; name=copie(2).pdf")),
        of("name-escaped", typed("a/b; name=\"a\\\"b.pdf\"")),
        of("name-semicolon", typed("a/b; name=\"a;b.pdf\"")),
        bytes("name-raw-latin", b"Subject: x\r\nContent-Type: a/b; name=\"m\xE9dical.pdf\"\r\n\r\nx"),
        of("name-of-disposition", b"Subject: x\r\nContent-Type: a/b; name=b.pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\nx".to_vec()),
        // encodings
        of("base64-lines", encoded("base64", "UEsDBBQA\r\nAAAIAMBD\r\n")),
        of("base64-lf", encoded("base64", "UEsDBBQA\nAAAIAMBD\n")),
        of("base64-one-line", encoded("base64", "UEsDBBQAAAAIAMBD")),
        of("base64-no-padding", encoded("base64", "UEsDBBQ")),
        of("base64-foreign-byte", encoded("base64", "UEsD*BBQA")),
        of("base64-trailing-text", encoded("base64", "UEsDBBQ=\r\n-- \r\nanalyse antivirus\r\n")),
        of("base64-two-blocks", encoded("base64", "UEs=\r\nUEs=\r\n")),
        of("base64-one-digit-too-many", encoded("base64", "UEsDB")),
        of("base64-upper", encoded("BASE64", "UEsDBBQA")),
        of("base64-empty", encoded("base64", "")),
        of("qp", encoded("quoted-printable", "r=C3=A9sultat =3D 5=\r\n suite\r\n")),
        of("qp-lower", encoded("quoted-printable", "=c3=a9")),
        of("qp-soft-blank", encoded("quoted-printable", "a= \r\nb\r\n")),
        of("qp-trailing-blanks", encoded("quoted-printable", "a  \r\nb\t\r\n")),
        of("qp-lone-sign", encoded("quoted-printable", "=ZZ = 5 =")),
        of("qp-ends-soft", encoded("quoted-printable", "a=\r\n")),
        of("encoding-unknown", encoded("x-inconnu", "abc")),
        of("encoding-blank", encoded(" base64 ", "UEsDBBQA")),
        of("encoding-comment", encoded("base64 (oui)", "UEsDBBQA")),
        // structure
        of("mixed", composed("mixed", "--b\r\n\r\nun\r\n--b\r\nContent-Type: a/b\r\n\r\ndeux\r\n--b--\r\n")),
        of("preamble", composed("mixed", "préambule\r\n--b\r\n\r\nun\r\n--b--\r\népilogue\r\n")),
        of("boundary-blanks", composed("mixed", "--b \t\r\n\r\nun\r\n--b-- \r\n")),
        of("boundary-longer-line", composed("mixed", "--b\r\n\r\n--bc\r\nun\r\n--b--\r\n")),
        of("boundary-not-closed", composed("mixed", "--b\r\n\r\nun\r\n")),
        of("boundary-absent", composed("mixed", "un\r\n")),
        of("boundary-none", b"Subject: x\r\nContent-Type: multipart/mixed\r\n\r\n--b\r\n\r\nun\r\n--b--\r\n".to_vec()),
        of("boundary-quoted-blank", b"Subject: x\r\nContent-Type: multipart/mixed; boundary=\"b \"\r\n\r\n--b\r\n\r\nun\r\n--b--\r\n".to_vec()),
        bytes("boundary-dash", "Subject: x\r\nContent-Type: multipart/mixed; boundary=\"a—b\"\r\n\r\n--a—b\r\n\r\nun\r\n--a—b--\r\n".as_bytes()),
        of("boundary-lf", b"Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nun\n--b--\n".to_vec()),
        of("boundary-cr", b"Subject: x\rContent-Type: multipart/mixed; boundary=b\r\r--b\r\run\r--b--\r".to_vec()),
        of("bare-cr-in-text", b"Subject: x\r\n\r\nun\rdeux\r\n".to_vec()),
        of("part-without-body", composed("mixed", "--b\r\nContent-Type: a/b\r\n--b--\r\n")),
        of("part-empty", composed("mixed", "--b\r\n--b--\r\n")),
        of("part-head-not-ended", composed("mixed", "--b\r\nContent-Type: a/b\r\npas un en-tete\r\n--b--\r\n")),
        of("multipart-empty", composed("mixed", "préambule\r\n--b--\r\n")),
        of("reopened", composed("mixed", "--b\r\n\r\nun\r\n--b--\r\n--b\r\n\r\ndeux\r\n--b--\r\n")),
        of("digest", composed("digest", "--b\r\n\r\nSubject: y\r\n\r\nun\r\n--b--\r\n")),
        of("inner-not-closed", composed("mixed", "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nun\r\n--b\r\n\r\ndeux\r\n--b--\r\n")),
        of("inner-same-boundary", composed("mixed", "--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nun\r\n--b--\r\n--b\r\n\r\ndeux\r\n--b--\r\n")),
        of("multipart-in-base64", b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n--b\r\n\r\nun\r\n--b--\r\n".to_vec()),
        of("nested", composed("mixed", "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: y\r\n\r\nun\r\n--b--\r\n")),
        of("nested-mixed", composed("mixed", "--b\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nun\r\n--c--\r\n\r\n--b\r\n\r\ndeux\r\n--b--\r\n")),
        of("nested-without-head", composed("mixed", "--b\r\nContent-Type: message/rfc822\r\n\r\n\r\nun\r\n--b--\r\n")),
        of("nested-in-base64", composed("mixed", &format!("--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n", STANDARD.encode("Subject: y\r\n\r\nun")))),
        of("report", composed("report", "--b\r\n\r\nun\r\n--b\r\nContent-Type: message/disposition-notification\r\n\r\nDisposition: a/b; displayed\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: y\r\n\r\n--b--\r\n")),
        of("delivery-status", composed("report", "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nAction: failed\r\n--b--\r\n")),
        of("long-line", format!("Subject: x\r\n\r\n{}\r\n", "x".repeat(5_000)).into_bytes()),
        of("nul", b"Subject: x\r\n\r\na\0b\r\n".to_vec()),
        of("dot-lines", b"Subject: x\r\n\r\n.\r\n..\r\n-- \r\n--\r\n".to_vec()),
    ]
}

/// Numbers drawn from a seed (xorshift).
struct Draw(u64);

impl Draw {
    fn below(&mut self, max: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % max as u64) as usize
    }

    fn of(&mut self, list: &[&'static str]) -> &'static str {
        list[self.below(list.len())]
    }

    /// A part of any kind, its body fit for its encoding: what broken encodings give has its own names above.
    fn part(&mut self) -> String {
        const HEADS: [&str; 8] = [
            "Content-Type: text/plain; charset=utf-8",
            "Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64",
            "Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable",
            "Content-Disposition: attachment; filename=\"b c.bin\"\r\nContent-Type: application/octet-stream",
            "X-Rien: y",
            "Content-Type: image/png\r\nContent-Transfer-Encoding: 8bit",
            "Content-Type: text/plain;\r\n name*=utf-8''%C3%A9.txt",
            "Content-Transfer-Encoding: base64",
        ];
        let head = self.of(&HEADS);
        let body = match head {
            head if head.contains("base64") => self.of(&["UEsDBBQA\r\nAAAIAMBD", "UEsDBBQ=\r\n", "UEsD", ""]),
            head if head.contains("printable") => self.of(&["=C3=A9=\r\nb", "a=3D\r\n\r\nb", ""]),
            _ => self.of(&["un texte\r\n\r\nsuite", "", "--\r\n-- \r\n--x", "a\r\n\r\n", "--limite\r\n"]),
        };
        format!("{head}\r\n\r\n{body}")
    }
}

/// Mails drawn from a seed: nested structures, some never closed inside, with every line end.
fn drawn(seed: u64) -> Vec<u8> {
    let mut draw = Draw(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut text = String::from(
        "From: a@b.example\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=limite0\r\n\r\n",
    );
    text += &format!("--limite0\r\n{}", draw.part());
    let mut open = vec![0];
    for number in 1..3 + draw.below(10) {
        let innermost = open[open.len() - 1];
        match draw.below(5) {
            0 if open.len() < 6 => {
                text += &format!(
                    "\r\n--limite{innermost}\r\nContent-Type: multipart/mixed; boundary=limite{number}\r\n\r\n"
                );
                text += &format!("--limite{number}\r\n{}", draw.part());
                open.push(number);
            }
            1 if open.len() > 1 => {
                text += &format!("\r\n--limite{innermost}--\r\n");
                open.pop();
            }
            2 if open.len() > 1 => {
                open.pop();
                text += &format!("\r\n--limite{}\r\n{}", open[open.len() - 1], draw.part());
            }
            _ => text += &format!("\r\n--limite{innermost}\r\n{}", draw.part()),
        }
    }
    if draw.below(2) == 0 {
        open.truncate(1);
    }
    for boundary in open.iter().rev() {
        text += &format!("\r\n--limite{boundary}--\r\n");
    }
    if draw.below(3) == 0 { text.replace("\r\n", "\n").into_bytes() } else { text.into_bytes() }
}

fn listed() -> BTreeSet<(String, String)> {
    let rows = include_str!("torture.md").lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let mut cells = row.split('|').skip(1).map(|cell| cell.trim().trim_matches('`').to_owned());
        (cells.next().unwrap(), cells.next().unwrap())
    })
    .collect()
}

#[test]
fn we_and_python_differ_only_where_it_is_written_why() {
    let drawn = (0..400).map(|seed| (format!("drawn-{seed}"), drawn(seed)));
    let mails: Vec<(String, Bytes)> =
        oddities().into_iter().chain(drawn).map(|(name, raw)| (name, Bytes::from(raw))).collect();
    let Ok(mut python) = Command::new("python3")
        .args(["-c", PYTHON])
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
    else {
        jonction_testkit::skipped("python3 is not installed");
        return;
    };
    let lines: String = mails.iter().map(|(_, raw)| STANDARD.encode(raw) + "\n").collect();
    let mut input = python.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let seen = String::from_utf8(output.stdout).unwrap();

    let mut differences = BTreeSet::new();
    for ((name, raw), line) in mails.iter().zip(seen.lines()) {
        let (ours, theirs): (Value, Value) = (ours(raw), serde_json::from_str(line).unwrap());
        for field in ["subject", "from", "types", "names", "contents"] {
            if ours[field] != theirs[field] {
                println!("{name} {field}: {} / {}", ours[field], theirs[field]);
                differences.insert((name.clone(), field.to_owned()));
            }
        }
    }
    assert_eq!(seen.lines().count(), mails.len());
    assert_eq!(differences, listed(), "torture.md lists what differs, and nothing else");
}
