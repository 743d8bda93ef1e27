//! Pages of the API, asked one after the other: each counts once it is read to its end, and no link leads elsewhere.
//! In: a question. Out: the resources of each page, or why the walk stopped. Source: annuaires.md §2.3, §9.3 n° 25 to 30.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use jiff::{Timestamp, fmt::rfc2822};
use jonction_fhir::{Limits, Node, Outcome, ReadError};
use jonction_ports::PullError;
use jonction_web::{Answer, Client, Request, Url, WebError};
use serde_json::Value;

use super::resources::{Resource, slim};

/// Header of the key.
pub(crate) const KEY_HEADER: &str = "ESANTE-API-KEY";
/// How often a page is asked for in all.
const TRIES: u32 = 5;
/// A page: 10,000 resources of 3 KB are a third of that.
const PAGE_BYTES_MAX: u64 = 96 << 20;
/// Pages without any resource, in a row.
const EMPTY_MAX: usize = 20;
/// Pages of one question: the whole nation by 50 is two fifths of that.
const PAGES_MAX: usize = 100_000;

/// One page, read to its end.
#[derive(Debug)]
pub(crate) struct Page {
    /// What is kept of each resource.
    pub(crate) resources: Vec<Value>,
    /// Where the next page is.
    pub(crate) next: Option<Url>,
    /// Number of answers, when the server counted them.
    pub(crate) total: Option<u64>,
    /// The clock of the server.
    pub(crate) date: Option<Timestamp>,
}

/// Why a walk over pages stopped.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The link to the next page is no longer good: the question must be asked again.
    Expired,
    /// The server takes too long for so many resources at once.
    Slow,
    /// It will not do.
    Refused(PullError),
}

impl From<PullError> for Stopped {
    fn from(error: PullError) -> Self {
        Self::Refused(error)
    }
}

/// Asks the API.
pub(crate) struct Asker {
    pub(crate) client: Client,
    pub(crate) base: Url,
    pub(crate) key: String,
}

type Take<'t> = &'t mut (dyn FnMut(Page) -> Result<(), PullError> + Send);

impl Asker {
    /// A question about resources of a kind.
    pub(crate) fn question(&self, kind: Resource, fields: &[(&str, &str)]) -> Result<Request, PullError> {
        let field = |(name, value): &(&str, &str)| format!("{name}={}", jonction_web::url::encode(value));
        let query = fields.iter().map(field).collect::<Vec<_>>().join("&");
        self.base
            .at(&format!("/{}?{query}", kind.name()))
            .map(|url| self.signed(Request::get(url)))
            .map_err(|_| refused("la question ne peut pas être écrite"))
    }

    /// A long question, as a form.
    pub(crate) fn form(&self, kind: Resource, fields: &[(&str, &str)]) -> Result<Request, PullError> {
        self.base
            .at(&format!("/{}/_search", kind.name()))
            .map(|url| self.signed(Request::form(url, fields)))
            .map_err(|_| refused("la question ne peut pas être écrite"))
    }

    /// The page a link leads to.
    pub(crate) fn link(&self, url: Url) -> Request {
        self.signed(Request::get(url))
    }

    fn signed(&self, request: Request) -> Request {
        request.header("accept", "application/fhir+json").secret(KEY_HEADER, &self.key)
    }

    /// Every page of a question, one after the other. `resumed`: the first is one that a link led to.
    pub(crate) async fn walk(&self, first: Request, resumed: bool, take: Take<'_>) -> Result<(), Stopped> {
        let mut request = first;
        let mut asked = HashSet::new();
        let mut seen = HashSet::new();
        let mut empty = 0;
        loop {
            let page = self.page(&request, resumed || !asked.is_empty()).await?;
            asked.insert(request.url.path.clone());
            empty = if page.resources.is_empty() { empty + 1 } else { 0 };
            let again = !page.resources.is_empty() && !seen.insert(content(&page));
            let next = page.next.clone();
            let Some(url) = next else { return Ok(take(page)?) };
            if !url.same_origin(&self.base) {
                return Err(foreign(&url).into());
            }
            if again || empty > EMPTY_MAX || asked.contains(&url.path) || asked.len() >= PAGES_MAX {
                return Err(endless(asked.len()).into());
            }
            take(page)?;
            request = self.link(url);
        }
    }

    /// One page: asked for again while it comes cut, or late.
    async fn page(&self, request: &Request, is_link: bool) -> Result<Page, Stopped> {
        let mut last = Failed::Web(WebError::Lost);
        for attempt in 1..=TRIES {
            match self.once(request, is_link).await {
                Ok(page) => return Ok(page),
                Err(Failed::Expired) => return Err(Stopped::Expired),
                Err(Failed::Web(error)) if !error.is_passing() => return Err(error.to_pull().into()),
                Err(Failed::Told(error)) => return Err(error.into()),
                Err(passing) => last = passing,
            }
            self.client.failed(&request.url, attempt);
        }
        Err(match last {
            Failed::Web(WebError::Timeout | WebError::Status(504)) => Stopped::Slow,
            Failed::Web(error) => Stopped::Refused(error.to_pull()),
            _ => Stopped::Refused(truncated()),
        })
    }

    async fn once(&self, request: &Request, is_link: bool) -> Result<Page, Failed> {
        let answer = self.client.send(request).await.map_err(Failed::Web)?;
        let (status, date) = (answer.status, server_date(&answer));
        if status == 200 {
            let base = answer.url.clone();
            let body = answer.bytes(PAGE_BYTES_MAX).await.map_err(Failed::Web)?;
            return read(&body, &base, date);
        }
        // Some proxies refuse in words of their own: without an OperationOutcome it is only a status.
        let outcome = Outcome::of(&answer.bytes(1 << 20).await.unwrap_or_default());
        match (status, outcome) {
            (500, Some(_)) if is_link => Err(Failed::Expired),
            (400, Some(outcome)) => Err(Failed::Told(refused(&outcome.diagnostics))),
            _ => Err(Failed::Web(WebError::Status(status))),
        }
    }
}

enum Failed {
    Web(WebError),
    /// Status 200, and a body that stops before its end.
    Truncated,
    Expired,
    Told(PullError),
}

/// A Bundle is whole when it is read to its end and has its links, which the server writes last.
fn read(body: &[u8], base: &Url, date: Option<Timestamp>) -> Result<Page, Failed> {
    let mut resources = Vec::new();
    let told = jonction_fhir::read(body, Limits::default(), |entry| {
        resources.push(slim(entry.resource));
        Ok::<(), std::convert::Infallible>(())
    });
    let told = told.map_err(|error| match error {
        ReadError::Cut { .. } | ReadError::NotJson { .. } => Failed::Truncated,
        other => Failed::Told(PullError::new(
            "annuaire.not-fhir",
            format!("la réponse de l'API n'est pas celle d'un serveur FHIR ({other})"),
            "l'annuaire en service reste ; vérifier l'adresse (url)",
        )),
    })?;
    if !told.has_links {
        return Err(Failed::Truncated);
    }
    let next = told.next.map(|link| base.join(&link)).transpose();
    let next = next.map_err(|_| Failed::Told(refused("le lien de la page suivante est illisible")))?;
    Ok(Page { resources, next, total: told.total, date })
}

fn server_date(answer: &Answer) -> Option<Timestamp> {
    Some(rfc2822::parse(answer.header("date")?).ok()?.timestamp())
}

/// What a page is made of, to see the same one again under another link.
fn content(page: &Page) -> u64 {
    let mut hasher = DefaultHasher::new();
    for resource in &page.resources {
        let node = Node::of(resource);
        (node.kind(), node.text("id")).hash(&mut hasher);
    }
    hasher.finish()
}

pub(crate) fn refused(why: &str) -> PullError {
    PullError::new(
        "annuaire.refused",
        format!("l'API de l'annuaire refuse la question : {why}"),
        "l'annuaire en service reste ; le signaler si cela dure : l'API a pu changer",
    )
}

fn truncated() -> PullError {
    PullError::new(
        "annuaire.truncated",
        format!("une page de l'API s'arrête avant sa fin, {TRIES} fois de suite"),
        "l'annuaire en service reste ; le prochain passage reprendra où celui-ci s'est arrêté",
    )
}

fn foreign(url: &Url) -> PullError {
    PullError::new(
        "annuaire.foreign-link",
        format!("l'API donne la suite sur un autre hôte ({})", url.endpoint),
        "l'annuaire en service reste ; la clé n'y a pas été envoyée : prévenir l'Agence du Numérique en Santé",
    )
}

fn endless(pages: usize) -> PullError {
    PullError::new(
        "annuaire.endless",
        format!("l'API donne toujours les mêmes pages, ou des pages vides (arrêt après {pages})"),
        "l'annuaire en service reste ; relancer plus tard, le signaler si cela dure",
    )
}
