//! Templates that want to stall or kill the hub. Each is rendered in a process of its own with
//! 3 GB of address space, and must give an error or a harmless result in time.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hearth_core::prelude::json;
use support::at_home;

/// How long one render may take on a busy machine; the limit of the hub is one second.
const DEADLINE: Duration = Duration::from_secs(10);
const ADDRESS_SPACE: u64 = 3 << 30;
const CHILD: &str = "HEARTH_TEMPLATE_HOSTILE";

fn doubling(step: &str, start: &str) -> String {
    format!(
        "{{% set ns = namespace(x={start}) %}}{{% for i in range(40) %}}{{% set ns.x = {step} %}}{{% endfor %}}{{{{ ns.x }}}}"
    )
}

fn templates() -> Vec<String> {
    let mut all: Vec<String> = [
        // Loops and recursion.
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}",
        "{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}",
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
        "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        // The nine that abort the engine as it comes.
        "{{ '{:9999999999}'.format(1) }}",
        "{{ 'x' | indent(10 ** 10, true) }}",
        "{{ ('\\n' * 1000000) | indent(1000000, true, true) }}",
        "{{ ''.join(['x' * 1000000] * 100000) }}",
        "{{ ['x' * 1000000] * 100000 | join }}",
        "{{ (['x' * 1000000] * 100000) | join }}",
        "{{ ('x' * 1000000).replace('x', 'y' * 1000000) }}",
        "{{ ('x' * 1000000) | replace('x', 'y' * 1000000) }}",
        "{{ [1] | batch(10 ** 10, 'x') | list }}",
        "{{ [1] | slice(10 ** 9) | list }}",
        // Widths and repeats.
        "{{ '%9999999999d' % 1 }}",
        "{{ '%.9999999999f' % 1 }}",
        "{{ '%*d' % (10 ** 9, 1) }}",
        "{{ '{:.999999999f}'.format(1.0) }}",
        "{{ '%s' % ('x' * 4000000) ~ 'x' * 4000000 }}",
        "{{ 'x'.center(10 ** 10) }}{{ 'x'.ljust(10 ** 12) }}",
        "{{ 'x'.zfill(10 ** 15) }}",
        "{{ 'x' | center(10 ** 10) }}",
        "{{ 'x' * 10 ** 12 }}",
        "{{ [1] * 10 ** 12 }}",
        "{{ (1, 2) * 10 ** 12 }}",
        "{{ 2 ** (2 ** 60) }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ range(0, 10 ** 30) | list }}",
        "{{ 1 | round(10 ** 18) }}{{ 1 | round(-10 ** 18) }}",
        "{{ {'a': 1} | tojson(indent=10 ** 12) }}",
        "{{ 'x' | truncate(10 ** 18) }}",
        "{{ timedelta(days=10 ** 30) }}",
        "{{ now() + timedelta(days=999999999) }}",
        "{{ 10 ** 300 * 10.0 ** 300 }}",
        "{{ now().strftime('%c' * 1000000) }}",
        // Captured output.
        "{% set x = 'a' * 4000000 %}{% set y %}{% for i in range(1000) %}{{ x }}{% endfor %}{% endset %}",
        "{% set x %}{% for i in range(100000) %}0123456789012345678901234567890123456789{% endfor %}{% endset %}{% set y %}{% for i in range(100000) %}{{ x }}{% endfor %}{% endset %}",
        "{% macro m() %}{% for i in range(100000) %}{{ 'x' * 100000 }}{% endfor %}{% endmacro %}{{ m() | length }}",
        "{% filter upper %}{% for i in range(100000) %}{{ 'x' * 100000 }}{% endfor %}{% endfilter %}",
        "{% autoescape true %}{% for i in range(100) %}{{ '<' * 4000000 }}{% endfor %}{% endautoescape %}",
        // Work inside native code.
        "{% set l = range(100000) | list %}{{ l | select('in', l) | list | length }}",
        "{% set l = range(100000) | list %}{% for i in l %}{{ l.index(99999) }}{% endfor %}",
        "{% set l = ['x' * 1000] * 200000 %}{{ l | unique | list | length }}",
        "{% set l = ['x' * 100000] * 200 %}{% for i in range(100000) %}{{ (l | sort | length) }}{% endfor %}",
        "{{ ('a' * 200000) | regex_search('(a+)+$b') }}",
        "{{ ('a' * 200000) | regex_findall('.*[^A-Z]b|[A-Z]') | length }}",
        "{{ 'a' | regex_search('((((a{100}){100}){100}){100})') }}",
        "{{ ('a' * 16000) | regex_search('(a?){2000}b') }}",
        "{{ 'a' | regex_search('(' * 5000) }}",
        "{% for i in range(100000) %}{{ 'a' | regex_search('(a?){500}' ~ i) }}{% endfor %}",
        "{% for i in range(100000) %}{{ 'x' * 1000000 }}{% endfor %}",
        "{% for i in range(100000) %}{% set y = 'x' * 4000000 %}{% endfor %}",
        "{{ ('[' * 1000000) | from_json }}",
        "{{ ('[1,' * 100000) | from_json }}",
        "{{ ('[' ~ '1,' * 500000 ~ '1]') | from_json | length }}",
        "{{ ('x' * 4000000).split('x') | length }}",
        "{{ 'x' * 4000000 }}{{ ('x' * 4000000).count('') }}",
        // Values in values.
        "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}",
        "{% set ns = namespace() %}{% set l = [ns] %}{% set ns.a = l %}{{ ns }}{{ l | unique | list }}{{ l == l }}",
        "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}",
        "{% set ns = namespace(l={}) %}{% for i in range(100000) %}{% set ns.l = {'a': ns.l} %}{% endfor %}{{ ns.l }}",
        "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = dict(a=ns.l) %}{% endfor %}{{ ns.l }}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(100000) %}{% set ns.l = ns.l | batch(1) | list %}{% endfor %}{{ ns.l }}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(100000) %}{% set ns.l = zip(ns.l) %}{% endfor %}{{ ns.l }}",
        "{% set ns = namespace(n=namespace()) %}{% for i in range(100000) %}{% set m = namespace(p=ns.n) %}{% set ns.n = m %}{% endfor %}",
        "{{ expand('group.lights', 'group.lights') | length }}",
        "{{ ('y' * 4000000) | trim('x' * 3999999 ~ 'y') }}",
        "{{ ('y' * 4000000).strip('x' * 3999999 ~ 'y') }}",
        "{{ 5 is divisibleby 0 }}{{ 5 is divisibleby(0.0) }}",
        "{% set x = 'x' * 4000000 %}{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set y = x | reverse | safe %}{% endfor %}",
        "{{ '' | groupby('x') }}{{ [[]] * 200000 | unique | list }}",
    ]
    .map(str::to_owned)
    .to_vec();
    all.extend([
        doubling("ns.x ~ ns.x", "'xx'"),
        doubling("ns.x + ns.x", "'xx'"),
        doubling("ns.x + ns.x", "[1, 2]"),
        doubling("ns.x * 2", "[1, 2]"),
        doubling("ns.x * ns.x", "3"),
        doubling("[ns.x, ns.x]", "1"),
        doubling("(ns.x, ns.x)", "1"),
        doubling("{'a': ns.x, 'b': ns.x}", "1"),
        doubling("ns.x | replace('x', 'xx')", "'xx'"),
        doubling("'%s%s' % (ns.x, ns.x)", "'xx'"),
        doubling("'{0}{0}'.format(ns.x)", "'xx'"),
        doubling("ns.x | urlencode", "'%%'"),
        doubling("[ns.x] | tojson", "'\\\\<'"),
        doubling("ns.x | escape", "'<&>'"),
        doubling("ns.x | string | pprint", "'\\\\'"),
        doubling("ns.x.split('x') | join('xx') ~ 'x'", "'xx'"),
        // Deep sources.
        format!(
            "{{% set x = '<' * 4000000 %}}{}",
            "{% set y = x | escape %}".repeat(9_000)
        ),
        format!(
            "{{% set x = 'a' * 4000000 %}}{}",
            "{% set y = x | reverse %}".repeat(9_000)
        ),
        format!("{{{{ {}1 }}}}", "-".repeat(20_000)),
        format!("{{{{ {}1 }}}}", "not ".repeat(20_000)),
        format!("{{{{ {}1{} }}}}", "(".repeat(20_000), ")".repeat(20_000)),
        format!("{{{{ {}1{} }}}}", "[".repeat(20_000), "]".repeat(20_000)),
        format!("{{{{ {}1 }}}}", "{'a':".repeat(20_000)),
        format!("{{{{ x{} }}}}", ".y".repeat(100_000)),
        format!("{{{{ x{} }}}}", "|upper".repeat(40_000)),
        format!("{{{{ x{} }}}}", "()".repeat(100_000)),
        format!("{{{{ {} 1 }}}}", "1 ~ ".repeat(60_000)),
        format!("{{{{ {} 1 }}}}", "1 < ".repeat(60_000)),
        format!("{{{{ {} 1 }}}}", "1 if 1 else ".repeat(20_000)),
        format!("{{{{ {} }}}}", "x is defined and ".repeat(15_000)),
        "{% if 1 %}".repeat(20_000),
        "{% for i in x %}".repeat(15_000),
        format!("{{% if 1 %}}{}{{% endif %}}", "{% elif 1 %}".repeat(20_000)),
        "{% macro m() %}".repeat(15_000),
        format!("{{% set {}x = 1 %}}", "(".repeat(100_000)),
        format!("{{% set x{} = 1 %}}", ".y".repeat(100_000)),
        format!("{{{{ {} }}}}", "x(".repeat(100_000)),
        format!("{{{{ '{}' }}}}", "x".repeat(300_000)),
        format!("{{{{ [{}] }}}}", "1,".repeat(120_000)),
        format!("{{{{ {} }}}}", "9".repeat(100_000)),
        // The deepest that passes.
        format!("{{{{ x{} }}}}", "|upper".repeat(1_990)),
        format!("{{{{ {} 1 }}}}", "1 ~ ".repeat(1_990)),
        format!("{{% if 1 %}}{}{{% endif %}}", "{% elif 1 %}".repeat(990)),
    ]);
    all
}

/// The part that runs in a process of its own; nothing to do in the test run itself.
#[test]
fn child() {
    let Ok(number) = std::env::var(CHILD) else {
        return;
    };
    rlimit::Resource::AS
        .set(ADDRESS_SPACE, ADDRESS_SPACE)
        .unwrap();
    let template = templates().swap_remove(number.parse().unwrap());
    let took = at_home(async |home| {
        let started = Instant::now();
        let first = home.render(&template, json!({}), true).await;
        // Whatever it did, the next one is served.
        assert_eq!(home.text("{{ 1 + 1 }}").await, "2");
        let shown = match first {
            Ok(value) => value.to_string(),
            Err(error) => error.to_string(),
        };
        let shown: String = shown.chars().take(100).collect();
        eprintln!("result: {shown}");
        started.elapsed()
    });
    assert!(took < DEADLINE, "took {took:?}");
}

#[test]
fn no_template_ends_the_process_or_takes_long() {
    let all = templates();
    let run = |number: usize| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(CHILD, number.to_string())
            .env("RUST_BACKTRACE", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .unwrap()
    };
    let next = std::sync::atomic::AtomicUsize::new(0);
    let failures = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(template) = all.get(number) else {
                        break;
                    };
                    let output = run(number);
                    let said = String::from_utf8_lossy(&output.stderr).into_owned();
                    if !output.status.success() || said.contains("renderer failed") {
                        let shown: String = template.chars().take(120).collect();
                        failures
                            .lock()
                            .unwrap()
                            .push(format!("{shown}\n   {}: {said}", output.status));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{} of {}:\n{}",
        failures.len(),
        all.len(),
        failures.join("\n")
    );
}
