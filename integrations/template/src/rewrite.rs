//! Turns a parsed template into one whose operators, readings and raw output go through this
//! crate.
//!
//! The engine calculates, compares, reads attributes and writes text in instructions that
//! nothing outside can bound or correct. A filter is something that this crate can: so
//! `a ~ b` becomes `a|"~"(b)`, `a.b` becomes `a|"."("b")`, and so on, under names that no
//! template can spell. Where the template goes on from a value, the demanding form of a reading
//! is used, which raises what Python raises for an undefined one.

mod expressions;

use minijinja::Value;
use minijinja::machinery::Span;
use minijinja::machinery::ast::{
    AutoEscape, Block, Break, CallBlock, Continue, Do, EmitExpr, Expr, Extends, FilterBlock,
    ForLoop, FromImport, GetAttr, IfCond, Import, Include, List, Macro, Set, SetBlock, Spanned,
    Stmt, Template, Var, WithBlock,
};

use expressions::{call, constant, demanded, filter, lenient};

/// What becomes of an undefined value that is printed, iterated over or asked whether it is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undefined {
    /// It is empty and false.
    Empty,
    /// The same, and whoever watches the render is warned when a variable is printed that way.
    Noted,
    /// It raises.
    Refused,
}

impl Undefined {
    fn printed<'a>(self, expr: &Expr<'a>) -> Expr<'a> {
        match (self, expr) {
            (Self::Refused, _) => demanded(expr),
            (Self::Noted, Expr::Var(var)) => {
                let name = constant(Value::from(var.id), var.span());
                filter("noted", lenient(expr), vec![name])
            }
            _ => lenient(expr),
        }
    }

    fn used<'a>(self, expr: &Expr<'a>) -> Expr<'a> {
        match self {
            Self::Refused => demanded(expr),
            Self::Empty | Self::Noted => lenient(expr),
        }
    }
}

/// The whole template.
pub(crate) fn template<'a>(stmt: &Stmt<'a>, undefined: Undefined) -> Stmt<'a> {
    statement(stmt, undefined)
}

fn spanned<T>(node: T, span: Span) -> Spanned<T> {
    Spanned::new(node, span)
}

fn body<'a>(stmts: &[Stmt<'a>], undefined: Undefined) -> Vec<Stmt<'a>> {
    stmts
        .iter()
        .map(|stmt| statement(stmt, undefined))
        .collect()
}

fn statement<'a>(stmt: &Stmt<'a>, undefined: Undefined) -> Stmt<'a> {
    match stmt {
        Stmt::Template(s) => Stmt::Template(spanned(
            Template {
                children: body(&s.children, undefined),
            },
            s.span(),
        )),
        Stmt::EmitExpr(s) => Stmt::EmitExpr(spanned(
            EmitExpr {
                expr: undefined.printed(&s.expr),
            },
            s.span(),
        )),
        // Raw text is written as a value is, so that it is counted.
        Stmt::EmitRaw(s) => {
            let expr = constant(Value::from(s.raw), s.span());
            Stmt::EmitExpr(spanned(EmitExpr { expr }, s.span()))
        }
        Stmt::ForLoop(s) => Stmt::ForLoop(spanned(
            ForLoop {
                target: target(&s.target),
                iter: filter("iterated", undefined.used(&s.iter), vec![]),
                filter_expr: s.filter_expr.as_ref().map(lenient),
                recursive: s.recursive,
                body: body(&s.body, undefined),
                else_body: body(&s.else_body, undefined),
            },
            s.span(),
        )),
        Stmt::IfCond(s) => Stmt::IfCond(spanned(
            IfCond {
                expr: undefined.used(&s.expr),
                true_body: body(&s.true_body, undefined),
                false_body: body(&s.false_body, undefined),
            },
            s.span(),
        )),
        Stmt::WithBlock(s) => Stmt::WithBlock(spanned(
            WithBlock {
                assignments: s
                    .assignments
                    .iter()
                    .map(|(name, value)| (target(name), lenient(value)))
                    .collect(),
                body: body(&s.body, undefined),
            },
            s.span(),
        )),
        Stmt::Set(s) => Stmt::Set(spanned(
            Set {
                target: target(&s.target),
                expr: assigned(&s.target, lenient(&s.expr)),
            },
            s.span(),
        )),
        Stmt::SetBlock(s) => Stmt::SetBlock(spanned(
            SetBlock {
                target: target(&s.target),
                filter: s.filter.as_ref().map(lenient),
                body: body(&s.body, undefined),
            },
            s.span(),
        )),
        Stmt::AutoEscape(s) => Stmt::AutoEscape(spanned(
            AutoEscape {
                enabled: lenient(&s.enabled),
                body: body(&s.body, undefined),
            },
            s.span(),
        )),
        Stmt::FilterBlock(s) => Stmt::FilterBlock(spanned(
            FilterBlock {
                filter: lenient(&s.filter),
                body: body(&s.body, undefined),
            },
            s.span(),
        )),
        Stmt::Block(s) => Stmt::Block(spanned(
            Block {
                name: s.name,
                required: s.required,
                body: body(&s.body, undefined),
            },
            s.span(),
        )),
        Stmt::Import(s) => Stmt::Import(spanned(
            Import {
                expr: lenient(&s.expr),
                name: target(&s.name),
            },
            s.span(),
        )),
        Stmt::FromImport(s) => Stmt::FromImport(spanned(
            FromImport {
                expr: lenient(&s.expr),
                names: s
                    .names
                    .iter()
                    .map(|(name, alias)| (target(name), alias.as_ref().map(target)))
                    .collect(),
            },
            s.span(),
        )),
        Stmt::Extends(s) => Stmt::Extends(spanned(
            Extends {
                name: lenient(&s.name),
            },
            s.span(),
        )),
        Stmt::Include(s) => Stmt::Include(spanned(
            Include {
                name: lenient(&s.name),
                ignore_missing: s.ignore_missing,
            },
            s.span(),
        )),
        Stmt::Macro(s) => Stmt::Macro(spanned(macro_declaration(s, undefined), s.span())),
        Stmt::CallBlock(s) => Stmt::CallBlock(spanned(
            CallBlock {
                call: spanned(call(&s.call), s.call.span()),
                macro_decl: spanned(
                    macro_declaration(&s.macro_decl, undefined),
                    s.macro_decl.span(),
                ),
            },
            s.span(),
        )),
        Stmt::Continue(s) => Stmt::Continue(spanned(Continue, s.span())),
        Stmt::Break(s) => Stmt::Break(spanned(Break, s.span())),
        // The pass over the tokens lets no `do` through.
        Stmt::Do(s) => Stmt::Do(spanned(
            Do {
                call: spanned(call(&s.call), s.call.span()),
            },
            s.span(),
        )),
    }
}

fn macro_declaration<'a>(declared: &Macro<'a>, undefined: Undefined) -> Macro<'a> {
    Macro {
        name: declared.name,
        args: declared.args.iter().map(target).collect(),
        defaults: declared.defaults.iter().map(lenient).collect(),
        body: body(&declared.body, undefined),
    }
}

/// What is assigned to: names, lists of names, and attributes of namespaces, as they are.
fn target<'a>(expr: &Expr<'a>) -> Expr<'a> {
    match expr {
        Expr::List(list) => Expr::List(spanned(
            List {
                items: list.items.iter().map(target).collect(),
            },
            list.span(),
        )),
        Expr::GetAttr(get) => Expr::GetAttr(spanned(
            GetAttr {
                expr: target(&get.expr),
                name: get.name,
            },
            get.span(),
        )),
        Expr::Var(var) => Expr::Var(spanned(Var { id: var.id }, var.span())),
        other => lenient(other),
    }
}

/// What goes into a namespace is looked at first.
fn assigned<'a>(to: &Expr<'a>, value: Expr<'a>) -> Expr<'a> {
    let into_namespace = match to {
        Expr::GetAttr(_) => true,
        Expr::List(list) => list.items.iter().any(|item| !matches!(item, Expr::Var(_))),
        _ => false,
    };
    if into_namespace {
        filter("into-namespace", value, vec![])
    } else {
        value
    }
}
