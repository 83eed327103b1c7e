//! Tags of YAML such as `!secret`. The reader drops them, so `!secret door_code` would become the
//! text `door_code`: a secret that anybody can read in the file.

use yaml_rust2::parser::{Event, Parser, Tag};

/// The handle of tags that a program gives a meaning of its own.
const LOCAL: &str = "!";

/// What is wrong with the first tag in a YAML text; nothing where there is none, or where the text
/// is no YAML, which its reader tells better.
pub(super) fn refusal(text: &str) -> Option<String> {
    let mut parser = Parser::new_from_str(text);
    loop {
        let (event, place) = parser.next_token().ok()?;
        let tag = match event {
            Event::StreamEnd => return None,
            Event::Scalar(_, _, _, tag)
            | Event::SequenceStart(_, tag)
            | Event::MappingStart(_, tag) => tag,
            _ => None,
        };
        if let Some(tag) = tag.filter(|tag| tag.handle == LOCAL) {
            return Some(told(&tag, place.line()));
        }
    }
}

fn told(tag: &Tag, line: usize) -> String {
    let name = &tag.suffix;
    let instead = match name.as_str() {
        "secret" | "env_var" => {
            "a secret is given as { file: PATH } or { env: NAME } where the key takes one"
        }
        name if name.starts_with("include") => "write it out in this file",
        _ => "write the value without it",
    };
    format!("line {line}: the tag `!{name}` is not known; {instead}")
}
