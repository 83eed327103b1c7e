//! Turns a parsed template into one whose operators, readings and raw output go through this
//! crate.
//!
//! The engine calculates, compares, reads attributes and writes text in instructions that
//! nothing outside can bound or correct. A filter is something that this crate can: so
//! `a ~ b` becomes `a|"~"(b)`, `a.b` becomes `a|"."("b")`, and so on, under names that no
//! template can spell. Where the template goes on from a value, the demanding form of a reading
//! is used, which raises what Python raises for an undefined one.

use minijinja::Value;
use minijinja::machinery::Span;
use minijinja::machinery::ast::{
    AutoEscape, BinOp, BinOpKind, Block, Call, CallArg, CallBlock, Compare, CompareOpKind, Const,
    EmitExpr, Expr, Extends, Filter, FilterBlock, ForLoop, FromImport, GetAttr, GetItem, IfCond,
    IfExpr, Import, Include, List, Macro, Map, Set, SetBlock, Spanned, Stmt, Template, Test, Tuple,
    UnaryOp, UnaryOpKind, Var, WithBlock,
};

/// The whole template.
pub(crate) fn template<'a>(stmt: &Stmt<'a>) -> Stmt<'a> {
    statement(stmt)
}

fn spanned<T>(node: T, span: Span) -> Spanned<T> {
    Spanned::new(node, span)
}

fn body<'a>(stmts: &[Stmt<'a>]) -> Vec<Stmt<'a>> {
    stmts.iter().map(statement).collect()
}

fn statement<'a>(stmt: &Stmt<'a>) -> Stmt<'a> {
    match stmt {
        Stmt::Template(s) => Stmt::Template(spanned(
            Template {
                children: body(&s.children),
            },
            s.span(),
        )),
        Stmt::EmitExpr(s) => Stmt::EmitExpr(spanned(
            EmitExpr {
                expr: lenient(&s.expr),
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
                iter: filter("iterated", lenient(&s.iter), vec![]),
                filter_expr: s.filter_expr.as_ref().map(lenient),
                recursive: s.recursive,
                body: body(&s.body),
                else_body: body(&s.else_body),
            },
            s.span(),
        )),
        Stmt::IfCond(s) => Stmt::IfCond(spanned(
            IfCond {
                expr: lenient(&s.expr),
                true_body: body(&s.true_body),
                false_body: body(&s.false_body),
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
                body: body(&s.body),
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
                body: body(&s.body),
            },
            s.span(),
        )),
        Stmt::AutoEscape(s) => Stmt::AutoEscape(spanned(
            AutoEscape {
                enabled: lenient(&s.enabled),
                body: body(&s.body),
            },
            s.span(),
        )),
        Stmt::FilterBlock(s) => Stmt::FilterBlock(spanned(
            FilterBlock {
                filter: lenient(&s.filter),
                body: body(&s.body),
            },
            s.span(),
        )),
        Stmt::Block(s) => Stmt::Block(spanned(
            Block {
                name: s.name,
                required: s.required,
                body: body(&s.body),
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
        Stmt::Macro(s) => Stmt::Macro(spanned(macro_declaration(s), s.span())),
        Stmt::CallBlock(s) => Stmt::CallBlock(spanned(
            CallBlock {
                call: spanned(call(&s.call), s.call.span()),
                macro_decl: spanned(macro_declaration(&s.macro_decl), s.macro_decl.span()),
            },
            s.span(),
        )),
        Stmt::Continue(s) => Stmt::Continue(spanned(minijinja::machinery::ast::Continue, s.span())),
        Stmt::Break(s) => Stmt::Break(spanned(minijinja::machinery::ast::Break, s.span())),
        // The pass over the tokens lets no `do` through.
        Stmt::Do(s) => Stmt::Do(spanned(
            minijinja::machinery::ast::Do {
                call: spanned(call(&s.call), s.call.span()),
            },
            s.span(),
        )),
    }
}

fn macro_declaration<'a>(declared: &Macro<'a>) -> Macro<'a> {
    Macro {
        name: declared.name,
        args: declared.args.iter().map(target).collect(),
        defaults: declared.defaults.iter().map(lenient).collect(),
        body: body(&declared.body),
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

fn constant<'a>(value: Value, span: Span) -> Expr<'a> {
    Expr::Const(spanned(Const { value }, span))
}

fn filter<'a>(name: &'static str, expr: Expr<'a>, args: Vec<Expr<'a>>) -> Expr<'a> {
    let span = expr.span();
    let args = args.into_iter().map(CallArg::Pos).collect();
    Expr::Filter(spanned(
        Filter {
            name,
            expr: Some(expr),
            args,
        },
        span,
    ))
}

/// A value that goes into native code.
fn admitted(expr: Expr<'_>) -> Expr<'_> {
    match expr {
        Expr::Const(_) => expr,
        expr => filter("admitted", expr, vec![]),
    }
}

fn arguments<'a>(args: &[CallArg<'a>], admit: bool) -> Vec<CallArg<'a>> {
    let value = |expr: &Expr<'a>| {
        if admit {
            admitted(lenient(expr))
        } else {
            lenient(expr)
        }
    };
    args.iter()
        .map(|arg| match arg {
            CallArg::Pos(expr) => CallArg::Pos(value(expr)),
            CallArg::Kwarg(name, expr) => CallArg::Kwarg(name, value(expr)),
            CallArg::PosSplat(expr) => CallArg::PosSplat(value(expr)),
            CallArg::KwargSplat(expr) => CallArg::KwargSplat(value(expr)),
        })
        .collect()
}

fn call<'a>(call: &Call<'a>) -> Call<'a> {
    let expr = match &call.expr {
        Expr::Var(var) => Expr::Var(spanned(Var { id: var.id }, var.span())),
        Expr::GetAttr(get) if is_self(&get.expr) => target(&call.expr),
        Expr::GetAttr(get) if !get.name.starts_with('_') => Expr::GetAttr(spanned(
            GetAttr {
                expr: demanded(&get.expr),
                name: get.name,
            },
            get.span(),
        )),
        other => demanded(other),
    };
    Call {
        expr,
        args: arguments(&call.args, true),
    }
}

/// `self.name()` renders a block of the template.
fn is_self(expr: &Expr<'_>) -> bool {
    matches!(expr, Expr::Var(var) if var.id == "self")
}

/// An expression of which nothing more is asked: it may be undefined.
fn lenient<'a>(expr: &Expr<'a>) -> Expr<'a> {
    expression(expr, false)
}

/// An expression from which the template goes on: an undefined one raises.
fn demanded<'a>(expr: &Expr<'a>) -> Expr<'a> {
    expression(expr, true)
}

fn expression<'a>(expr: &Expr<'a>, demand: bool) -> Expr<'a> {
    let span = expr.span();
    match expr {
        Expr::Var(var) => {
            let read = Expr::Var(spanned(Var { id: var.id }, span));
            if demand {
                filter("!", read, vec![constant(Value::from(var.id), span)])
            } else {
                read
            }
        }
        Expr::Const(value) => constant(value.value.clone(), span),
        Expr::GetAttr(get) => filter(
            if demand { ".!" } else { "." },
            demanded(&get.expr),
            vec![constant(Value::from(get.name), span)],
        ),
        Expr::GetItem(get) => item(get, demand),
        Expr::Slice(slice) => {
            let bound = |bound: &Option<Expr<'a>>| match bound {
                Some(expr) => lenient(expr),
                None => constant(Value::from(()), span),
            };
            let bounds = vec![bound(&slice.start), bound(&slice.stop), bound(&slice.step)];
            filter("[:]", demanded(&slice.expr), bounds)
        }
        Expr::UnaryOp(op) => match op.op {
            UnaryOpKind::Not => Expr::UnaryOp(spanned(
                UnaryOp {
                    op: UnaryOpKind::Not,
                    expr: lenient(&op.expr),
                },
                span,
            )),
            UnaryOpKind::Neg => filter("negated", demanded(&op.expr), vec![]),
        },
        Expr::BinOp(op) => binary(op, span),
        Expr::Compare(compare) => chained(compare),
        Expr::IfExpr(choice) => Expr::IfExpr(spanned(
            IfExpr {
                test_expr: lenient(&choice.test_expr),
                true_expr: lenient(&choice.true_expr),
                false_expr: choice.false_expr.as_ref().map(lenient),
            },
            span,
        )),
        Expr::Filter(applied) => {
            let admit = !bounds_itself(applied.name);
            let value = applied.expr.as_ref().map(lenient);
            Expr::Filter(spanned(
                Filter {
                    name: applied.name,
                    expr: if admit { value.map(admitted) } else { value },
                    args: arguments(&applied.args, admit),
                },
                span,
            ))
        }
        Expr::Test(test) => Expr::Test(spanned(
            Test {
                name: test.name,
                expr: lenient(&test.expr),
                args: arguments(&test.args, true),
            },
            span,
        )),
        Expr::Call(called) => Expr::Call(spanned(call(called), span)),
        Expr::List(list) => container(Expr::List(spanned(
            List {
                items: list.items.iter().map(lenient).collect(),
            },
            span,
        ))),
        Expr::Tuple(tuple) => container(Expr::Tuple(spanned(
            Tuple {
                items: tuple.items.iter().map(lenient).collect(),
            },
            span,
        ))),
        Expr::Map(map) => container(Expr::Map(spanned(
            Map {
                keys: map.keys.iter().map(lenient).collect(),
                values: map.values.iter().map(lenient).collect(),
            },
            span,
        ))),
    }
}

/// A new list or dict is measured, so that no two steps can make one that nothing can walk.
fn container(made: Expr<'_>) -> Expr<'_> {
    match made.as_const() {
        Some(_) => made,
        None => filter("admitted", made, vec![]),
    }
}

fn item<'a>(get: &GetItem<'a>, demand: bool) -> Expr<'a> {
    filter(
        if demand { "[]!" } else { "[]" },
        demanded(&get.expr),
        vec![lenient(&get.subscript_expr)],
    )
}

fn binary<'a>(op: &BinOp<'a>, span: Span) -> Expr<'a> {
    let (sign, demand) = match op.op {
        BinOpKind::ScAnd | BinOpKind::ScOr => {
            return Expr::BinOp(spanned(
                BinOp {
                    op: op.op,
                    left: lenient(&op.left),
                    right: lenient(&op.right),
                },
                span,
            ));
        }
        BinOpKind::Eq => ("==", false),
        BinOpKind::Ne => ("!=", false),
        BinOpKind::In => ("in", false),
        BinOpKind::Concat => ("~", false),
        BinOpKind::Lt => ("<", true),
        BinOpKind::Lte => ("<=", true),
        BinOpKind::Gt => (">", true),
        BinOpKind::Gte => (">=", true),
        BinOpKind::Add => ("+", true),
        BinOpKind::Sub => ("-", true),
        BinOpKind::Mul => ("*", true),
        BinOpKind::Div => ("/", true),
        BinOpKind::FloorDiv => ("//", true),
        BinOpKind::Rem => ("%", true),
        BinOpKind::Pow => ("**", true),
    };
    filter(
        sign,
        expression(&op.left, demand),
        vec![expression(&op.right, demand)],
    )
}

fn chained<'a>(compare: &Compare<'a>) -> Expr<'a> {
    let is_order = |op: &CompareOpKind| {
        use CompareOpKind::{Gt, Gte, Lt, Lte};
        matches!(op, Lt | Lte | Gt | Gte)
    };
    let first = expression(
        &compare.expr,
        compare.ops.first().is_some_and(|op| is_order(&op.op)),
    );
    let mut args = Vec::with_capacity(compare.ops.len() * 2);
    for op in &compare.ops {
        let sign = match op.op {
            CompareOpKind::Eq => "==",
            CompareOpKind::Ne => "!=",
            CompareOpKind::Lt => "<",
            CompareOpKind::Lte => "<=",
            CompareOpKind::Gt => ">",
            CompareOpKind::Gte => ">=",
            CompareOpKind::In => "in",
            CompareOpKind::NotIn => "not in",
        };
        args.push(constant(Value::from(sign), op.expr.span()));
        args.push(expression(&op.expr, is_order(&op.op)));
    }
    filter("chained", first, args)
}

/// Filters of this crate check what they are given while they use it.
fn bounds_itself(name: &str) -> bool {
    matches!(
        name,
        "float"
            | "int"
            | "bool"
            | "round"
            | "iif"
            | "is_number"
            | "add"
            | "multiply"
            | "is_defined"
            | "default"
            | "d"
            | "states"
            | "state_attr"
            | "is_state"
            | "is_state_attr"
            | "has_value"
            | "expand"
            | "join"
            | "replace"
            | "indent"
            | "center"
            | "truncate"
            | "urlencode"
            | "lower"
            | "upper"
            | "capitalize"
            | "title"
            | "string"
            | "slugify"
            | "batch"
            | "slice"
            | "sum"
            | "list"
            | "contains"
            | "to_json"
            | "tojson"
            | "from_json"
            | "timestamp_custom"
            | "timestamp_local"
            | "timestamp_utc"
            | "as_timestamp"
            | "as_datetime"
            | "as_local"
            | "regex_match"
            | "regex_search"
            | "regex_replace"
            | "regex_findall"
            | "regex_findall_index"
            | "typeof"
            | "format"
            | "escape"
            | "e"
            | "trim"
    )
}
