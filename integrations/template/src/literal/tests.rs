use proptest::prelude::*;
use serde_json::json;

use super::*;

fn text(source: &str) -> Value {
    Value::String(source.to_owned())
}

#[test]
fn literals_become_values() {
    for (source, value) in [
        ("5", json!(5)),
        ("-5", json!(-5)),
        ("+5", json!(5)),
        ("5.0", json!(5.0)),
        (".5", json!(0.5)),
        ("5.", json!(5.0)),
        ("-0", json!(0)),
        (
            "18446744073709551615",
            json!(18_446_744_073_709_551_615_u64),
        ),
        ("-9223372036854775808", json!(i64::MIN)),
        ("True", json!(true)),
        ("False", json!(false)),
        ("None", json!(null)),
        ("1,2", json!([1, 2])),
        ("1,", json!([1])),
        ("()", json!([])),
        ("(1,)", json!([1])),
        ("(1, 'a')", json!([1, "a"])),
        ("[]", json!([])),
        (
            "[1, 2.5, 'x', None, True,]",
            json!([1, 2.5, "x", null, true]),
        ),
        ("[1, # one\n 2]", json!([1, 2])),
        (
            "[1e5, 0x1f, 1_000, - 5, (7)]",
            json!([100_000.0, 31, 1000, -5, 7]),
        ),
        ("[1e999, -1e999]", json!([null, null])),
        ("{}", json!({})),
        ("{'a': 1}", json!({"a": 1})),
        ("{1: 2, None: 3, True: 4}", json!({"1": 4, "null": 3})),
        ("{1.5: 'x', False: 0}", json!({"1.5": "x", "false": 0})),
        ("{'a': {'b': [1]}}", json!({"a": {"b": [1]}})),
        ("{1, 2, 1}", json!([1, 2])),
        ("set()", json!([])),
        (
            r#"['a\n\x41\u00e9', "it's", r'\n', 'a' 'b', '''t''']"#,
            json!(["a\nAé", "it's", "\\n", "ab", "t"]),
        ),
    ] {
        assert_eq!(parse(source), value, "{source}");
    }
}

#[test]
fn everything_else_stays_text() {
    for source in [
        "",
        "hello",
        "on",
        "true",
        "null",
        "1e5",
        "0x1f",
        "1_000",
        "007",
        "00",
        "05",
        "--1",
        "(5)",
        "- 5",
        "'quoted'",
        "\"quoted\"",
        "'a' 'b'",
        "1j",
        "1+2j",
        "1 2",
        "1 + 2",
        "[1, 2",
        "1]",
        "{\"a\": true}",
        "{'a'}x",
        "[...]",
        "...",
        "b'x'",
        "[b'x']",
        "[1j]",
        "{(1, 2): 3}",
        "{[1]: 2}",
        "{[1]}",
        "18446744073709551616",
        "[18446744073709551616]",
        "-9223372036854775809",
        "nan",
        "inf",
        "[nan]",
        "21.5 °C",
        "1.2.3",
        "2024-01-01",
        "12:30",
        "{'a': 1,, }",
        "[,]",
        "(,)",
        ",",
        "f'x'",
        "['\\ud800']",
        "['a\nb']",
        "[07]",
        "[1__0]",
        "[1_]",
        "[- True]",
        "[+'a']",
        "{**{}}",
        "[*[1]]",
        "set([1])",
        "1\n2",
        "[1]\n[2]",
        "[\0]",
        "Nonesuch",
        "True or False",
        "['\\N{BULLET}']",
        "[u'x' b'y']",
        "0b",
        "0x",
        "[.]",
        "[1.e]",
    ] {
        assert_eq!(parse(source), text(source), "{source}");
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse(&nested(DEPTH_MAX)).is_array());
    let deep = nested(DEPTH_MAX + 1);
    assert_eq!(parse(&deep), text(&deep));
    let deeper = "[".repeat(200_000);
    assert_eq!(parse(&deeper), text(&deeper));
}

/// JSON that is also a Python literal, as Python writes it.
fn python_text(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Array(items) => {
            format!(
                "[{}]",
                items.iter().map(python_text).collect::<Vec<_>>().join(", ")
            )
        }
        Value::Object(map) => {
            let pairs: Vec<String> = map
                .iter()
                .map(|(key, value)| {
                    format!("{}: {}", Value::from(key.as_str()), python_text(value))
                })
                .collect();
            format!("{{{}}}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}

fn json_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        "[a-zA-Z0-9 '\"\\\\éß]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-z']{0,6}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_gives_a_value(source in ".*") {
        let _ = parse(&source);
    }

    #[test]
    fn text_made_of_the_parsers_own_signs_gives_a_value(
        source in "[\\[\\](){}'\"0-9a-fxob_.,:+\\-#\\\\ \nNTFruj]{0,40}"
    ) {
        let _ = parse(&source);
    }

    #[test]
    fn what_python_prints_reads_back(items in prop::collection::vec(json_values(), 0..4)) {
        let value = Value::from(items);
        prop_assert_eq!(parse(&python_text(&value)), value);
    }
}
