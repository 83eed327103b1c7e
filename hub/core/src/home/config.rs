//! What a home's configuration is, and which values it may have.

use serde::{Deserialize, Deserializer, Serialize};

use crate::settings::{HubSettings, UnitSystem};

/// The configuration of a home, under the names that clients know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HomeConfig {
    /// What the home is called.
    pub location_name: String,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Metres above the sea.
    pub elevation: i64,
    /// Radius of the home zone in metres.
    pub radius: f64,
    /// IANA name.
    pub time_zone: String,
    /// Units.
    pub unit_system: UnitSystem,
    /// ISO 4217.
    pub currency: String,
    /// ISO 3166-1, two letters.
    pub country: Option<String>,
    /// Language tag.
    pub language: String,
    /// How clients at home reach the hub.
    pub internal_url: Option<String>,
    /// How clients elsewhere reach the hub.
    pub external_url: Option<String>,
}

/// A change of the configuration; what is `None` stays. `Some(None)` takes a value away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HomeChanges {
    /// As in [`HomeConfig`], like all others here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location_name: Option<String>,
    /// Degrees north.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latitude: Option<f64>,
    /// Degrees east.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longitude: Option<f64>,
    /// Metres above the sea.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elevation: Option<i64>,
    /// Radius of the home zone in metres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub radius: Option<f64>,
    /// IANA name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_system: Option<UnitSystem>,
    /// ISO 4217.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// ISO 3166-1, two letters.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "null_takes_away"
    )]
    pub country: Option<Option<String>>,
    /// Language tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// How clients at home reach the hub.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "null_takes_away"
    )]
    pub internal_url: Option<Option<String>>,
    /// How clients elsewhere reach the hub.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "null_takes_away"
    )]
    pub external_url: Option<Option<String>>,
}

fn null_takes_away<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A value that a home's configuration cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: expected {expected}")]
pub struct InvalidHome {
    /// Which: a field of [`HomeConfig`].
    pub field: &'static str,
    /// What it may be, as the end of a sentence.
    pub expected: &'static str,
}

impl HomeConfig {
    /// What the settings say.
    pub fn from_settings(settings: &HubSettings) -> Self {
        Self {
            location_name: settings.name.clone(),
            latitude: settings.latitude,
            longitude: settings.longitude,
            elevation: settings.elevation,
            radius: settings.radius,
            time_zone: settings.time_zone.clone(),
            unit_system: settings.unit_system,
            currency: settings.currency.clone(),
            country: settings.country.clone(),
            language: settings.language.clone(),
            internal_url: settings.internal_url.clone(),
            external_url: settings.external_url.clone(),
        }
    }

    /// The same with these changes; each value is as it was given, checked or not.
    #[must_use]
    pub fn with(mut self, changes: HomeChanges) -> Self {
        fn take<T>(field: &mut T, change: Option<T>) {
            if let Some(value) = change {
                *field = value;
            }
        }
        take(&mut self.location_name, changes.location_name);
        take(&mut self.latitude, changes.latitude);
        take(&mut self.longitude, changes.longitude);
        take(&mut self.elevation, changes.elevation);
        take(&mut self.radius, changes.radius);
        take(&mut self.time_zone, changes.time_zone);
        take(&mut self.unit_system, changes.unit_system);
        take(&mut self.currency, changes.currency);
        take(&mut self.country, changes.country);
        take(&mut self.language, changes.language);
        take(&mut self.internal_url, changes.internal_url);
        take(&mut self.external_url, changes.external_url);
        self
    }

    /// Whether every value is one that a home can have.
    ///
    /// # Errors
    /// Names the first that is not.
    pub fn check(&self) -> Result<(), InvalidHome> {
        let optional = |value: &Option<String>, is_fine: fn(&str) -> bool| {
            value.as_deref().is_none_or(is_fine)
        };
        const URL: &str =
            "an http or https URL without a path, such as \"http://192.168.1.5:8123\"";
        let fields = [
            (
                "location_name",
                is_name(&self.location_name),
                "a name of 1 to 255 characters",
            ),
            (
                "latitude",
                (-90.0..=90.0).contains(&self.latitude),
                "degrees north, from -90 to 90",
            ),
            (
                "longitude",
                (-180.0..=180.0).contains(&self.longitude),
                "degrees east, from -180 to 180",
            ),
            (
                "elevation",
                (-12_000..=100_000).contains(&self.elevation),
                "metres above the sea, from -12000 to 100000",
            ),
            (
                "radius",
                self.radius > 0.0 && self.radius <= 1e8,
                "metres, more than 0 and no more than 100000000",
            ),
            (
                "time_zone",
                is_time_zone(&self.time_zone),
                "the IANA name of a time zone, such as \"Europe/Amsterdam\"",
            ),
            (
                "currency",
                is_code(&self.currency, 3),
                "three capital letters (ISO 4217), such as \"EUR\"",
            ),
            (
                "country",
                optional(&self.country, |code| is_code(code, 2)),
                "two capital letters (ISO 3166-1), such as \"NL\"",
            ),
            (
                "language",
                is_language_tag(&self.language),
                "a language tag, such as \"en\" or \"pt-BR\"",
            ),
            (
                "internal_url",
                optional(&self.internal_url, is_base_url),
                URL,
            ),
            (
                "external_url",
                optional(&self.external_url, is_base_url),
                URL,
            ),
        ];
        match fields.into_iter().find(|(_, is_fine, _)| !is_fine) {
            Some((field, _, expected)) => Err(InvalidHome { field, expected }),
            None => Ok(()),
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && name.chars().count() <= 255 && !name.chars().any(char::is_control)
}

fn is_code(code: &str, length: usize) -> bool {
    code.len() == length && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn is_time_zone(name: &str) -> bool {
    // What jiff itself calls a zone that it does not know.
    name != "Etc/Unknown" && jiff::tz::TimeZone::get(name).is_ok()
}

/// The shape of a tag: a language of two or three letters, then script, region and variants.
fn is_language_tag(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default();
    (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && tag.len() <= 64
        && parts.all(|part| {
            (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

/// `http://host:port`, to which clients append paths.
fn is_base_url(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else {
        return false;
    };
    matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.host().is_some_and(|host| !host.is_empty())
        && uri
            .authority()
            .is_some_and(|authority| !authority.as_str().contains('@'))
        && uri.path_and_query().is_none_or(|path| path.as_str() == "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(changes: HomeChanges) -> Option<&'static str> {
        let config = HomeConfig::from_settings(&HubSettings::default()).with(changes);
        config.check().err().map(|invalid| invalid.field)
    }

    #[test]
    fn the_defaults_are_fine() {
        assert_eq!(refused(HomeChanges::default()), None);
    }

    #[test]
    fn values_that_no_home_has_are_refused() {
        let text = |text: &str| Some(text.to_owned());
        let none = HomeChanges::default;
        for (changes, field) in [
            (
                HomeChanges {
                    location_name: text(" "),
                    ..none()
                },
                "location_name",
            ),
            (
                HomeChanges {
                    latitude: Some(90.1),
                    ..none()
                },
                "latitude",
            ),
            (
                HomeChanges {
                    longitude: Some(f64::NAN),
                    ..none()
                },
                "longitude",
            ),
            (
                HomeChanges {
                    elevation: Some(-20_000),
                    ..none()
                },
                "elevation",
            ),
            (
                HomeChanges {
                    radius: Some(0.0),
                    ..none()
                },
                "radius",
            ),
            (
                HomeChanges {
                    time_zone: text("Mars/Base"),
                    ..none()
                },
                "time_zone",
            ),
            (
                HomeChanges {
                    time_zone: text("Etc/Unknown"),
                    ..none()
                },
                "time_zone",
            ),
            (
                HomeChanges {
                    currency: text("eur"),
                    ..none()
                },
                "currency",
            ),
            (
                HomeChanges {
                    country: Some(text("NLD")),
                    ..none()
                },
                "country",
            ),
            (
                HomeChanges {
                    language: text("english"),
                    ..none()
                },
                "language",
            ),
            (
                HomeChanges {
                    language: text("en_GB"),
                    ..none()
                },
                "language",
            ),
            (
                HomeChanges {
                    internal_url: Some(text("home.local:8123")),
                    ..none()
                },
                "internal_url",
            ),
            (
                HomeChanges {
                    external_url: Some(text("https://a.example/x")),
                    ..none()
                },
                "external_url",
            ),
            (
                HomeChanges {
                    external_url: Some(text("ftp://a.example")),
                    ..none()
                },
                "external_url",
            ),
        ] {
            assert_eq!(refused(changes.clone()), Some(field), "{changes:?}");
        }
    }

    #[test]
    fn values_that_homes_have_are_taken() {
        let text = |text: &str| Some(text.to_owned());
        for url in [
            "http://192.168.1.5:8123",
            "https://home.example.org/",
            "http://[fd00::1]:8123",
        ] {
            let changes = HomeChanges {
                internal_url: Some(text(url)),
                ..HomeChanges::default()
            };
            assert_eq!(refused(changes), None, "{url}");
        }
        for language in ["en", "pt-BR", "zh-Hans", "es-419"] {
            let changes = HomeChanges {
                language: text(language),
                ..HomeChanges::default()
            };
            assert_eq!(refused(changes), None, "{language}");
        }
    }

    #[test]
    fn null_takes_a_value_away_and_a_missing_one_stays() {
        let changes: HomeChanges = serde_json::from_str(r#"{"country": null}"#).unwrap();
        assert_eq!(changes.country, Some(None));
        assert_eq!(changes.external_url, None);
        assert_eq!(
            serde_json::to_string(&changes).unwrap(),
            r#"{"country":null}"#
        );
    }
}
