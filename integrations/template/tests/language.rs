//! The language: what templates print, and what they say when they fail.
#![allow(clippy::unwrap_used)]

mod support;

use hearth_core::prelude::json;
use support::at_home;

#[test]
fn the_seed_example_renders() {
    at_home(async |home| {
        let template = "Hello {{ name }}, the kitchen light is {{ states('light.kitchen') }}.";
        let rendered = home.render(template, json!({"name": "Ada"}), true).await;
        assert_eq!(rendered, Ok(json!("Hello Ada, the kitchen light is on.")));
    });
}

#[test]
fn results_have_native_types() {
    at_home(async |home| {
        for (template, value) in [
            ("{{ 1 + 1 }}", json!(2)),
            ("{{ [1, 2] }}", json!([1, 2])),
            ("{{ (1, 2) }}", json!([1, 2])),
            ("{{ {'a': 1} }}", json!({"a": 1})),
            ("{{ 2.0 }}", json!(2.0)),
            ("{{ none }}", json!(null)),
            ("{{ 1 > 0 }}", json!(true)),
            ("{{ states('sensor.outside') | float }}", json!(21.456)),
            ("{{ '007' }}", json!("007")),
            ("{{ 2 ** 64 }}", json!("18446744073709551616")),
            ("{{ 1e20 }}", json!("1e+20")),
            ("{{ '{\"a\": true}' }}", json!("{\"a\": true}")),
            (" {{ 5 }} ", json!(5)),
            ("5", json!(5)),
            ("  plain  ", json!("plain")),
            ("{# 5 #}", json!("")),
        ] {
            assert_eq!(home.typed(template).await, value, "{template}");
        }
        assert_eq!(home.text(" {{ 1 + 1 }} ").await, "2");
    });
}

#[test]
fn values_print_as_python_prints_them() {
    at_home(async |home| {
        home.assert_texts(&[
            ("{{ none }} {{ true }} {{ false }}", "None True False"),
            (
                "{{ [1, 'a', none, true, 1.0] }}",
                "[1, 'a', None, True, 1.0]",
            ),
            ("{{ (1,) }} {{ () }} {{ (1, 'b') }}", "(1,) () (1, 'b')"),
            ("{{ {'b': 1, 'a': [2]} }}", "{'b': 1, 'a': [2]}"),
            ("{{ \"it's\" }} {{ [\"it's\"] }}", "it's [\"it's\"]"),
            ("{{ ['a\\nb'] }}", "['a\\nb']"),
            (
                "{{ 1e16 }} {{ 0.00001 }} {{ 1/3 }}",
                "1e+16 1e-05 0.3333333333333333",
            ),
            (
                "{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }}",
                "3 -4 2 3.5",
            ),
            (
                "{{ 2 ** 10 }} {{ 2 ** -1 }} {{ 2 ** 0.5 }}",
                "1024 0.5 1.4142135623730951",
            ),
            ("{{ foo }}|{{ foo.bar if foo is defined else 'no' }}", "|no"),
            ("{{ 'a' ~ 1 ~ none ~ foo }}", "a1None"),
            ("{{ 'ab' * 3 }}{{ 'x' * -1 }}{{ [1] * 2 }}", "ababab[1, 1]"),
            ("{{ [1] + [2] }}{{ 'a' + 'b' }}", "[1, 2]ab"),
        ])
        .await;
    });
}

#[test]
fn operators_and_statements_work() {
    at_home(async |home| {
        home.assert_texts(&[
            ("{% set x = 3 %}{% if x > 2 and x < 5 %}yes{% else %}no{% endif %}", "yes"),
            ("{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 2 in [1, 2] }} {{ 3 not in [1] }}", "True False True True"),
            ("{% for i in range(3) %}{{ loop.index }}{{ ',' if not loop.last }}{% endfor %}", "1,2,3"),
            ("{% for c in 'abc' %}{{ c }}{{ '-' if not loop.last }}{% endfor %}", "a-b-c"),
            ("{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{% endfor %}", "a1b2"),
            ("{% for i in [3, 1, 2] | sort if i > 1 %}{{ i }}{% endfor %}", "23"),
            ("{% for i in foo %}x{% else %}none{% endfor %}", "none"),
            ("{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "01"),
            ("{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, b=3) }}", "1213"),
            ("{% set ns = namespace(x=0) %}{% for i in [1,2] %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}", "3"),
            ("{% set x %}a{{ 1 }}{% endset %}{{ x | upper }}", "A1"),
            ("{{ 'abc'[1] }}{{ 'abc'[-1] }}{{ [1,2,3][1:] }}{{ 'abcd'[::-1] }}{{ [0,1,2,3][3:0:-1] }}", "bc[2, 3]dcba[3, 2, 1]"),
            ("{% filter upper %}abc{% endfilter %}", "ABC"),
            ("{% with a = 1 %}{{ a }}{% endwith %}", "1"),
            ("{{ {'a': {'b': 2}}.a.b }} {{ {'a': 1}['a'] }} {{ {'a': 1}.get('x', 5) }}", "2 1 5"),
            ("{% call(x) m() %}{{ x }}{% endcall %}{% macro m() %}{{ caller(4) }}{% endmacro %}", "UndefinedError: 'm' is undefined"),
            ("{% macro m() %}[{{ caller(4) }}]{% endmacro %}{% call(x) m() %}{{ x }}{% endcall %}", "[4]"),
            ("a\n{%- if true -%}\n b \n{%- endif %}", "ab"),
        ])
        .await;
    });
}

#[test]
fn methods_of_texts_and_containers_work() {
    at_home(async |home| {
        home.assert_texts(&[
            ("{{ 'a,b,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a.b.c'.rsplit('.', 1) }}", "['a', 'b', 'c'] ['a', 'b'] ['a.b', 'c']"),
            ("{{ 'light.kitchen'.split('.')[1].title() }}", "Kitchen"),
            ("{{ 'abc'.replace('b', 'x') }} {{ 'aaa'.replace('a', 'b', 2) }} {{ 'ab'.replace('', '-') }}", "axc bba -a-b-"),
            ("{{ '7'.zfill(3) }}{{ '-7'.zfill(3) }}|{{ 'x'.center(4) }}|{{ 'x'.ljust(2) }}|{{ 'x'.rjust(2) }}", "007-07| x  |x | x"),
            ("{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith(('x', 'c')) }} {{ 'abcabc'.find('c', 3) }}", "True True 5"),
            ("{{ 'a-b'.partition('-') }} {{ 'abc'.removeprefix('a') }} {{ ', '.join(['a', 'b']) }}", "('a', '-', 'b') bc a, b"),
            ("{{ '%02d:%s' % (5, 'x') }} {{ '%.2f%%' % 1.005 }} {{ '%5.1f|%-4s|' % (2.25, 'a') }}", "05:x 1.00%   2.2|a   |"),
            ("|{{ '{:>5}|{:.2f}|{:,}|{:05d}|{!r}'.format('a', 1.5, 12345, 42, 'q') }}", "|    a|1.50|12,345|00042|'q'"),
            ("{{ '{0}{1}{0}'.format('a', 'b') }} {{ '{x}'.format(x=1) }} {{ '%s-%s'|format(1, 2) }}", "aba 1 1-2"),
            ("{{ '{:.3g} {:e} {:x} {:%}'.format(1234.5, 12.0, 255, 0.25) }}", "1.23e+03 1.200000e+01 ff 25.000000%"),
            ("{{ [1, 2, 1].count(1) }} {{ ['a', 'b'].index('b') }} {{ {'a': 1}.keys() | list }}", "2 1 ['a']"),
            ("{{ 'aBc'.swapcase() }} {{ 'ab'.isalpha() }} {{ '12'.isdigit() }} {{ 'Ab'.islower() }}", "AbC True True False"),
        ])
        .await;
    });
}

#[test]
fn filters_work() {
    at_home(async |home| {
        home.assert_texts(&[
            ("{{ '5.7' | float }} {{ '5.7' | int }} {{ 'x' | float(0) }} {{ 'ff' | int(base=16) }} {{ 'x' | int(-1) }}", "5.7 5 0 255 -1"),
            ("{{ 21.456 | round(1) }} {{ 2.5 | round }} {{ 2.1 | round(0, 'ceil') }} {{ 'x' | round(1, default='d') }}", "21.5 2 3 d"),
            ("{{ 'on' | bool }} {{ 'off' | bool }} {{ 'x' | bool('d') }} {{ 1 | bool }}", "True False d True"),
            ("{{ iif(1 > 0, 'a', 'b') }} {{ none | iif('a', 'b', 'c') }} {{ 0 | iif }}", "a c False"),
            ("{{ [3, 1, 2] | sort | join(', ') }} {{ [1, 2, 3] | sum }} {{ [0.1, 0.2, 0.3] | sum }}", "1, 2, 3 6 0.6"),
            ("{{ [1, 2, 3, 4] | select('>', 2) | list }} {{ [{'a': 1}, {'a': 2}] | map(attribute='a') | list }}", "[3, 4] [1, 2]"),
            ("{{ [{'a': 1, 'n': 'x'}, {'a': 2, 'n': 'y'}] | selectattr('a', 'eq', 2) | map(attribute='n') | first }}", "y"),
            ("{{ range(5) | batch(2, '-') | list }}", "[[0, 1], [2, 3], [4, '-']]"),
            ("{{ range(5) | slice(2) | list }}", "[[0, 1, 2], [3, 4]]"),
            ("{{ 'a\nb' | indent(2) }}|{{ 'hello world' | truncate(8, leeway=0) }}|{{ 'x' | center(3) }}|", "a\n  b|hello...| x |"),
            ("{{ foo | default('d') }} {{ '' | default('e', true) }} {{ none | default('n') }}", "d e None"),
            ("{{ {'a': [1, 'é'], 'b': none} | to_json }} {{ '[1, {\"z\": 1, \"a\": null}]' | from_json }}", "{\"a\":[1,\"é\"],\"b\":null} [1, {'z': 1, 'a': None}]"),
            ("{{ {'a': '<'} | tojson }}", "{\"a\": \"\\u003c\"}"),
            ("{{ 'abc' | regex_match('b') }} {{ 'abc' | regex_search('b') }} {{ 'abc' is match('A', ignorecase=true) }}", "False True True"),
            ("{{ 'abc-12' | regex_replace('([a-z]+)-(\\\\d+)', '\\\\2:\\\\g<1>') }} {{ 'a1b22' | regex_findall('[0-9]+') }} {{ 'a1b22' | regex_findall_index('[0-9]+', 1) }}", "12:abc ['1', '22'] 22"),
            ("{{ min(3, 1, 2) }} {{ [3, 1] | max }} {{ average([1, 2]) }} {{ median(1, 5, 3) }}", "1 3 1.5 3.0"),
            ("{{ 'Küche 1' | slugify }} {{ 'a b' | urlencode }} {{ {'a b': 'c&'} | urlencode }}", "kuche_1 a%20b a+b=c%26"),
            ("{{ 5 is number }} {{ 'x' is string }} {{ [] is list }} {{ () is tuple }} {{ foo is defined }} {{ '5' is is_number }}", "True True True True False True"),
            ("{{ 'x' | upper | lower | title }} {{ 'a b' | wordcount }} {{ 5 | add(2) }} {{ '4' | multiply(2) }}", "X 2 7.0 8.0"),
            ("{{ sqrt(16) }} {{ sqrt(-1, 'd') }} {{ typeof(1) }} {{ [1, 2] | contains(2) }}", "4.0 d int True"),
            ("{{ dict([('a', 1)], b=2) }} {{ zip([1, 2], 'ab') | list }} {{ range(5, 0, -2) | list }}", "{'a': 1, 'b': 2} [(1, 'a'), (2, 'b')] [5, 3, 1]"),
        ])
        .await;
    });
}

#[test]
fn errors_have_pythons_name_and_words() {
    at_home(async |home| {
        home.assert_texts(&[
            ("{{ 1 / 0 }}", "ZeroDivisionError: division by zero"),
            ("{{ 1 % 0 }}", "ZeroDivisionError: integer modulo by zero"),
            ("{{ 1.0 / 0 }}", "ZeroDivisionError: float division by zero"),
            ("{{ foo.bar }}", "UndefinedError: 'foo' is undefined"),
            ("{{ foo + 1 }}", "UndefinedError: 'foo' is undefined"),
            ("{{ foo() }}", "UndefinedError: 'foo' is undefined"),
            ("{{ foo.bar() }}", "UndefinedError: 'foo' is undefined"),
            ("{{ 1 < foo }}", "UndefinedError: 'foo' is undefined"),
            ("{{ {'a': 1}.b.c }}", "UndefinedError: 'dict object' has no attribute 'b'"),
            ("{{ {'a': 1}['b'] + 1 }}", "UndefinedError: 'dict object' has no attribute 'b'"),
            ("{{ none.x.y }}", "UndefinedError: 'None' has no attribute 'x'"),
            ("{{ [1][5] + 1 }}", "UndefinedError: list object has no element 5"),
            ("{{ 'x'.nope() }}", "UndefinedError: 'str object' has no attribute 'nope'"),
            ("{{ 'x' | float }}", "ValueError: Template error: float got invalid input 'x' when rendering template '{{ 'x' | float }}' but no default was specified"),
            (" {{ foo | int }} ", "ValueError: Template error: int got invalid input '' when rendering template '{{ foo | int }}' but no default was specified"),
            ("{% if %}", "TemplateSyntaxError: Expected an expression, got 'end of statement block'"),
            ("{{ }}", "TemplateSyntaxError: Expected an expression, got 'end of print statement'"),
            ("{% do x() %}", "TemplateSyntaxError: Encountered unknown tag 'do'."),
            ("{% nope %}", "TemplateSyntaxError: Encountered unknown tag 'nope'."),
            ("{{ {1, 2} }}", "TemplateSyntaxError: expected token ':', got ','"),
            ("{{ 1", "TemplateSyntaxError: unexpected end of template, expected 'end of print statement'."),
            ("{{ foo bar }}", "TemplateSyntaxError: expected token 'end of print statement', got 'bar'"),
            ("{{ 1 + }}", "TemplateSyntaxError: unexpected 'end of print statement'"),
            ("{{ 1 | nope }}", "TemplateAssertionError: No filter named 'nope'."),
            ("{{ 1 is nope }}", "TemplateAssertionError: No test named 'nope'."),
            ("{% include 'x.jinja' %}", "TemplateNotFound: x.jinja"),
            ("{% import 'x.jinja' as x %}", "TemplateNotFound: x.jinja"),
            ("{{ none + 1 }}", "TypeError: unsupported operand type(s) for +: 'NoneType' and 'int'"),
            ("{{ 'a' > 1 }}", "TypeError: '>' not supported between instances of 'str' and 'int'"),
            ("{{ none > 1 }}", "TypeError: '>' not supported between instances of 'NoneType' and 'int'"),
            ("{{ 'a' + 1 }}", "TypeError: can only concatenate str (not \"int\") to str"),
            ("{% for i in 5 %}{% endfor %}", "TypeError: 'int' object is not iterable"),
            ("{{ 5 | list }}", "TypeError: 'int' object is not iterable"),
            ("{{ 1 in 5 }}", "TypeError: argument of type 'int' is not iterable"),
            ("{{ range(100001) }}", "OverflowError: Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000)."),
            ("{{ states['nope nope.x'] }}", "TemplateError: Invalid entity ID 'nope nope.x'"),
            ("{{ states['No'] }}", "TemplateError: Invalid domain name 'No'"),
            ("{{ today_at('x') }}", "ValueError: could not convert str to datetime: 'x'"),
            ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "RecursionError: maximum recursion depth exceeded"),
        ])
        .await;
    });
}

#[test]
fn the_sandbox_refuses_what_is_unsafe() {
    at_home(async |home| {
        home.assert_texts(&[
            ("[{{ ''.__class__ }}]", "[]"),
            (
                "{{ ''.__class__.__mro__ }}",
                "SecurityError: access to attribute '__class__' of 'str' object is unsafe.",
            ),
            (
                "{{ ''.__class__() }}",
                "SecurityError: access to attribute '__class__' of 'str' object is unsafe.",
            ),
            (
                "{{ [1].append(2) }}",
                "SecurityError: access to attribute 'append' of 'list' object is unsafe.",
            ),
            (
                "{{ {}.update({}) }}",
                "SecurityError: access to attribute 'update' of 'dict' object is unsafe.",
            ),
            (
                "{{ '{0.__class__}'.format(1) }}",
                "SecurityError: access to attribute '__class__' of 'int' object is unsafe.",
            ),
            ("{{ {'_x': 1}._x }}", "1"),
        ])
        .await;
    });
}
