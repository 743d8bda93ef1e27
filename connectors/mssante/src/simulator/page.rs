//! What arrived, as pages that a person reads: each mailbox, each mail, the verdict of each check.
//! In: the simulator's store. Out: HTML. Only on the loopback: mails show persons, invented as they may be.
//! Source: mssante.md §6.1 « evidence export ».

use std::fmt::Write as _;

use jonction_model::Severity;
use jonction_simkit::Judged;
use jonction_web::{Reply, server::Arrived};
use quick_xml::escape::escape;

use super::{Shared, StoredMail};

/// Mails shown of one mailbox, latest first.
const SHOWN_MAX: usize = 200;

const STYLE: &str = "body{font:15px/1.5 system-ui;margin:2rem;max-width:70rem}table{border-collapse:collapse;width:100%}\
td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ddd;vertical-align:top}.refus{color:#b00020}\
.note{color:#8a6100}.ok{color:#146c2e}code{background:#f4f4f4;padding:0 .2rem}";

pub(super) fn answer(shared: &Shared, asked: &Arrived) -> Reply {
    let route = asked.route();
    if asked.method.as_str() != "GET" {
        return Reply::status(405);
    }
    let body = match route.strip_prefix("/courriel/").map(str::parse::<u64>) {
        Some(Ok(number)) => mail_page(shared, number),
        Some(Err(_)) => None,
        None if route == "/" => Some(home(shared)),
        None => None,
    };
    match body {
        Some(body) => Reply::new(200, "text/html; charset=utf-8", page(&body))
            .header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"),
        None => Reply::new(
            404,
            "text/html; charset=utf-8",
            page("<p>Cette page n'existe pas. <a href=\"/\">Les boîtes</a></p>"),
        ),
    }
}

fn page(body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"fr\"><meta charset=\"utf-8\"><title>Boîtes MSSanté simulées</title><style>{STYLE}</style>{body}</html>"
    )
}

fn home(shared: &Shared) -> String {
    let judged = shared.verdicts.list();
    let mut out = "<h1>Boîtes MSSanté simulées</h1>".to_owned();
    let boxes = shared.world.mailboxes();
    if boxes.is_empty() {
        out += "<p>Aucun courriel n'est arrivé.</p>";
    }
    for (name, mails) in boxes {
        // Writing to a String never fails.
        let _ = write!(
            out,
            "<h2>{} <small>({})</small></h2><table><tr><th>n°<th>reçu<th>de<th>objet<th>octets<th>verdict",
            escape(&name),
            mails.len()
        );
        for mail in mails.iter().rev().take(SHOWN_MAX) {
            let _ = write!(
                out,
                "<tr><td><a href=\"/courriel/{0}\">{0}</a><td>{1}<td>{2}<td>{3}<td>{4}<td>{5}",
                mail.number,
                mail.received_at.strftime("%d/%m/%Y %H:%M:%S UTC"),
                escape(&mail.from),
                escape(subject(mail)),
                mail.raw.len(),
                verdict(find(&judged, mail.verdict))
            );
        }
        out += "</table>";
    }
    out
}

fn find(judged: &[Judged], request: u64) -> Option<&Judged> {
    judged.iter().find(|judged| judged.request == request)
}

fn subject(mail: &StoredMail) -> String {
    mail.read().map(|mail| mail.subject()).unwrap_or_default()
}

fn verdict(judged: Option<&Judged>) -> String {
    let Some(judged) = judged else { return "trop ancien".to_owned() };
    let count = |severity| judged.findings.iter().filter(|finding| finding.severity == severity).count();
    match (count(Severity::Error), count(Severity::Warning)) {
        (0, 0) => "<span class=ok>conforme</span>".to_owned(),
        (0, notes) => format!("<span class=ok>conforme</span>, <span class=note>{notes} remarque(s)</span>"),
        (refused, notes) => format!("<span class=refus>{refused} refus</span>, {notes} remarque(s)"),
    }
}

fn mail_page(shared: &Shared, number: u64) -> Option<String> {
    let mails = shared.world.mailboxes().into_iter().flat_map(|(_, mails)| mails);
    let mail = mails.into_iter().find(|mail| mail.number == number)?;
    let judged = shared.verdicts.list();
    let mut out =
        format!("<p><a href=\"/\">Les boîtes</a><h1>Courriel {number}</h1><p>{}", escape(subject(&mail)));
    if let Some(judged) = find(&judged, mail.verdict) {
        out += "<h2>Contrôles</h2><table><tr><th>contrôle<th>verdict<th>constat<th>remède";
        for check in &judged.checks {
            let found: Vec<_> = judged.findings.iter().filter(|finding| finding.check == *check).collect();
            if found.is_empty() {
                let _ = write!(out, "<tr><td><code>{check}</code><td class=ok>conforme<td><td>");
            }
            for finding in found {
                let (class, word) = match finding.severity {
                    Severity::Error => ("refus", "refusé"),
                    _ => ("note", "remarque"),
                };
                let _ = write!(
                    out,
                    "<tr><td><code>{check}</code><td class={class}>{word}<td>{}<td>{}",
                    escape(&finding.sentence),
                    escape(finding.remedy.as_deref().unwrap_or_default())
                );
            }
        }
        out += "</table>";
    }
    out += "<h2>En-têtes</h2><pre>";
    let head =
        &mail.raw[..memchr::memmem::find(&mail.raw, b"\r\n\r\n").unwrap_or(mail.raw.len()).min(32 << 10)];
    let head = std::str::from_utf8(head).map_or_else(|_| head.escape_ascii().to_string(), str::to_owned);
    out += &escape(&head);
    Some(out + "</pre>")
}
