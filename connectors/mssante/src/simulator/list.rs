//! The liste blanche as the espace de confiance publishes it, told to misbehave by name.
//! In: a request. Out: the list of the simulated domains, good or not. Source: annuaires.md §7, §9.3 n° 65.

use jiff::SignedDuration;
use jonction_simkit::{FaultRow, FaultTable};
use jonction_web::{Reply, server::Arrived};

use super::Shared;

/// Where the list is.
pub(super) const PATH: &str = "/listeblanchemssante.xml";

/// What the service may do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Half of the file, given as whole.
    Cut,
    /// The list of last week.
    Older,
    /// A date that has not come.
    Future,
    /// No domain at all.
    Empty,
    /// A document type declaration with an entity.
    Dtd,
    /// A page instead of the list.
    Html,
    /// 503.
    Unavailable,
}

/// Every fault.
pub const FAULTS: FaultTable<Fault> = &[
    FaultRow { name: "cut", summary: "liste coupée, donnée pour entière", fault: Fault::Cut },
    FaultRow { name: "older", summary: "liste de la semaine d'avant", fault: Fault::Older },
    FaultRow { name: "future", summary: "date de génération à venir", fault: Fault::Future },
    FaultRow { name: "empty", summary: "liste sans aucun domaine", fault: Fault::Empty },
    FaultRow { name: "dtd", summary: "déclaration de type avec une entité", fault: Fault::Dtd },
    FaultRow { name: "html", summary: "une page à la place de la liste", fault: Fault::Html },
    FaultRow { name: "http-503", summary: "répond 503", fault: Fault::Unavailable },
];

pub(super) fn answer(shared: &Shared, asked: &Arrived) -> Reply {
    let fault = shared.list_faults.draw();
    if fault == Some(Fault::Unavailable) {
        return Reply::status(503);
    }
    if asked.route() != PATH {
        return Reply::status(404);
    }
    let hours = match fault {
        Some(Fault::Older) => -7 * 24,
        Some(Fault::Future) => 7 * 24,
        _ => 0,
    };
    // The same list all hour long.
    let now = shared.clock.now().as_second();
    let at = jiff::Timestamp::from_second(now - now.rem_euclid(3600)).unwrap_or_default();
    let at = at + SignedDuration::from_hours(hours);
    let settings = &shared.world.settings;
    let list = match fault {
        Some(Fault::Empty) => super::SimulatorSettings::with_domains([]).whitelist_xml(at),
        Some(Fault::Html) => "<!doctype html><html><body>Maintenance</body></html>".to_owned(),
        Some(Fault::Dtd) => {
            let declared = "?><!DOCTYPE l [<!ENTITY a \"aaaa\">]>";
            settings.whitelist_xml(at).replacen("?>", declared, 1)
        }
        Some(Fault::Cut) => {
            let list = settings.whitelist_xml(at);
            list.get(..list.len() * 3 / 4).unwrap_or_default().to_owned()
        }
        _ => settings.whitelist_xml(at),
    };
    Reply::new(200, "application/xml", list)
}
