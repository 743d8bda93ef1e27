//! Directories on a terminal: what is in use, what changed, who somebody is.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jonction_directory::{
    Change, Difference, Ended, LastPull, Report,
    filling::{Count, Domain, Rule, Summary, Wanted},
    gaps::{Gap, Missing},
};
use jonction_model::directory::{
    self, Coded, Kind, Mailbox, Offer, Practice, Professional, Source, Sourced, Structure,
};
use jonction_ports::directory::{Found, SourceState};

use super::{day, number, padded, size, time};

/// From this age on, a source is told to be old. Source: annuaires.md §9.3 n° 17.
pub(crate) const STALE_HOURS: i64 = 72;

fn kind(kind: Kind, count: u64) -> String {
    let word = match kind {
        Kind::Professional => "professionnel",
        Kind::Structure => "structure",
        Kind::Mailbox => "boîte",
        Kind::Offer => "offre",
        Kind::Domain => "domaine",
    };
    format!("{} {word}{}", number(count), if count > 1 { "s" } else { "" })
}

/// What a pull did.
pub(crate) fn pulled(source: Source, last: &LastPull) -> String {
    let name = padded(source.name(), 14);
    let mut text = match &last.ended {
        Ended::Published { report } => {
            format!("{name} en service   {}\n{}", report.snapshot.name, differences(report))
        }
        Ended::NothingNew { why } => format!("{name} inchangé     {why}\n"),
        Ended::Held { report } => format!(
            "{name} retenu       {}\n{}{}               remède  vérifier la source ; si c'est juste : jonction directory pull {source} --accept\n",
            report.snapshot.name,
            differences(report),
            suspects(report),
        ),
        Ended::Failed { code, sentence, remedy } => {
            format!(
                "{name} échec        {code}\n               {sentence}\n               remède  {remedy}\n"
            )
        }
    };
    for remark in &last.remarks {
        text += &format!("               remarque  {}\n", remark.sentence);
    }
    text
}

fn differences(report: &Report) -> String {
    report.kinds.iter().map(|(of, found)| format!("               {}\n", difference(*of, found))).collect()
}

fn difference(of: Kind, found: &Difference) -> String {
    let part = |count: u64, word: &str| (count > 0).then(|| format!("{word} {}", number(count)));
    let parts: Vec<String> = [
        part(found.added, "ajouts"),
        part(found.removed, "retraits"),
        part(found.moved, "déplacements"),
        part(found.changed, "modifications"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let parts = if parts.is_empty() { "rien n'a changé".to_owned() } else { parts.join(", ") };
    format!("{} ({parts})", kind(of, found.after))
}

fn suspects(report: &Report) -> String {
    let line = |suspect: &jonction_directory::Suspect| {
        let what = if suspect.change == Change::Removed { "disparaîtraient" } else { "changeraient" };
        format!(
            "               suspect  {} sur {} {what}\n",
            number(suspect.count),
            kind(suspect.kind, suspect.of)
        )
    };
    report.suspicions.iter().map(line).collect()
}

/// What the last published snapshot changed.
pub(crate) fn report(source: Source, report: &Report) -> String {
    let previous = report
        .previous
        .as_ref()
        .map_or_else(|| "premier chargement".to_owned(), |previous| format!("après {}", previous.name));
    format!("{} {}   ({previous})\n{}", padded(source.name(), 14), report.snapshot.name, differences(report))
}

/// What a source holds, how old it is, how its last pull ended.
pub(crate) fn status(
    source: Source,
    state: Option<&SourceState>,
    age: Option<SignedDuration>,
    disk: u64,
    last: Option<&LastPull>,
) -> String {
    let mut text = padded(source.name(), 14);
    match state {
        None => text += " jamais chargé",
        Some(state) => {
            let counts: Vec<String> = Kind::ALL
                .iter()
                .filter_map(|of| state.counts.get(of.name()).map(|count| kind(*of, *count)))
                .collect();
            text +=
                &format!(" {}, {}   {}   {}", day(state.date), self::age(age), counts.join(", "), size(disk));
        }
    }
    text.push('\n');
    if let Some(last) = last {
        let at = format!("{} {}", day(last.at), time(last.at));
        match &last.ended {
            Ended::Published { .. } | Ended::NothingNew { .. } => {
                text += &format!("               vérifié le {at}\n")
            }
            Ended::Held { report } => {
                text += &format!(
                    "               retenu le {at} : {}\n{}",
                    report.snapshot.name,
                    suspects(report)
                );
            }
            Ended::Failed { code, sentence, remedy } => {
                text += &format!(
                    "               échec le {at} : {code}\n               {sentence}\n               remède  {remedy}\n"
                );
            }
        }
    }
    text
}

fn age(age: Option<SignedDuration>) -> String {
    match age.map(|age| age.as_hours()) {
        None => String::new(),
        Some(hours) if hours < 1 => "à l'instant".to_owned(),
        Some(hours) if hours < 48 => format!("il y a {hours} h"),
        Some(hours) if hours < STALE_HOURS => format!("il y a {} jours", hours / 24),
        Some(hours) => format!("il y a {} jours : ANCIEN", hours / 24),
    }
}

fn name(person: &Professional) -> String {
    [&person.title.code, &person.given, &person.family]
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

fn provenance<T>(found: &Sourced<T>) -> String {
    format!("{}, {}", found.source, found.date.strftime("%d/%m/%Y"))
}

fn what(practice: &Practice) -> String {
    let parts = [&practice.profession, &practice.skill, &practice.mode].map(Coded::text);
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

fn place(site: &Structure) -> String {
    let id = site.national_id().map(|id| format!("  {}", id.as_str())).unwrap_or_default();
    let address = [site.address.street_line(), format!("{} {}", site.address.postcode, site.address.town())];
    let address: Vec<&str> = address.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect();
    format!("{}{id}  {}", site.label(), address.join(", ")).trim_end().to_owned()
}

/// A professional, whole.
pub(crate) fn professional(found: &Sourced<Professional>, mailboxes: &[Sourced<Mailbox>]) -> String {
    let person = &found.record;
    let mut text = format!("{}   {}   ({})\n", name(person), person.id.as_str(), provenance(found));
    if let Some(ended) = person.ended {
        text += &format!("  n'exerce plus depuis le {}\n", ended.strftime("%d/%m/%Y"));
    }
    for practice in &person.practices {
        text += &format!("  {}\n", what(practice));
        if let Some(site) = &practice.site {
            text += &format!("      {}\n", place(site));
        }
    }
    text + &boxes(mailboxes)
}

fn boxes(mailboxes: &[Sourced<Mailbox>]) -> String {
    if mailboxes.is_empty() {
        return "  aucune boîte MSSanté\n".to_owned();
    }
    let line = |found: &Sourced<Mailbox>| {
        format!("  {}  {}   ({})\n", found.record.kind.code(), found.record.address, provenance(found))
    };
    mailboxes.iter().map(line).collect()
}

/// A structure, whole.
pub(crate) fn structure(found: &Sourced<Structure>, mailboxes: &[Sourced<Mailbox>]) -> String {
    let site = &found.record;
    let mut text = format!("{}   ({})\n", place(site), provenance(found));
    if !site.category.is_empty() {
        text += &format!("  catégorie {} {}\n", site.category.code, site.category.label);
    }
    if !site.finess_legal.is_empty() && !site.legal {
        text += &format!("  entité juridique 1{}\n", site.finess_legal);
    }
    match site.closed {
        Some(closed) => text += &format!("  fermée le {}\n", closed.strftime("%d/%m/%Y")),
        None if site.inactive => text += "  inactive\n",
        None => {}
    }
    text + &boxes(mailboxes)
}

/// A domain of the liste blanche and its operators.
pub(crate) fn domain(found: &Sourced<directory::Domain>) -> String {
    let mut text =
        format!("{}   dans la liste blanche du {}\n", found.record.name, found.date.strftime("%d/%m/%Y"));
    for operator in &found.record.operators {
        text += &format!("  opérateur  {operator}\n");
    }
    text
}

/// A mailbox and who holds it.
pub(crate) fn mailbox(found: &Sourced<Mailbox>) -> String {
    let mut text = boxes(std::slice::from_ref(found));
    for holder in &found.record.holders {
        let who = [&holder.given, &holder.family, &holder.service].map(String::as_str);
        let who: Vec<&str> = who.into_iter().filter(|part| !part.is_empty()).collect();
        let ids =
            [holder.person.as_ref().map(|id| id.as_str()), holder.structure.as_ref().map(|id| id.as_str())];
        let ids: Vec<&str> = ids.into_iter().flatten().collect();
        text += &format!("      {}  {}\n", who.join(" "), ids.join(" · "));
    }
    text
}

fn distance(km: Option<f64>) -> String {
    km.map(|km| format!("  {km:.1} km").replace('.', ",")).unwrap_or_default()
}

/// A professional on one line.
pub(crate) fn professional_line(found: &Found<Professional>) -> String {
    let person = &found.sourced.record;
    let first = person.practices.first();
    let town = first.and_then(|practice| practice.site.as_deref()).map(|site| site.address.town().to_owned());
    format!(
        "{}  {}  {}  {}{}",
        person.id.as_str(),
        padded(&name(person), 34),
        padded(&first.map(what).unwrap_or_default(), 50),
        town.unwrap_or_default(),
        distance(found.distance_km)
    )
}

/// A structure on one line.
pub(crate) fn structure_line(found: &Found<Structure>) -> String {
    format!("{}{}", place(&found.sourced.record), distance(found.distance_km))
}

/// « ROR alimenté »: rates by field, targets, what is missing most.
pub(crate) fn filled(summary: &Summary, wanted: &Wanted, csv: Option<&std::path::Path>) -> String {
    let mut text = format!(
        "ROR alimenté au {}   (règles de l'indicateur national, trimestre clos le {})\n\n{}périmètre  finalisé  en cours   à faire    taux\n",
        summary.day.strftime("%d/%m/%Y"),
        summary.quarter_end.strftime("%d/%m/%Y"),
        padded("", 34),
    );
    let line = |name: &str, count: &Count, end: &str| {
        let numbers =
            [count.perimeter, count.done, count.ongoing, count.to_do].map(|n| format!("{:>10}", number(n)));
        format!("{}{}  {:>6}{end}\n", padded(name, 33), numbers.concat(), share(count.rate()))
    };
    for (domain, name, target, reached) in [
        (Domain::Hospitals, "hôpitaux", Some(wanted.hospitals), summary.hospitals_reached),
        (Domain::Esms, "médico-social (ESMS)", Some(wanted.esms), summary.esms_reached),
        (Domain::Others, "coordination et ville", None, true),
    ] {
        let Some(count) = summary.domains.get(&domain) else { continue };
        let end = target.map(|target| {
            let verdict = if reached { "atteinte" } else { "pas atteinte" };
            format!("   cible {} : {verdict}", share(target))
        });
        text += &line(name, count, &end.unwrap_or_default());
        let fields: Vec<_> = summary.fields.iter().filter(|(field, _)| field.domain() == domain).collect();
        for (field, count) in fields.iter().filter(|_| fields.len() > 1) {
            text += &line(&format!("  {}", field.name()), count, "");
        }
    }
    if summary.domains.is_empty() {
        return "aucun établissement ouvert n'est dans le périmètre\n".to_owned();
    }
    if let Some(step) = summary.esms_step {
        text += &format!("\npalier atteint par les ESMS : {}\n", share(step));
    }
    if !summary.authorisations {
        text += "\nL'annuaire FINESS chargé ne dit pas les autorisations : chaque hôpital compte une fois, avec toutes ses offres.\n";
    }
    let mut missing: Vec<_> = summary.missing.iter().collect();
    missing.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    if !missing.is_empty() {
        text += "\nce qui manque aux offres\n";
    }
    for (rule, count) in missing {
        let what = Rule::of(rule).map_or(*rule, |rule| rule.missing);
        text += &format!("  {:>8}  {what}\n", number(*count));
    }
    text + &match csv {
        Some(path) => format!("\nle détail par établissement est dans {}\n", path.display()),
        None => "\nle détail par établissement, offre par offre : --csv FICHIER\n".to_owned(),
    }
}

fn share(part: f64) -> String {
    format!("{:.1} %", part * 100.0).replace('.', ",").replace(",0 %", " %")
}

/// An offer on one line, its free mailboxes after it.
pub(crate) fn offer_line(found: &Found<Offer>) -> String {
    let offer = &found.sourced.record;
    let activity = offer.activities.first().map(Coded::text).unwrap_or_default();
    let structure = offer.structure.as_ref().map(|id| id.as_str()).unwrap_or_default();
    let boxes = offer.contacts.iter().filter(|contact| contact.mss && contact.confidentiality.code == "1");
    let boxes: String = boxes.map(|contact| format!("  {}", contact.value)).collect();
    format!(
        "{}  {}  {}  {structure}  {}{}{}{boxes}",
        padded(&offer.id, 14),
        padded(&offer.name, 44),
        padded(activity, 34),
        offer.address.town(),
        distance(found.distance_km),
        if offer.sensitive { "  (sensible)" } else { "" },
    )
}

/// What an edition of the regional directory holds.
pub(crate) fn exported(
    manifest: &jonction_directory::regional::Manifest,
    folder: &std::path::Path,
) -> String {
    let lines: Vec<String> =
        manifest.lines.iter().map(|(kind, count)| format!("{} {kind}", number(*count))).collect();
    let change = match manifest.previous {
        Some(before) => format!(
            "depuis l'édition du {} : {} lignes nouvelles, {} disparues, {} modifiées",
            before.strftime("%d/%m/%Y"),
            number(manifest.added),
            number(manifest.removed),
            number(manifest.changed)
        ),
        None => "première édition".to_owned(),
    };
    let people = manifest.professionals();
    format!(
        "{} : {}   {change}\n  établissements ouverts ayant une boîte  {} sur {}\n  professionnels lisant une boîte         {} sur {}\n  à vérifier, domaine hors liste blanche  {}\n  boîtes sans lieu connu                  {}\n  données les plus anciennes              {} j, édition valable jusqu'au {}\n  écrit dans  {}\n",
        manifest.territory,
        if lines.is_empty() { "aucune boîte".to_owned() } else { lines.join(", ") },
        number(manifest.structures_with_mailbox),
        number(manifest.structures),
        number(people.with_mailbox),
        number(people.all),
        number(manifest.to_verify),
        number(manifest.unplaced),
        manifest.age_days,
        manifest.valid_until.strftime("%d/%m/%Y"),
        folder.display()
    )
}

/// One who cannot be written to, on one line.
pub(crate) fn gap_line(gap: &Gap) -> String {
    let id = if gap.id.is_empty() { "sans identifiant" } else { &gap.id };
    let place = [gap.place.as_str(), gap.postcode.as_str(), gap.town.as_str()];
    let place: Vec<&str> = place.into_iter().filter(|part| !part.is_empty()).collect();
    let address = if gap.address.is_empty() { String::new() } else { format!("  {}", gap.address) };
    format!(
        "{}  {}  {}  {}{address}",
        padded(id, 16),
        padded(&gap.name, 34),
        padded(gap.what.text(), 30),
        place.join(" "),
    )
}

/// How many lack it, by what they are.
pub(crate) fn gap_counts(
    missing: Missing,
    counts: &BTreeMap<(&'static str, String), u64>,
    file: Option<&std::path::Path>,
) -> String {
    let lacks = match missing {
        Missing::Mailbox => "sans boîte MSSanté",
        Missing::Rpps => "tenant une boîte, sans numéro RPPS au répertoire",
    };
    if counts.is_empty() {
        return format!("personne {lacks}\n");
    }
    let mut text = String::new();
    for who in ["professionnel", "structure"] {
        let of: Vec<_> = counts.iter().filter(|((own, _), _)| *own == who).collect();
        let total: u64 = of.iter().map(|(_, count)| **count).sum();
        if total == 0 {
            continue;
        }
        text += &format!("{} {who}{} {lacks}\n", number(total), if total > 1 { "s" } else { "" });
        for ((_, what), count) in of {
            let what = if what.is_empty() { "non précisé" } else { what };
            text += &format!("  {}  {}\n", padded(what, 40), number(*count));
        }
    }
    match file {
        Some(file) => text + &format!("liste dans {}\n", file.display()),
        None => text,
    }
}
