//! [`PurityCheck`]: a module's code may only compute.
//!
//! The code of an archive is a program, and its operators run when it is loaded or called. Every
//! name that libtorch would resolve to an operator must be on the list of pure ones. The text is
//! checked before libtorch sees the file.

use std::collections::BTreeSet;

use fedlayer_core::text::{in_backticks, is_printable};

use super::{
    operators::{is_impure, is_impure_function, is_pure},
    tokens::{CodeToken, ForeignCharacter, TokenKind, tokens},
};

/// Checks that all files of code of one archive are pure.
#[derive(Debug, Default)]
pub(super) struct PurityCheck<'s> {
    files: Vec<(&'s str, Vec<CodeToken<'s>>)>,
    /// The attributes and methods of all classes.
    declared: BTreeSet<String>,
}

/// A refused part of a module's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Impurity {
    /// The refused part and the reason.
    what: String,
    /// The method, the class, and the line in a file of the archive.
    location: String,
}

impl std::fmt::Display for Impurity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.what, self.location)
    }
}

impl<'s> PurityCheck<'s> {
    /// Adds a file of code; `name` is its name in the archive.
    ///
    /// # Errors
    /// When the file is not written as `torch.jit.save` writes it.
    pub(super) fn add(&mut self, name: &'s str, source: &'s str) -> Result<(), Impurity> {
        let tokens = tokens(source).map_err(|ForeignCharacter { found, line }| Impurity {
            what: format!(
                "its code has a `{}` that `torch.jit.save` does not write",
                found.escape_default()
            ),
            location: format!("line {line} of {}", in_backticks([name])),
        })?;
        self.declared.extend(declared(&tokens));
        self.files.push((name, tokens));
        Ok(())
    }

    /// Checks all files. Their classes may use one another's attributes and methods.
    ///
    /// # Errors
    /// Names the first operator that is not pure, with its method and line.
    pub(super) fn finish(&self) -> Result<(), Impurity> {
        self.files.iter().try_for_each(|(name, tokens)| self.file(name, tokens))
    }

    fn file(&self, file: &str, tokens: &[CodeToken<'_>]) -> Result<(), Impurity> {
        let mut scope = Scope::default();
        for at in 0..tokens.len() {
            scope.enter(tokens, at);
            let refused = match &tokens[at].kind {
                TokenKind::Text(text) => text_problem(text),
                TokenKind::Name("getattr") if !follows_point(tokens, at) => {
                    self.getattr(tokens, at)
                }
                TokenKind::Name(name) => self.name(tokens, at, name),
                TokenKind::Number | TokenKind::Mark(_) => None,
            };
            if let Some(what) = refused {
                let location = scope.location(file, tokens[at].line);
                return Err(Impurity { what, location });
            }
        }
        Ok(())
    }

    /// Checks a name: an operator, an attribute or a plain name. Returns the reason for a refusal.
    fn name(&self, tokens: &[CodeToken<'_>], at: usize, name: &str) -> Option<String> {
        if !follows_point(tokens, at) {
            return match name {
                "torch" => operator("aten", &path(tokens, at, 1)),
                "ops" => match &path(tokens, at, 2)[..] {
                    [space, name] => operator(space, &[*name]),
                    _ => Some(not_pure_use(name)),
                },
                "__torch__" => custom_class(&path(tokens, at, 2)),
                name if is_impure_function(name) => Some(not_pure_use(name)),
                _ => None,
            };
        }
        if is_part_of_a_path(tokens, at) { None } else { self.attribute(name) }
    }

    /// Checks `x.name`: an attribute or a method of a class of the archive, or an operator on `x`.
    fn attribute(&self, name: &str) -> Option<String> {
        let is_own = self.declared.contains(name) && !is_impure(name);
        let is_constant = name.strip_prefix('c').is_some_and(|n| n.parse::<u32>().is_ok());
        (!is_own && !is_constant && !is_pure(name)).then(|| not_pure(&format!("aten::{name}")))
    }

    /// Checks `getattr(x, "name")`, which means `x.name`.
    fn getattr(&self, tokens: &[CodeToken<'_>], at: usize) -> Option<String> {
        let rest = second_argument(&tokens[at + 1..]).map(|rest| rest.iter().map(|t| &t.kind));
        let Some(rest) = rest else {
            return Some("its code uses `getattr` without its arguments".to_owned());
        };
        match rest.take(2).collect::<Vec<_>>()[..] {
            [TokenKind::Text(name), TokenKind::Mark(')')] => self.attribute(name),
            _ => Some("its code uses `getattr` with an attribute that is not one text".to_owned()),
        }
    }
}

/// Returns the tokens behind the first comma of a call that begins with its opening bracket.
fn second_argument<'a, 's>(call: &'a [CodeToken<'s>]) -> Option<&'a [CodeToken<'s>]> {
    let mut depth = 0_usize;
    for (index, token) in call.iter().enumerate() {
        match token.kind {
            TokenKind::Mark('(' | '[' | '{') => depth += 1,
            TokenKind::Mark(')' | ']' | '}') => depth = depth.saturating_sub(1),
            TokenKind::Mark(',') if depth == 1 => return Some(&call[index + 1..]),
            _ => {}
        }
        if depth == 0 {
            return None;
        }
    }
    None
}

fn follows_point(tokens: &[CodeToken<'_>], at: usize) -> bool {
    at > 0 && tokens[at - 1].kind == TokenKind::Mark('.')
}

/// Returns whether a name behind a point belongs to a path `torch.…`, `ops.…` or `__torch__.…`,
/// which is checked at its first name.
fn is_part_of_a_path(tokens: &[CodeToken<'_>], at: usize) -> bool {
    let mut first = at;
    while first >= 2
        && follows_point(tokens, first)
        && matches!(tokens[first - 2].kind, TokenKind::Name(_))
    {
        first -= 2;
    }
    match tokens[first].kind {
        _ if follows_point(tokens, first) => false,
        TokenKind::Name("torch") => at <= first + 2,
        TokenKind::Name("ops") => at <= first + 4,
        // A class or a function of the archive.
        TokenKind::Name("__torch__") => true,
        _ => false,
    }
}

/// Returns up to `limit` names behind a name, each after a point.
fn path<'s>(tokens: &[CodeToken<'s>], at: usize, limit: usize) -> Vec<&'s str> {
    let pairs = tokens[at + 1..].chunks(2).take(limit);
    let names = pairs.map_while(|pair| match pair {
        [
            CodeToken { kind: TokenKind::Mark('.'), .. },
            CodeToken { kind: TokenKind::Name(name), .. },
        ] => Some(*name),
        _ => None,
    });
    names.collect()
}

/// Checks an operator of a namespace.
fn operator(space: &str, names: &[&str]) -> Option<String> {
    let [name] = names else { return Some(not_pure_use("torch")) };
    let is_pure = match space {
        "aten" => is_pure(name),
        _ => is_pure(&format!("{space}.{name}")),
    };
    (!is_pure).then(|| not_pure(&format!("{space}::{name}")))
}

/// Checks a class: `__torch__.torch.classes.…` is in C++.
fn custom_class(names: &[&str]) -> Option<String> {
    match names {
        ["torch", "classes"] => Some("its code uses a C++ class (`torch.classes`)".to_owned()),
        [] => Some(not_pure_use("__torch__")),
        _ => None,
    }
}

fn not_pure(operator: &str) -> String {
    format!(
        "its code uses the operator {}, which is not on the list of pure operators: these compute from their arguments, and touch no files, no output and no other memory",
        in_backticks([operator])
    )
}

fn not_pure_use(name: &str) -> String {
    format!("its code uses {} in a way that is not pure", in_backticks([name]))
}

/// Checks a text of the code: libtorch itself may print it. Returns the reason for a refusal.
pub(super) fn text_problem(text: &str) -> Option<String> {
    let found = text.chars().find(|&c| !is_printable(c) && c != '\n' && c != '\t')?;
    Some(format!("it has a text with a character that cannot be shown: U+{:04X}", u32::from(found)))
}

/// Returns the attributes and methods that classes declare: `name : type`,
/// `__annotations__["0"] = …`, `def name(`.
fn declared(tokens: &[CodeToken<'_>]) -> Vec<String> {
    let begins_line = |at: usize| at == 0 || tokens[at - 1].line < tokens[at].line;
    let mut names = Vec::new();
    for at in 0..tokens.len() {
        let kinds: Vec<&TokenKind<'_>> =
            tokens[at..].iter().take(3).map(|token| &token.kind).collect();
        match kinds[..] {
            [TokenKind::Name("def"), TokenKind::Name(name), _] => names.push((*name).to_owned()),
            [TokenKind::Name(name), TokenKind::Mark(':'), _] if begins_line(at) => {
                names.push((*name).to_owned());
            }
            [TokenKind::Name("__annotations__"), TokenKind::Mark('['), TokenKind::Text(name)] => {
                names.push(name.clone());
            }
            _ => {}
        }
    }
    names
}

/// The class and the method of a token.
#[derive(Debug, Default)]
struct Scope<'s> {
    class: Option<&'s str>,
    method: Option<&'s str>,
}

impl<'s> Scope<'s> {
    /// Enters the `class` or `def` that begins at a token, if one does.
    fn enter(&mut self, tokens: &[CodeToken<'s>], at: usize) {
        let Some(CodeToken { kind: TokenKind::Name(name), .. }) = tokens.get(at + 1) else {
            return;
        };
        match tokens[at].kind {
            TokenKind::Name("class") => *self = Self { class: Some(name), method: None },
            TokenKind::Name("def") if tokens[at].is_outermost => {
                *self = Self { class: None, method: Some(name) };
            }
            TokenKind::Name("def") => self.method = Some(name),
            _ => {}
        }
    }

    fn location(&self, file: &str, line: usize) -> String {
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

    /// Checks the lines of a method of a class with the attributes `fc` and `save` and the
    /// submodule `0`.
    fn checked(lines: &str) -> Result<(), String> {
        let source = format!(
            "class Net(Module):\n  fc : __torch__.Linear\n  save : Tensor\n  __annotations__[\"0\"] = __torch__.Linear\n  def forward(self: __torch__.Net,\n    x: Tensor) -> Tensor:\n    {lines}\n"
        );
        let mut purity = PurityCheck::default();
        purity.add("code/net.py", &source).map_err(|found| found.to_string())?;
        purity.finish().map_err(|found| found.to_string())
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
            let found = checked(lines).unwrap_err();
            assert!(found.contains("the operator `aten::from_file`"), "{lines}: {found}");
            assert!(found.ends_with("(`forward` of `Net`, line 7 of `code/net.py`)"), "{found}");
        }
    }

    #[test]
    fn no_way_around_the_names_of_operators_is_accepted() {
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
            assert!(checked(lines).is_err(), "{lines}");
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
            assert_eq!(checked(lines), Ok(()), "{lines}");
        }
    }
}
