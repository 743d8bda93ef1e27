//! What the simulator may do wrong, by name. A new fault is a row here, and its arm where it plays.
//! A rule counts the requests its fault is about: `token-dies nth 2` is the second file, whatever was asked besides.
//! Source: annuaires.md §9.2 « ROR », « HTTP », « FHIR annuaire ».

use jonction_simkit::{FaultPlan, FaultRow, FaultTable, PlanError};

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Token,
    KickOff,
    Poll,
    File,
    Search,
}

impl Target {
    pub(super) const ALL: [Self; 5] = [Self::Token, Self::KickOff, Self::Poll, Self::File, Self::Search];
    const FHIR: &'static [Self] = &[Self::KickOff, Self::Poll, Self::File, Self::Search];
    const DATA: &'static [Self] = &[Self::File, Self::Search];
}

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The token endpoint answers 401.
    TokenRefused,
    /// Tokens that live five seconds.
    TokenShort,
    /// The token dies at this file: 401, whatever its end.
    TokenDies,
    /// 403, as without the headers.
    Forbidden,
    /// 503.
    Unavailable,
    /// 429 with `Retry-After: 7`.
    RateLimit,
    /// The kick-off does not say where the job is followed.
    NoLocation,
    /// 202 for ever.
    NeverEnds,
    /// The job fails: 500 with an OperationOutcome.
    JobFails,
    /// Nobody knows the job any longer.
    JobVanishes,
    /// HTML instead of the list of files.
    Html,
    /// Files on another host.
    OtherHost,
    /// The data is dated next year.
    Future,
    /// A file is refused.
    FileForbidden,
    /// A file is no longer there.
    FileGone,
    /// The connection breaks in the middle of a file.
    Cut,
    /// JSON cut in the middle, given for whole.
    Truncated,
    /// A file without anything.
    EmptyFile,
    /// Bundles without entries.
    NoOffers,
    /// Six establishments in ten are missing.
    Shrunk,
    /// A resource of ten megabytes.
    Bloated,
    /// `next` leads to the same address.
    SamePage,
    /// `next` leads to the same page, under another address.
    SamePageRenamed,
    /// A page without entries, and a `next`.
    EmptyNext,
    /// `next` on another host.
    NextOtherHost,
    /// Fewer offers than announced.
    Incomplete,
    /// No `total`.
    NoTotal,
    /// Exactly as many answers as the cut, whatever is asked.
    SearchCut,
    /// No region tag.
    NoRegion,
    /// A field of activity nobody knows.
    UnknownCode,
    /// Identifier systems in `http`.
    HttpIdentifiers,
    /// Offers that do not say whether they are sensitive.
    NoSensitivity,
}

/// Every fault.
pub const FAULTS: FaultTable<Fault> = &[
    row("token-refused", "le service de jetons répond 401", Fault::TokenRefused),
    row("token-short", "jetons de cinq secondes", Fault::TokenShort),
    row("token-dies", "le jeton meurt au moment d'un fichier", Fault::TokenDies),
    row("forbidden", "répond 403, comme sans les en-têtes", Fault::Forbidden),
    row("http-503", "répond 503", Fault::Unavailable),
    row("http-429", "répond 429, Retry-After: 7", Fault::RateLimit),
    row("no-location", "export sans Content-Location", Fault::NoLocation),
    row("never-ends", "export jamais fini (202)", Fault::NeverEnds),
    row("job-fails", "export en échec (500)", Fault::JobFails),
    row("job-vanishes", "export oublié par le service (404)", Fault::JobVanishes),
    row("html", "page HTML au lieu de la liste des fichiers", Fault::Html),
    row("other-host", "fichiers sur un autre serveur", Fault::OtherHost),
    row("future", "export daté de l'an prochain", Fault::Future),
    row("file-forbidden", "un fichier est refusé (403)", Fault::FileForbidden),
    row("file-gone", "un fichier a disparu (404)", Fault::FileGone),
    row("cut", "coupe au milieu d'un fichier", Fault::Cut),
    row("truncated", "JSON coupé, donné pour entier", Fault::Truncated),
    row("empty-file", "fichier vide", Fault::EmptyFile),
    row("no-offers", "export sans aucune offre", Fault::NoOffers),
    row("shrunk", "six établissements sur dix manquent", Fault::Shrunk),
    row("bloated", "une ressource de dix mégaoctets", Fault::Bloated),
    row("same-page", "la page suivante est toujours la même", Fault::SamePage),
    row("same-page-renamed", "la même page, sous une autre adresse", Fault::SamePageRenamed),
    row("empty-next", "page vide qui annonce une suite", Fault::EmptyNext),
    row("next-other-host", "page suivante sur un autre serveur", Fault::NextOtherHost),
    row("incomplete", "moins d'offres qu'annoncé", Fault::Incomplete),
    row("no-total", "recherche sans total", Fault::NoTotal),
    row("search-cut", "toute recherche atteint la coupure", Fault::SearchCut),
    row("no-region", "offres sans région source", Fault::NoRegion),
    row("unknown-code", "champ d'activité inconnu", Fault::UnknownCode),
    row("http-identifiers", "identifiants en http", Fault::HttpIdentifiers),
    row("no-sensitivity", "offres qui ne disent pas si elles sont sensibles", Fault::NoSensitivity),
];

const fn row(name: &'static str, summary: &'static str, fault: Fault) -> FaultRow<Fault> {
    FaultRow { name, summary, fault }
}

impl Fault {
    fn targets(self) -> &'static [Target] {
        match self {
            Self::TokenRefused | Self::TokenShort => &[Target::Token],
            Self::Forbidden | Self::Unavailable | Self::RateLimit => Target::FHIR,
            Self::NoLocation => &[Target::KickOff],
            Self::NeverEnds
            | Self::JobFails
            | Self::JobVanishes
            | Self::Html
            | Self::OtherHost
            | Self::Future => &[Target::Poll],
            Self::TokenDies
            | Self::FileForbidden
            | Self::FileGone
            | Self::Cut
            | Self::EmptyFile
            | Self::NoOffers => &[Target::File],
            Self::SamePage
            | Self::SamePageRenamed
            | Self::EmptyNext
            | Self::NextOtherHost
            | Self::Incomplete
            | Self::NoTotal
            | Self::SearchCut => &[Target::Search],
            Self::Truncated
            | Self::Shrunk
            | Self::Bloated
            | Self::NoRegion
            | Self::UnknownCode
            | Self::HttpIdentifiers
            | Self::NoSensitivity => Target::DATA,
        }
    }
}

/// One plan for each kind of request, so that a rule counts only those its fault is about.
pub(super) struct Plans([FaultPlan<Fault>; 5]);

impl Plans {
    pub(super) fn parse(rules: &[&str], seed: u64) -> Result<Self, PlanError> {
        let plans = Self(Target::ALL.map(|_| FaultPlan::none(FAULTS, seed)));
        plans.replace(rules)?;
        Ok(plans)
    }

    pub(super) fn replace(&self, rules: &[&str]) -> Result<(), PlanError> {
        // Every rule is judged before any is taken.
        FaultPlan::parse(FAULTS, rules.iter().copied(), 0)?;
        for (target, plan) in Target::ALL.into_iter().zip(&self.0) {
            let of_target = |rule: &&&str| {
                let name = rule.split_whitespace().next().unwrap_or_default();
                plan.named(name).is_some_and(|fault| fault.targets().contains(&target))
            };
            plan.replace(rules.iter().filter(of_target).copied())?;
        }
        Ok(())
    }

    pub(super) fn draw(&self, target: Target) -> Option<Fault> {
        self.0[target as usize].draw()
    }
}
