//! Objects with repeated names, written as JSON text.

use std::collections::HashMap;

use hearth_core::json::write_text;

/// Names and their values, in the order of their first coming. A name that comes again makes an
/// array of its values.
#[derive(Debug, Default)]
pub(crate) struct Members {
    /// Values are JSON text.
    members: Vec<(String, Vec<String>)>,
    places: HashMap<String, usize>,
}

impl Members {
    /// Adds a text.
    pub(crate) fn add_text(&mut self, name: String, value: &str) {
        self.add_json(name, text(value));
    }

    /// Adds JSON text.
    pub(crate) fn add_json(&mut self, name: String, value: String) {
        match self.places.get(&name) {
            Some(place) => self.members[*place].1.push(value),
            None => {
                self.places.insert(name.clone(), self.members.len());
                self.members.push((name, vec![value]));
            }
        }
    }

    /// As a JSON object.
    pub(crate) fn to_json(&self) -> String {
        let mut out = String::from("{");
        for (name, values) in &self.members {
            if out.len() > 1 {
                out.push(',');
            }
            write_text(name, &mut out);
            out.push(':');
            match values.as_slice() {
                [one] => out.push_str(one),
                many => {
                    out.push('[');
                    out.push_str(&many.join(","));
                    out.push(']');
                }
            }
        }
        out.push('}');
        out
    }
}

/// A text as JSON.
pub(crate) fn text(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    write_text(value, &mut out);
    out
}
