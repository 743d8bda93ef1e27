//! The day of a sending structure, for people who cannot read ZAM: what was not delivered, why, what to do.
//! In: [`StructureDay`]. Out: text, or one HTML page that needs nothing else. Documents are named by their own numbers;
//! no datum of a patient can come here: journeys hold none.

use std::fmt::Write as _;

use jonction_engine::{DeliveryJourney, DeliveryState, MessageJourney, MessageState, StructureDay};
use jonction_model::{Finding, Severity};
use serde::Serialize;

use super::{day, number, time};

/// One thing that was not delivered, in plain words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Trouble {
    /// Where it was to go: `DMP`, `MSSanté, dr.adam@…`; empty for the message itself.
    pub(crate) to: String,
    /// What happened.
    pub(crate) what: String,
    /// Why.
    pub(crate) why: String,
    /// What to do.
    pub(crate) todo: String,
    /// Code of the cause, for whoever asks the operator.
    pub(crate) code: String,
}

/// A message with what is wrong with it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Told {
    pub(crate) message: u64,
    pub(crate) received_at: jiff::Timestamp,
    /// The sender's own number (MSH-10).
    pub(crate) control_id: Option<String>,
    pub(crate) kind: String,
    /// uniqueId and type of each document.
    pub(crate) documents: Vec<String>,
    pub(crate) troubles: Vec<Trouble>,
}

const NOTHING_TO_DO: &str = "rien à faire : l'envoi est repris tout seul";
const ASK_OPERATOR: &str = "voir avec l'exploitant de la passerelle, qui doit décider";

/// What is told of a message.
pub(crate) fn told(journey: &MessageJourney) -> Told {
    let mut troubles: Vec<Trouble> = of_message(journey).into_iter().collect();
    troubles.extend(journey.deliveries.iter().filter_map(of_delivery));
    Told {
        message: journey.id.0,
        received_at: journey.received_at,
        control_id: journey.control_id.clone(),
        kind: journey.kind.clone(),
        documents: journey
            .documents
            .iter()
            .map(|document| format!("{} ({})", document.unique_id, document.type_label))
            .collect(),
        troubles,
    }
}

fn of_message(journey: &MessageJourney) -> Option<Trouble> {
    let worst =
        |findings: &[Finding]| findings.iter().find(|finding| finding.severity == Severity::Error).cloned();
    let (what, finding, todo) = match journey.state {
        MessageState::Routed | MessageState::Filtered => return None,
        MessageState::Received => ("reçu, pas encore traité", None, NOTHING_TO_DO),
        MessageState::Refused => (
            "refusé à la réception : rien n'en a été envoyé",
            worst(&journey.findings),
            "corriger ce message dans le logiciel émetteur, puis le renvoyer",
        ),
        MessageState::Held => ("retenu par l'exploitant de la passerelle", None, ASK_OPERATOR),
        MessageState::Parked => {
            ("mis de côté avant tout envoi", worst(&journey.route_findings), ASK_OPERATOR)
        }
        MessageState::RefusedByHand => {
            ("refusé par l'exploitant de la passerelle", worst(&journey.route_findings), ASK_OPERATOR)
        }
    };
    Some(trouble(String::new(), what.to_owned(), finding.as_ref(), todo, journey.error.as_deref()))
}

fn of_delivery(delivery: &DeliveryJourney) -> Option<Trouble> {
    let (what, todo) = match delivery.state {
        DeliveryState::Delivered | DeliveryState::Replaced => return None,
        DeliveryState::Refused => {
            ("non remis, refusé pour de bon", "corriger dans le logiciel émetteur, puis renvoyer le document")
        }
        DeliveryState::Parked => ("non remis, mis de côté", ASK_OPERATOR),
        DeliveryState::Held => ("non remis, retenu par l'exploitant de la passerelle", ASK_OPERATOR),
        DeliveryState::Waiting | DeliveryState::Retrying | DeliveryState::Sending => {
            ("pas encore remis", NOTHING_TO_DO)
        }
    };
    let tries = match delivery.attempts.len() {
        0 => String::new(),
        1 => " (1 essai)".to_owned(),
        tries => format!(" ({tries} essais)"),
    };
    let to = match delivery.report_of {
        Some(_) => format!("compte rendu vers {}, {}", delivery.sink, delivery.label),
        None => format!("{}, {}", delivery.sink, delivery.label),
    };
    let finding = delivery.finding.as_ref();
    // What will go by itself needs nobody, whatever its last failure advises.
    let waits =
        matches!(delivery.state, DeliveryState::Waiting | DeliveryState::Retrying | DeliveryState::Sending);
    let mut told = trouble(to, format!("{what}{tries}"), finding, todo, None);
    if waits {
        told.todo = NOTHING_TO_DO.to_owned();
    }
    Some(told)
}

fn trouble(to: String, what: String, finding: Option<&Finding>, todo: &str, code: Option<&str>) -> Trouble {
    Trouble {
        to,
        what,
        why: finding.map(|finding| finding.sentence.clone()).unwrap_or_default(),
        todo: finding.and_then(|finding| finding.remedy.clone()).unwrap_or_else(|| todo.to_owned()),
        code: finding.map(|finding| finding.check.as_str()).or(code).unwrap_or_default().to_owned(),
    }
}

/// The totals, in two sentences that a reader can add up.
fn totals(of: &StructureDay) -> [String; 2] {
    let (m, d) = (&of.lines.messages, &of.lines.deliveries);
    [
        format!(
            "Messages reçus : {} = transmis {} + sans destinataire ici {} + refusés {} + déjà reçus {} + mis de côté {} + pas encore traités {}",
            number(m.received),
            number(m.routed),
            number(m.filtered),
            number(m.refused + m.refused_by_hand),
            number(m.repeated),
            number(m.parked),
            number(m.waiting + m.held)
        ),
        format!(
            "Envois dus : {} = remis {} + refusés {} + mis de côté {} + remplacés {} + en cours {}",
            number(d.owed),
            number(d.delivered),
            number(d.refused),
            number(d.parked),
            number(d.replaced),
            number(d.in_flight)
        ),
    ]
}

fn structure(of: &StructureDay) -> &str {
    if of.structure.is_empty() { "structure illisible (MSH-4)" } else { &of.structure }
}

fn french(date: jiff::civil::Date) -> String {
    date.strftime("%d/%m/%Y").to_string()
}

/// Plain text.
pub(crate) fn text(of: &StructureDay) -> String {
    let mut text = format!("Compte rendu du {} pour {}\n\n", french(of.day), structure(of));
    for line in totals(of) {
        let _ = writeln!(text, "{line}");
    }
    if of.troubles.is_empty() {
        text += "\nTout ce qui devait être remis l'a été.\n";
    } else {
        let _ = writeln!(
            text,
            "\nCe qui n'est pas entièrement remis : {}",
            number(of.troubles.len() as u64 + of.omitted)
        );
    }
    for journey in &of.troubles {
        let told = told(journey);
        let _ = writeln!(
            text,
            "\n{}  message {}  {}",
            time(told.received_at),
            told.control_id.as_deref().unwrap_or("sans numéro lisible"),
            told.kind
        );
        for document in &told.documents {
            let _ = writeln!(text, "  document  {document}");
        }
        for trouble in &told.troubles {
            let to = if trouble.to.is_empty() { "message" } else { &trouble.to };
            let _ = writeln!(text, "  {to} : {}", trouble.what);
            if !trouble.why.is_empty() {
                let _ = writeln!(text, "    pourquoi  {}", trouble.why);
            }
            let _ = writeln!(text, "    à faire   {}", trouble.todo);
            if !trouble.code.is_empty() {
                let _ = writeln!(text, "    code      {}", trouble.code);
            }
        }
    }
    if of.omitted > 0 {
        let _ = writeln!(text, "\n… et {} autres messages : jonction find les donne.", number(of.omitted));
    }
    text
}

const STYLE: &str = "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1e1e1e}\
h1{font-size:1.4rem}table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;\
border-bottom:1px solid #ccc}th{background:#f3f3f3}code{color:#555}";

/// One page of its own.
pub(crate) fn html(of: &StructureDay) -> String {
    let title = format!("Compte rendu du {} pour {}", french(of.day), structure(of));
    let title = escaped(&title);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"fr\"><head><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style></head>\n\
         <body><h1>{title}</h1>\n"
    );
    for line in totals(of) {
        let _ = writeln!(page, "<p>{}</p>", escaped(&line));
    }
    if of.troubles.is_empty() {
        page += "<p><strong>Tout ce qui devait être remis l'a été.</strong></p>\n";
    } else {
        page += "<table><thead><tr><th>Message</th><th>Vers</th><th>Ce qui s'est passé</th><th>À faire</th></tr></thead><tbody>\n";
    }
    for journey in &of.troubles {
        let told = told(journey);
        let documents: String =
            told.documents.iter().map(|document| format!("<br>{}", escaped(document))).collect();
        let message = format!(
            "{} {}<br>{}{documents}",
            time(told.received_at),
            escaped(told.control_id.as_deref().unwrap_or("sans numéro lisible")),
            escaped(&told.kind)
        );
        for (at, trouble) in told.troubles.iter().enumerate() {
            let first = if at == 0 { message.as_str() } else { "" };
            let why = if trouble.why.is_empty() { String::new() } else { format!(" : {}", trouble.why) };
            let _ = writeln!(
                page,
                "<tr><td>{first}</td><td>{}</td><td>{}<br><code>{}</code></td><td>{}</td></tr>",
                escaped(&trouble.to),
                escaped(&format!("{}{why}", trouble.what)),
                escaped(&trouble.code),
                escaped(&trouble.todo)
            );
        }
    }
    if !of.troubles.is_empty() {
        page += "</tbody></table>\n";
    }
    if of.omitted > 0 {
        let _ = writeln!(page, "<p>… et {} autres messages.</p>", number(of.omitted));
    }
    page + "</body></html>\n"
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '&' => safe += "&amp;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            c => safe.push(c),
        }
    }
    safe
}

/// For a program: totals as the balance writes them, troubles as the page tells them.
pub(crate) fn json(of: &StructureDay) -> serde_json::Value {
    serde_json::json!({
        "day": of.day,
        "structure": of.structure,
        "messages": of.lines.messages,
        "deliveries": of.lines.deliveries,
        "troubles": of.troubles.iter().map(told).collect::<Vec<_>>(),
        "omitted": of.omitted,
    })
}

/// Name of the file of a day and structure: letters, digits and hyphens; two structures never share one.
pub(crate) fn file_stem(of: &StructureDay) -> String {
    let plain: String =
        of.structure.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(60).collect();
    let exact = plain == of.structure && !plain.is_empty();
    let mark = if exact { String::new() } else { format!("-{}", short_hash(&of.structure)) };
    let plain = if plain.is_empty() { "illisible".to_owned() } else { plain };
    format!("{}_{plain}{mark}", of.day)
}

fn short_hash(text: &str) -> String {
    jonction_model::BodyId::of(text.as_bytes()).to_string()[..8].to_owned()
}

/// A moment as people of the structure read it.
pub(crate) fn written_at(at: jiff::Timestamp) -> String {
    format!("{} {}", day(at), time(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(structure: &str) -> StructureDay {
        StructureDay {
            day: jiff::civil::date(2026, 11, 24),
            structure: structure.to_owned(),
            lines: Default::default(),
            troubles: Vec::new(),
            omitted: 0,
        }
    }

    #[test]
    fn a_structure_writes_no_html_of_its_own_and_chooses_no_file() {
        let hostile = of("<script>alert(1)</script>");
        assert!(html(&hostile).contains("&lt;script&gt;") && !html(&hostile).contains("<script>"));
        let stem = file_stem(&of("../../etc/passwd"));
        assert!(stem.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')), "{stem}");
        assert_eq!(file_stem(&of("120456789")), "2026-11-24_120456789");
        assert_ne!(file_stem(&of("a/b")), file_stem(&of("a-b")));
        assert!(file_stem(&of("")).starts_with("2026-11-24_illisible"));
    }

    /// Both sentences are sums: every part of the balance is in one of their terms.
    #[test]
    fn the_totals_add_up_whatever_became_of_the_messages() {
        let mut day = of("120456789");
        let m = &mut day.lines.messages;
        (m.routed, m.filtered, m.refused, m.repeated) = (1, 2, 4, 8);
        (m.parked, m.refused_by_hand, m.waiting) = (16, 32, 64);
        m.received = 127;
        let d = &mut day.lines.deliveries;
        (d.owed, d.delivered, d.refused, d.parked, d.in_flight) = (15, 1, 2, 4, 8);
        assert!(day.lines.closes());
        for line in totals(&day) {
            let numbers: Vec<u64> =
                line.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
            assert_eq!(numbers[0], numbers[1..].iter().sum::<u64>(), "{line}");
        }
    }

    #[test]
    fn a_day_without_trouble_says_so() {
        assert!(text(&of("120456789")).contains("Tout ce qui devait être remis l'a été."));
        assert!(html(&of("120456789")).contains("Tout ce qui devait être remis"));
    }
}
