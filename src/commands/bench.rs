//! `jonction bench`: measures, each told in its reference.

use crate::{
    bench,
    cli::{BenchArgs, Common},
    failure::{Failure, exit},
    out,
};

pub(super) fn run(args: &BenchArgs, common: &Common) -> Result<u8, Failure> {
    if args.list {
        bench::names().for_each(|(name, what)| out::say(format!("{name:<14} {what}")));
        return Ok(exit::DONE);
    }
    let measures = bench::run(args.only.as_deref(), args.long, |measure| {
        if !common.json {
            out::say(bench::line(measure));
        }
    })?;
    if common.json {
        out::json(&measures);
    }
    Ok(exit::DONE)
}
