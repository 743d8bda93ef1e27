//! `jonction hold`, `lift`, `pause`, `resume`: what a human holds back, at once, until lifted.
//! In: a name of the configuration, or an identifier typed on standard input. Out: one order, or the list.

use jonction_engine::{Act, Held, HoldLine};
use jonction_model::{PartnerName, RouteName};

use super::{
    orders,
    questions::{ask, reader},
};
use crate::{
    cli::{Common, HeldAction, HoldAction, HoldArgs, LiftArgs, NamedArgs, OrderArgs},
    failure::{Failure, exit},
    out,
    show::{self, day, padded, time},
};

pub(super) fn hold(args: &HoldArgs, common: &Common) -> Result<u8, Failure> {
    match &args.action {
        HoldAction::List => list(common),
        HoldAction::What(what) => give(common, what, |what| Act::Hold { what }, "retenu"),
    }
}

pub(super) fn lift(args: &LiftArgs, common: &Common) -> Result<u8, Failure> {
    give(common, &args.what, |what| Act::Lift { what }, "n'est plus retenu")
}

pub(super) fn pause(args: &NamedArgs, common: &Common) -> Result<u8, Failure> {
    let what = Held::Partner(partner(&args.name)?);
    orders::give(common, orders::order(&args.order, Act::Hold { what })?, "file arrêtée")
}

pub(super) fn resume(args: &NamedArgs, common: &Common) -> Result<u8, Failure> {
    let what = Held::Partner(partner(&args.name)?);
    orders::give(common, orders::order(&args.order, Act::Lift { what })?, "file reprise")
}

/// A reason that is missing is told before anything is asked.
fn give(common: &Common, action: &HeldAction, act: impl Fn(Held) -> Act, done: &str) -> Result<u8, Failure> {
    let (what, order) = match action {
        HeldAction::Route(args) => {
            let name = RouteName::parse(&args.name).map_err(|_| bad_name("route", &args.name))?;
            (Held::Route(name), &args.order)
        }
        HeldAction::Partner(args) => (Held::Partner(partner(&args.name)?), &args.order),
        HeldAction::Recipient(order) => (typed(order, &act, Held::Recipient, "adresse de la boîte")?, order),
        HeldAction::Patient(order) => {
            (typed(order, &act, Held::Patient, "identifiant du patient (INS ou IPP)")?, order)
        }
    };
    orders::give(common, orders::order(order, act(what))?, done)
}

fn typed(
    order: &OrderArgs,
    act: &impl Fn(Held) -> Act,
    held: fn(jonction_model::Masked<String>) -> Held,
    what: &str,
) -> Result<Held, Failure> {
    orders::order(order, act(held(String::new().into())))?;
    Ok(held(ask(what)?.into()))
}

fn partner(name: &str) -> Result<PartnerName, Failure> {
    PartnerName::parse(name).map_err(|_| bad_name("partenaire", name))
}

fn bad_name(of: &str, name: &str) -> Failure {
    Failure::usage("cli.usage", format!("« {name} » n'est pas un nom de {of}"))
        .remedy("1 à 64 caractères parmi a-z, 0-9, tiret et tiret bas")
}

fn list(common: &Common) -> Result<u8, Failure> {
    let holds = reader(common)?.holds()?;
    if common.json {
        holds.iter().for_each(out::json);
    } else if holds.is_empty() {
        out::say("rien n'est retenu");
    } else {
        holds.iter().for_each(|hold| out::say(line(hold)));
    }
    Ok(exit::DONE)
}

fn line(hold: &HoldLine) -> String {
    let kind = match hold.kind.as_str() {
        "partner" => "partenaire",
        "recipient" => "boîte",
        other => other,
    };
    let waiting = show::status::waiting(hold);
    let reason = hold.reason.as_deref().unwrap_or_default();
    format!(
        "{} {} depuis le {} {} par {}  {waiting}  {reason}",
        padded(kind, 10),
        padded(&hold.name, 20),
        day(hold.since),
        time(hold.since),
        hold.author,
    )
}
