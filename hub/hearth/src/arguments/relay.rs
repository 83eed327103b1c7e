//! `hearth relay …`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Where a relay keeps its data unless it is told otherwise.
const DEFAULT_DATA_DIR: &str = "hearth-relay-data";

#[derive(Debug, Subcommand)]
pub(crate) enum RelayCommand {
    /// Start the relay; prints `admin http://ADDR:PORT` and `ready http://ADDR:PORT` when it serves
    Run(RelayRunArguments),
    /// Manufacturers' webhooks
    #[command(subcommand)]
    Webhook(RelayWebhookCommand),
    /// Hubs that may connect
    #[command(subcommand)]
    Hub(RelayHubCommand),
    /// Say which hubs a request would reach, and why; nothing is sent
    Explain {
        #[command(flatten)]
        data: RelayDataDir,
        /// The webhook's id
        #[arg(value_name = "WEBHOOK")]
        id: String,
        /// The query, without the question mark
        #[arg(long, value_name = "QUERY", default_value = "")]
        query: String,
        /// A header field, such as `Content-Type: application/json`; may be repeated
        #[arg(long = "header", value_name = "NAME: VALUE")]
        headers: Vec<String>,
        /// The body; @FILE reads it from a file
        #[arg(long, value_name = "BODY")]
        body: Option<String>,
    },
    /// List a webhook's last requests since the relay has started, without their content
    Deliveries {
        #[command(flatten)]
        data: RelayDataDir,
        /// The webhook's id
        #[arg(value_name = "WEBHOOK")]
        id: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RelayRunArguments {
    /// Settings, TOML or YAML; the relay's are in the section `[relay]`
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: RelayDataDir,
    /// Address and port for senders and hubs; port 0 is any free one [default: 0.0.0.0:8443]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<String>,
    /// Address and port for metrics and probes [default: 127.0.0.1:9443]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) admin_listen: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RelayDataDir {
    /// The folder that holds everything the relay must not forget
    #[arg(long, value_name = "DIR", env = "HEARTH_RELAY_DATA_DIR", default_value = DEFAULT_DATA_DIR)]
    pub(crate) data_dir: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RelayWebhookCommand {
    /// Make a webhook; prints its id and its secret, which is shown this once
    Create(Box<RelayWebhookArguments>),
    /// List the webhooks, without their secrets
    List {
        #[command(flatten)]
        data: RelayDataDir,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Give a webhook a new secret and print it; the one before is valid for a while still
    Rotate {
        #[command(flatten)]
        data: RelayDataDir,
        /// The webhook's id
        #[arg(value_name = "WEBHOOK")]
        id: String,
        /// How long the secret before it is valid, in hours
        #[arg(long, value_name = "HOURS", default_value_t = 24)]
        overlap_h: u64,
    },
    /// Let a webhook answer as if it were not there, until it is enabled
    Disable {
        #[command(flatten)]
        data: RelayDataDir,
        /// The webhook's id
        #[arg(value_name = "WEBHOOK")]
        id: String,
    },
    /// Let a webhook answer again
    Enable {
        #[command(flatten)]
        data: RelayDataDir,
        /// The webhook's id
        #[arg(value_name = "WEBHOOK")]
        id: String,
    },
    /// Remove a webhook with all registrations for it
    Revoke {
        #[command(flatten)]
        data: RelayDataDir,
        /// The webhook's id
        #[arg(value_name = "WEBHOOK")]
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RelayWebhookArguments {
    #[command(flatten)]
    pub(crate) data: RelayDataDir,
    /// What it is
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) name: String,
    /// Whose it is
    #[arg(long, value_name = "OWNER", default_value = "")]
    pub(crate) owner: String,
    /// Which value of a request says for whose hub it is, such as `body.device.id`; without it
    /// only the query parameter `homey` does
    #[arg(long, value_name = "PATH")]
    pub(crate) key_path: Option<String>,
    /// The header field by which a repeat is known
    #[arg(long, value_name = "NAME")]
    pub(crate) dedupe_header: Option<String>,
    /// How senders sign
    #[arg(
        long,
        value_enum,
        value_name = "SCHEME",
        requires = "signature_secret_file"
    )]
    pub(crate) signature: Option<RelaySignature>,
    /// The header field of the signature; not for `standard`
    #[arg(long, value_name = "NAME", requires = "signature", default_value = "")]
    pub(crate) signature_header: String,
    /// What stands before the signature, such as `sha256=`
    #[arg(long, value_name = "TEXT", requires = "signature", default_value = "")]
    pub(crate) signature_prefix: String,
    /// The hash of an HMAC
    #[arg(long, value_enum, value_name = "HASH", requires = "signature", default_value_t = RelayHash::Sha256)]
    pub(crate) signature_hash: RelayHash,
    /// A file with the senders' secrets, one a line
    #[arg(long, value_name = "FILE", requires = "signature")]
    pub(crate) signature_secret_file: Option<PathBuf>,
    /// Where a portal's challenge stands
    #[arg(long, value_enum, value_name = "PLACE", requires = "challenge_name")]
    pub(crate) challenge_in: Option<RelayPlace>,
    /// The parameter, or the body's member, that is sent back
    #[arg(long, value_name = "NAME", requires = "challenge_in")]
    pub(crate) challenge_name: Option<String>,
    /// Send it back in a JSON object and not alone
    #[arg(long, requires = "challenge_in")]
    pub(crate) challenge_json: bool,
    /// Only where another value in the same place is this one
    #[arg(long, value_name = "NAME=VALUE", requires = "challenge_in")]
    pub(crate) challenge_when: Option<String>,
    /// Bytes of a body, at most 8388608
    #[arg(long, value_name = "BYTES")]
    pub(crate) body_limit: Option<u64>,
    /// Requests a second
    #[arg(long, value_name = "RATE")]
    pub(crate) rate: Option<f64>,
    /// Requests at once
    #[arg(long, value_name = "COUNT")]
    pub(crate) burst: Option<f64>,
    /// Hours that a message waits for its hub, at most 336
    #[arg(long, value_name = "HOURS")]
    pub(crate) ttl_h: Option<u64>,
}

/// How senders sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RelaySignature {
    /// Standard Webhooks
    Standard,
    /// An HMAC of the body in hex
    HmacHex,
    /// An HMAC of the body in base64
    HmacBase64,
    /// The secret as it is
    TokenHeader,
}

impl RelaySignature {
    /// As the relay knows it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::HmacHex => "hmac_hex",
            Self::HmacBase64 => "hmac_base64",
            Self::TokenHeader => "token_header",
        }
    }
}

/// The hash of an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RelayHash {
    /// SHA-1
    Sha1,
    /// SHA-256
    Sha256,
    /// SHA-512
    Sha512,
}

impl RelayHash {
    /// As the relay knows it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

/// Where a challenge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RelayPlace {
    /// In the query
    Query,
    /// In the body
    Body,
}

impl RelayPlace {
    /// As the relay knows it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Body => "body",
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum RelayHubCommand {
    /// Let a hub connect; prints its id and its token, which is shown this once
    Create {
        #[command(flatten)]
        data: RelayDataDir,
        /// What it is
        #[arg(long, value_name = "NAME", default_value = "")]
        name: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// List the hubs, without their tokens
    List {
        #[command(flatten)]
        data: RelayDataDir,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Give a hub a new token and print it; the one before is valid for a while still
    Rotate {
        #[command(flatten)]
        data: RelayDataDir,
        /// The hub's id
        #[arg(value_name = "HUB")]
        id: String,
        /// How long the token before it is valid, in hours
        #[arg(long, value_name = "HOURS", default_value_t = 24)]
        overlap_h: u64,
    },
    /// Shut a hub out until it is enabled; its messages wait
    Disable {
        #[command(flatten)]
        data: RelayDataDir,
        /// The hub's id
        #[arg(value_name = "HUB")]
        id: String,
    },
    /// Let a hub in again
    Enable {
        #[command(flatten)]
        data: RelayDataDir,
        /// The hub's id
        #[arg(value_name = "HUB")]
        id: String,
    },
    /// Remove a hub with its registrations, cloudhooks and messages
    Revoke {
        #[command(flatten)]
        data: RelayDataDir,
        /// The hub's id
        #[arg(value_name = "HUB")]
        id: String,
    },
    /// List the messages that a hub could not take
    DeadLetters {
        #[command(flatten)]
        data: RelayDataDir,
        /// The hub's id
        #[arg(value_name = "HUB")]
        id: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Send such a message again
    Replay {
        #[command(flatten)]
        data: RelayDataDir,
        /// The hub's id
        #[arg(value_name = "HUB")]
        id: String,
        /// Its number, as `hearth relay hub dead-letters` shows it
        #[arg(value_name = "SEQ")]
        seq: u64,
    },
}
