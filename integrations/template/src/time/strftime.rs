//! `strftime` as Python with the C locale has it.

use minijinja::Error;

use super::{DateTime, offset_text};
use crate::text::TextWriter;

const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(super) fn format(time: &DateTime, format: &str) -> Result<String, Error> {
    let mut out = TextWriter::default();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push(&rest[..at])?;
        rest = &rest[at + 1..];
        let mut directive = rest.chars();
        let Some(mut letter) = directive.next() else {
            out.push("%")?;
            break;
        };
        // `%-d`: without leading zeros.
        let bare = letter == '-';
        if bare {
            match directive.next() {
                Some(next) => letter = next,
                None => break,
            }
        }
        rest = directive.as_str();
        match expand(time, letter) {
            Some(text) if bare => {
                let short = text.trim_start_matches(['0', ' ']);
                out.push(if short.is_empty() { "0" } else { short })?;
            }
            Some(text) => out.push(&text)?,
            None => {
                out.push("%")?;
                out.push(letter.encode_utf8(&mut [0; 4]))?;
            }
        }
    }
    out.push(rest)?;
    out.finish()
}

/// `None`: no directive of this letter.
fn expand(time: &DateTime, letter: char) -> Option<String> {
    let at = time.civil;
    let date = at.date();
    let weekday = date.weekday();
    let day_name = DAYS[usize::try_from(weekday.to_monday_zero_offset()).unwrap_or(0) % 7];
    let month_name = MONTHS[usize::try_from(at.month() - 1).unwrap_or(0) % 12];
    let hour12 = match at.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let year_day = date.day_of_year();
    let week = |first_day: i16| (year_day + 6 - first_day) / 7;
    let iso = date.iso_week_date();
    Some(match letter {
        'Y' => format!("{:04}", at.year()),
        'y' => format!("{:02}", at.year() % 100),
        'C' => format!("{:02}", at.year() / 100),
        'm' => format!("{:02}", at.month()),
        'B' => month_name.to_owned(),
        'b' | 'h' => month_name[..3].to_owned(),
        'd' => format!("{:02}", at.day()),
        'e' => format!("{:2}", at.day()),
        'H' => format!("{:02}", at.hour()),
        'k' => format!("{:2}", at.hour()),
        'I' => format!("{hour12:02}"),
        'l' => format!("{hour12:2}"),
        'M' => format!("{:02}", at.minute()),
        'S' => format!("{:02}", at.second()),
        'f' => format!("{:06}", time.micros()),
        'p' => if at.hour() < 12 { "AM" } else { "PM" }.to_owned(),
        'P' => if at.hour() < 12 { "am" } else { "pm" }.to_owned(),
        'A' => day_name.to_owned(),
        'a' => day_name[..3].to_owned(),
        'w' => weekday.to_sunday_zero_offset().to_string(),
        'u' => weekday.to_monday_one_offset().to_string(),
        'j' => format!("{year_day:03}"),
        'U' => format!("{:02}", week(weekday.to_sunday_zero_offset().into())),
        'W' => format!("{:02}", week(weekday.to_monday_zero_offset().into())),
        'V' => format!("{:02}", iso.week()),
        'G' => format!("{:04}", iso.year()),
        'z' => time
            .offset()
            .map_or_else(String::new, |offset| offset_text(offset, "")),
        'Z' => zone_name(time),
        's' => time
            .micros_in(&jiff::tz::TimeZone::UTC)
            .div_euclid(1_000_000)
            .to_string(),
        'D' => format!("{:02}/{:02}/{:02}", at.month(), at.day(), at.year() % 100),
        'x' => format!("{:02}/{:02}/{:02}", at.month(), at.day(), at.year() % 100),
        'F' => format!("{:04}-{:02}-{:02}", at.year(), at.month(), at.day()),
        'T' | 'X' => format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second()),
        'R' => format!("{:02}:{:02}", at.hour(), at.minute()),
        'r' => format!(
            "{hour12:02}:{:02}:{:02} {}",
            at.minute(),
            at.second(),
            if at.hour() < 12 { "AM" } else { "PM" }
        ),
        'c' => format!(
            "{} {} {:2} {:02}:{:02}:{:02} {:04}",
            &day_name[..3],
            &month_name[..3],
            at.day(),
            at.hour(),
            at.minute(),
            at.second(),
            at.year()
        ),
        'n' => "\n".to_owned(),
        't' => "\t".to_owned(),
        '%' => "%".to_owned(),
        _ => return None,
    })
}

fn zone_name(time: &DateTime) -> String {
    let Some(zone) = &time.zone else {
        return String::new();
    };
    match zone.iana_name() {
        Some(_) => zone
            .to_offset_info(time.instant_in(zone))
            .abbreviation()
            .to_owned(),
        None => match time.offset() {
            Some(offset) if offset.seconds() != 0 => format!("UTC{}", offset_text(offset, ":")),
            _ => "UTC".to_owned(),
        },
    }
}
