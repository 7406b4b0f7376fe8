//! How long a function may be, and how deeply nested. Test functions count like all others.

use std::path::Path;

use proc_macro2::Span;
use syn::{
    Block, Expr, ExprIf, ImplItemFn, ItemFn, TraitItemFn,
    visit::{self, Visit},
};

use super::repository::{files, none, shown, syntax};

/// The most lines of a function, from its signature to its closing brace.
const MAX_LINES: usize = 60;

/// The most blocks, loops, matches and closures that may be inside one another in a function.
const MAX_NESTING: usize = 5;

#[test]
fn functions_are_short_and_flat() {
    none(files("rs").iter().flat_map(|file| complaints(file, &syntax(file))).collect());
}

#[test]
fn a_long_function_and_a_deep_one_are_found() {
    let long = format!("impl A {{ fn long() {{\n{}}} }}", "let _ = 1;\n".repeat(MAX_LINES - 1));
    let deep =
        "fn deep() { for _ in 0..1 { if a { loop { match b { _ => while c { d(|| {}) } } } } } }";
    let flat =
        "fn flat() { if a {} else if b {} else if c {} else if d {} else if e {} else if f {} }";
    let inside = "fn outside() { fn inside() { if a { if b { if c { if d { if e {} } } } } } }";
    let found = |text: &str| complaints(Path::new("a.rs"), &syn::parse_file(text).unwrap());
    assert_eq!(found(&long).len(), 1, "{:?}", found(&long));
    assert!(found(&long)[0].starts_with("a.rs:1: `long` has 61 lines"), "{:?}", found(&long));
    assert!(found(deep)[0].starts_with("a.rs:1: `deep` is nested 6 deep"), "{:?}", found(deep));
    assert!(found(flat).is_empty() && found(inside).is_empty());
}

/// Returns a complaint for each function of a file that is too long or too deeply nested.
fn complaints(file: &Path, syntax: &syn::File) -> Vec<String> {
    let mut found = Functions::default();
    found.visit_file(syntax);
    let all = found.0.iter();
    let wrong = all.flat_map(|function| {
        let at = format!("{}:{}: `{}`", shown(file), function.line, function.name);
        let is_long = function.lines > MAX_LINES;
        let long = is_long.then(|| {
            format!(
                "{at} has {} lines, at most {MAX_LINES} are allowed; split it, and make a table of cases a `const`",
                function.lines
            )
        });
        let is_deep = function.nesting > MAX_NESTING;
        let deep = is_deep.then(|| {
            format!(
                "{at} is nested {} deep, at most {MAX_NESTING} is allowed; give its inner part a name of its own",
                function.nesting
            )
        });
        long.into_iter().chain(deep)
    });
    wrong.collect()
}

/// A function, measured.
struct Function {
    name: String,
    line: usize,
    lines: usize,
    nesting: usize,
}

/// All functions of a file, those inside others too.
#[derive(Default)]
struct Functions(Vec<Function>);

impl Functions {
    fn measure(&mut self, name: String, start: Span, body: &Block) {
        let line = start.start().line;
        let lines = body.brace_token.span.close().end().line + 1 - line;
        let mut nesting = Nesting::default();
        nesting.visit_statements(body);
        self.0.push(Function { name, line, lines, nesting: nesting.deepest });
    }
}

impl<'a> Visit<'a> for Functions {
    fn visit_item_fn(&mut self, function: &'a ItemFn) {
        self.measure(function.sig.ident.to_string(), function.sig.fn_token.span, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'a ImplItemFn) {
        self.measure(function.sig.ident.to_string(), function.sig.fn_token.span, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'a TraitItemFn) {
        if let Some(body) = &function.default {
            self.measure(function.sig.ident.to_string(), function.sig.fn_token.span, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

/// How deep the blocks of a function are inside one another.
#[derive(Default)]
struct Nesting {
    depth: usize,
    deepest: usize,
}

impl Nesting {
    fn visit_statements(&mut self, block: &Block) {
        block.stmts.iter().for_each(|statement| self.visit_stmt(statement));
    }

    fn inside(&mut self, visit: impl FnOnce(&mut Self)) {
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        visit(self);
        self.depth -= 1;
    }

    /// Visits `if`, its `else if`s at the same depth.
    fn visit_branches(&mut self, branch: &ExprIf) {
        self.visit_expr(&branch.cond);
        self.inside(|inner| inner.visit_statements(&branch.then_branch));
        match branch.else_branch.as_ref().map(|(_, other)| &**other) {
            Some(Expr::If(other)) => self.visit_branches(other),
            Some(Expr::Block(other)) => self.inside(|inner| inner.visit_statements(&other.block)),
            _ => {}
        }
    }
}

impl<'a> Visit<'a> for Nesting {
    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::If(branch) => self.visit_branches(branch),
            Expr::Match(all) => {
                self.visit_expr(&all.expr);
                self.inside(|inner| all.arms.iter().for_each(|arm| inner.visit_arm(arm)));
            }
            Expr::ForLoop(all) => {
                self.visit_expr(&all.expr);
                self.inside(|inner| inner.visit_statements(&all.body));
            }
            Expr::While(all) => {
                self.visit_expr(&all.cond);
                self.inside(|inner| inner.visit_statements(&all.body));
            }
            Expr::Loop(all) => self.inside(|inner| inner.visit_statements(&all.body)),
            Expr::Async(all) => self.inside(|inner| inner.visit_statements(&all.block)),
            Expr::Unsafe(all) => self.inside(|inner| inner.visit_statements(&all.block)),
            Expr::Closure(all) => self.inside(|inner| match &*all.body {
                Expr::Block(body) => inner.visit_statements(&body.block),
                body => inner.visit_expr(body),
            }),
            // The block of an arm is as deep as its arm.
            Expr::Block(all) => self.visit_statements(&all.block),
            other => visit::visit_expr(self, other),
        }
    }

    /// A function inside another is measured by itself.
    fn visit_item(&mut self, _item: &'a syn::Item) {}
}
