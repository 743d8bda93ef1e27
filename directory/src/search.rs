//! Searches inside one snapshot: which ranges of terms answer a question, what is read, how answers are ranked.
//! In: a question. Out: records with a score, and whether the search was cut. Bounds: [`SCANNED_MAX`], [`READ_MAX`].

use std::{collections::HashSet, ops::RangeInclusive};

use jiff::civil::Date;
use jonction_model::directory::{
    Kind, Offer, Position, PostalAddress, Professional, Sourced, Structure, Zone, ZoneKind,
};
use jonction_ports::directory::{Found, OfferQuery, ProfessionalQuery, StructureQuery};

use crate::{
    error::Error,
    fold::{distance, fold, tokens},
    generation::Reading,
    lookups::sites_of_practices,
    regions::region_of,
    store::View,
    terms::{self, NameTerm},
};

/// Terms one question may walk over.
const SCANNED_MAX: usize = 12_000;
/// Records one question may read beyond those it gives.
const READ_MAX: usize = 200;

/// From so many bearers on, one name is as frequent as another.
const RARE_ENOUGH: usize = 1_000;

/// Lower is better.
pub(crate) type Score = (usize, u64, String);

/// Where to search.
pub(crate) struct Area {
    communes: Vec<String>,
    codes: HashSet<String>,
    circle: Option<(Position, f64)>,
    middle: Option<Position>,
}

impl Area {
    pub(crate) fn commune(code: &str, middle: Option<Position>) -> Self {
        Self {
            communes: vec![code.to_owned()],
            codes: HashSet::from([code.to_owned()]),
            circle: None,
            middle,
        }
    }

    /// Communes whose middle is in the circle, nearest first; the named one always.
    pub(crate) fn circle(
        view: &View,
        point: Position,
        km: f64,
        named: Option<&String>,
    ) -> Result<Self, Error> {
        let mut near: Vec<(f64, String)> = Vec::new();
        for generation in view.ranked(Kind::Structure) {
            for (code, middle) in generation.communes()? {
                let far = point.distance_km(*middle);
                if far <= km || Some(code) == named {
                    near.push((far, code.clone()));
                }
            }
        }
        near.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
        let mut codes = HashSet::new();
        near.retain(|(_, code)| codes.insert(code.clone()));
        let communes = near.into_iter().map(|(_, code)| code).collect();
        Ok(Self { communes, codes, circle: Some((point, km)), middle: Some(point) })
    }

    fn holds(&self, commune: &str, position: Option<Position>) -> bool {
        match (self.circle, position) {
            (Some((point, km)), Some(position)) => point.distance_km(position) <= km,
            _ => self.codes.contains(commune),
        }
    }

    fn distance(&self, position: Option<Position>) -> Option<f64> {
        Some(self.middle?.distance_km(position?))
    }

    /// Its communes, and every part of the country one of them is in.
    fn zones(&self) -> HashSet<Zone> {
        let zone = |kind, code: &str| Zone { kind, code: code.to_owned() };
        let mut zones = HashSet::from([zone(ZoneKind::Country, "")]);
        for commune in &self.communes {
            let department = PostalAddress { commune: commune.clone(), ..PostalAddress::default() };
            let department = department.department();
            zones.insert(zone(ZoneKind::Commune, commune));
            zones.insert(zone(ZoneKind::Department, department));
            if let Some(region) = region_of(department) {
                zones.insert(zone(ZoneKind::Region, region));
            }
        }
        zones
    }
}

/// Reads candidates until there are enough. Each is read once.
struct Candidates {
    seen: HashSet<i64>,
    scanned: usize,
    read: usize,
    cut: bool,
}

impl Candidates {
    fn new() -> Self {
        Self { seen: HashSet::new(), scanned: 0, read: 0, cut: false }
    }

    /// Whether the walk may go on.
    fn step(&mut self, limit: usize) -> bool {
        self.scanned += 1;
        self.cut |= self.scanned > SCANNED_MAX || self.read > READ_MAX + limit;
        !self.cut
    }

    fn is_new(&mut self, target: i64) -> bool {
        let new = self.seen.insert(target);
        self.read += usize::from(new);
        new
    }
}

type Scored<T> = (Vec<(Score, Found<T>)>, bool);

/// Professionals by name, or by place.
pub(crate) fn professionals(
    reading: &Reading<'_>,
    query: &ProfessionalQuery,
    area: Option<&Area>,
    limit: usize,
) -> Result<Scored<Professional>, Error> {
    let asked = Asked {
        family: query.family.as_deref().map(fold).filter(|text| !text.is_empty()),
        given: query.given.as_deref().map(fold).filter(|text| !text.is_empty()),
        query,
        area,
    };
    let mut found = Vec::new();
    let mut candidates = Candidates::new();
    match (&asked.family, area) {
        (Some(family), _) => by_name(reading, family, &asked, limit, &mut candidates, &mut found)?,
        (None, Some(area)) => {
            for commune in &area.communes {
                let range = terms::at_commune(commune, query.profession.as_deref());
                reading.targets(range, |term, target| {
                    if query.skill.as_deref().is_none_or(|skill| terms::has_skill(term, skill))
                        && candidates.is_new(target)
                    {
                        asked.judge(reading, target, &mut found)?;
                    }
                    Ok(candidates.step(limit) && found.len() <= limit)
                })?;
                if found.len() > limit || candidates.cut {
                    break;
                }
            }
        }
        (None, None) => {}
    }
    let cut = candidates.cut || found.len() > limit;
    Ok((found, cut))
}

/// A joined name by two of its words together; when nobody bears both, by the word that fewest bear.
fn by_name(
    reading: &Reading<'_>,
    family: &str,
    asked: &Asked<'_>,
    limit: usize,
    candidates: &mut Candidates,
    found: &mut Vec<(Score, Found<Professional>)>,
) -> Result<(), Error> {
    let given = asked.given.as_deref().unwrap_or_default();
    let mut words = tokens(family);
    if let (Some(one), Some(other)) = (words.next(), words.next()) {
        by_term(reading, &NameTerm::pair(one, other, given), asked, limit, candidates, found)?;
        if !found.is_empty() {
            return Ok(());
        }
    }
    match rarest(reading, family, given)? {
        Some(word) => by_term(reading, &NameTerm::new(word, given), asked, limit, candidates, found),
        None => Ok(()),
    }
}

/// Spelt alike first, then heard alike: with the given name when it is told, else, or when that finds nobody, without.
fn by_term(
    reading: &Reading<'_>,
    term: &NameTerm,
    asked: &Asked<'_>,
    limit: usize,
    candidates: &mut Candidates,
    found: &mut Vec<(Score, Found<Professional>)>,
) -> Result<(), Error> {
    let (spelt, heard) = (term.spelt(), term.heard());
    let whole = term.whole();
    let exact = whole..=whole;
    // What the pass before has walked over is left out: a frequent name may be thousands of terms.
    let others = |all: &RangeInclusive<i64>, walked: &RangeInclusive<i64>| {
        vec![*all.start()..=*walked.start() - 1, *walked.end() + 1..=*all.end()]
    };
    let passes = match asked.given {
        // (ranges, whether their terms must have the given name)
        Some(_) => {
            vec![(vec![exact.clone()], true), (others(&heard, &spelt), true), (others(&spelt, &exact), false)]
        }
        None => vec![(vec![spelt.clone()], false), (others(&heard, &spelt), false)],
    };
    for (at, (ranges, with_given)) in passes.into_iter().enumerate() {
        for range in ranges {
            reading.targets(range, |own, target| {
                if (!with_given || term.has_given(own)) && candidates.is_new(target) {
                    asked.judge(reading, target, found)?;
                }
                Ok(candidates.step(limit) && found.len() <= limit)
            })?;
        }
        let heard_so = asked.given.is_some() && at == 1 && !found.is_empty();
        if found.len() > limit || candidates.cut || heard_so {
            break;
        }
    }
    Ok(())
}

/// The word of a name that fewest people bear: of « DUPUIS-MARTIN », the one that finds its bearers among few.
fn rarest<'f>(reading: &Reading<'_>, family: &'f str, given: &str) -> Result<Option<&'f str>, Error> {
    let mut words: Vec<&str> = tokens(family).collect();
    if words.len() < 2 {
        return Ok(words.pop());
    }
    let mut best: Option<(usize, &str)> = None;
    for word in words {
        let mut bearers = 0;
        // A word nobody spells so may still be heard: counted as it is heard.
        reading.targets(NameTerm::new(word, given).heard(), |_, _| {
            bearers += 1;
            Ok(bearers < RARE_ENOUGH)
        })?;
        if bearers > 0 && best.is_none_or(|(fewest, _)| bearers < fewest) {
            best = Some((bearers, word));
        }
    }
    Ok(best.map(|(_, word)| word))
}

struct Asked<'q> {
    family: Option<String>,
    given: Option<String>,
    query: &'q ProfessionalQuery,
    area: Option<&'q Area>,
}

impl Asked<'_> {
    fn judge(
        &self,
        reading: &Reading<'_>,
        target: i64,
        found: &mut Vec<(Score, Found<Professional>)>,
    ) -> Result<(), Error> {
        let Some(mut sourced) = reading.get::<Professional>(target)? else { return Ok(()) };
        let person = &sourced.record;
        if !(self.query.with_ended || person.practises()) {
            return Ok(());
        }
        let Some(score) = self.score(person) else { return Ok(()) };
        let fits = |practice: &jonction_model::directory::Practice| {
            let coded =
                |asked: &Option<String>, code: &str| asked.as_deref().is_none_or(|asked| asked == code);
            coded(&self.query.profession, &practice.profession.code)
                && coded(&self.query.skill, &practice.skill.code)
        };
        if !person.practices.iter().any(fits) {
            return Ok(());
        }
        sites_of_practices(reading, &mut sourced.record)?;
        let mut nearest: Option<f64> = None;
        if let Some(area) = self.area {
            let mut inside = false;
            for practice in sourced.record.practices.iter().filter(|practice| fits(practice)) {
                let Some(site) = &practice.site else { continue };
                if area.holds(&site.address.commune, site.position) {
                    inside = true;
                    nearest = [nearest, area.distance(site.position)].into_iter().flatten().reduce(f64::min);
                }
            }
            if !inside {
                return Ok(());
            }
        }
        let order = format!("{} {}", fold(&sourced.record.family), fold(&sourced.record.given));
        found.push(((score, metres(nearest), order), Found { sourced, distance_km: nearest }));
        Ok(())
    }

    /// How far the name is from what was asked; `None` when it is another name.
    fn score(&self, person: &Professional) -> Option<usize> {
        let mut score = 0;
        if let Some(asked) = &self.family {
            let own = fold(&person.family);
            if own != *asked {
                // Each word asked for must be near one of the words of the name.
                for word in tokens(asked) {
                    let near = tokens(&own).map(|token| distance(word, token)).min()?;
                    if near > 1 + word.len() / 3 {
                        return None;
                    }
                    score += 2 + 4 * near;
                }
            }
        }
        if let Some(asked) = &self.given {
            let own = fold(&person.given);
            if own != *asked {
                let first = own.split(' ').next().unwrap_or_default();
                let near = distance(asked, first);
                score += match () {
                    () if own.starts_with(asked.as_str()) => 1,
                    () if own.split(' ').any(|word| word == asked) => 2,
                    () if near <= 1 + asked.len() / 4 => 2 + 2 * near,
                    () => return None,
                };
            }
        }
        Some(score)
    }
}

fn metres(km: Option<f64>) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a distance on earth")]
    km.map_or(0, |km| (km * 1000.0) as u64)
}

/// Structures by words of their name, or by place.
pub(crate) fn structures(
    reading: &Reading<'_>,
    query: &StructureQuery,
    area: Option<&Area>,
    limit: usize,
    today: Date,
) -> Result<Scored<Structure>, Error> {
    let asked = query.name.as_deref().map(fold).filter(|text| !text.is_empty());
    let mut found = Vec::new();
    let mut candidates = Candidates::new();
    let mut judge = |target: i64, candidates: &mut Candidates| -> Result<bool, Error> {
        if candidates.is_new(target)
            && let Some(sourced) = reading.get::<Structure>(target)?
            && let Some(one) = judge_structure(sourced, query, asked.as_deref(), area, today)
        {
            found.push(one);
        }
        Ok(candidates.step(limit) && found.len() <= limit)
    };
    if let Some(name) = &asked {
        let words: Vec<i64> = tokens(name).map(terms::structure_word).collect();
        for target in common(reading, &words)? {
            if !judge(target, &mut candidates)? {
                break;
            }
        }
    } else if let Some(area) = area {
        'all: for commune in &area.communes {
            let mut inside = Vec::new();
            reading.targets(terms::structures_in(commune, query.category.as_deref()), |_, target| {
                inside.push(target);
                Ok(inside.len() < SCANNED_MAX)
            })?;
            for target in inside {
                if !judge(target, &mut candidates)? {
                    break 'all;
                }
            }
        }
    }
    let cut = candidates.cut || found.len() > limit;
    Ok((found, cut))
}

fn judge_structure(
    sourced: Sourced<Structure>,
    query: &StructureQuery,
    asked: Option<&str>,
    area: Option<&Area>,
    today: Date,
) -> Option<(Score, Found<Structure>)> {
    let site = &sourced.record;
    let open = query.with_closed || site.is_open(today);
    let category = query.category.as_deref().is_none_or(|code| site.category.code == code);
    let inside = area.is_none_or(|area| area.holds(&site.address.commune, site.position));
    let name = fold(&site.name);
    let both = format!("{name} {}", fold(&site.brand));
    let named = asked.is_none_or(|asked| tokens(asked).all(|word| both.split(' ').any(|own| own == word)));
    if !(open && category && inside && named) {
        return None;
    }
    let distance_km = area.and_then(|area| area.distance(site.position));
    let score = asked.map_or(0, |asked| distance(asked, &name));
    Some(((score, metres(distance_km), name), Found { sourced, distance_km }))
}

/// Targets that every term has. The rarest list is read whole, the others only up to the bound.
fn common(reading: &Reading<'_>, words: &[i64]) -> Result<Vec<i64>, Error> {
    let mut lists = Vec::with_capacity(words.len());
    for word in words {
        let mut list = Vec::new();
        reading.targets(*word..=*word, |_, target| {
            list.push(target);
            Ok(list.len() < SCANNED_MAX)
        })?;
        lists.push(list);
    }
    lists.sort_by_key(Vec::len);
    let Some((rarest, others)) = lists.split_first() else { return Ok(Vec::new()) };
    // A list that reached the bound says nothing about what is not in it: the record itself decides.
    let has = |list: &Vec<i64>, target: &i64| list.len() >= SCANNED_MAX || list.binary_search(target).is_ok();
    Ok(rarest.iter().filter(|target| others.iter().all(|list| has(list, target))).copied().collect())
}

/// Offers by structure, activity, place.
pub(crate) fn offers(
    reading: &Reading<'_>,
    query: &OfferQuery,
    area: Option<&Area>,
    limit: usize,
    today: Date,
) -> Result<Scored<Offer>, Error> {
    let zones = area.map(Area::zones).unwrap_or_default();
    let ranges: Vec<i64> = match (&query.structure, &query.activity, area) {
        (Some(structure), _, _) => vec![terms::offer_structure(structure)],
        (None, Some(activity), _) => vec![terms::offer_activity(activity)],
        (None, None, Some(area)) => {
            let mut all: Vec<i64> = zones.iter().map(terms::offers_in).collect();
            if let Some((point, km)) = area.circle {
                all.extend(terms::cells_around(point, km).unwrap_or_default());
            }
            all
        }
        (None, None, None) => Vec::new(),
    };
    let mut found = Vec::new();
    let mut candidates = Candidates::new();
    for term in ranges {
        reading.targets(term..=term, |_, target| {
            if candidates.is_new(target)
                && let Some(sourced) = reading.get::<Offer>(target)?
                && let Some(one) = judge_offer(sourced, query, area, &zones, today)
            {
                found.push(one);
            }
            Ok(candidates.scanned < SCANNED_MAX && {
                candidates.scanned += 1;
                true
            })
        })?;
    }
    let cut = candidates.scanned >= SCANNED_MAX || found.len() > limit;
    Ok((found, cut))
}

fn judge_offer(
    sourced: Sourced<Offer>,
    query: &OfferQuery,
    area: Option<&Area>,
    zones: &HashSet<Zone>,
    today: Date,
) -> Option<(Score, Found<Offer>)> {
    let offer = &sourced.record;
    let structure = query.structure.as_ref();
    let of_structure =
        structure.is_none_or(|id| offer.structure.as_ref() == Some(id) || offer.legal.as_ref() == Some(id));
    let activity =
        query.activity.as_deref().is_none_or(|code| offer.activities.iter().any(|one| one.code == code));
    let age = query.age.is_none_or(|age| {
        offer.age_min.is_none_or(|min| min <= age) && offer.age_max.is_none_or(|max| age <= max)
    });
    let in_zone = offer.zone.iter().any(|zone| zone.kind == ZoneKind::Country || zones.contains(zone));
    let inside = area.is_none_or(|area| in_zone || area.holds(&offer.address.commune, offer.position));
    let open = offer.is_open(today);
    let seen = query.with_sensitive || !offer.sensitive;
    if !(of_structure && activity && age && inside && open && seen) {
        return None;
    }
    let distance_km = area.and_then(|area| area.distance(offer.position));
    let order = fold(&offer.name);
    Some(((0, metres(distance_km), order), Found { sourced, distance_km }))
}
