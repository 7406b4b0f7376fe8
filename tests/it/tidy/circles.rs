//! The files of a library depend on one another without circles. Only a module and its own children
//! may know each other both ways: a parent re-exports, a child uses its parent.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use syn::{
    Attribute, Item, ItemUse, Meta, UseTree, Visibility,
    visit::{self, Visit},
};

use super::repository::{files, none, root, shown, syntax};

/// The crates with a rule against circles.
const CRATES: [&str; 6] = [
    "fedlayer-analysis",
    "fedlayer-core",
    "fedlayer-report",
    "fedlayer-runtime",
    "fedlayer-scenario",
    "fedlayer-torch",
];

#[test]
fn files_of_a_library_make_no_circle() {
    let mut wrong = Vec::new();
    for name in CRATES {
        let library = Library::read(&root().join("crates").join(name).join("src"));
        wrong.extend(library.circles().into_iter().map(|circle| {
            format!(
                "{name}: these files know each other in a circle; move what they share into a file of its own:\n{}",
                library.uses_within(&circle).join("\n")
            )
        }));
    }
    none(wrong);
}

#[test]
fn a_circle_is_found_through_a_re_export_and_parents_are_allowed() {
    let library = Library::parse(&[
        ("", "mod a; mod b; mod c;"),
        ("a", "pub mod x; pub use self::x::Thing; use crate::c::C;"),
        ("a/x", "use super::Other; pub struct Thing;"),
        ("b", "use crate::a::{self, Thing}; fn f() -> crate::c::C { a::g() }"),
        ("c", "#[cfg(test)] mod tests { use crate::b; } pub struct C;"),
    ]);
    assert_eq!(library.circles(), Vec::<BTreeSet<Module>>::new());
    let library = Library::parse(&[
        ("", "mod a; mod b;"),
        ("a", "mod x; pub use self::x::Thing;"),
        ("a/x", "use crate::b::B; pub struct Thing;"),
        ("b", "use crate::a::Thing; pub struct B;"),
    ]);
    let circle = BTreeSet::from([module("a/x"), module("b")]);
    assert_eq!(library.circles(), [circle]);
}

/// The path of a module, from the root of its crate.
type Module = Vec<String>;

fn module(path: &str) -> Module {
    path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The modules of a crate: the file of each, and the modules that it uses.
struct Library {
    files: BTreeMap<Module, PathBuf>,
    uses: BTreeMap<Module, BTreeSet<Module>>,
}

impl Library {
    /// Reads all files below the source folder of a crate, except tests.
    fn read(folder: &Path) -> Self {
        let mut modules = BTreeMap::new();
        for file in files("rs").into_iter().filter(|file| file.starts_with(folder)) {
            let path = file.strip_prefix(folder).unwrap_or(&file).with_extension("");
            let mut module = module(&path.to_string_lossy());
            if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
                module.pop();
            }
            if !module.iter().any(|name| name == "tests") {
                let paths = Paths::of(&syntax(&file));
                modules.insert(module, (file, paths));
            }
        }
        Self::of(modules)
    }

    fn parse(modules: &[(&str, &str)]) -> Self {
        let parsed = modules.iter().map(|(path, text)| {
            let paths = Paths::of(&syn::parse_file(text).unwrap());
            (module(path), (PathBuf::from(path), paths))
        });
        Self::of(parsed.collect())
    }

    fn of(modules: BTreeMap<Module, (PathBuf, Paths)>) -> Self {
        let resolver = Resolver(&modules);
        let uses = modules.iter().map(|(module, (_, paths))| {
            let used = paths.used.iter().filter_map(|path| resolver.resolve(module, path, 0));
            let used = used.filter(|used| !is_family(module, used)).collect();
            (module.clone(), used)
        });
        let uses = uses.collect();
        let files = modules.into_iter().map(|(module, (file, _))| (module, file)).collect();
        Self { files, uses }
    }

    /// Returns the groups of modules that reach each other.
    fn circles(&self) -> Vec<BTreeSet<Module>> {
        let reached: BTreeMap<&Module, BTreeSet<&Module>> =
            self.uses.keys().map(|module| (module, self.reached_from(module))).collect();
        let circle = |module: &&Module| -> BTreeSet<Module> {
            let back = reached[module].iter().filter(|other| reached[**other].contains(module));
            back.map(|other| (*other).clone()).collect()
        };
        let circles: BTreeSet<BTreeSet<Module>> = reached.keys().map(circle).collect();
        circles.into_iter().filter(|circle| !circle.is_empty()).collect()
    }

    fn reached_from<'a>(&'a self, module: &'a Module) -> BTreeSet<&'a Module> {
        let mut reached = BTreeSet::new();
        let mut open = vec![module];
        while let Some(module) = open.pop() {
            let fresh = self.uses[module].iter().filter(|used| !reached.contains(used));
            let fresh: Vec<&Module> = fresh.collect();
            open.extend(&fresh);
            reached.extend(fresh);
        }
        reached
    }

    /// Returns a line for each use between the modules of a circle.
    fn uses_within(&self, circle: &BTreeSet<Module>) -> Vec<String> {
        let uses = |module: &Module| {
            let used = self.uses[module].intersection(circle);
            let line = |used: &Module| {
                format!("  {} uses {}", shown(&self.files[module]), shown(&self.files[used]))
            };
            used.map(line).collect::<Vec<_>>()
        };
        circle.iter().flat_map(uses).collect()
    }
}

/// Returns whether one module is inside the other; the root is around all.
fn is_family(one: &Module, other: &Module) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// Finds the module that a path leads to.
struct Resolver<'a>(&'a BTreeMap<Module, (PathBuf, Paths)>);

impl Resolver<'_> {
    /// Resolves a path that is written in `from`. A re-exported name leads to the module that
    /// defines it. `None` for paths into other crates.
    fn resolve(&self, from: &Module, path: &[String], depth: usize) -> Option<Module> {
        let (mut module, mut names) = self.start(from, path)?;
        while let Some((name, behind)) = names.split_first() {
            let inner = [module.as_slice(), std::slice::from_ref(name)].concat();
            if !self.0.contains_key(&inner) {
                break;
            }
            (module, names) = (inner, behind);
        }
        let re_export = names.first().and_then(|name| self.0.get(&module)?.1.re_exported.get(name));
        let defined = re_export.filter(|_| depth < 8);
        let defined = defined.and_then(|path| self.resolve(&module, path, depth + 1));
        Some(defined.unwrap_or(module))
    }

    fn start<'p>(&self, from: &Module, path: &'p [String]) -> Option<(Module, &'p [String])> {
        let (first, behind) = path.split_first()?;
        let supers = path.iter().take_while(|name| *name == "super").count();
        match first.as_str() {
            "crate" => Some((Module::new(), behind)),
            "self" => Some((from.clone(), behind)),
            "super" => Some((from[..from.len().checked_sub(supers)?].to_vec(), &path[supers..])),
            _ => {
                let child = [from.as_slice(), std::slice::from_ref(first)].concat();
                self.0.contains_key(&child).then(|| (from.clone(), path))
            }
        }
    }
}

/// The paths in a file, without those of its tests.
#[derive(Default)]
struct Paths {
    used: Vec<Module>,
    /// The names that the file re-exports, each with its path.
    re_exported: BTreeMap<String, Module>,
}

impl Paths {
    fn of(file: &syn::File) -> Self {
        let mut paths = Self::default();
        paths.visit_file(file);
        paths
    }
}

impl<'a> Visit<'a> for Paths {
    fn visit_item(&mut self, item: &'a Item) {
        if !matches!(item, Item::Mod(item) if is_for_tests(&item.attrs)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        let paths = leaves(&item.tree, &[]);
        if matches!(item.vis, Visibility::Inherited) {
            self.used.extend(paths.into_iter().map(|(_, path)| path));
        } else {
            self.re_exported.extend(paths);
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        if path.segments.len() > 1 {
            self.used.push(path.segments.iter().map(|part| part.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    let is_test = |attribute: &Attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        _ => false,
    };
    attributes.iter().any(is_test)
}

/// Returns every name that a `use` brings, with its path.
fn leaves(tree: &UseTree, before: &[String]) -> Vec<(String, Module)> {
    let with = |name: String| [before, &[name]].concat();
    match tree {
        UseTree::Path(path) => leaves(&path.tree, &with(path.ident.to_string())),
        UseTree::Group(group) => group.items.iter().flat_map(|tree| leaves(tree, before)).collect(),
        UseTree::Name(name) if name.ident == "self" => {
            vec![(before.last().cloned().unwrap_or_default(), before.to_vec())]
        }
        UseTree::Name(name) => vec![(name.ident.to_string(), with(name.ident.to_string()))],
        UseTree::Rename(name) => vec![(name.rename.to_string(), with(name.ident.to_string()))],
        UseTree::Glob(_) => vec![("*".to_owned(), before.to_vec())],
    }
}
