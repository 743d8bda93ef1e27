//! `jonction bench`: measures, each told in its reference.

use std::path::{Path, PathBuf};

use crate::{
    bench::{self, measure::Measure},
    cli::{BenchArgs, Common},
    failure::{Failure, exit},
    out,
};

pub(super) fn run(args: &BenchArgs, common: &Common) -> Result<u8, Failure> {
    if args.list {
        bench::names().for_each(|(name, what)| out::say(format!("{name:<14} {what}")));
        return Ok(exit::DONE);
    }
    let only = args.measure.as_deref().or(args.only.as_deref());
    let here = || PathBuf::from(if Path::new("data").is_dir() { "data" } else { "." });
    let folder = common.data.clone().unwrap_or_else(here);
    // Several figures of one thing: it is said once, under the last of them.
    let mut before: Option<Measure> = None;
    let mut told = |next: Option<&Measure>| {
        if let Some(measure) = &before {
            let last = next.is_none_or(|next| next.what != measure.what);
            out::say(bench::line(measure));
            if last {
                out::say(format!("    {}", measure.what));
            }
        }
        before = next.cloned();
    };
    let measures = bench::run(only, args.long, &folder, |measure| {
        if !common.json {
            told(Some(measure));
        }
    })?;
    told(None);
    if common.json {
        out::json(&measures);
    }
    Ok(exit::DONE)
}
