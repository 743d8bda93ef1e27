//! The program `jonction`: reads the command line, wires connectors, engine and simulators, shows results.
//! No protocol and no rule lives here.

use std::process::ExitCode;

mod addresses;
mod admin_client;
mod alert_mail;
mod bench;
mod cases;
mod certificates;
mod cli;
mod commands;
mod demo;
mod directories;
mod encryption;
mod failure;
mod fiction;
mod gateway;
mod graph;
mod letters;
mod mappings;
mod out;
mod packages;
mod project;
mod prove;
mod registry;
mod reloading;
mod renewal;
mod replaying;
mod reports;
mod schema;
mod show;
mod signals;
mod simulators;

fn main() -> ExitCode {
    let cli = match cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err((text, 0)) => {
            out::write(&text);
            return ExitCode::SUCCESS;
        }
        Err((text, code)) => {
            out::warn(&text);
            return ExitCode::from(code);
        }
    };
    log_to_stderr();
    match commands::run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            out::warn(&failure.to_string());
            ExitCode::from(failure.exit)
        }
    }
}

/// Logs, in English, for whoever maintains the machine: `JONCTION_LOG=info`. By default only what a human must see.
fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("JONCTION_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
