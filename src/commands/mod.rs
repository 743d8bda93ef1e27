//! The commands, one file each.

mod audit;
mod backup;
mod bench;
mod check;
mod demo;
mod directory;
mod explain;
mod graph;
mod holds;
mod key;
mod legal;
mod orders;
mod package;
mod parked;
pub(crate) mod probe;
mod prove;
mod purge;
mod questions;
mod recall;
mod record;
mod replay;
mod report;
mod run;
pub(crate) mod schema;
mod send;
mod send_mail;
mod simulate;
pub(crate) mod status;
mod test;
mod versions;

use std::path::{Path, PathBuf};

use crate::{
    addresses::Addresses,
    cli::{Cli, Command},
    failure::{Failure, io},
    signals::Signals,
};

/// Runs a command. Out: the exit code.
pub(crate) fn run(cli: Cli) -> Result<u8, Failure> {
    let common = cli.common;
    match cli.command {
        Command::Check(args) => check::run(&args, &common),
        Command::Schema(args) => schema::run(&args, &common),
        Command::Graph(args) => graph::run(&args, &common),
        Command::Versions(args) => versions::versions(&args, &common),
        Command::Reload(args) => versions::reload(&args, &common),
        Command::Replay(args) => replay::run(&args, &common),
        Command::Rollback(args) => versions::rollback(&args, &common),
        Command::Test(args) => test::run(&args, &common),
        Command::Package(args) => package::run(&args, &common),
        Command::Explain(args) => explain::run(&args, &common),
        Command::Find(args) => questions::find(&args, &common),
        Command::Journey(args) => questions::journey(&args, &common),
        Command::Balance(args) => questions::balance(&args, &common),
        Command::Parked(args) => parked::run(&args, &common),
        Command::Audit(args) => audit::run(&args, &common),
        Command::Backup(args) => backup::backup(&args, &common),
        Command::Restore(args) => backup::restore(&args, &common),
        Command::Purge(args) => purge::run(&args, &common),
        Command::Legal(args) => legal::run(&args, &common),
        Command::Hold(args) => holds::hold(&args, &common),
        Command::Lift(args) => holds::lift(&args, &common),
        Command::Recall(args) => recall::run(&args, &common),
        Command::Pause(args) => holds::pause(&args, &common),
        Command::Resume(args) => holds::resume(&args, &common),
        Command::Directory(args) => directory::run(&args, &common),
        Command::Key(args) => key::run(&args, &common),
        Command::Bench(args) => bench::run(&args, &common),
        Command::Prove(args) => prove::run(&args, &common),
        Command::Status(args) => runtime()?.block_on(status::run(&args, &common)),
        Command::Report(args) => report::run(&args, &common),
        Command::Probe(args) => runtime()?.block_on(probe::run(&args, &common)),
        Command::Run(args) => runtime()?.block_on(run::run(&args, &common)),
        Command::Simulate(args) => runtime()?.block_on(simulate::run(&args, &common)),
        Command::Send(args) => runtime()?.block_on(send::run(&args, &common)),
        Command::Demo(args) => runtime()?.block_on(demo::run(&args, &common)),
    }
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new("runtime.cannot-start", error.to_string()))
}

/// The data folder: the one typed, else the project's own.
fn data_folder(typed: Option<&PathBuf>, of_project: &Path) -> PathBuf {
    typed.cloned().unwrap_or_else(|| of_project.to_owned())
}

fn read_addresses(data: &Path) -> Result<Addresses, Failure> {
    Addresses::read(data).map_err(|error| io("addresses.json ne se lit pas", data, &error))
}

/// Waits for Ctrl-C or a request to end.
async fn asked_to_stop() {
    match Signals::new() {
        Ok(mut signals) => signals.stop().await,
        // Without signals there is nothing to wait for: run until killed.
        Err(_) => std::future::pending().await,
    }
}
