//! Events as they happen, one message as a small tree: `jonction run` and the demonstration.
//! In: the engine's events. Out: lines. Deliveries are shown when they end or wait, with the message they belong to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jonction_engine::{
    event::{Event, Verdict},
    journal::{AttemptState, DeliveryState},
};
use jonction_model::{Finding, Severity, Standing};
use jonction_ports::MessageId;

use super::{duration, padded, size, time};

/// Turns events into lines.
#[derive(Default)]
pub(crate) struct Live {
    /// Titles given to messages by whoever knows them: MSH-10 → title.
    titles: BTreeMap<String, String>,
    received: BTreeMap<MessageId, Timestamp>,
    /// Message of the last line: its number is repeated only when another one comes between.
    last: Option<MessageId>,
}

const INDENT: &str = "                ";

impl Live {
    /// Gives messages a title, by their MSH-10.
    pub(crate) fn with_titles(titles: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { titles: titles.into_iter().collect(), ..Self::default() }
    }

    /// The lines of one event; most events have none.
    pub(crate) fn lines(&mut self, event: &Event, now: Timestamp) -> Vec<String> {
        match event {
            Event::Message {
                message,
                kind,
                control_id,
                bytes,
                received_at,
                elapsed,
                verdict,
                findings,
                partner,
            } => {
                self.received.insert(*message, *received_at);
                self.last = Some(*message);
                let title =
                    control_id.as_ref().and_then(|id| self.titles.get(id)).cloned().unwrap_or_default();
                let title = if title.is_empty() { control_id.clone().unwrap_or_default() } else { title };
                // A mail is known by no number that people would quote.
                let title =
                    if title.is_empty() { size(*bytes) } else { format!("{title}, {}", size(*bytes)) };
                let what = format!("{kind}  {title}");
                let said = match verdict {
                    Verdict::Accepted => format!("accepté en {}", duration(*elapsed)),
                    Verdict::Refused => "refusé à l'entrée".to_owned(),
                    Verdict::Repeated => "déjà connu : même acquittement, rien n'est renvoyé".to_owned(),
                };
                let mut lines = vec![format!(
                    "  {}  #{:<3} {}  {partner} ──► {said}",
                    time(*received_at),
                    message.0,
                    padded(&what, 58)
                )];
                if *verdict == Verdict::Refused {
                    lines.extend(errors(findings).map(|finding| format!("{INDENT}└─ {}", told(finding))));
                }
                lines
            }
            Event::Filtered { message, by } => {
                self.under(*message, now, format!("aucune route ne le prend ({by})"))
            }
            Event::MessageParked { message, finding, .. } => {
                self.under(*message, now, format!("mis de côté  {}", told(finding)))
            }
            Event::Born { message, sink, label, state, finding } => {
                let word = state_word(*state);
                let line = format!(
                    "{} {} {} {}",
                    padded(sink.as_str(), 20),
                    padded(word, 13),
                    padded(label, 24),
                    told(finding)
                );
                self.under(*message, now, line)
            }
            Event::Attempt {
                message,
                sink,
                label,
                attempt,
                outcome,
                detail,
                finding,
                state,
                next_at,
                elapsed,
                ..
            } => {
                let why = match (outcome, detail, finding) {
                    (AttemptState::Done, Some(detail), _) => detail.clone(),
                    (_, _, Some(finding)) => told(finding),
                    _ => String::new(),
                };
                let mut line = format!(
                    "{} {} {}",
                    padded(sink.as_str(), 20),
                    padded(state_word(*state), 13),
                    padded(label, 24)
                );
                if !why.is_empty() && why != *label {
                    line.push_str(&format!(" {why}"));
                }
                if *state == DeliveryState::Delivered || *state == DeliveryState::Refused {
                    line.push_str(&format!("  {}", duration(*elapsed)));
                }
                if *attempt > 1 && *state == DeliveryState::Delivered {
                    line.push_str(&format!("  à la tentative {attempt}"));
                }
                if let Some(next) = next_at.filter(|_| *state != DeliveryState::Delivered) {
                    let wait = next.duration_since(now).max(jiff::SignedDuration::ZERO);
                    let wait = std::time::Duration::try_from(wait).unwrap_or_default();
                    line.push_str(&format!("  tentative {attempt}, reprise dans {}", duration(wait)));
                }
                self.under(*message, now, line)
            }
            Event::Answered { message, sink, label, standing, detail, by, .. } => {
                let word = match standing {
                    Standing::Pending => "en attente",
                    Standing::Positive => "avis",
                    Standing::Negative(_) => "avis d'échec",
                };
                let code = standing.code().map(|code| format!(", {} {}", code.code, code.label));
                let line = format!(
                    "{} {} {} {detail}{}  (#{by})",
                    padded(sink.as_str(), 20),
                    padded(word, 13),
                    padded(label, 24),
                    code.unwrap_or_default()
                );
                self.under(*message, now, line)
            }
            Event::MessageHeld { message, route } => {
                self.under(*message, now, format!("retenu : la route {route} est retenue à la main"))
            }
            Event::ClockJumped { by_ms } => {
                let way = if *by_ms < 0 { "reculée" } else { "avancée" };
                let by = std::time::Duration::from_millis(by_ms.unsigned_abs());
                vec![format!("horloge de la machine {way} de {} : les reprises suivent", duration(by))]
            }
            Event::Routed { .. } | Event::Ordered { .. } | Event::Idle => Vec::new(),
        }
    }

    /// A line that belongs to a message; its number comes back when another message spoke in between.
    fn under(&mut self, message: MessageId, now: Timestamp, line: String) -> Vec<String> {
        let line = line.trim_end().to_owned();
        if self.last == Some(message) {
            return vec![format!("{INDENT}├─ {line}")];
        }
        self.last = Some(message);
        vec![format!("  {}  #{:<3}├─ {line}", time(now), message.0)]
    }
}

/// French word of a delivery's state.
pub(crate) fn state_word(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Delivered => "fait",
        DeliveryState::Refused => "refusé",
        DeliveryState::Parked => "mis de côté",
        DeliveryState::Held => "retenu",
        DeliveryState::Replaced => "remplacé",
        _ => "en attente",
    }
}

/// A finding in one line: what is wrong, where.
pub(crate) fn told(finding: &Finding) -> String {
    let place = finding.place.to_string();
    if place.is_empty() { finding.sentence.clone() } else { format!("{} ({place})", finding.sentence) }
}

fn errors(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    findings.iter().filter(|finding| finding.severity == Severity::Error)
}
