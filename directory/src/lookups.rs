//! Look-ups: the port, answered from the snapshots in use.
//! In: identifiers and questions. Out: records with their source and date; best match first, never at random.
//! Source: annuaires.md §12. What a look-up may read is bounded, so that a route never waits for a frequent name.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jonction_model::{
    MssAddress, PersonId, StructureId,
    clock::paris,
    directory::{
        Domain, Kind, Mailbox, MailboxKind, Offer, Position, Professional, Source, Sourced, Structure,
    },
};
use jonction_ports::{
    Directory, DirectoryError,
    directory::{
        Around, Candidate, Found, Need, Nothing, OfferQuery, Page, ProfessionalQuery, Reason, Resolution,
        SourceState, StructureQuery,
    },
};

use crate::{
    Store,
    error::Error,
    generation::{Generation, Reading},
    search::{self, Area},
    store::{Current, View},
    terms,
};

/// Answers when a question does not say how many.
const LIMIT_DEFAULT: usize = 20;
/// Most answers to one question.
const LIMIT_MAX: usize = 10_000;

impl View {
    /// Snapshots that may hold this kind, the most believed first.
    pub(crate) fn ranked(&self, kind: Kind) -> Vec<&Generation> {
        // A register of people has structures that it does not count: those told inside.
        let may_hold = |current: &Current| current.holds(kind) || kind == Kind::Structure;
        let mut ranked: Vec<_> = self
            .sources
            .iter()
            .filter(|(current, _)| may_hold(current))
            .map(|(_, generation)| generation)
            .collect();
        ranked.sort_by_key(|generation| generation.source().rank(kind));
        ranked
    }

    /// The middle of a commune, of whoever knows it.
    pub(crate) fn commune(&self, code: &str) -> Result<Option<Position>, Error> {
        for generation in self.ranked(Kind::Structure) {
            if let Some(position) = generation.communes()?.get(code) {
                return Ok(Some(*position));
            }
        }
        Ok(None)
    }

    fn person(&self, id: &PersonId) -> Result<Option<Sourced<Professional>>, Error> {
        let key = terms::person_key(id);
        for generation in self.ranked(Kind::Professional) {
            if let Some(found) = generation.read(|reading| whole_professional(reading, key))?
                && found.record.id == *id
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn site(&self, id: &StructureId) -> Result<Option<Sourced<Structure>>, Error> {
        for generation in self.ranked(Kind::Structure) {
            let found = generation.read(|reading| {
                let mut best: Option<Sourced<Structure>> = None;
                for key in reading.targets_of(terms::structure_id(id.as_str()))? {
                    let Some(found) = reading.get::<Structure>(key)? else { continue };
                    let is_it = found.record.national_id().as_ref() == Some(id)
                        || id.as_str().strip_prefix('3') == Some(found.record.siret.as_str());
                    // Several can bear a SIRET: the open one, then the first.
                    if is_it
                        && best
                            .as_ref()
                            .is_none_or(|best| best.record.closed.is_some() && found.record.closed.is_none())
                    {
                        best = Some(found);
                    }
                }
                Ok(best)
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn domain(&self, name: &str) -> Result<Option<Sourced<Domain>>, Error> {
        for generation in self.ranked(Kind::Domain) {
            let found = generation.read(|reading| reading.get::<Domain>(terms::domain_key(name)))?;
            if let Some(found) = found.filter(|found| found.record.name == name) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Mailboxes a term leads to, of every source: one per address, the newest observation of it.
    fn boxes(&self, term: i64, holds: impl Fn(&Mailbox) -> bool) -> Result<Vec<Sourced<Mailbox>>, Error> {
        let mut by_address: BTreeMap<String, Sourced<Mailbox>> = BTreeMap::new();
        for generation in self.ranked(Kind::Mailbox) {
            generation.read(|reading| {
                for key in reading.targets_of(term)? {
                    let Some(mut found) = reading.get::<Mailbox>(key)? else { continue };
                    if !holds(&found.record) {
                        continue;
                    }
                    sites_of_holders(reading, &mut found.record)?;
                    let address = found.record.address.to_ascii_lowercase();
                    match by_address.get(&address) {
                        Some(known) if known.date >= found.date => {}
                        _ => {
                            by_address.insert(address, found);
                        }
                    }
                }
                Ok(())
            })?;
        }
        Ok(by_address.into_values().filter(|found| found.record.ended.is_none()).collect())
    }
}

/// A professional with the sites of every practice.
pub(crate) fn whole_professional(
    reading: &Reading<'_>,
    key: i64,
) -> Result<Option<Sourced<Professional>>, Error> {
    let Some(mut found) = reading.get::<Professional>(key)? else { return Ok(None) };
    sites_of_practices(reading, &mut found.record)?;
    Ok(Some(found))
}

pub(crate) fn sites_of_practices(reading: &Reading<'_>, person: &mut Professional) -> Result<(), Error> {
    reading.sites(person.practices.iter_mut().filter_map(|practice| practice.site.as_deref_mut()))
}

pub(crate) fn sites_of_holders(reading: &Reading<'_>, mailbox: &mut Mailbox) -> Result<(), Error> {
    reading.sites(mailbox.holders.iter_mut().filter_map(|holder| holder.site.as_deref_mut()))
}

impl Store {
    fn today(&self) -> Date {
        self.clock.now().to_zoned_datetime(paris()).date()
    }

    fn area(&self, view: &View, around: Option<&Around>) -> Result<Option<Area>, Error> {
        Ok(match around {
            None => None,
            Some(Around::Commune(code)) => Some(Area::commune(code, view.commune(code)?)),
            Some(Around::NearCommune { commune, km }) => match view.commune(commune)? {
                Some(point) => Some(Area::circle(view, point, *km, Some(commune))?),
                None => Some(Area::commune(commune, None)),
            },
            Some(Around::NearPoint { point, km }) => Some(Area::circle(view, *point, *km, None)?),
        })
    }
}

fn limit(asked: usize) -> usize {
    if asked == 0 { LIMIT_DEFAULT } else { asked.min(LIMIT_MAX) }
}

/// First rank first: what a more believed source already told is dropped from the others.
fn gather<T>(
    generations: &[&Generation],
    limit: usize,
    id: impl Fn(&T) -> String,
    mut search: impl FnMut(&Generation) -> Result<(Vec<(search::Score, Found<T>)>, bool), Error>,
) -> Result<Page<T>, Error> {
    let mut known: BTreeMap<String, (search::Score, Found<T>)> = BTreeMap::new();
    let mut more = false;
    for generation in generations {
        let (found, cut) = search(generation)?;
        more |= cut;
        for (score, found) in found {
            known.entry(id(&found.sourced.record)).or_insert((score, found));
        }
    }
    let mut ranked: Vec<_> = known.into_iter().collect();
    ranked
        .sort_by(|(id, (score, _)), (other_id, (other, _))| score.cmp(other).then_with(|| id.cmp(other_id)));
    more |= ranked.len() > limit;
    Ok(Page { found: ranked.into_iter().take(limit).map(|(_, (_, found))| found).collect(), more })
}

impl Directory for Store {
    fn professional(&self, id: &PersonId) -> Result<Option<Sourced<Professional>>, DirectoryError> {
        Ok(self.view()?.person(id)?)
    }

    fn structure(&self, id: &StructureId) -> Result<Option<Sourced<Structure>>, DirectoryError> {
        Ok(self.view()?.site(id)?)
    }

    fn mailbox(&self, address: &MssAddress) -> Result<Option<Sourced<Mailbox>>, DirectoryError> {
        let view = self.view()?;
        let key = terms::mailbox_key(address.expose());
        let mut best: Option<Sourced<Mailbox>> = None;
        for generation in view.ranked(Kind::Mailbox) {
            let found = generation.read(|reading| {
                let Some(mut found) = reading.get::<Mailbox>(key)? else { return Ok(None) };
                sites_of_holders(reading, &mut found.record)?;
                Ok(Some(found))
            })?;
            let Some(found) =
                found.filter(|found| found.record.address.eq_ignore_ascii_case(address.expose()))
            else {
                continue;
            };
            if best.as_ref().is_none_or(|best| best.date < found.date) {
                best = Some(found);
            }
        }
        Ok(best)
    }

    fn mailboxes_of(&self, id: &PersonId) -> Result<Vec<Sourced<Mailbox>>, DirectoryError> {
        let holds =
            |mailbox: &Mailbox| mailbox.holders.iter().any(|holder| holder.person.as_ref() == Some(id));
        Ok(self.view()?.boxes(terms::person_box(id), holds)?)
    }

    fn mailboxes_at(&self, id: &StructureId) -> Result<Vec<Sourced<Mailbox>>, DirectoryError> {
        let holds = |mailbox: &Mailbox| {
            mailbox.kind != MailboxKind::Per
                && mailbox.holders.iter().any(|holder| holder.structure.as_ref() == Some(id))
        };
        Ok(self.view()?.boxes(terms::structure_box(id), holds)?)
    }

    fn professionals(&self, query: &ProfessionalQuery) -> Result<Page<Professional>, DirectoryError> {
        let view = self.view()?;
        let area = self.area(&view, query.around.as_ref())?;
        let limit = limit(query.limit);
        let id = |record: &Professional| record.id.as_str().to_owned();
        Ok(gather(&view.ranked(Kind::Professional), limit, id, |generation| {
            generation.read(|reading| search::professionals(reading, query, area.as_ref(), limit))
        })?)
    }

    fn structures(&self, query: &StructureQuery) -> Result<Page<Structure>, DirectoryError> {
        let view = self.view()?;
        let area = self.area(&view, query.around.as_ref())?;
        let limit = limit(query.limit);
        let today = self.today();
        let id = |record: &Structure| {
            record.national_id().map_or_else(|| record.technical_id.clone(), |id| id.as_str().to_owned())
        };
        let mut page = gather(&view.ranked(Kind::Structure), limit, id, |generation| {
            generation.read(|reading| search::structures(reading, query, area.as_ref(), limit, today))
        })?;
        if !query.with_closed {
            // A less believed source may not know that it closed.
            let mut open = Vec::with_capacity(page.found.len());
            for found in page.found {
                let id = found.sourced.record.national_id();
                let best = id.map(|id| view.site(&id)).transpose()?.flatten();
                if best.is_none_or(|best| best.record.is_open(today)) {
                    open.push(found);
                }
            }
            page.found = open;
        }
        Ok(page)
    }

    fn offers(&self, query: &OfferQuery) -> Result<Page<Offer>, DirectoryError> {
        let view = self.view()?;
        let area = self.area(&view, query.around.as_ref())?;
        let limit = limit(query.limit);
        let today = self.today();
        Ok(gather(
            &view.ranked(Kind::Offer),
            limit,
            |record: &Offer| record.id.clone(),
            |generation| {
                generation.read(|reading| search::offers(reading, query, area.as_ref(), limit, today))
            },
        )?)
    }

    fn resolve(&self, need: &Need) -> Result<Resolution, DirectoryError> {
        let person = need.person.as_ref().map(|id| self.professional(id)).transpose()?.flatten();
        let structure = need.structure.as_ref().map(|id| self.structure(id)).transpose()?.flatten();
        let today = self.today();
        let gone = person.as_ref().is_some_and(|found| !found.record.practises())
            || structure.as_ref().is_some_and(|found| !found.record.is_open(today));
        if gone {
            return Ok(Resolution { candidates: Vec::new(), nothing: Some(Nothing::Closed) });
        }
        let mut ranked: Vec<(Reason, Sourced<Mailbox>)> = Vec::new();
        if let Some(id) = &need.person {
            for found in self.mailboxes_of(id)? {
                let at = |holder: &jonction_model::directory::Holder| {
                    need.structure.is_some() && holder.structure == need.structure
                };
                let reason = if found.record.holders.iter().any(at) {
                    Reason::PersonAtStructure
                } else {
                    Reason::Person
                };
                ranked.push((reason, found));
            }
        }
        if let Some(id) = &need.structure {
            let service = need.service.as_deref().map(crate::fold::fold);
            for found in self.mailboxes_at(id)? {
                let matches = |holder: &jonction_model::directory::Holder| {
                    service
                        .as_ref()
                        .is_some_and(|asked| crate::fold::fold(&holder.service).contains(asked.as_str()))
                };
                let reason = if found.record.holders.iter().any(matches) {
                    Reason::Service
                } else {
                    Reason::Structure
                };
                ranked.push((reason, found));
            }
            let legal = structure
                .as_ref()
                .map(|found| &found.record.finess_legal)
                .filter(|finess| !finess.is_empty());
            if let Some(finess) = legal {
                let legal = StructureId::prefixed(&format!("1{finess}"));
                if legal != *id {
                    ranked.extend(
                        self.mailboxes_at(&legal)?.into_iter().map(|found| (Reason::LegalEntity, found)),
                    );
                }
            }
        }
        let mut candidates: Vec<Candidate> = ranked
            .into_iter()
            .map(|(reason, found)| Candidate {
                address: found.record.address,
                reason,
                source: found.source,
                date: found.date,
            })
            .collect();
        if let Some(id) = &need.structure {
            candidates.extend(self.offer_boxes(id)?);
        }
        candidates.sort_by(|a, b| {
            a.reason.cmp(&b.reason).then(b.date.cmp(&a.date)).then_with(|| a.address.cmp(&b.address))
        });
        let mut seen = std::collections::BTreeSet::new();
        candidates.retain(|candidate| seen.insert(candidate.address.to_ascii_lowercase()));
        let nothing = candidates.is_empty().then_some(match (&person, &structure) {
            (None, None) => Nothing::Unknown,
            _ => Nothing::NoMailbox,
        });
        Ok(Resolution { candidates, nothing })
    }

    fn domain(&self, name: &str) -> Result<Option<Sourced<Domain>>, DirectoryError> {
        Ok(self.view()?.domain(name)?)
    }

    fn states(&self) -> Vec<SourceState> {
        self.view().map(|view| Self::states_of(&view)).unwrap_or_default()
    }
}

impl Store {
    /// Whether a source was ever pulled.
    pub(crate) fn is_pulled(&self, source: Source) -> bool {
        self.view().is_ok_and(|view| view.current(source).is_some())
    }

    /// Whether a domain is in the liste blanche.
    pub(crate) fn lists(&self, domain: &str) -> Result<bool, Error> {
        Ok(self.view()?.domain(domain)?.is_some())
    }

    /// Mailboxes told by the offers of a structure. Only those in free access: who may see the others is not ours to say.
    fn offer_boxes(&self, id: &StructureId) -> Result<Vec<Candidate>, DirectoryError> {
        const FREE: &str = "1";
        let query = OfferQuery { structure: Some(id.clone()), limit: LIMIT_MAX, ..OfferQuery::default() };
        let mut candidates = Vec::new();
        for found in self.offers(&query)?.found {
            for contact in &found.sourced.record.contacts {
                // An ordinary address is never one for health data, whatever it looks like.
                if contact.confidentiality.code != FREE || !contact.mss {
                    continue;
                }
                if let Ok(address) = MssAddress::parse(&contact.value) {
                    candidates.push(Candidate {
                        address: address.expose().to_owned(),
                        reason: Reason::Offer,
                        source: Source::Ror,
                        date: found.sourced.date,
                    });
                }
            }
        }
        Ok(candidates)
    }
}
