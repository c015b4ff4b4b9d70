//! Code blocks of a transcript entry, and what copying them says.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::domain::transcript::{ChangeKind, Entry, EntryKind, FileChange, Tool, ToolAction};
use crate::stdx::text::{first_chars, one_line, sanitise};

/// Maximum number of code blocks of an entry, because a choice must fit on a screen.
const MAX_BLOCKS: usize = 8;

/// Maximum characters of the first line of a block in a choice.
const MAX_HEAD_CHARS: usize = 60;

/// Code of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeBlock {
    /// Name of the language for the user; `code` if it is unknown.
    pub language: String,
    /// Sanitised code without a final line break.
    pub code: String,
}

impl CodeBlock {
    /// Creates a block whose language is that of a fence or of the ending of a file name.
    fn new(language: &str, code: &str) -> Self {
        let code = sanitise(code).trim_end_matches('\n').to_owned();
        Self { language: language_name(language), code }
    }

    /// Describes the block as the object of a sentence: `12 lines of Rust`.
    pub fn description(&self) -> String {
        format!("{} of {}", lines(&self.code), self.language)
    }

    /// Describes the block in a choice.
    pub fn label(&self) -> String {
        let head = self.code.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        format!("{}: {}", self.description(), one_line(first_chars(head.trim(), MAX_HEAD_CHARS)))
    }
}

/// Returns the first code blocks of an entry.
pub fn code_blocks(entry: &Entry) -> Vec<CodeBlock> {
    let mut blocks = match (&entry.tool, entry.kind) {
        (Some(tool), EntryKind::Tool) => of_tool(tool),
        _ => of_markdown(&entry.text),
    };
    blocks.retain(|block| !block.code.is_empty());
    blocks.truncate(MAX_BLOCKS);
    blocks
}

/// Formats a number of lines: `1 line`, `12 lines`.
pub fn lines(text: &str) -> String {
    match text.lines().count() {
        1 => "1 line".to_owned(),
        count => format!("{count} lines"),
    }
}

fn of_markdown(text: &str) -> Vec<CodeBlock> {
    let (mut blocks, mut open) = (Vec::new(), None);
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let language =
                    if let CodeBlockKind::Fenced(language) = kind { language.to_string() } else { String::new() };
                open = Some((language, String::new()));
            }
            Event::Text(text) => {
                if let Some((_, code)) = &mut open {
                    code.push_str(&text);
                }
            }
            Event::End(TagEnd::CodeBlock) => {
                blocks.extend(open.take().map(|(language, code)| CodeBlock::new(&language, &code)));
                if blocks.len() >= MAX_BLOCKS {
                    return blocks;
                }
            }
            _ => {}
        }
    }
    blocks
}

/// Returns what a tool call contains: a command, new contents of files, the output.
fn of_tool(tool: &Tool) -> Vec<CodeBlock> {
    let output = |language: &str| CodeBlock::new(language, &tool.output);
    match &tool.action {
        ToolAction::Command { command, .. } => vec![CodeBlock::new("bash", command), output("output")],
        ToolAction::Read { path } => vec![output(extension(path))],
        ToolAction::Edit(changes) => changes.iter().flat_map(of_change).collect(),
        ToolAction::Task { .. } | ToolAction::PlanText(_) => of_markdown(&tool.output),
        ToolAction::Search { .. }
        | ToolAction::Web { .. }
        | ToolAction::Plan(_)
        | ToolAction::Question { .. }
        | ToolAction::Other(_) => vec![output("output")],
    }
}

fn of_change(change: &FileChange) -> Vec<CodeBlock> {
    let language = extension(&change.path);
    match &change.kind {
        ChangeKind::Write(text) => vec![CodeBlock::new(language, text)],
        ChangeKind::Replace(pairs) => pairs.iter().map(|(_, new)| CodeBlock::new(language, new)).collect(),
        ChangeKind::Patch(patch) => vec![CodeBlock::new("diff", patch)],
        ChangeKind::Delete => Vec::new(),
    }
}

fn extension(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// Returns the name of the language of a fence or a file name's ending; the word itself if it is not known.
fn language_name(fence: &str) -> String {
    const NAMES: &[(&str, &[&str])] = &[
        ("Bash", &["bash", "sh", "shell", "zsh", "console"]),
        ("C", &["c", "h"]),
        ("C#", &["cs", "csharp"]),
        ("C++", &["c++", "cc", "cpp", "cxx", "hpp"]),
        ("CSS", &["css"]),
        ("Go", &["go", "golang"]),
        ("HTML", &["html"]),
        ("Java", &["java"]),
        ("JavaScript", &["javascript", "js", "jsx", "mjs"]),
        ("JSON", &["json", "jsonc"]),
        ("Kotlin", &["kotlin", "kt", "kts"]),
        ("Markdown", &["markdown", "md"]),
        ("PHP", &["php"]),
        ("Python", &["python", "py"]),
        ("Ruby", &["ruby", "rb"]),
        ("Rust", &["rust", "rs"]),
        ("SQL", &["sql"]),
        ("Swift", &["swift"]),
        ("TOML", &["toml"]),
        ("TypeScript", &["typescript", "ts", "tsx"]),
        ("YAML", &["yaml", "yml"]),
    ];
    let word = fence.split([' ', ',', '{', ':']).next().unwrap_or_default();
    let lower = word.to_lowercase();
    let known = NAMES.iter().find(|(_, words)| words.contains(&lower.as_str()));
    match known {
        Some((name, _)) => (*name).to_owned(),
        None if word.is_empty() => "code".to_owned(),
        None => one_line(first_chars(word, 20)),
    }
}
