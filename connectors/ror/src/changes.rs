//! Changes since a moment, by search. A search is cut in silence at 10,000 answers: the time it is about is halved until
//! each half is below. In: since when. Out: records, whole. Source: annuaires.md §3.3, §9.3 n° 37.

use std::collections::{BTreeMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use jonction_fhir::{Limits, Mode, Node, Page, ReadError, read};
use jonction_model::directory::{Offer, Record};
use jonction_ports::{
    PullError,
    pull::{Changes, Progress, Remark},
};
use jonction_web::{Url, url::encode};
use serde_json::Value;

use crate::{
    access::{Access, damaged, refused},
    config::RorSettings,
    export::REGIONS,
    index::Index,
    offer::{Oddities, offer},
};

/// Offers that come with all they refer to, two hundred a page.
const PAGE_BYTES_MAX: u64 = 64 << 20;
/// Offers changed beyond which an export costs less, and less memory.
const CHANGED_MAX: usize = 50_000;
/// Times a cut page is asked for again.
const PAGE_TRIES: u32 = 3;
/// Taken again before the last change: clocks differ, writes overlap.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);
/// A window that is not halved any further.
const WINDOW_MIN: SignedDuration = SignedDuration::from_secs(2);

/// What comes with each offer.
const INCLUDES: &str = "_include=HealthcareService:organization&_include:iterate=Organization:partof&_include=HealthcareService:location&_revinclude=PractitionerRole:service&_include=PractitionerRole:practitioner";

/// Which date a window is about: that of the offer, or that of an organisation above it.
const DATES: [&str; 2] = ["_lastUpdated", "organization._lastUpdated:above"];

/// What became of the question.
pub(crate) enum Found {
    Changes(Changes),
    /// Changes alone will not do: why, in French.
    TooMuch(String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Window {
    date: &'static str,
    from: Timestamp,
    /// Open-ended when absent.
    to: Option<Timestamp>,
}

impl Window {
    /// Two halves; `None` when it is too narrow.
    fn halves(self, now: Timestamp) -> Option<[Self; 2]> {
        let end = self.to.unwrap_or(now);
        let length = end.duration_since(self.from);
        if length < WINDOW_MIN {
            return None;
        }
        let middle = self.from.checked_add(SignedDuration::from_secs(length.as_secs() / 2)).ok()?;
        Some([Self { to: Some(middle), ..self }, Self { from: middle, ..self }])
    }

    fn query(self) -> String {
        let bound = |prefix: &str, at: Timestamp| {
            format!("{}={prefix}{}&", self.date, encode(&at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()))
        };
        bound("ge", self.from) + &self.to.map(|to| bound("lt", to)).unwrap_or_default()
    }
}

/// Follows the changes.
pub(crate) struct Follow<'f> {
    pub(crate) access: &'f Access,
    pub(crate) settings: &'f RorSettings,
    pub(crate) progress: &'f dyn Progress,
    pub(crate) now: Timestamp,
}

/// What came so far.
#[derive(Default)]
struct Came {
    index: Index,
    offers: BTreeMap<String, Offer>,
    odd: Oddities,
    /// When the service answered first.
    until: Option<Timestamp>,
}

/// What one window gave.
enum Walked {
    Whole,
    /// It reached the cut: nothing of it counts.
    Cut,
}

impl Follow<'_> {
    pub(crate) async fn since(&self, last: Timestamp) -> Result<Found, PullError> {
        self.progress.stage("changements", None);
        let from = last.checked_sub(OVERLAP).unwrap_or(last);
        let mut windows: Vec<Window> = DATES.map(|date| Window { date, from, to: None }).to_vec();
        let (mut came, mut cuts) = (Came::default(), 0_u64);
        while let Some(window) = windows.pop() {
            match self.walk(window, &mut came).await? {
                Walked::Whole => {}
                Walked::Cut => {
                    cuts += 1;
                    let Some(halves) = window.halves(self.now) else {
                        return Ok(Found::TooMuch(format!(
                            "plus de {} offres changées au même instant : la recherche est coupée",
                            self.settings.search_cut
                        )));
                    };
                    windows.extend(halves);
                }
            }
            if came.offers.len() > CHANGED_MAX {
                return Ok(Found::TooMuch(format!("plus de {CHANGED_MAX} offres changées")));
            }
        }
        let mut remarks = came.odd.remarks();
        if cuts > 0 {
            let sentence =
                format!("recherche coupée à {} réponses : partagée {cuts} fois", self.settings.search_cut);
            remarks.push(Remark::new("ror.search-cut", sentence));
        }
        let offers = came.offers.into_values().map(|offer| Record::Offer(Box::new(offer)));
        let records = came.index.structures().chain(offers).collect();
        Ok(Found::Changes(Changes { until: came.until.unwrap_or(self.now), records, remarks }))
    }

    /// Every page of one window.
    async fn walk(&self, window: Window, came: &mut Came) -> Result<Walked, PullError> {
        let mut tag = String::new();
        if let Some(region) = &self.settings.region {
            tag = format!("_tag={}&", encode(&format!("{REGIONS}|{region}")));
        }
        let mut next = self.access.at(&format!("/HealthcareService?{}{tag}{INCLUDES}", window.query()))?;
        let mut seen = HashSet::new();
        let (mut matches, mut total) = (0_u64, None);
        loop {
            if !seen.insert(next.path.clone()) {
                return Err(same_page());
            }
            let (page, offers) = self.page(&next, came).await?;
            total = total.or(page.total);
            if total.is_some_and(|total| total >= self.settings.search_cut) {
                return Ok(Walked::Cut);
            }
            let before = seen.len();
            seen.extend(offers.iter().map(|offer| format!("\u{1}{}", Node::of(offer).text("id"))));
            // A page that only tells what was told already is the same page again, under another name.
            if !offers.is_empty() && seen.len() == before {
                return Err(same_page());
            }
            matches += (seen.len() - before) as u64;
            for resource in &offers {
                let mss = &self.settings.mss_channels;
                if let Some(offer) = offer(Node::of(resource), &came.index, mss, &mut came.odd) {
                    came.offers.insert(offer.id.clone(), offer);
                }
            }
            self.progress.at(came.offers.len() as u64);
            match page.next {
                Some(text) => next = self.access.given(&text)?,
                None => break,
            }
            if offers.is_empty() {
                return Err(damaged("une page vide annonce une suite"));
            }
        }
        if matches >= self.settings.search_cut {
            return Ok(Walked::Cut);
        }
        if total.is_some_and(|total| matches < total) {
            let total = total.unwrap_or_default();
            return Err(damaged(&format!("{matches} offres sont venues sur {total} annoncées")));
        }
        Ok(Walked::Whole)
    }

    /// One page, whole: its offers, once what they refer to is known. Cut, it is asked for again.
    async fn page(&self, url: &Url, came: &mut Came) -> Result<(Page, Vec<Value>), PullError> {
        let mut tries = 1;
        loop {
            let answer = self.access.get(url).await?;
            if answer.status != 200 {
                return Err(refused(answer).await);
            }
            if came.until.is_none() {
                came.until = answer.date();
            }
            let why = match answer.bytes(PAGE_BYTES_MAX).await {
                Ok(body) => match self.read(&body, came) {
                    Ok(read) => return Ok(read),
                    Err(ReadError::Cut { .. }) => "une page de recherche est coupée",
                    Err(_) => return Err(damaged("une page de recherche n'est pas du FHIR")),
                },
                Err(error) if error.is_passing() => "une page de recherche est coupée",
                Err(error) => return Err(error.to_pull()),
            };
            if tries == PAGE_TRIES {
                return Err(damaged(why));
            }
            self.access.client.failed(url, tries);
            tries += 1;
        }
    }

    fn read(
        &self,
        body: &[u8],
        came: &mut Came,
    ) -> Result<(Page, Vec<Value>), ReadError<std::convert::Infallible>> {
        let mut offers = Vec::new();
        let page = read(body, Limits::default(), |entry| {
            let others = came.index.take(Node::of(&entry.resource), &self.settings.mss_channels);
            if !others && entry.mode == Mode::Match {
                offers.push(entry.resource);
            }
            Ok(())
        })?;
        Ok((page, offers))
    }
}

fn same_page() -> PullError {
    PullError::new(
        "ror.same-page",
        "le ROR renvoie toujours la même page de résultats",
        "l'annuaire en service reste ; forcer un export complet : jonction directory pull ror --whole",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_a_window_cover_it_and_the_narrowest_has_none() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-01-01T02:00:00Z");
        let window = Window { date: DATES[0], from: at("2026-01-01T00:00:00Z"), to: None };
        let [first, second] = window.halves(now).unwrap();
        assert_eq!((first.from, first.to), (window.from, Some(second.from)));
        assert_eq!((second.from, second.to), (at("2026-01-01T01:00:00Z"), None));
        assert_eq!(
            first.query(),
            "_lastUpdated=ge2026-01-01T00%3A00%3A00Z&_lastUpdated=lt2026-01-01T01%3A00%3A00Z&"
        );
        let narrow = Window { to: Some(at("2026-01-01T00:00:01Z")), ..window };
        assert_eq!(narrow.halves(now), None);
        // A clock of ours that is late never makes an endless search.
        assert_eq!(Window { from: at("2026-02-01T00:00:00Z"), ..window }.halves(now), None);
    }
}
