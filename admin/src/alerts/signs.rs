//! From what was measured to signs: thresholds, and the words for people.
//! In: one sample, thresholds, what is open. Out: a sign for everything that was looked at. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use jonction_engine::{LaneStanding, LaneState, Queue, Queues, Unanswered};
use jonction_model::{ReportStage, clock::paris};

use super::{
    cause::Cause,
    incident::{Incident, Level, Said, Sign},
    letter::span,
    settings::Thresholds,
};

/// Days before the end of a certificate at which a human is called, each worse than the one before.
const CERTIFICATE_DAYS: [i64; 5] = [60, 30, 7, 1, 0];
const DAY_S: i64 = 86_400;

/// What one look measured. What could not be measured is absent, and leaves its incidents as they are.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Code of the failure of the trial write; `Ok`: it is durable.
    pub written: Option<Result<(), String>>,
    /// What waits.
    pub queues: Option<Queues>,
    /// How lanes stand.
    pub lanes: Option<Vec<LaneStanding>>,
    /// Lanes whose partner answered since the start: a lane that was not tried yet is not well.
    pub answered: Vec<String>,
    /// Free room of the disk, in bytes.
    pub disk_free: Option<u64>,
    /// Mean time of the commits since the last look.
    pub commit: Option<Duration>,
    /// Ends of certificates, seconds since 1970.
    pub certificates: Vec<(String, i64)>,
    /// Reloads that were refused, and why.
    pub refused: Vec<(String, String)>,
    /// Partners for whom nobody listens any more.
    pub silent: Vec<String>,
    /// Notices that were asked for and are overdue.
    pub unanswered: Option<Vec<(ReportStage, Unanswered)>>,
    /// How far the clock jumped since the last look, in seconds.
    pub jumped: Option<f64>,
}

/// Signs of everything that was looked at. An open incident whose thing is gone (a partner taken out of the
/// configuration) is well again.
pub fn signs(sample: &Sample, now: Timestamp, limits: &Thresholds, open: &[Incident]) -> Vec<Sign> {
    let mut seen =
        vec![Cause::CertificateExpiry, Cause::ReloadRefused, Cause::NotListening, Cause::ClockJump];
    let mut signs = Vec::new();
    if let Some(written) = &sample.written {
        seen.push(Cause::JournalFailed);
        signs.push(journal(written));
    }
    if let Some(free) = sample.disk_free {
        seen.push(Cause::DiskLow);
        signs.push(disk(free, limits));
    }
    if let Some(mean) = sample.commit {
        seen.push(Cause::CommitSlow);
        signs.push(commit(mean, limits));
    }
    if let Some(overdue) = &sample.unanswered {
        seen.push(Cause::Unanswered);
        signs.extend(overdue.iter().map(|(stage, overdue)| unanswered(*stage, overdue, now)));
    }
    if let (Some(queues), Some(lanes)) = (&sample.queues, &sample.lanes) {
        seen.extend([Cause::Parked, Cause::PartnerDown, Cause::LaneLate]);
        signs.push(parked(queues, limits));
        for lane in lanes {
            let queue = queues.lanes.iter().find(|queue| queue.partner == lane.partner);
            let answered = sample.answered.iter().any(|name| name == lane.partner.as_str());
            signs.push(partner(lane, queue, answered, now, limits));
            signs.push(late(lane, queue, now, limits));
        }
    }
    signs.extend(sample.certificates.iter().map(|(name, until)| certificate(name, *until, now)));
    signs.extend(sample.refused.iter().map(|(name, why)| refused(name, why)));
    signs.extend(sample.silent.iter().map(|name| silent(name)));
    signs.extend(sample.jumped.map(jumped));
    let gone = |incident: &&Incident| {
        let told = |sign: &Sign| sign.cause == incident.cause && sign.subject == incident.subject;
        seen.contains(&incident.cause) && !signs.iter().any(told)
    };
    let ended: Vec<Sign> = open
        .iter()
        .filter(gone)
        .map(|incident| sign(incident.cause, &incident.subject, Level::Good, Said::default()))
        .collect();
    signs.extend(ended);
    signs
}

fn sign(cause: Cause, subject: &str, level: Level, said: Said) -> Sign {
    Sign { cause, subject: subject.to_owned(), level, since: None, said }
}

fn journal(written: &Result<(), String>) -> Sign {
    let level = if written.is_ok() { Level::Good } else { Level::Bad(1) };
    let code = written.as_ref().err().map_or("", String::as_str);
    let said = Said {
        title: format!("le journal ne s'écrit plus {{depuis}} ({code}) : plus rien n'est acquitté"),
        ended: "le journal s'écrit de nouveau {depuis}".to_owned(),
        count: 1,
        facts: String::new(),
        todo:
            "regarder la place et l'état du disque ; les émetteurs gardent leurs messages et les renverront"
                .to_owned(),
    };
    sign(Cause::JournalFailed, "", level, said)
}

fn disk(free: u64, limits: &Thresholds) -> Sign {
    let level = match free {
        free if free < limits.disk_free / 4 => Level::Bad(2),
        free if free < limits.disk_free => Level::Bad(1),
        free if free < limits.disk_free.saturating_mul(6) / 5 => Level::Between,
        _ => Level::Good,
    };
    let said = Said {
        title: format!("le disque des données est presque plein {{depuis}} : {} libres", bytes(free)),
        ended: format!("le disque des données a de nouveau de la place {{depuis}} : {} libres", bytes(free)),
        count: 1,
        facts: String::new(),
        todo: "faire de la place (jonction purge --dry-run dit ce qui peut partir), ou agrandir le disque"
            .to_owned(),
    };
    sign(Cause::DiskLow, "", level, said)
}

fn commit(mean: Duration, limits: &Thresholds) -> Sign {
    let level = match mean {
        mean if mean >= limits.commit => Level::Bad(1),
        mean if mean >= limits.commit / 2 => Level::Between,
        _ => Level::Good,
    };
    let said = Said {
        title: format!("le journal est lent {{depuis}} : {} ms par validation en moyenne", mean.as_millis()),
        ended: format!("le journal a repris son rythme {{depuis}} : {} ms par validation", mean.as_millis()),
        count: 1,
        facts: String::new(),
        todo: "regarder qui d'autre écrit sur ce disque ; rien n'est perdu, les acquittements attendent"
            .to_owned(),
    };
    sign(Cause::CommitSlow, "", level, said)
}

fn parked(queues: &Queues, limits: &Thresholds) -> Sign {
    let deliveries: u64 = queues.lanes.iter().map(|queue| queue.parked).sum();
    let count = deliveries + queues.messages_parked;
    // One alert at the threshold, then one each time it is ten times worse.
    let level = match count / limits.parked.max(1) {
        0 => Level::Good,
        times => Level::Bad(times.ilog10() as u8 + 1),
    };
    let said = Said {
        title: format!(
            "{count} {} un humain {{depuis}}",
            if count < 2 { "mis de côté attend" } else { "mis de côté attendent" }
        ),
        ended: "plus rien n'attend un humain {depuis}".to_owned(),
        count,
        facts: format!(
            "{}, {}",
            counted(deliveries, "envoi", "envois"),
            counted(queues.messages_parked, "message non routé", "messages non routés")
        ),
        todo: "jonction parked list dit pourquoi, puis pour chacun release ou refuse".to_owned(),
    };
    sign(Cause::Parked, "", level, said)
}

fn unanswered(stage: ReportStage, overdue: &Unanswered, now: Timestamp) -> Sign {
    let word = if stage == ReportStage::Reading { "lecture" } else { "remise" };
    let count = overdue.count;
    // One alert, then one each time it is ten times worse.
    let level = count.checked_ilog10().map_or(Level::Good, |times| Level::Bad(times as u8 + 1));
    let letters = if count < 2 { "lettre attend" } else { "lettres attendent" };
    let oldest = overdue.oldest_at.map_or(0, |at| age(at, now).as_secs());
    let said = Said {
        title: format!("{count} {letters} toujours un avis de {word} {{depuis}}"),
        ended: format!("plus aucun avis de {word} n'est en retard {{depuis}}"),
        count,
        facts: format!(
            "la plus ancienne est partie il y a {}",
            span(i64::try_from(oldest).unwrap_or(i64::MAX))
        ),
        todo: format!("jonction find --unanswered {word}, puis prévenir autrement ce qui presse"),
    };
    sign(Cause::Unanswered, word, level, said)
}

/// A lane outside its hours, or held by a human, is as it was told to be.
fn is_at_rest(lane: &LaneStanding) -> bool {
    matches!(lane.state, LaneState::Closed { .. } | LaneState::Held)
}

fn partner(
    lane: &LaneStanding,
    queue: Option<&Queue>,
    answered: bool,
    now: Timestamp,
    limits: &Thresholds,
) -> Sign {
    let level = match lane.failing_since {
        None if !answered && queue.is_some_and(|queue| queue.retrying > 0) => Level::Between,
        None => Level::Good,
        Some(since) if !is_at_rest(lane) && age(since, now) >= limits.partner_down => Level::Bad(1),
        Some(_) => Level::Between,
    };
    let name = lane.partner.as_str();
    let why = lane.error.as_deref().map(|code| format!(" ({code})")).unwrap_or_default();
    let said = Said {
        title: format!("{name} ne répond plus {{depuis}}{why}"),
        ended: format!("{name} répond de nouveau {{depuis}}"),
        count: queue.map_or(0, Queue::owed),
        facts: waiting(queue, now),
        todo: format!(
            "jonction probe {name} dit ce qui ne va pas ; prévenir son exploitant. Reprise automatique."
        ),
    };
    Sign { since: lane.failing_since, ..sign(Cause::PartnerDown, name, level, said) }
}

fn late(lane: &LaneStanding, queue: Option<&Queue>, now: Timestamp, limits: &Thresholds) -> Sign {
    let oldest = queue.and_then(|queue| queue.oldest_at).map_or(Duration::ZERO, |at| age(at, now));
    let level = match oldest {
        _ if is_at_rest(lane) => Level::Between,
        oldest if oldest >= limits.lane_age => Level::Bad(1),
        oldest if oldest >= limits.lane_age * 4 / 5 => Level::Between,
        _ => Level::Good,
    };
    let name = lane.partner.as_str();
    let said = Said {
        title: format!("la file de {name} est en retard {{depuis}}"),
        ended: format!("la file de {name} n'est plus en retard {{depuis}}"),
        count: queue.map_or(0, Queue::owed),
        facts: waiting(queue, now),
        todo: format!(
            "jonction find --partner {name} --state retrying montre ce qui traîne, jonction journey dit pourquoi"
        ),
    };
    sign(Cause::LaneLate, name, level, said)
}

fn waiting(queue: Option<&Queue>, now: Timestamp) -> String {
    let Some(queue) = queue.filter(|queue| queue.owed() > 0) else { return "rien".to_owned() };
    let oldest = queue.oldest_at.map_or(0, |at| age(at, now).as_secs());
    format!(
        "{} ; le plus ancien {} ; rien n'est perdu, l'ordre par patient est gardé",
        counted(queue.owed(), "envoi", "envois"),
        span(i64::try_from(oldest).unwrap_or(i64::MAX))
    )
}

fn certificate(name: &str, until: i64, now: Timestamp) -> Sign {
    let left = until - now.as_second();
    let passed = CERTIFICATE_DAYS.iter().filter(|days| left <= *days * DAY_S).count();
    let level = if passed == 0 { Level::Good } else { Level::Bad(passed as u8) };
    let end = Timestamp::from_second(until).unwrap_or(now).to_zoned_datetime(paris());
    let day = end.strftime("%d/%m/%Y à %H:%M");
    let title = match left {
        ..=0 => format!("le certificat {name} a expiré le {day}"),
        left => format!("le certificat {name} expire dans {}, le {day}", span(left)),
    };
    let said = Said {
        title,
        ended: format!("le certificat {name} est renouvelé, jusqu'au {day}"),
        count: 1,
        facts: String::new(),
        todo: "demander le renouvellement, remplacer les fichiers : la passerelle les relit d'elle-même"
            .to_owned(),
    };
    sign(Cause::CertificateExpiry, name, level, said)
}

fn refused(name: &str, why: &str) -> Sign {
    let said = Said {
        title: format!("{name} n'a pas pu être rechargé {{depuis}}, l'ancien sert toujours : {why}"),
        ended: format!("{name} est rechargé {{depuis}}"),
        count: 1,
        facts: String::new(),
        todo: "corriger le fichier (jonction check) : il est relu dès qu'il change".to_owned(),
    };
    sign(Cause::ReloadRefused, name, Level::Bad(1), said)
}

fn silent(name: &str) -> Sign {
    let said = Said {
        title: format!("plus rien n'écoute pour {name} {{depuis}}"),
        ended: format!("la passerelle écoute de nouveau pour {name} {{depuis}}"),
        count: 1,
        facts: String::new(),
        todo: "relancer la passerelle, et transmettre son journal technique aux auteurs de jonction"
            .to_owned(),
    };
    sign(Cause::NotListening, name, Level::Bad(1), said)
}

fn jumped(seconds: f64) -> Sign {
    let way = if seconds < 0.0 { "reculé" } else { "avancé" };
    let said = Said {
        title: format!(
            "l'horloge de la machine a {way} de {}, vu {{depuis}}",
            span(seconds.abs().round() as i64)
        ),
        ended: "l'horloge de la machine ne saute plus {depuis}".to_owned(),
        count: 1,
        facts: String::new(),
        todo: "vérifier le service de temps (chrony, ntpd) ; l'ordre des envois ne dépend pas de l'heure"
            .to_owned(),
    };
    sign(Cause::ClockJump, "", Level::Bad(1), said)
}

fn age(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since).max(SignedDuration::ZERO)).unwrap_or_default()
}

fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n < 2 { one } else { many })
}

/// `1,5 Go`.
fn bytes(n: u64) -> String {
    match n {
        n if n >= 1 << 30 => format!("{:.1} Go", n as f64 / f64::from(1 << 30)).replace('.', ","),
        n => format!("{} Mo", n >> 20),
    }
}

#[cfg(test)]
mod tests {
    use jonction_model::PartnerName;

    use super::*;

    const NOW: &str = "2026-11-21T03:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn ago(seconds: i64) -> Timestamp {
        Timestamp::from_second(now().as_second() - seconds).unwrap()
    }

    fn lane(state: LaneState, failing: Option<i64>) -> LaneStanding {
        LaneStanding {
            partner: PartnerName::parse("dmp").unwrap(),
            state,
            since: ago(9999),
            failing_since: failing.map(ago),
            error: failing.map(|_| "net.refused".to_owned()),
        }
    }

    fn sample(lane: LaneStanding, parked: u64, oldest: i64) -> Sample {
        let mut queue = Queue::new(lane.partner.clone());
        (queue.waiting, queue.parked, queue.oldest_at) = (3, parked, Some(ago(oldest)));
        let queues = Queues { lanes: vec![queue], ..Queues::default() };
        Sample { queues: Some(queues), lanes: Some(vec![lane]), ..Sample::default() }
    }

    fn level(sample: &Sample, cause: Cause) -> Level {
        let signs = signs(sample, now(), &Thresholds::default(), &[]);
        signs.iter().find(|sign| sign.cause == cause).unwrap().level
    }

    #[test]
    fn a_partner_is_down_after_its_threshold_unless_its_lane_is_at_rest() {
        let down = |state, failing| level(&sample(lane(state, failing), 0, 0), Cause::PartnerDown);
        assert_eq!(down(LaneState::Open, None), Level::Good);
        assert_eq!(down(LaneState::Open, Some(119)), Level::Between);
        assert_eq!(down(LaneState::Open, Some(120)), Level::Bad(1));
        assert_eq!(down(LaneState::Held, Some(9000)), Level::Between);
        assert_eq!(down(LaneState::Closed { until: None }, Some(9000)), Level::Between);
    }

    #[test]
    fn a_lane_is_late_from_the_age_of_its_oldest() {
        let late = |state, oldest| level(&sample(lane(state, None), 0, oldest), Cause::LaneLate);
        assert_eq!(late(LaneState::Open, 2879), Level::Good);
        assert_eq!(late(LaneState::Open, 2880), Level::Between);
        assert_eq!(late(LaneState::Limited, 3600), Level::Bad(1));
        assert_eq!(late(LaneState::Held, 36_000), Level::Between);
    }

    #[test]
    fn what_is_parked_is_told_again_when_it_is_ten_times_more() {
        let levels =
            [0, 1, 9, 10, 99, 100].map(|n| level(&sample(lane(LaneState::Open, None), n, 0), Cause::Parked));
        assert_eq!(
            levels,
            [Level::Good, Level::Bad(1), Level::Bad(1), Level::Bad(2), Level::Bad(2), Level::Bad(3)]
        );
    }

    #[test]
    fn a_certificate_is_told_at_60_30_7_1_days_and_when_it_ended() {
        let level =
            |days: i64, more: i64| certificate("c", now().as_second() + days * DAY_S + more, now()).level;
        let at: Vec<_> = [60, 30, 7, 1, 0].map(|days| (level(days, 1), level(days, 0))).to_vec();
        let bad = Level::Bad;
        assert_eq!(
            at,
            [(Level::Good, bad(1)), (bad(1), bad(2)), (bad(2), bad(3)), (bad(3), bad(4)), (bad(4), bad(5))]
        );
    }

    #[test]
    fn disk_and_commits_have_room_between_bad_and_good() {
        let limits =
            Thresholds { disk_free: 1000, commit: Duration::from_millis(100), ..Thresholds::default() };
        let disks = [249, 250, 999, 1000, 1199, 1200].map(|free| disk(free, &limits).level);
        let (bad, between) = (Level::Bad, Level::Between);
        assert_eq!(disks, [bad(2), bad(1), bad(1), between, between, Level::Good]);
        let commits = [100, 99, 50, 49].map(|ms| commit(Duration::from_millis(ms), &limits).level);
        assert_eq!(commits, [bad(1), between, between, Level::Good]);
    }

    #[test]
    fn one_notice_that_does_not_come_is_told_then_ten() {
        let overdue = |count| {
            let late = Unanswered { count, oldest_at: Some(now()) };
            unanswered(ReportStage::Reading, &late, now()).level
        };
        let levels = [0, 1, 9, 10, 99, 100].map(overdue);
        let bad = Level::Bad;
        assert_eq!(levels, [Level::Good, bad(1), bad(1), bad(2), bad(2), bad(3)]);
    }

    #[test]
    fn what_is_gone_is_well_and_what_was_not_measured_stays() {
        let mut incidents = super::super::Incidents::default();
        let pace = Thresholds::default().pace;
        let failing = sample(lane(LaneState::Open, Some(999)), 0, 0);
        incidents.look(now(), signs(&failing, now(), &Thresholds::default(), &[]), pace);
        let of = |sample: &Sample| -> Vec<Level> {
            signs(sample, now(), &Thresholds::default(), incidents.open())
                .iter()
                .filter(|sign| sign.cause == Cause::PartnerDown)
                .map(|sign| sign.level)
                .collect()
        };
        assert_eq!(of(&Sample::default()), []);
        let gone = Sample { lanes: Some(vec![]), queues: Some(Queues::default()), ..Sample::default() };
        assert_eq!(of(&gone), [Level::Good]);
    }
}
