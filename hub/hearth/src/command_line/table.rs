//! Lists for a person: columns as wide as what stands in them, and nothing that a terminal would
//! act upon.

use std::io::{self, Write};

use serde_json::Value;

use crate::printable::printable;

/// Prints rows under their headings.
pub(super) fn print<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> io::Result<()> {
    let out = io::stdout().lock();
    write(out, headings, rows)
}

fn write<const N: usize>(
    mut out: impl Write,
    headings: [&str; N],
    rows: &[[String; N]],
) -> io::Result<()> {
    let rows: Vec<[String; N]> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| printable(cell)))
        .collect();
    let mut widths = headings.map(|heading| heading.chars().count());
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let headings = headings.map(str::to_owned);
    for row in std::iter::once(&headings).chain(&rows) {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// A text of a JSON object; `-` where there is none.
pub(super) fn text(of: &Value, key: &str) -> String {
    match &of[key] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => "-".to_owned(),
    }
}

/// A moment of a JSON object without its fraction; `-` where there is none.
pub(super) fn time(of: &Value, key: &str) -> String {
    let text = text(of, key);
    match text.split_once('.') {
        Some((seconds, _)) => format!("{}Z", seconds.replace('T', " ")),
        None => text,
    }
}

/// A flag of a JSON object: `yes` or `-`.
pub(super) fn yes(of: &Value, key: &str) -> String {
    if of[key] == true { "yes" } else { "-" }.to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn columns_fit_what_stands_in_them_and_nothing_moves_the_cursor() {
        let rows = [
            ["Ada".to_owned(), "yes".to_owned()],
            ["x\u{1b}[2J\ny\u{202e}".to_owned(), "-".to_owned()],
        ];
        let mut out = Vec::new();
        write(&mut out, ["NAME", "OWNER"], &rows).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "NAME                   OWNER\n\
             Ada                    yes\n\
             x\\u{1b}[2J\\ny\\u{202e}  -\n"
        );
    }

    #[test]
    fn moments_are_shown_to_the_second() {
        let at = serde_json::json!({"at": "2026-01-31T08:05:09.000120+00:00"});
        assert_eq!(time(&at, "at"), "2026-01-31 08:05:09Z");
        assert_eq!(time(&at, "other"), "-");
    }
}
