//! `jonction prove`: kills and power cuts, counted; a table in French, or JSON.

use jonction_model::Entropy as _;

use crate::{
    cli::{Common, ProveArgs},
    failure::{Failure, exit},
    out,
    prove::{self, Asked},
    show,
};

pub(super) fn run(args: &ProveArgs, common: &Common) -> Result<u8, Failure> {
    // Short enough to be copied by hand.
    let seed = args.seed.unwrap_or_else(|| jonction_model::OsEntropy.number() % 1_000_000);
    let kills = if args.world.is_some() { 0 } else { args.kills };
    let asked = Asked { kills, cuts: args.cuts, seed, world: args.world };
    if asked.kills + asked.cuts == 0 && asked.world.is_none() {
        return Err(Failure::usage("prove.nothing", "rien à prouver : ni arrêt brutal, ni coupure")
            .remedy("jonction prove --kills 100 --cuts 2000"));
    }
    out::warn(&match asked.world {
        Some(world) => format!("  monde {world} de la graine {seed}\n"),
        None => format!(
            "  graine {seed} : jonction prove --kills {} --cuts {} --seed {seed}\n",
            asked.kills, asked.cuts
        ),
    });
    let report = prove::run(asked, &mut |line| out::warn(&format!("  {line}\n")))?;
    if common.json {
        out::json(&report);
    } else {
        out::write(&show::prove::table(&report));
    }
    Ok(if report.holds() { exit::DONE } else { exit::FINDINGS })
}
