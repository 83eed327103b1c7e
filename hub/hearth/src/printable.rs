//! Text from outside on its way to a terminal: what would move the cursor, start a new line or
//! turn the direction of writing is shown as an escape, and too much of it is cut.

use std::fmt::{self, Write};

/// Writes into another writer: printable characters only, and no more than a number of them.
pub(crate) struct Printable<W> {
    inner: W,
    left: usize,
    cut: usize,
}

impl<W: Write> Printable<W> {
    /// No more than `most` characters reach `inner`.
    pub(crate) fn new(inner: W, most: usize) -> Self {
        Self {
            inner,
            left: most,
            cut: 0,
        }
    }

    /// Says how much was cut, if anything was.
    pub(crate) fn finish(mut self) -> fmt::Result {
        match self.cut {
            0 => Ok(()),
            cut => write!(self.inner, "… ({cut} more)"),
        }
    }
}

impl<W: Write> Write for Printable<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (at, c) in text.char_indices() {
            if self.left == 0 {
                self.cut += text[at..].chars().count();
                return Ok(());
            }
            self.left -= 1;
            if is_hidden(c) {
                write!(self.inner, "{}", c.escape_default())?;
            } else {
                self.inner.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// The same of a whole text, for a column of a table.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut printable = Printable::new(&mut shown, 1000);
    // A String takes all that it is given.
    let _ = printable.write_str(text);
    let _ = printable.finish();
    shown
}

/// Whether a terminal acts upon a character and does not show it: controls, line separators and
/// marks of writing direction.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_upon_is_shown_as_an_escape() {
        assert_eq!(
            printable("a\u{1b}[2Jb\r\nc\u{202e}d"),
            r"a\u{1b}[2Jb\r\nc\u{202e}d"
        );
        assert_eq!(printable("Küche 🍳 台所"), "Küche 🍳 台所");
    }

    #[test]
    fn too_much_is_cut() {
        let shown = printable(&"x".repeat(1500));
        assert!(shown.ends_with("x… (500 more)"));
        assert_eq!(shown.chars().filter(|c| *c == 'x').count(), 1000);
    }
}
