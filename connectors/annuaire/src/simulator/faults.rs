//! What the simulator may do wrong, by name. A new fault is a row here, and its arm where it plays.
//! Source: annuaires.md §9.2.

use jonction_simkit::{FaultRow, FaultTable};

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// 503.
    Unavailable,
    /// 429 with `Retry-After: 7`.
    RateLimit,
    /// The connection breaks in the middle of the body.
    Cut,
    /// Closed before any answer.
    Drop,
    /// An HTML page, with 200.
    Html,
    /// Half of the archive, as if it were whole.
    TruncatedArchive,
    /// No byte at all.
    Empty,
    /// An archive that announces far more than it should.
    Bomb,
    /// A member that would leave the folder.
    Traversal,
    /// The main file is not in the archive.
    MissingMember,
    /// Dated the day before.
    Older,
    /// Dated next year.
    Future,
    /// Six lines in ten are missing.
    Shrunk,
    /// A required column is gone.
    ColumnRemoved,
    /// A column nobody knows.
    ColumnAdded,
    /// Columns in another order.
    ColumnsReordered,
    /// The layout of 2018.
    OldLayout,
    /// ISO-8859-1.
    Latin1,
    /// A mark of byte order, and CRLF.
    BomCrlf,
    /// One row in fifty lacks a field.
    ShortRows,
    /// `Range` is ignored.
    NoRange,
    /// Neither ETag nor date.
    NoValidator,
}

/// Every fault.
pub const FAULTS: FaultTable<Fault> = &[
    FaultRow { name: "http-503", summary: "répond 503", fault: Fault::Unavailable },
    FaultRow { name: "http-429", summary: "répond 429, Retry-After: 7", fault: Fault::RateLimit },
    FaultRow { name: "cut", summary: "coupe au milieu du corps", fault: Fault::Cut },
    FaultRow { name: "drop", summary: "ferme sans répondre", fault: Fault::Drop },
    FaultRow { name: "html", summary: "répond une page HTML", fault: Fault::Html },
    FaultRow {
        name: "truncated-archive",
        summary: "archive coupée, donnée pour entière",
        fault: Fault::TruncatedArchive,
    },
    FaultRow { name: "empty", summary: "fichier vide", fault: Fault::Empty },
    FaultRow { name: "bomb", summary: "archive qui se gonfle démesurément", fault: Fault::Bomb },
    FaultRow { name: "traversal", summary: "membre qui veut sortir du dossier", fault: Fault::Traversal },
    FaultRow {
        name: "missing-member",
        summary: "archive sans le fichier principal",
        fault: Fault::MissingMember,
    },
    FaultRow { name: "older", summary: "extraction de la veille", fault: Fault::Older },
    FaultRow { name: "future", summary: "extraction datée de l'an prochain", fault: Fault::Future },
    FaultRow { name: "shrunk", summary: "six lignes sur dix manquent", fault: Fault::Shrunk },
    FaultRow {
        name: "column-removed",
        summary: "une colonne obligatoire manque",
        fault: Fault::ColumnRemoved,
    },
    FaultRow { name: "column-added", summary: "une colonne inconnue", fault: Fault::ColumnAdded },
    FaultRow {
        name: "columns-reordered",
        summary: "colonnes dans un autre ordre",
        fault: Fault::ColumnsReordered,
    },
    FaultRow { name: "old-layout", summary: "présentation de 2018, 48 colonnes", fault: Fault::OldLayout },
    FaultRow { name: "latin1", summary: "ISO-8859-1", fault: Fault::Latin1 },
    FaultRow { name: "bom-crlf", summary: "marque d'ordre des octets et CRLF", fault: Fault::BomCrlf },
    FaultRow {
        name: "short-rows",
        summary: "une ligne sur cinquante a un champ de moins",
        fault: Fault::ShortRows,
    },
    FaultRow { name: "no-range", summary: "ignore Range", fault: Fault::NoRange },
    FaultRow { name: "no-validator", summary: "ni ETag ni Last-Modified", fault: Fault::NoValidator },
];

/// A fault of the FHIR API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ApiFault {
    /// 429 with `Retry-After: 7`.
    RateLimit,
    /// 429 that says nothing.
    RateLimitBare,
    /// 503.
    Unavailable,
    /// 500, in no words.
    Internal,
    /// Closed before any answer.
    Drop,
    /// The connection breaks in the middle of the body.
    Cut,
    /// Half of the page, as if it were whole: the server met an error while it wrote.
    Truncated,
    /// An HTML page, with 200.
    Html,
    /// The link to the next page is no longer good.
    ExpiredNext,
    /// A parameter is refused.
    UnknownParameter,
    /// The server did not count.
    NoTotal,
    /// The next page is on another host.
    ForeignNext,
    /// The same page for ever, each time under another link.
    NextLoop,
    /// Pages without any resource, for ever.
    EmptyPages,
    /// More than a hundred resources at once come too late.
    Slow,
    /// Six resources in ten are missing.
    Shrunk,
}

/// Every fault of the FHIR API.
pub const API_FAULTS: FaultTable<ApiFault> = &[
    FaultRow { name: "http-429", summary: "répond 429, Retry-After: 7", fault: ApiFault::RateLimit },
    FaultRow {
        name: "http-429-bare",
        summary: "répond 429 sans dire combien attendre",
        fault: ApiFault::RateLimitBare,
    },
    FaultRow { name: "http-503", summary: "répond 503", fault: ApiFault::Unavailable },
    FaultRow { name: "http-500", summary: "répond 500", fault: ApiFault::Internal },
    FaultRow { name: "drop", summary: "ferme sans répondre", fault: ApiFault::Drop },
    FaultRow { name: "cut", summary: "coupe au milieu de la page", fault: ApiFault::Cut },
    FaultRow {
        name: "truncated",
        summary: "page coupée, donnée pour entière (200)",
        fault: ApiFault::Truncated,
    },
    FaultRow { name: "html", summary: "répond une page HTML", fault: ApiFault::Html },
    FaultRow {
        name: "expired-next",
        summary: "lien de page suivante périmé (500)",
        fault: ApiFault::ExpiredNext,
    },
    FaultRow {
        name: "unknown-parameter",
        summary: "refuse un paramètre (400)",
        fault: ApiFault::UnknownParameter,
    },
    FaultRow { name: "no-total", summary: "ne compte pas les réponses", fault: ApiFault::NoTotal },
    FaultRow {
        name: "foreign-next",
        summary: "page suivante sur un autre hôte",
        fault: ApiFault::ForeignNext,
    },
    FaultRow { name: "next-loop", summary: "toujours la même page", fault: ApiFault::NextLoop },
    FaultRow { name: "empty-pages", summary: "pages vides sans fin", fault: ApiFault::EmptyPages },
    FaultRow { name: "slow", summary: "trop long au-delà de cent ressources", fault: ApiFault::Slow },
    FaultRow { name: "shrunk", summary: "six ressources sur dix manquent", fault: ApiFault::Shrunk },
];
