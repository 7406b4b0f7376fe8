//! A type name has one meaning in the whole workspace, and the public face of the core is small.

use std::collections::BTreeMap;

use proc_macro2::Ident;
use syn::{
    Item, ItemEnum, ItemStruct, ItemTrait, ItemType, ItemUnion, UseTree, Visibility,
    visit::{self, Visit},
};

use super::repository::{files, is_beside_the_program, none, root, shown, syntax};

/// Names that two types may share, each with the reason.
const SHARED: [(&str, &str); 1] =
    [("Command", "each program has its own list of commands, and clap's name for it is this")];

/// The most names that `fedlayer-core/src/lib.rs` may re-export from its modules.
const MAX_REEXPORTS: usize = 40;

#[test]
fn a_type_name_has_one_meaning() {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files("rs").iter().filter(|file| !is_beside_the_program(file)) {
        for (name, line) in type_names(&syntax(file)) {
            all.entry(name).or_default().push(format!("{}:{line}", shown(file)));
        }
    }
    let is_shared = |name: &str| SHARED.iter().any(|(shared, _)| *shared == name);
    let twice = all.iter().filter(|(name, at)| at.len() > 1 && !is_shared(name));
    let mut wrong: Vec<String> = twice
        .map(|(name, at)| {
            format!(
                "type `{name}` is defined in {}; give all but one a name that says more",
                at.join(" and ")
            )
        })
        .collect();
    let is_single = |name: &&str| all.get(*name).is_none_or(|at| at.len() < 2);
    wrong.extend(SHARED.iter().map(|(name, _)| *name).filter(is_single).map(|name| {
        format!(
            "type `{name}` is not defined twice any more; take it out of `SHARED` in {}",
            file!()
        )
    }));
    none(wrong);
}

#[test]
fn the_core_re_exports_few_names() {
    let file = root().join("crates/fedlayer-core/src/lib.rs");
    let count = re_exports(&syntax(&file));
    let is_right = count <= MAX_REEXPORTS;
    none(Vec::from_iter((!is_right).then(|| {
        format!(
            "{}: {count} names are re-exported, at most {MAX_REEXPORTS} are allowed; make the module public, and import from it",
            shown(&file)
        )
    })));
}

#[test]
fn types_are_found_wherever_they_are_defined() {
    let text = "pub struct A; mod b { enum B {} fn f() { struct C; } } type D = u8; trait E { type F; } union G { a: u8 }";
    let names: Vec<String> =
        type_names(&syn::parse_file(text).unwrap()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["A", "B", "C", "D", "E", "G"]);
}

#[test]
fn each_name_of_a_group_is_a_re_export_and_a_glob_is_too_many() {
    let count = |text: &str| re_exports(&syn::parse_file(text).unwrap());
    assert_eq!(count("pub use a::{B, c::{D, E as F}}; pub use G; use h::I; pub mod j;"), 4);
    assert!(count("pub use a::*;") > MAX_REEXPORTS);
}

/// Returns every type, trait and alias that a file defines, with its line.
fn type_names(file: &syn::File) -> Vec<(String, usize)> {
    let mut names = TypeNames::default();
    names.visit_file(file);
    names.0
}

#[derive(Default)]
struct TypeNames(Vec<(String, usize)>);

impl TypeNames {
    fn add(&mut self, name: &Ident) {
        self.0.push((name.to_string(), name.span().start().line));
    }
}

impl<'a> Visit<'a> for TypeNames {
    fn visit_item_struct(&mut self, item: &'a ItemStruct) {
        self.add(&item.ident);
    }

    fn visit_item_enum(&mut self, item: &'a ItemEnum) {
        self.add(&item.ident);
    }

    fn visit_item_union(&mut self, item: &'a ItemUnion) {
        self.add(&item.ident);
    }

    fn visit_item_type(&mut self, item: &'a ItemType) {
        self.add(&item.ident);
    }

    fn visit_item_trait(&mut self, item: &'a ItemTrait) {
        self.add(&item.ident);
        visit::visit_item_trait(self, item);
    }
}

/// Counts the names that a file re-exports.
fn re_exports(file: &syn::File) -> usize {
    let public = file.items.iter().filter_map(|item| match item {
        Item::Use(item) if matches!(item.vis, Visibility::Public(_)) => Some(&item.tree),
        _ => None,
    });
    public.map(names_in).sum()
}

fn names_in(tree: &UseTree) -> usize {
    match tree {
        UseTree::Path(path) => names_in(&path.tree),
        UseTree::Group(group) => group.items.iter().map(names_in).sum(),
        UseTree::Name(_) | UseTree::Rename(_) => 1,
        // A glob may bring any number of names.
        UseTree::Glob(_) => MAX_REEXPORTS + 1,
    }
}
