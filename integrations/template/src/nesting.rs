//! One pass over the tokens of a template, before anything recurses into it.
//!
//! The parser, the tree that it builds and all who walk that tree use one stack frame a level.
//! What decides how deep the tree gets is counted here and refused beyond a bound.

use minijinja::Error;
use minijinja::machinery::{Token, tokenize};

use crate::error::{Exception, limit, raise, unknown_tag};

/// How deep brackets may be nested, and how many signs may stand in a row.
pub(crate) const LEVELS_MAX: usize = 150;
/// How many operators one expression may hang below each other.
pub(crate) const OPERATORS_MAX: usize = 2_000;
/// How many `elif` one template may have; each hangs below the one before it.
pub(crate) const BRANCHES_MAX: usize = 1_000;

/// Refuses what is nested too deeply, and what the parser takes but the language has not.
pub(crate) fn check(source: &str) -> Result<(), Error> {
    let mut brackets: Vec<Chain> = Vec::new();
    let mut chain = Chain::default();
    let mut signs = 0;
    let mut branches = 0;
    let mut at_tag = false;
    for token in tokenize(source, false, Default::default()) {
        let (token, _) = token?;
        let starts_tag = matches!(token, Token::BlockStart);
        match &token {
            Token::VariableStart | Token::BlockStart | Token::TemplateData(_) => {
                brackets.clear();
                chain = Chain::default();
            }
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => {
                chain.operators += 1;
                brackets.push(std::mem::take(&mut chain));
            }
            Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                let inside = chain.longest();
                chain = brackets.pop().unwrap_or_default();
                chain.operators += inside;
            }
            Token::Comma => chain.next_item(),
            Token::Ident("do") if at_tag => {
                return Err(raise(Exception::TemplateSyntaxError, unknown_tag("do")));
            }
            Token::Ident("elif") if at_tag => branches += 1,
            token if is_operator(token) => chain.operators += 1,
            _ => {}
        }
        signs = match token {
            Token::Minus | Token::Plus | Token::Ident("not") => signs + 1,
            _ => 0,
        };
        at_tag = starts_tag;
        let operators =
            chain.operators + brackets.iter().map(|chain| chain.operators).sum::<usize>();
        if brackets.len() > LEVELS_MAX
            || signs > LEVELS_MAX
            || operators > OPERATORS_MAX
            || branches > BRANCHES_MAX
        {
            return Err(limit("Template is nested too deeply"));
        }
    }
    Ok(())
}

/// Operators of one bracket level: those since the last comma, and the most between two commas.
#[derive(Default)]
struct Chain {
    operators: usize,
    most: usize,
}

impl Chain {
    fn next_item(&mut self) {
        self.most = self.longest();
        self.operators = 0;
    }

    fn longest(&self) -> usize {
        self.most.max(self.operators)
    }
}

fn is_operator(token: &Token<'_>) -> bool {
    matches!(
        token,
        Token::Plus
            | Token::Minus
            | Token::Mul
            | Token::Div
            | Token::FloorDiv
            | Token::Pow
            | Token::Mod
            | Token::Dot
            | Token::Tilde
            | Token::Pipe
            | Token::Eq
            | Token::Ne
            | Token::Gt
            | Token::Gte
            | Token::Lt
            | Token::Lte
            | Token::Ident("and" | "or" | "not" | "if" | "else" | "is" | "in")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_passes() {
        for source in [
            "",
            "plain text",
            "{{ (((1))) }}",
            "{% if a %}{% elif b %}{% endif %}",
            &format!("{{{{ [{}] }}}}", "1 + 2, ".repeat(5_000)),
            &"{{ a.b.c | d(e) }}".repeat(2_000),
            &format!("{{{{ {} 1 }}}}", "1 ~ ".repeat(1_500)),
        ] {
            assert!(check(source).is_ok(), "{}", &source[..source.len().min(40)]);
        }
    }

    #[test]
    fn deep_nesting_is_refused_before_the_parser_sees_it() {
        for source in [
            format!("{{{{ {}1{} }}}}", "(".repeat(200), ")".repeat(200)),
            format!("{{{{ {}1 }}}}", "-".repeat(200)),
            format!("{{{{ {}1 }}}}", "not ".repeat(200)),
            format!("{{{{ a{} }}}}", ".b".repeat(3_000)),
            format!("{{{{ a{} }}}}", "[0]".repeat(3_000)),
            format!("{{{{ a{} }}}}", "|b(1)".repeat(3_000)),
            format!("{{{{ {} 1 }}}}", "1 + ".repeat(3_000)),
            format!("{{{{ {} 1 }}}}", "1 if 1 else ".repeat(3_000)),
            format!("{{% if 1 %}}{}{{% endif %}}", "{% elif 1 %}".repeat(2_000)),
        ] {
            assert!(check(&source).is_err(), "{}", &source[..40]);
        }
    }
}
