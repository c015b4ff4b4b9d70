//! The graph of imports between the files of a layer, and its circles.
//!
//! Re-exports are followed to the file that defines the item. A file that uses its own parent's `mod.rs` does not
//! import it in this sense: a child belongs to its parent.

use std::collections::{BTreeMap, BTreeSet};

/// Path of a module below `src`, such as `["app", "home"]`.
type Module = Vec<String>;

/// Source of a module.
#[derive(Debug, Default)]
struct Source {
    /// Names that `use` brings into scope, with their paths.
    names: BTreeMap<String, Vec<String>>,
    /// Paths that the code uses, outside of re-exports.
    paths: Vec<Vec<String>>,
}

/// Modules of a layer by their paths.
#[derive(Debug, Default)]
pub struct ImportGraph {
    modules: BTreeMap<Module, Source>,
}

impl ImportGraph {
    /// Adds the source of a module.
    pub fn add(&mut self, module: &[&str], code: &str) {
        let module = module.iter().map(|part| (*part).to_owned()).collect();
        self.modules.insert(module, Source::parse(code));
    }

    /// Returns the groups of modules that import each other in a loop, as paths.
    pub fn circles(&self) -> Vec<Vec<String>> {
        let edges: BTreeMap<&Module, BTreeSet<&Module>> =
            self.modules.keys().map(|module| (module, self.imports(module))).collect();
        let reached: BTreeMap<_, _> = edges.keys().map(|module| (*module, reachable(&edges, module))).collect();
        let mut circles = BTreeSet::new();
        for module in edges.keys().filter(|module| reached[*module].contains(*module)) {
            let mutual = reached[module].iter().filter(|other| reached[*other].contains(*module));
            circles.insert(mutual.map(|other| other.join("/")).collect::<Vec<_>>());
        }
        circles.into_iter().collect()
    }

    /// Returns the modules that a module imports.
    fn imports(&self, module: &Module) -> BTreeSet<&Module> {
        let source = &self.modules[module];
        let found = source.paths.iter().filter_map(|path| self.resolve(module, path, 0));
        found.filter(|found| *found != module && !is_parent(found, module)).collect()
    }

    /// Returns the module that defines the item at a path. `None` for other layers, other crates and modules.
    fn resolve(&self, module: &Module, path: &[String], depth: usize) -> Option<&Module> {
        if depth > 8 {
            return None;
        }
        let mut at = module.clone();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => (at, rest) = (Vec::new(), &path[1..]),
            "self" => rest = &path[1..],
            "super" => {}
            first => match self.modules[module].names.get(first) {
                Some(full) if full != path => {
                    let full: Vec<_> = full.iter().chain(&path[1..]).cloned().collect();
                    return self.resolve(module, &full, depth + 1);
                }
                _ if self.modules.contains_key(&child(module, first)) => {}
                _ => return None,
            },
        }
        while let [first, more @ ..] = rest {
            if first == "super" {
                at.pop();
            } else if self.modules.contains_key(&child(&at, first)) {
                at = child(&at, first);
            } else {
                break;
            }
            rest = more;
        }
        let (defined_in, source) = self.modules.get_key_value(&at)?;
        match source.names.get(rest.first()?) {
            // A name that the module only passes on.
            Some(full) if defined_in != module => self.resolve(defined_in, full, depth + 1),
            _ => Some(defined_in),
        }
    }
}

fn child(module: &Module, name: &str) -> Module {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

fn is_parent(parent: &Module, module: &Module) -> bool {
    module.split_last().is_some_and(|(_, above)| above == parent.as_slice())
}

fn reachable<'m>(edges: &BTreeMap<&'m Module, BTreeSet<&'m Module>>, from: &'m Module) -> BTreeSet<&'m Module> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&Module> = edges[from].iter().copied().collect();
    while let Some(module) = open.pop() {
        if reached.insert(module) {
            open.extend(&edges[module]);
        }
    }
    reached
}

impl Source {
    fn parse(code: &str) -> Self {
        let code = code.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let tokens = tokens(code);
        let mut source = Self::default();
        let mut passed_on = BTreeSet::new();
        let mut at = 0;
        while at < tokens.len() {
            let starts = |token: &str| matches!(token, ";" | "}" | "{" | "]" | "pub" | ")");
            if tokens[at] == "use" && at.checked_sub(1).is_none_or(|before| starts(&tokens[before])) {
                let public = at > 0 && matches!(tokens[at - 1].as_str(), "pub" | ")");
                let mut leaves = Vec::new();
                at = use_tree(&tokens, at + 1, &[], &mut leaves);
                for (name, path) in leaves {
                    if public {
                        passed_on.insert(name.clone());
                    } else {
                        source.paths.push(path.clone());
                    }
                    source.names.insert(name, path);
                }
            } else if is_name(&tokens[at]) {
                let mut path = vec![tokens[at].clone()];
                while tokens.get(at + 1).is_some_and(|next| next == "::")
                    && tokens.get(at + 2).is_some_and(|next| is_name(next))
                {
                    path.push(tokens[at + 2].clone());
                    at += 2;
                }
                if path.len() > 1 || passed_on.contains(&path[0]) {
                    source.paths.push(path);
                }
                at += 1;
            } else {
                at += 1;
            }
        }
        source
    }
}

/// Collects the names and paths of a `use` tree. Returns the position behind it.
fn use_tree(tokens: &[String], mut at: usize, prefix: &[String], leaves: &mut Vec<(String, Vec<String>)>) -> usize {
    let mut path = prefix.to_vec();
    loop {
        match tokens.get(at).map_or(";", String::as_str) {
            "::" => at += 1,
            "{" => {
                at += 1;
                while tokens[at] != "}" {
                    at = use_tree(tokens, at, &path, leaves);
                    at += usize::from(tokens[at] == ",");
                }
                return at + 1;
            }
            "," | ";" | "}" => break,
            "as" => {
                leaves.push((tokens[at + 1].clone(), path));
                return at + 2;
            }
            "self" if !path.is_empty() => at += 1,
            part => {
                path.push(part.to_owned());
                at += 1;
            }
        }
    }
    leaves.extend(path.last().cloned().map(|name| (name, path)));
    at
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Splits code into names, `::` and single characters. Texts in quotes are left out.
fn tokens(code: &str) -> Vec<String> {
    let token = regex::Regex::new(r#"//[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.[^']*|[^'\\])'|[\p{L}_][\p{L}\p{N}_]*|::|\S"#);
    let token = token.expect("a pattern");
    let found = token.find_iter(code).map(|found| found.as_str());
    found
        .filter(|text| !(text.starts_with("//") || text.len() > 1 && text.starts_with(['"', '\''])))
        .map(str::to_owned)
        .collect()
}

#[test]
fn circles_are_found_through_re_exports_and_module_names() {
    let mut graph = ImportGraph::default();
    graph.add(&["app"], "pub mod a; pub mod b; pub use a::A; struct Own;");
    graph.add(&["app", "a"], "use super::b; use super::Own; pub struct A; fn f() { b::g(); }");
    graph.add(&["app", "b"], "use super::{A, c::*}; use crate::domain::A as Other;");
    graph.add(&["app", "c"], "use super::d::D as Shown;");
    graph.add(&["app", "d"], "pub struct D; const TEXT: &str = \"super::c::X\";");
    assert_eq!(graph.circles(), [["app/a", "app/b"]]);
}
