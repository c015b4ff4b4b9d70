//! Syntax of code: pieces of lines and their kinds.

pub mod languages;

use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};

/// Maximum bytes of a highlighted line, because longer lines are data, not code.
const MAX_LINE_BYTES: usize = 2_000;

/// Grammars of all languages. Loading them costs megabytes and milliseconds.
#[derive(Debug)]
pub struct Grammars {
    syntaxes: SyntaxSet,
    kinds: ScopeKinds,
}

/// Kind of a piece of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyntaxKind {
    /// Other text.
    Plain,
    /// Keyword.
    Keyword,
    /// String.
    String,
    /// Comment.
    Comment,
    /// Number or constant.
    Number,
    /// Name of a function.
    Function,
    /// Name of a type.
    Type,
    /// Variable.
    Variable,
    /// Operator or bracket.
    Punctuation,
}

/// Pieces per line of code: end offset in bytes, and kind.
pub type HighlightedLines = Vec<Vec<(usize, SyntaxKind)>>;

impl Grammars {
    /// Loads the grammars.
    pub fn load() -> Self {
        Self { syntaxes: two_face::syntax::extra_newlines(), kinds: ScopeKinds::new() }
    }

    /// Highlights code of a language, which is a token of [`languages`]. No lines without a grammar.
    pub fn highlight(&self, language: &str, code: &str) -> HighlightedLines {
        let Some(syntax) = self.syntaxes.find_syntax_by_token(language) else { return HighlightedLines::new() };
        mark_lines(&self.syntaxes, syntax, &self.kinds, code)
    }
}

fn mark_lines(syntaxes: &SyntaxSet, syntax: &SyntaxReference, kinds: &ScopeKinds, code: &str) -> HighlightedLines {
    let mut state = ParseState::new(syntax);
    let mut scopes = ScopeStack::new();
    let mut marked = HighlightedLines::new();
    for line in code.lines() {
        let mut pieces = Vec::new();
        if line.len() <= MAX_LINE_BYTES {
            // A grammar that fails leaves the rest of the block plain.
            let Ok(operations) = state.parse_line(&format!("{line}\n"), syntaxes) else { return marked };
            let mut from = 0;
            for (at, operation) in operations {
                let at = at.min(line.len());
                if at > from {
                    pieces.push((at, kinds.of(&scopes)));
                    from = at;
                }
                if scopes.apply(&operation).is_err() {
                    return marked;
                }
            }
            if from < line.len() {
                pieces.push((line.len(), kinds.of(&scopes)));
            }
        }
        marked.push(pieces);
    }
    marked
}

/// Mapping of scope prefixes to kinds, the most specific first.
#[derive(Debug)]
struct ScopeKinds(Vec<(Scope, SyntaxKind)>);

impl ScopeKinds {
    fn new() -> Self {
        let table = [
            ("punctuation.definition.comment", SyntaxKind::Comment),
            ("comment", SyntaxKind::Comment),
            ("punctuation.definition.string", SyntaxKind::String),
            ("string", SyntaxKind::String),
            ("constant.character", SyntaxKind::String),
            ("constant", SyntaxKind::Number),
            ("keyword.operator", SyntaxKind::Punctuation),
            ("keyword", SyntaxKind::Keyword),
            ("storage", SyntaxKind::Keyword),
            ("entity.name.function", SyntaxKind::Function),
            ("support.function", SyntaxKind::Function),
            ("variable.function", SyntaxKind::Function),
            ("support.macro", SyntaxKind::Function),
            ("entity.name.tag", SyntaxKind::Keyword),
            ("entity.other.attribute-name", SyntaxKind::Function),
            ("entity.name", SyntaxKind::Type),
            ("support.type", SyntaxKind::Type),
            ("support.class", SyntaxKind::Type),
            ("variable", SyntaxKind::Variable),
            ("punctuation", SyntaxKind::Punctuation),
        ];
        Self(table.into_iter().filter_map(|(name, token)| Some((Scope::new(name).ok()?, token))).collect())
    }

    fn of(&self, scopes: &ScopeStack) -> SyntaxKind {
        let kind = |scope: &Scope| self.0.iter().find(|(prefix, _)| prefix.is_prefix_of(*scope));
        scopes.as_slice().iter().rev().find_map(kind).map_or(SyntaxKind::Plain, |(_, token)| *token)
    }
}
