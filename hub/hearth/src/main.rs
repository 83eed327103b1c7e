//! The Hearth home hub: its command line and its start and orderly stop.
//!
//! Everything that happens at home lives elsewhere. Here the parts are put together ([`run`],
//! whose list of integrations is in [`integrations`]), settings are read ([`configuration`]), and
//! the command line's requests become commands on the bus ([`control`]).

// The one place that prints: a command line talks on stdout.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod accounts;
mod arguments;
mod check_config;
mod command_line;
mod configuration;
mod control;
mod data_dir;
mod discovery;
mod integrations;
mod logging;
mod printable;
mod relay;
mod run;
mod startup_code;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    match command_line::carry_out(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hearth: {error}");
            let mut cause = error.source();
            while let Some(reason) = cause {
                // Many errors quote their cause already.
                if !error.to_string().contains(&reason.to_string()) {
                    eprintln!("  because: {reason}");
                }
                cause = reason.source();
            }
            ExitCode::FAILURE
        }
    }
}
