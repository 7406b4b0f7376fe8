//! [`Purity`]: sees that a module's code does nothing but compute.
//!
//! The code of an archive is a program: what its operators do, loading and running it does. Whatever
//! libtorch would resolve to an operator must be on the list of pure ones. The check is made on the
//! text, before libtorch has seen the file.

use std::collections::BTreeSet;

use fedlayer_core::{in_backticks, is_printable};

use super::{
    operators::{is_impure, is_impure_alone, is_pure},
    tokens::{Foreign, Kind, Token, tokens},
};

/// Sees that files of code are pure, all of one archive.
#[derive(Debug, Default)]
pub(super) struct Purity<'s> {
    files: Vec<(&'s str, Vec<Token<'s>>)>,
    /// The attributes and methods of all classes.
    declared: BTreeSet<String>,
}

/// Something in a module's code that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Impurity {
    /// What is refused, and why.
    what: String,
    /// Where it stands: `forward` of `Net`, with the line of a file of the archive.
    place: String,
}

impl std::fmt::Display for Impurity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.what, self.place)
    }
}

impl<'s> Purity<'s> {
    /// Adds a file of code; `name` is its name in the archive.
    ///
    /// # Errors
    /// When the file is not written as `torch.jit.save` writes it.
    pub(super) fn add(&mut self, name: &'s str, source: &'s str) -> Result<(), Impurity> {
        let tokens = tokens(source).map_err(|Foreign { found, line }| Impurity {
            what: format!(
                "its code has a `{}` that `torch.jit.save` does not write",
                found.escape_default()
            ),
            place: format!("line {line} of {}", in_backticks([name])),
        })?;
        self.declared.extend(declared(&tokens));
        self.files.push((name, tokens));
        Ok(())
    }

    /// Checks all files, whose classes may use one another's attributes and methods.
    ///
    /// # Errors
    /// Names the first operator that is not pure, with its method and line.
    pub(super) fn check(&self) -> Result<(), Impurity> {
        self.files.iter().try_for_each(|(name, tokens)| self.file(name, tokens))
    }

    fn file(&self, file: &str, tokens: &[Token<'_>]) -> Result<(), Impurity> {
        let mut scope = Scope::default();
        for at in 0..tokens.len() {
            scope.enter(tokens, at);
            let refused = match &tokens[at].kind {
                Kind::Text(text) => text_problem(text),
                Kind::Name("getattr") if !follows_point(tokens, at) => self.getattr(tokens, at),
                Kind::Name(name) => self.name(tokens, at, name),
                Kind::Number | Kind::Mark(_) => None,
            };
            if let Some(what) = refused {
                let place = scope.place(file, tokens[at].line);
                return Err(Impurity { what, place });
            }
        }
        Ok(())
    }

    /// What is wrong with a name: an operator, an attribute or a name that stands alone.
    fn name(&self, tokens: &[Token<'_>], at: usize, name: &str) -> Option<String> {
        if !follows_point(tokens, at) {
            return match name {
                "torch" => operator("aten", &path(tokens, at, 1)),
                "ops" => match &path(tokens, at, 2)[..] {
                    [space, name] => operator(space, &[*name]),
                    _ => Some(alone(name)),
                },
                "__torch__" => custom_class(&path(tokens, at, 2)),
                name if is_impure_alone(name) => Some(alone(name)),
                _ => None,
            };
        }
        if is_part_of_a_path(tokens, at) { None } else { self.attribute(name) }
    }

    /// What is wrong with `x.name`: it may be an attribute or a method of a class of the archive, or an operator on `x`.
    fn attribute(&self, name: &str) -> Option<String> {
        let is_own = self.declared.contains(name) && !is_impure(name);
        let is_constant = name.strip_prefix('c').is_some_and(|n| n.parse::<u32>().is_ok());
        (!is_own && !is_constant && !is_pure(name)).then(|| not_pure(&format!("aten::{name}")))
    }

    /// What is wrong with `getattr(x, "name")`, which is `x.name`.
    fn getattr(&self, tokens: &[Token<'_>], at: usize) -> Option<String> {
        let mut depth = 0_usize;
        for (index, token) in tokens.iter().enumerate().skip(at + 1) {
            match token.kind {
                Kind::Mark('(' | '[' | '{') => depth += 1,
                Kind::Mark(')' | ']' | '}') => depth = depth.saturating_sub(1),
                Kind::Mark(',') if depth == 1 => {
                    let after: Vec<&Kind<'_>> =
                        tokens[index + 1..].iter().take(2).map(|token| &token.kind).collect();
                    return match after[..] {
                        [Kind::Text(name), Kind::Mark(')')] => self.attribute(name),
                        _ => Some(
                            "`getattr` takes an attribute that is not named in one text".to_owned(),
                        ),
                    };
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        Some("`getattr` stands without its arguments".to_owned())
    }
}

fn follows_point(tokens: &[Token<'_>], at: usize) -> bool {
    at > 0 && tokens[at - 1].kind == Kind::Mark('.')
}

/// Whether a name after a point belongs to `torch.…`, `ops.…` or `__torch__.…`, which are looked at from their first name.
fn is_part_of_a_path(tokens: &[Token<'_>], at: usize) -> bool {
    let mut first = at;
    while first >= 2
        && follows_point(tokens, first)
        && matches!(tokens[first - 2].kind, Kind::Name(_))
    {
        first -= 2;
    }
    match tokens[first].kind {
        _ if follows_point(tokens, first) => false,
        Kind::Name("torch") => at <= first + 2,
        Kind::Name("ops") => at <= first + 4,
        // A class or a function of the archive.
        Kind::Name("__torch__") => true,
        _ => false,
    }
}

/// The names that follow a name, each after a point: at most so many.
fn path<'s>(tokens: &[Token<'s>], at: usize, most: usize) -> Vec<&'s str> {
    let pairs = tokens[at + 1..].chunks(2).take(most);
    let names = pairs.map_while(|pair| match pair {
        [Token { kind: Kind::Mark('.'), .. }, Token { kind: Kind::Name(name), .. }] => Some(*name),
        _ => None,
    });
    names.collect()
}

/// What is wrong with an operator of a namespace.
fn operator(space: &str, names: &[&str]) -> Option<String> {
    let [name] = names else { return Some(alone("torch")) };
    let is_pure = match space {
        "aten" => is_pure(name),
        _ => is_pure(&format!("{space}.{name}")),
    };
    (!is_pure).then(|| not_pure(&format!("{space}::{name}")))
}

/// What is wrong with a class that is none of the archive's: `__torch__.torch.classes.…` is C++.
fn custom_class(names: &[&str]) -> Option<String> {
    match names {
        ["torch", "classes"] => Some("its code uses a class of C++ (`torch.classes`)".to_owned()),
        [] => Some(alone("__torch__")),
        _ => None,
    }
}

fn not_pure(operator: &str) -> String {
    format!(
        "its code uses the operator {}, which is not on the list of pure ones: they compute from their arguments, and touch no files, no output, no memory of others",
        in_backticks([operator])
    )
}

fn alone(name: &str) -> String {
    format!("its code uses {} in a way that is not pure", in_backticks([name]))
}

/// What is wrong with a text of the code, which may be printed by libtorch itself.
pub(super) fn text_problem(text: &str) -> Option<String> {
    let found = text.chars().find(|&c| !is_printable(c) && c != '\n' && c != '\t')?;
    Some(format!("a text in it has a character that cannot be shown, U+{:04X}", u32::from(found)))
}

/// The attributes and methods that classes declare: `name : type`, `__annotations__["0"] = …`, `def name(`.
fn declared(tokens: &[Token<'_>]) -> Vec<String> {
    let begins_line = |at: usize| at == 0 || tokens[at - 1].line < tokens[at].line;
    let mut names = Vec::new();
    for at in 0..tokens.len() {
        let kinds: Vec<&Kind<'_>> = tokens[at..].iter().take(3).map(|token| &token.kind).collect();
        match kinds[..] {
            [Kind::Name("def"), Kind::Name(name), _] => names.push((*name).to_owned()),
            [Kind::Name(name), Kind::Mark(':'), _] if begins_line(at) => {
                names.push((*name).to_owned());
            }
            [Kind::Name("__annotations__"), Kind::Mark('['), Kind::Text(name)] => {
                names.push(name.clone());
            }
            _ => {}
        }
    }
    names
}

/// The class and the method that a token stands in.
#[derive(Debug, Default)]
struct Scope<'s> {
    class: Option<&'s str>,
    method: Option<&'s str>,
}

impl<'s> Scope<'s> {
    /// Takes note of a `class` or a `def` that begins at a token.
    fn enter(&mut self, tokens: &[Token<'s>], at: usize) {
        let Some(Token { kind: Kind::Name(name), .. }) = tokens.get(at + 1) else { return };
        match tokens[at].kind {
            Kind::Name("class") => *self = Self { class: Some(name), method: None },
            Kind::Name("def") if tokens[at].is_outermost => {
                *self = Self { class: None, method: Some(name) };
            }
            Kind::Name("def") => self.method = Some(name),
            _ => {}
        }
    }

    fn place(&self, file: &str, line: usize) -> String {
        let within = match (self.method, self.class) {
            (Some(method), Some(class)) => {
                format!("{} of {}, ", in_backticks([method]), in_backticks([class]))
            }
            (Some(name), None) | (None, Some(name)) => format!("{}, ", in_backticks([name])),
            (None, None) => String::new(),
        };
        format!("{within}line {line} of {}", in_backticks([file]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a method's lines in a class with the attribute `fc`, the method `save_` and the part `0`.
    fn said(lines: &str) -> Result<(), String> {
        let source = format!(
            "class Net(Module):\n  fc : __torch__.Linear\n  save : Tensor\n  __annotations__[\"0\"] = __torch__.Linear\n  def forward(self: __torch__.Net,\n    x: Tensor) -> Tensor:\n    {lines}\n"
        );
        let mut purity = Purity::default();
        purity.add("code/net.py", &source).map_err(|found| found.to_string())?;
        purity.check().map_err(|found| found.to_string())
    }

    #[test]
    fn an_operator_that_is_not_pure_is_named_with_its_method_and_line() {
        for lines in [
            "y = torch.from_file(\"a\", False, 3)",
            "y = torch . from_file (\"a\", False, 3)",
            "y = ops.aten.from_file(\"a\", False, 3)",
            "f = torch.from_file",
            "y = (\"a\").from_file(False, 3)",
            "y = \"a\".from_file(False, 3)",
            "y = getattr(\"a\", \"from_file\")",
            "y = getattr(getattr(self, \"0\"), \"from_file\")",
            "y = [torch.from_file(i) for i in x]",
        ] {
            let found = said(lines).unwrap_err();
            assert!(found.contains("the operator `aten::from_file`"), "{lines}: {found}");
            assert!(found.ends_with("(`forward` of `Net`, line 7 of `code/net.py`)"), "{found}");
        }
    }

    #[test]
    fn no_way_around_the_names_of_operators_is_taken() {
        for lines in [
            "t = torch",
            "o = ops",
            "o = ops.aten",
            "o = __torch__",
            "print(x)",
            "p = print",
            "y = fork(x)",
            "y = id(x)",
            "y = chr(27)",
            "y = getattr(x, \"from_\" \"file\")",
            "y = getattr(x, name)",
            "g = getattr",
            "y = (x).save(\"a\")",
            "y = self.save",
            "y = (x).whatever",
            "y = ops.prim.Print(x)",
            "y = ops.prim.rpc_sync(x)",
            "y = ops.quantized.linear(x)",
            "y = ops.mine.write(x)",
            "y = __torch__.torch.classes.mine.Store()",
            "y = torch.add(x, __torch__.f(torch.seed()))",
            "if True:\n      while True:\n        y = torch.save(x, \"a\")",
            "torch.warn(\"\\033[2J\", 2)",
            "# a comment",
        ] {
            assert!(said(lines).is_err(), "{lines}");
        }
    }

    #[test]
    fn code_as_it_is_saved_is_pure() {
        for lines in [
            "return torch.add_(x, 1, alpha=2)",
            "y = (self.fc).forward(torch.flatten(x, 1), )",
            "fc = self.fc\n    return (fc).forward(x, )",
            "y = getattr(self, \"0\")",
            "y = (getattr(self, \"0\")).forward(x, )",
            "y = __torch__.torch.nn.functional.relu(x, )",
            "ops.prim.RaiseException(\"no\\n\", \"builtins.ValueError\")",
            "y = CONSTANTS.c0",
            "y = torch.mul(x, ops.prim.dtype(x))",
            "y = int(torch.item(x))",
        ] {
            assert_eq!(said(lines), Ok(()), "{lines}");
        }
    }
}
