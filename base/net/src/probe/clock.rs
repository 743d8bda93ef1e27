//! The peer's clock against ours: a VIHF, a certificate and a receipt mean nothing when they disagree.
//! In: dates as HTTP and mail write them. Out: a step.

use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};
use jonction_model::Finding;
use jonction_ports::{StepKind, Steps};

/// Difference that is remarked upon, in seconds: an answer may have waited on its way.
const REMARKED_S: i64 = 30;
/// Difference at which signed assertions begin to be refused, in seconds.
const HARMFUL_S: i64 = 300;

/// `Date` of an HTTP answer.
pub fn http_date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

/// A date somewhere in a greeting: `220 mx ESMTP; Tue, 24 Nov 2026 12:00:00 +0100`.
pub fn mail_date(text: &str) -> Option<Timestamp> {
    let starts = text.match_indices(", ").filter_map(|(at, _)| text.get(at.checked_sub(3)?..));
    starts.filter_map(|date| http_date(date.split(['(', ';']).next()?)).next()
}

/// Compares. `theirs`: what the peer said the time is; nothing when it does not say.
pub fn clock_step(steps: &mut Steps, theirs: Option<Timestamp>, ours: Timestamp) {
    let Some(theirs) = theirs else {
        return steps.done(StepKind::Clock, "le correspondant ne dit pas l'heure");
    };
    let apart = theirs.as_second() - ours.as_second();
    let words = match apart {
        -1..=1 => "à l'heure (à une seconde près)".to_owned(),
        apart if apart < 0 => format!("le correspondant retarde de {}", seconds(-apart)),
        apart => format!("le correspondant avance de {}", seconds(apart)),
    };
    let remedy = "vérifier la synchronisation (NTP) de cette machine, puis prévenir l'exploitant";
    let finding = match apart.abs() {
        HARMFUL_S.. => Some(Finding::error(
            "net.clock-apart",
            "les deux horloges sont trop loin l'une de l'autre : les jetons signés seront refusés",
        )),
        REMARKED_S.. => Some(Finding::warning("net.clock-apart", "les deux horloges ne sont pas d'accord")),
        _ => None,
    };
    steps.noted(StepKind::Clock, words, finding.map(|finding| finding.remedy(remedy)));
}

fn seconds(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(apart: i64) -> (String, Option<bool>) {
        let mut steps = Steps::default();
        let ours = Timestamp::from_second(1_800_000_000).unwrap();
        clock_step(&mut steps, Timestamp::from_second(1_800_000_000 + apart).ok(), ours);
        let step = steps.into_vec().remove(0);
        (step.seen.clone(), step.finding.as_ref().map(|_| step.failed()))
    }

    #[test]
    fn five_minutes_apart_is_an_error_and_half_a_minute_a_remark() {
        assert_eq!(judged(1).1, None);
        assert_eq!(judged(-40), ("le correspondant retarde de 40 s".to_owned(), Some(false)));
        assert_eq!(judged(3600), ("le correspondant avance de 60 min".to_owned(), Some(true)));
    }

    #[test]
    fn dates_of_http_and_of_greetings_are_read() {
        let at = "2026-11-24T12:00:00Z".parse().ok();
        assert_eq!(http_date("Tue, 24 Nov 2026 12:00:00 GMT"), at);
        assert_eq!(mail_date("mx.example ESMTP Sendmail; Tue, 24 Nov 2026 13:00:00 +0100"), at);
        assert_eq!(mail_date("mx.example, ESMTP"), None);
    }
}
