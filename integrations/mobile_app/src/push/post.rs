//! Posts to push services. The only place where the integration connects to anything.

use std::error::Error;
use std::sync::OnceLock;
use std::time::Duration;

use hearth_core::settings::PushSettings;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;

use super::addresses::{PrivateAddress, PublicOnly, is_public};

/// What became of a post.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Posted {
    /// The push service has it.
    Done,
    /// It will never take it; said why in the log.
    Refused,
    /// It may take it later.
    Later(String),
}

/// See the module's guide. Made once; its client when it is first needed.
pub(super) struct Poster {
    client: OnceLock<Result<Client, String>>,
    settings: PushSettings,
}

/// Longest text of others that goes into the log, in characters.
const SHOWN_MAX: usize = 300;

/// How long a connection to a push service waits for the next post.
const IDLE: Duration = Duration::from_secs(10);

/// What push services answer.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Reply {
    message: Option<String>,
    #[serde(rename = "errorMessage")]
    error_message: Option<String>,
    #[serde(rename = "rateLimits")]
    rate_limits: Option<RateLimits>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RateLimits {
    successful: u64,
    errors: u64,
    maximum: u64,
    resets_at: String,
}

impl Poster {
    pub(super) fn new(settings: PushSettings) -> Self {
        Self {
            client: OnceLock::new(),
            settings,
        }
    }

    /// Posts a body; `phone` names its phone in the log.
    pub(super) async fn post(&self, url: &str, body: String, phone: &str) -> Posted {
        let response = match self.send(url, body).await {
            Ok(response) => response,
            Err(Failure::Refused(why)) => {
                tracing::error!(phone, why, "a push_url cannot be used");
                return Posted::Refused;
            }
            Err(Failure::Later(why)) => return Posted::Later(why),
        };
        let status = response.status();
        let reply = self.read(response).await;
        match status {
            StatusCode::OK | StatusCode::CREATED | StatusCode::ACCEPTED => {
                if let Some(limits) = &reply.rate_limits {
                    tracing::debug!(phone, limits = limits.shown(), "the push service's limits");
                }
                Posted::Done
            }
            StatusCode::TOO_MANY_REQUESTS => {
                let limits = reply.rate_limits.as_ref().map(RateLimits::shown);
                let message = reply.words();
                tracing::warn!(phone, message, limits, "too many pushes");
                Posted::Later("too many pushes".to_owned())
            }
            status if status.is_server_error() => {
                Posted::Later(format!("{status}: {}", reply.words()))
            }
            status => {
                let message = reply.words();
                tracing::error!(
                    phone,
                    %status,
                    "{message} This message comes from the push service, not from the hub."
                );
                Posted::Refused
            }
        }
    }

    async fn send(&self, url: &str, body: String) -> Result<Response, Failure> {
        let url: Url = url.parse().map_err(|_| refused("it is no URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused("it is neither http nor https"));
        }
        self.check_literal(&url)?;
        let client = self.client.get_or_init(|| self.connect());
        let client = client.as_ref().map_err(|why| refused(why))?;
        let sent = client
            .post(url)
            .header("content-type", "application/json")
            .body(body)
            .send();
        sent.await.map_err(|error| failure(&error))
    }

    /// Addresses in place of a name are not resolved.
    fn check_literal(&self, url: &Url) -> Result<(), Failure> {
        let host = url.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let Ok(address) = bare.parse() else {
            return Ok(());
        };
        if self.settings.allow_private_addresses || is_public(address) {
            return Ok(());
        }
        Err(refused(&PrivateAddress.to_string()))
    }

    fn connect(&self) -> Result<Client, String> {
        // Another part of the program may have chosen already; any choice will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let timeout = Duration::try_from_secs_f64(self.settings.timeout_s).unwrap_or_default();
        let builder = Client::builder()
            .user_agent(concat!("Hearth/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .no_proxy()
            // Users choose the servers: connections to them are kept for a burst, not for long.
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(IDLE)
            .timeout(timeout);
        let builder = match self.settings.allow_private_addresses {
            true => builder,
            false => builder.dns_resolver(PublicOnly),
        };
        builder.build().map_err(|error| {
            tracing::error!(%error, "pushes cannot be posted");
            error.to_string()
        })
    }

    /// What counts is the status; the rest is for the log, and may be broken.
    async fn read(&self, mut response: Response) -> Reply {
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= self.settings.reply_limit => {
                    body.extend_from_slice(&chunk);
                }
                Ok(None) => return serde_json::from_slice(&body).unwrap_or_default(),
                Ok(Some(_)) | Err(_) => return Reply::default(),
            }
        }
    }
}

enum Failure {
    Refused(String),
    Later(String),
}

fn refused(why: &str) -> Failure {
    Failure::Refused(why.to_owned())
}

fn failure(error: &reqwest::Error) -> Failure {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        if error.is::<PrivateAddress>() {
            return refused(&error.to_string());
        }
        cause = error.source();
    }
    match error.is_builder() {
        true => refused("it cannot be requested"),
        false => Failure::Later(reason(error)),
    }
}

/// The URL may hold credentials: it is not shown.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "the push service did not answer in time".to_owned();
    }
    let mut deepest: &dyn Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    match error.source() {
        Some(_) => shown(&deepest.to_string()),
        None => "the push service was not reached".to_owned(),
    }
}

impl Reply {
    /// What it says, as the other hub words it.
    fn words(&self) -> String {
        match (&self.message, &self.error_message) {
            (Some(message), _) => {
                let message = shown(message);
                match message.ends_with(['.', '?', '!']) {
                    true => message,
                    false => format!("{message}."),
                }
            }
            (None, Some(error)) => {
                format!(
                    "Internal server error, please try again later: {}",
                    shown(error)
                )
            }
            (None, None) => "Internal server error, please try again later.".to_owned(),
        }
    }
}

impl RateLimits {
    fn shown(&self) -> String {
        format!(
            "{} of {} sent, {} failed, reset at {}",
            self.successful,
            self.maximum,
            self.errors,
            shown(&self.resets_at)
        )
    }
}

/// Text of others, cut and without what could confuse a terminal.
fn shown(text: &str) -> String {
    let plain = text.chars().filter(|c| !c.is_control());
    plain.take(SHOWN_MAX).collect()
}
