//! The rewriting of expressions.

use minijinja::Value;
use minijinja::machinery::Span;
use minijinja::machinery::ast::{
    BinOp, BinOpKind, Call, CallArg, Compare, CompareOpKind, Const, Expr, Filter, GetAttr, GetItem,
    IfExpr, List, Map, Test, Tuple, UnaryOp, UnaryOpKind, Var,
};

use super::{spanned, target};

pub(super) fn constant<'a>(value: Value, span: Span) -> Expr<'a> {
    Expr::Const(spanned(Const { value }, span))
}

pub(super) fn filter<'a>(name: &'static str, expr: Expr<'a>, args: Vec<Expr<'a>>) -> Expr<'a> {
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

pub(super) fn call<'a>(call: &Call<'a>) -> Call<'a> {
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
pub(super) fn lenient<'a>(expr: &Expr<'a>) -> Expr<'a> {
    expression(expr, false)
}

/// An expression from which the template goes on: an undefined one raises.
pub(super) fn demanded<'a>(expr: &Expr<'a>) -> Expr<'a> {
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
