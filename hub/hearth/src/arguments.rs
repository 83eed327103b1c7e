//! What can be typed.

mod relay;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use relay::*;

/// Where a hub keeps its data unless it is told otherwise.
const DEFAULT_DATA_DIR: &str = "hearth-data";

/// Hearth, a home hub: phones, devices and people send data to it, and it acts on it.
#[derive(Debug, Parser)]
#[command(
    name = "hearth",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Without a command the hub is started, as with `hearth run`."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: RunArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the hub; prints one line `ready http://ADDR:PORT` when it serves
    Run(RunArguments),
    /// Users of the hub
    #[command(subcommand)]
    User(UserCommand),
    /// Access tokens for apps and scripts
    #[command(subcommand)]
    Token(TokenCommand),
    /// Addresses that are shut out after too many failed sign-ins
    #[command(subcommand)]
    Ban(BanCommand),
    /// Phones and other devices that are registered
    #[command(subcommand)]
    Registrations(RegistrationsCommand),
    /// Check a configuration file without starting
    Check(CheckArguments),
    /// Simulated phones that register and send data to a hub: a load test
    Simulate(SimulateArguments),
    /// The public relay: webhooks reach hubs behind routers
    #[command(subcommand)]
    Relay(RelayCommand),
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Settings, TOML or YAML; what it does not name keeps its default
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// Address and port to serve on; 127.0.0.1 is this machine only, port 0 any free one
    /// [default: 0.0.0.0:8123]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<String>,
    /// No page and no hints for a person: for labs and CI
    #[arg(long)]
    pub(crate) headless: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DataDir {
    /// The folder that holds everything the hub must not forget
    #[arg(long, value_name = "DIR", env = "HEARTH_DATA_DIR", default_value = DEFAULT_DATA_DIR)]
    pub(crate) data_dir: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user; the first one owns the hub
    Add {
        #[command(flatten)]
        data: DataDir,
        /// Login name
        #[arg(long, value_name = "NAME")]
        name: String,
        /// May change the hub, not only use it
        #[arg(long)]
        admin: bool,
        /// May sign in from the local network only
        #[arg(long)]
        local_only: bool,
        /// Read a password from the first line of standard input; without one the user comes in
        /// by tokens only
        #[arg(long)]
        password_stdin: bool,
    },
    /// List the users
    List {
        #[command(flatten)]
        data: DataDir,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one user and its tokens
    Show {
        #[command(flatten)]
        data: DataDir,
        /// Name or id
        #[arg(value_name = "USER")]
        user: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Give a user a new password, read from the first line of standard input
    Password {
        #[command(flatten)]
        data: DataDir,
        /// Name or id
        #[arg(value_name = "USER")]
        user: String,
    },
    /// Give a user another name; the name to sign in with follows
    Rename {
        #[command(flatten)]
        data: DataDir,
        /// Name or id
        #[arg(value_name = "USER")]
        user: String,
        /// The new name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Let a user in again
    Activate {
        #[command(flatten)]
        data: DataDir,
        /// Name or id
        #[arg(value_name = "USER")]
        user: String,
    },
    /// Shut a user out, with all its tokens, until it is activated again
    Deactivate {
        #[command(flatten)]
        data: DataDir,
        /// Name or id
        #[arg(value_name = "USER")]
        user: String,
    },
    /// Remove a user and all its tokens
    Remove {
        #[command(flatten)]
        data: DataDir,
        /// Name or id
        #[arg(value_name = "USER")]
        user: String,
    },
    /// Say what a user may do
    Group {
        #[command(flatten)]
        data: DataDir,
        /// Name or id
        #[arg(value_name = "USER")]
        user: String,
        /// What it may do from now on
        #[arg(value_enum, value_name = "GROUP")]
        group: Group,
    },
}

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Group {
    /// Change the hub
    Admin,
    /// Use everything
    Users,
    /// See everything
    ReadOnly,
}

impl Group {
    /// As it is typed.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Users => "users",
            Self::ReadOnly => "read-only",
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum BanCommand {
    /// List the addresses that are banned
    List {
        #[command(flatten)]
        data: DataDir,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Let an address try again
    Remove {
        #[command(flatten)]
        data: DataDir,
        /// As `hearth ban list` shows it
        #[arg(value_name = "ADDRESS")]
        address: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a long-lived access token and print it alone. Makes the owner if there is no user yet
    Create {
        #[command(flatten)]
        data: DataDir,
        /// Whose token
        #[arg(long, value_name = "NAME")]
        user: String,
        /// What it is for; unique among the user's tokens
        #[arg(long, value_name = "LABEL")]
        name: String,
        /// How many days it is valid
        #[arg(long, value_name = "DAYS", default_value_t = 3650, value_parser = clap::value_parser!(u32).range(1..=36_500))]
        days: u32,
    },
    /// List tokens, without their secrets
    List {
        #[command(flatten)]
        data: DataDir,
        /// Whose tokens; without it everybody's
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token; its open connections are closed
    Revoke {
        #[command(flatten)]
        data: DataDir,
        /// The id that `hearth token list` shows
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RegistrationsCommand {
    /// List the registered devices
    List {
        #[command(flatten)]
        data: DataDir,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a device: its webhook answers 410 from then on
    Remove {
        #[command(flatten)]
        data: DataDir,
        /// Its entry id, its name, or the beginning of its webhook id (8 characters or more)
        #[arg(value_name = "DEVICE")]
        device: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// The file to check
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct SimulateArguments {
    /// The hub's address, such as http://127.0.0.1:8123
    #[arg(long, value_name = "URL")]
    pub(crate) url: String,
    /// A bearer token (`hearth token create` makes one)
    #[arg(
        long,
        value_name = "TOKEN",
        env = "HEARTH_TOKEN",
        hide_env_values = true
    )]
    pub(crate) token: String,
    /// How many phones
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) devices: usize,
    /// Messages a second, all phones together; 0: as fast as possible
    #[arg(long, value_name = "R", default_value_t = 0.0)]
    pub(crate) rate: f64,
    /// How long to send, such as 30s, 5m or 500ms
    #[arg(long, value_name = "D", default_value = "10s", value_parser = parse_duration)]
    pub(crate) duration: Duration,
    /// Encrypt what the phones send
    #[arg(long)]
    pub(crate) encrypted: bool,
    /// Connections that the phones share
    #[arg(long, value_name = "C", default_value_t = 16)]
    pub(crate) connections: usize,
    /// Send through the hub's relay, and straight to the hub where that fails
    #[arg(long)]
    pub(crate) via_relay: bool,
    /// What the phones send
    #[arg(long, value_enum, default_value_t = Traffic::Phones)]
    pub(crate) mix: Traffic,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What simulated phones send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Traffic {
    /// Locations and sensors, as phones do
    Phones,
    /// Only registrations
    Register,
    /// Only update_location
    Location,
    /// Only get_zones
    Zones,
    /// Only update_sensor_states
    Sensors,
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration such as 30s, 5m, 1h or 500ms");
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let number: f64 = text[..digits].parse().map_err(|_| wrong())?;
    let unit = match &text[digits..] {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    Duration::try_from_secs_f64(number * unit).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn durations_have_units() {
        for (text, millis) in [
            ("30s", 30_000),
            ("500ms", 500),
            ("1.5m", 90_000),
            ("2", 2000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for bad in ["", "s", "5x", "-1s", "1e9h"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
