//! `hearth simulate`: phones by the hundred, for labs and load tests.

use std::error::Error;
use std::time::Duration;

use actix::System;
use hearth_simulate::{Mix, Phase, Plan, Progress, run_until};
use indicatif::{ProgressBar, ProgressStyle};

use crate::arguments::{SimulateArguments, Traffic};

pub(super) fn carry_out(arguments: SimulateArguments) -> Result<(), Box<dyn Error>> {
    let plan = Plan {
        devices: arguments.devices,
        rate: arguments.rate,
        duration: arguments.duration,
        encrypted: arguments.encrypted,
        connections: arguments.connections,
        via_relay: arguments.via_relay,
        mix: match arguments.mix {
            Traffic::Phones => Mix::All,
            Traffic::Register => Mix::Register,
            Traffic::Location => Mix::Location,
            Traffic::Zones => Mix::Zones,
            Traffic::Sensors => Mix::Sensors,
        },
        ..Plan::new(arguments.url, arguments.token)
    };
    // The bar goes to stderr and shows on a terminal only; the report goes to stdout.
    let bars = Bars::default();
    let report = System::new().block_on(run_until(plan, interrupt(), |progress| {
        bars.show(progress);
    }))?;
    bars.bar.finish_and_clear();
    if report.interrupted {
        eprintln!("Stopped early; this is what was done until then.");
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    match report.problem() {
        Some(problem) if !report.interrupted => Err(problem.into()),
        _ => Ok(()),
    }
}

/// Ctrl-C. Where it cannot be heard, the run ends by itself only.
async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

struct Bars {
    bar: ProgressBar,
    phase: std::cell::Cell<Option<Phase>>,
}

impl Default for Bars {
    fn default() -> Self {
        let bar = ProgressBar::new(0);
        // The template is a constant; a test below shows that it is good.
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        Self {
            bar,
            phase: std::cell::Cell::new(None),
        }
    }
}

const TEMPLATE: &str = "{prefix:<20} [{bar:40}] {percent:>3}%  {msg}";

impl Bars {
    fn show(&self, progress: Progress) {
        if self.phase.replace(Some(progress.phase)) != Some(progress.phase) {
            self.bar.set_prefix(progress.phase.to_string());
        }
        let (position, length) = match (progress.total, progress.duration) {
            (Some(total), _) => (progress.done, total),
            (None, Some(duration)) => (millis(progress.elapsed), millis(duration)),
            (None, None) => (0, 0),
        };
        self.bar.set_length(length);
        self.bar.set_position(position.min(length));
        let rate = progress.done as f64 / progress.elapsed.as_secs_f64().max(0.001);
        let failed = match progress.failed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        self.bar
            .set_message(format!("{} done, {rate:.0}/s{failed}", progress.done));
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_template_of_the_bar_is_good() {
        assert!(indicatif::ProgressStyle::with_template(super::TEMPLATE).is_ok());
    }
}
