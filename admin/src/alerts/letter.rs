//! A letter: what leaves by mail and by webhook, from one notice or several.
//! In: notices, the gateway's name. Out: a subject, a text as in experience.md §5, JSON. In French.

use std::fmt::Write as _;

use jiff::Timestamp;
use jonction_model::clock::paris;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::incident::{Incident, Moment, Notice};

/// Notices told in full; the rest of a digest is one line each.
const IN_FULL: usize = 3;
/// Lines of a digest.
const LINES_MAX: usize = 100;
/// Longest subject, in characters.
const SUBJECT_MAX: usize = 120;

/// What leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Of this mail only.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same for programs.
    pub json: Value,
}

impl Letter {
    /// From what is told together. `others`: incidents that stay open beside.
    pub fn of(gateway: &str, notices: &[Notice], others: usize) -> Self {
        let mut text = String::new();
        for notice in notices.iter().take(IN_FULL) {
            full(&mut text, notice, others);
            text.push('\n');
        }
        let rest = notices.get(IN_FULL..).unwrap_or_default();
        for notice in rest.iter().take(LINES_MAX) {
            let _ = writeln!(text, "{}   docs/operate/{}", first_line(notice), notice.incident.cause.page());
        }
        if rest.len() > LINES_MAX {
            let _ = writeln!(text, "… et {} autres : jonction status", rest.len() - LINES_MAX);
        }
        let first = notices.first().map(first_line).unwrap_or_default();
        let more =
            if notices.len() > 1 { format!(" (et {} autres)", notices.len() - 1) } else { String::new() };
        let subject: String =
            format!("[jonction {gateway}] {first}{more}").chars().take(SUBJECT_MAX).collect();
        let json = json!({
            "gateway": gateway,
            "text": text,
            "notices": notices.iter().map(to_json).collect::<Vec<_>>(),
        });
        Self { subject, text, json }
    }

    /// To learn whether letters arrive. It tells of no incident.
    pub fn trial(gateway: &str) -> Self {
        let text = "Essai : cette lettre dit seulement que les alertes de cette passerelle arrivent ici.\n\
                    Rien ne s'est passé, il n'y a rien à faire.\n";
        Self {
            subject: format!("[jonction {gateway}] essai des alertes"),
            text: text.to_owned(),
            json: json!({ "gateway": gateway, "text": text, "notices": [] }),
        }
    }
}

fn first_line(notice: &Notice) -> String {
    let Incident { said, since, good_since, .. } = &notice.incident;
    match notice.moment {
        Moment::Start | Moment::Worse => since_then(&said.title, *since, notice.at),
        Moment::End => since_then(&said.ended, good_since.unwrap_or(notice.at), notice.at),
    }
}

/// A first line with its moment in place of `{depuis}`.
pub fn since_then(line: &str, since: Timestamp, now: Timestamp) -> String {
    line.replace("{depuis}", &format!("depuis {}", moment(since, now)))
}

fn full(text: &mut String, notice: &Notice, others: usize) {
    let incident = &notice.incident;
    let said = &incident.said;
    let _ = writeln!(text, "{}", first_line(notice));
    if !said.facts.is_empty() {
        let _ = writeln!(text, "  en attente   {}", said.facts);
    }
    if notice.moment == Moment::End {
        let _ = writeln!(text, "  durée        {}", lasted(incident.since, notice.at));
    }
    let normal = match others {
        0 => "aucun autre incident ouvert".to_owned(),
        1 => "1 autre incident ouvert (jonction status)".to_owned(),
        n => format!("{n} autres incidents ouverts (jonction status)"),
    };
    let _ = writeln!(text, "  ailleurs     {normal}");
    if notice.moment != Moment::End {
        let _ = writeln!(text, "  à faire      {}", said.todo);
    }
    let _ = writeln!(text, "  page         docs/operate/{}", incident.cause.page());
}

fn to_json(notice: &Notice) -> Value {
    let incident = &notice.incident;
    json!({
        "moment": notice.moment,
        "code": incident.cause.code(),
        "subject": incident.subject,
        "since": incident.since,
        "at": notice.at,
        "count": incident.said.count,
        "title": first_line(notice),
        "facts": incident.said.facts,
        "todo": incident.said.todo,
        "page": format!("docs/operate/{}", incident.cause.page()),
    })
}

/// `03:12:40`, with its day when it is not that of `now`. French legal time.
pub fn moment(at: Timestamp, now: Timestamp) -> String {
    let (at, now) = (at.to_zoned_datetime(paris()), now.to_zoned_datetime(paris()));
    let clock = at.strftime("%H:%M:%S");
    if at.date() == now.date() {
        clock.to_string()
    } else {
        format!("{clock} le {}", at.strftime("%d/%m/%Y"))
    }
}

/// `12 min`.
pub fn lasted(from: Timestamp, to: Timestamp) -> String {
    span(to.duration_since(from).as_secs().max(0))
}

/// Seconds in words: `45 s`, `12 min`, `3 h 05`, `2 j 4 h`.
pub fn span(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h {:02}", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} j {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{
        cause::Cause,
        incident::{Incidents, Level, Pace, Said, Sign},
    };
    use super::*;

    const PACE: Pace = Pace { calm: Duration::from_secs(60), spacing: Duration::ZERO };

    fn sign(partner: &str, level: Level) -> Sign {
        Sign {
            cause: Cause::PartnerDown,
            subject: partner.to_owned(),
            level,
            since: Some("2026-11-21T02:12:40Z".parse().unwrap()),
            said: Said {
                title: format!("{partner} ne répond plus {{depuis}}"),
                ended: format!("{partner} répond de nouveau {{depuis}}"),
                count: 214,
                facts: "214 envois ; le plus ancien 12 min".to_owned(),
                todo: "prévenir l'exploitant".to_owned(),
            },
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_start_says_what_since_when_how_many_and_what_to_do() {
        let mut incidents = Incidents::default();
        let signs = vec![sign("dmp-national", Level::Bad(1))];
        let looked = incidents.look(at("2026-11-21T02:15:00Z"), signs, PACE);
        let letter = Letter::of("chu", &looked.letter, 0);
        assert_eq!(letter.subject, "[jonction chu] dmp-national ne répond plus depuis 03:12:40");
        assert_eq!(
            letter.text,
            "dmp-national ne répond plus depuis 03:12:40\n\
             \x20 en attente   214 envois ; le plus ancien 12 min\n\
             \x20 ailleurs     aucun autre incident ouvert\n\
             \x20 à faire      prévenir l'exploitant\n\
             \x20 page         docs/operate/partenaire-injoignable.md\n\n"
        );
        assert_eq!(letter.json["notices"][0]["code"], "alert.partner-down");
        assert_eq!(letter.json["notices"][0]["count"], 214);
    }

    #[test]
    fn the_end_says_how_long_it_lasted() {
        let mut incidents = Incidents::default();
        incidents.look(at("2026-11-21T02:15:00Z"), vec![sign("dmp", Level::Bad(1))], PACE);
        incidents.look(at("2026-11-21T03:11:40Z"), vec![sign("dmp", Level::Good)], PACE);
        let looked = incidents.look(at("2026-11-21T03:12:40Z"), vec![sign("dmp", Level::Good)], PACE);
        let text = Letter::of("chu", &looked.letter, 2).text;
        assert!(text.starts_with("dmp répond de nouveau depuis 04:11:40\n"), "{text}");
        assert!(
            text.contains("durée        1 h 00") && text.contains("2 autres incidents ouverts"),
            "{text}"
        );
        assert!(!text.contains("à faire"), "{text}");
    }

    #[test]
    fn a_digest_tells_the_first_in_full_and_names_the_rest() {
        let mut incidents = Incidents::default();
        let signs = (0..200).map(|n| sign(&format!("p{n}"), Level::Bad(1))).collect();
        let letter = Letter::of("chu", &incidents.look(at("2026-11-21T02:15:00Z"), signs, PACE).letter, 0);
        assert_eq!(letter.text.matches("à faire").count(), 3);
        assert!(
            letter.text.contains("p99 ne répond plus") && letter.text.contains("… et 97 autres"),
            "{}",
            letter.text
        );
        assert!(letter.subject.ends_with("(et 199 autres)"), "{}", letter.subject);
    }
}
