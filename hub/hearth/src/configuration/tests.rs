#![allow(clippy::unwrap_used)]

use super::*;

/// The documented defaults, as they stand in the repository.
const DEFAULTS: &str = include_str!("../../../../config/default.toml");

fn load_text(name: &str, text: &str) -> Result<Settings, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    load_with(Some(&path), std::iter::empty()).map_err(|error| error.to_string())
}

fn load_environment(variables: &[(&str, &str)]) -> Result<Settings, String> {
    let variables = variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()));
    load_with(None, variables).map_err(|error| error.to_string())
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    let documented = load_text("default.toml", DEFAULTS).unwrap();
    assert_eq!(
        serde_json::to_value(documented).unwrap(),
        serde_json::to_value(Settings::default()).unwrap()
    );
}

#[test]
fn every_setting_is_documented() {
    let known = serde_json::to_value(Settings::default()).unwrap();
    for (section, keys) in known.as_object().unwrap() {
        assert!(DEFAULTS.contains(&format!("[{section}]")), "[{section}]");
        for key in keys.as_object().unwrap().keys() {
            let plain = format!("\n{key} = ");
            let commented = format!("\n# {key} = ");
            assert!(
                DEFAULTS.contains(&plain) || DEFAULTS.contains(&commented),
                "{section}.{key}"
            );
        }
    }
}

#[test]
fn toml_and_yaml_change_what_they_name() {
    let settings = load_text("a.toml", "[hub]\nname = \"Villa\"\nelevation = -3\n").unwrap();
    assert_eq!(
        (settings.hub.name.as_str(), settings.bus.queue),
        ("Villa", 16_384)
    );
    let settings = load_text("a.yaml", "hub:\n  name: Villa\n  latitude: 52\n").unwrap();
    assert_eq!(
        (settings.hub.name.as_str(), settings.hub.latitude),
        ("Villa", 52.0)
    );
}

#[test]
fn variables_are_read_by_the_kind_of_their_key() {
    let settings = load_environment(&[
        ("HEARTH__HUB__NAME", "5"),
        ("HEARTH__HUB__LATITUDE", "51.5"),
        ("HEARTH__STORE__IN_MEMORY", "true"),
        ("HEARTH__HTTP__WORKERS", "8"),
        ("HEARTH__HTTP__TRUSTED_PROXIES", "10.0.0.1, 10.1.0.0/16"),
        ("HEARTH_DATA_DIR", "elsewhere"),
    ])
    .unwrap();
    assert_eq!(settings.hub.name, "5");
    assert_eq!(settings.hub.latitude, 51.5);
    assert!(settings.store.in_memory);
    assert_eq!(settings.http.workers, 8);
    assert_eq!(settings.http.trusted_proxies, ["10.0.0.1", "10.1.0.0/16"]);
}

#[test]
fn what_is_wrong_with_a_variable_is_told() {
    for (name, value, told) in [
        (
            "HEARTH__HTTP__WORKERS",
            "many",
            "the environment variable HEARTH__HTTP__WORKERS: `http.workers` is \"many\"; expected a whole number",
        ),
        (
            "HEARTH__HTTP__LISTN",
            "x",
            "the environment variable HEARTH__HTTP__LISTN: there is no setting `http.listn`; did you mean `http.listen`?",
        ),
        (
            "HEARTH__",
            "x",
            "the environment variable HEARTH__: expected a name such as HEARTH__HTTP__LISTEN",
        ),
        (
            "HEARTH__NAME",
            "x",
            "the environment variable HEARTH__NAME: expected a name such as HEARTH__HTTP__LISTEN",
        ),
        (
            "HEARTH__HUB__RADIUS",
            "-1",
            "the environment: `hub.radius` is -1.0; expected metres, more than 0 and no more than 100000000",
        ),
    ] {
        assert_eq!(load_environment(&[(name, value)]).unwrap_err(), told);
    }
}

/// The file's text, and what is told of it after the file's name.
const MISTAKES: &[(&str, &str)] = &[
    (
        "[http]\nlistn = 1\n",
        "there is no setting `http.listn`; did you mean `http.listen`?",
    ),
    (
        "[htp]\nlisten = 1\n",
        "there is no setting `htp`; did you mean `http`?",
    ),
    (
        "name = \"x\"\n",
        "there is no setting `name`; did you mean `hub.name`?",
    ),
    (
        "[hub]\nNmae = \"x\"\n",
        "there is no setting `hub.Nmae`; did you mean `hub.name`?",
    ),
    (
        "[hub]\nlisten = \"x\"\n",
        "there is no setting `hub.listen`; did you mean `http.listen`?",
    ),
    ("[hub]\nzzz = 1\n", "there is no setting `hub.zzz`"),
    (
        "http = 3\n",
        "`http` is 3; expected a section with keys of its own",
    ),
    (
        "[hub]\nname = 5\n",
        "`hub.name` is 5; expected a text in quotes",
    ),
    (
        "[hub]\nlatitude = true\n",
        "`hub.latitude` is true; expected a number",
    ),
    (
        "[store]\nin_memory = 1\n",
        "`store.in_memory` is 1; expected true or false",
    ),
    (
        "[http]\nworkers = \"8\"\n",
        "`http.workers` is \"8\"; expected a whole number",
    ),
    (
        "[http]\nworkers = 1.5\n",
        "`http.workers` is 1.5; expected a whole number",
    ),
    (
        "[http]\nworkers = -1\n",
        "`http.workers` is -1; expected a whole number, 0 or more",
    ),
    (
        "[http]\nworkers = 1000\n",
        "`http.workers` is 1000; expected a whole number from 0 to 256",
    ),
    (
        "[http]\nlisten = \"here\"\n",
        "`http.listen` is \"here\"; expected an address and a port, such as 127.0.0.1:8123",
    ),
    (
        "[http]\ntrusted_proxies = [5]\n",
        "`http.trusted_proxies` is [5]; expected a list of texts",
    ),
    (
        "[http]\ntrusted_proxies = [\"x\"]\n",
        "`http.trusted_proxies` is [\"x\"]; expected addresses such as \"192.168.1.2\" and networks such as \"10.0.0.0/8\"",
    ),
    (
        "[log]\nformat = \"loud\"\n",
        "`log.format` is \"loud\"; expected `human` or `json`",
    ),
    (
        "[log]\nlevel = \"loud\"\n",
        "`log.level` is \"loud\"; expected error, warn, info, debug, trace, or a filter such as \"info,hearth_http=debug\"",
    ),
    (
        "[hub]\nlatitude = 91.0\n",
        "`hub.latitude` is 91.0; expected degrees north, from -90 to 90",
    ),
    (
        "[hub]\ntime_zone = \"Mars\"\n",
        "`hub.time_zone` is \"Mars\"; expected the IANA name of a time zone, such as \"Europe/Amsterdam\"",
    ),
    (
        "[hub]\nname = \"\"\n",
        "`hub.name` is \"\"; expected a name of 1 to 255 characters",
    ),
    (
        "[hub]\ninternal_url = \"home:8123\"\n",
        "`hub.internal_url` is \"home:8123\"; expected an http or https URL without a path, such as \"http://192.168.1.5:8123\"",
    ),
    (
        "[provision]\nusers = 5\n",
        "`provision.users` is 5; expected tables, each under [[provision.users]]",
    ),
    (
        "[[provision.users]]\nname = \"x\"\nowener = true\n",
        "there is no setting `provision.users[0].owener`; did you mean `provision.users[0].owner`?",
    ),
    (
        "[[provision.users]]\nowner = true\n",
        "`provision.users[0].name`: expected to be given",
    ),
    (
        "[[provision.users]]\nname = \"x\"\ntoken = 5\n",
        "`provision.users[0].token`: expected a text, { file = \"PATH\" } or { env = \"NAME\" }",
    ),
    (
        "[[provision.users]]\nname = \"x\"\ntoken = \"short\"\n",
        "`provision.users[0].token`: expected 16 to 1024 printable ASCII characters without spaces",
    ),
    (
        "[[provision.users]]\nname = \"x\"\n[[provision.users]]\nname = \"X\"\n",
        "`provision.users[1].name`: expected a name that no other user has",
    ),
];

#[test]
fn mistakes_are_told_with_file_key_and_what_was_expected() {
    for (text, told) in MISTAKES {
        let error = load_text("a.toml", text).unwrap_err();
        let (file, rest) = error.split_once(": ").unwrap();
        assert!(file.ends_with("a.toml"), "{error}");
        assert_eq!(rest, *told);
    }
    assert!(load_text("a.ini", "").unwrap_err().contains(".toml"));
    assert!(
        load_text("a.toml", "[hub\n")
            .unwrap_err()
            .contains("line 1")
    );
    let long = format!("[http]\n\nbody_limit = {}\n", "9".repeat(25));
    let error = load_text("a.toml", &long).unwrap_err();
    assert!(
        error.ends_with("line 3: expected a smaller number"),
        "{error}"
    );
}

#[test]
fn a_registration_that_cannot_be_is_told_by_its_field() {
    let good = |index: usize| {
        format!(
            "[[provision.registrations]]\nuser = \"lab\"\ndevice_name = \"Phone\"\ndevice_id = \"id{index}\"\nwebhook_id = \"0123456789abcde{index}\"\n"
        )
    };
    let pair = |second: &str| load_text("a.toml", &(good(0) + second));
    assert!(pair(&good(1)).is_ok());
    let secret = "ab".repeat(32);
    for (field, second) in [
        ("webhook_id", good(1).replace("abcde1", "abcde0")),
        ("webhook_id", good(1).replace("0123", "01/3")),
        ("webhook_id", good(1).replace("0123456789", "")),
        ("device_id", good(1).replace("id1", "id0")),
        ("device_name", good(1).replace("Phone", " ")),
        ("secret", good(1) + "secret = \"abc\"\n"),
        ("secret", good(1) + "supports_encryption = true\n"),
        (
            "supports_encryption",
            good(1) + "supports_encryption = \"yes\"\n",
        ),
    ] {
        let error = pair(&second).unwrap_err();
        let key = format!("`provision.registrations[1].{field}`");
        assert!(error.contains(&key), "{error}");
        assert!(!error.contains("abcde"), "no secret is shown: {error}");
    }
    assert!(pair(&(good(1) + &format!("secret = \"{secret}\"\n"))).is_ok());
}

#[test]
fn the_lab_of_the_repository_is_good() {
    let lab = include_str!("../../../../config/lab.toml");
    let settings = load_text("lab.toml", lab).unwrap();
    assert_eq!(settings.provision.users.len(), 1);
}

#[test]
fn yaml_with_tags_of_another_program_is_refused_by_line() {
    for (text, line, told) in [
        (
            "hub:\n  name: !secret door\n",
            2,
            "{ file: PATH } or { env: NAME }",
        ),
        ("timer: !include timers.yaml\n", 1, "write it out"),
        (
            "group:\n  a:\n    entities: !custom [light.a]\n",
            3,
            "without it",
        ),
    ] {
        let error = load_text("a.yaml", text).unwrap_err();
        assert!(
            error.contains(&format!("line {line}: the tag `!")),
            "{error}"
        );
        assert!(error.contains(told), "{error}");
    }
    for text in [
        "hub:\n  name: \"!secret door\" # !include\n",
        "hub:\n  name: !!str 5\n",
    ] {
        load_text("a.yaml", text).unwrap();
    }
}
