//! Files and web pages that a transcript entry names.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag};

use crate::domain::transcript::{ChangeKind, Entry, EntryKind, FileChange, Tool, ToolAction};
use crate::stdx::text::ellipsis_before;

/// Maximum number of targets of an entry, because a choice must fit on a screen.
const MAX_TARGETS: usize = 8;

/// Maximum bytes of a text that is searched for targets.
const MAX_SEARCHED: usize = 256 << 10;

/// Maximum bytes of an address; a longer one is not opened.
const MAX_ADDRESS: usize = 2_000;

/// Marks of the sentence at the end of an address.
const AFTER_ADDRESS: [char; 8] = ['.', ',', ';', ':', '!', '?', '*', '_'];

/// Maximum columns of a path in a choice.
const MAX_LABEL: usize = 56;

/// File or web page to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkTarget {
    /// A file.
    File {
        /// Path as the agent wrote it.
        path: String,
        /// Line, from 1.
        line: Option<u32>,
    },
    /// A page with an address that begins with `http://` or `https://`.
    Page(String),
}

impl LinkTarget {
    /// Formats the target for a choice: `src/main.rs:12`, `https://example.org`. A long path keeps its end, an address its
    /// start.
    pub fn label(&self) -> String {
        match self {
            Self::File { path, line: Some(line) } => ellipsis_before(&format!("{path}:{line}"), MAX_LABEL),
            Self::File { path, line: None } => ellipsis_before(path, MAX_LABEL),
            Self::Page(address) => address.clone(),
        }
    }
}

/// Returns the first targets of an entry, without repetitions.
pub fn targets(entry: &Entry) -> Vec<LinkTarget> {
    let mut found = match (&entry.tool, entry.kind) {
        (Some(tool), EntryKind::Tool) => of_tool(tool),
        _ => of_text(&entry.text),
    };
    let mut kept: Vec<LinkTarget> = Vec::new();
    found.retain(|target| match target {
        LinkTarget::File { path, .. } => is_plain(path),
        LinkTarget::Page(address) => is_web_address(address),
    });
    for target in found {
        if kept.len() < MAX_TARGETS && !kept.contains(&target) {
            kept.push(target);
        }
    }
    kept
}

/// Returns true for an address that may be handed to the platform's opener.
pub fn is_web_address(address: &str) -> bool {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
    let is_safe = |c: char| c.is_ascii_graphic() && !"\"'`<>\\^{}|".contains(c);
    rest.is_some_and(|rest| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        // A user name in front of the host looks like the host.
        authority.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[') && !authority.contains('@')
    }) && address.len() <= MAX_ADDRESS
        && address.chars().all(is_safe)
}

/// Returns the byte ranges of the web addresses in a text, without the marks around them.
pub fn web_addresses(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("http") {
        let start = from + at;
        let end = text[start..].find(ends_address).map_or(text.len(), |length| start + length);
        let address = text[start..end].trim_end_matches(AFTER_ADDRESS);
        if is_web_address(address) {
            from = start + address.len();
            found.push(start..from);
        } else {
            from = start + "http".len();
        }
    }
    found
}

fn ends_address(c: char) -> bool {
    c.is_whitespace() || c.is_control() || !c.is_ascii() || "()<>[]{}\"'`|\\^".contains(c)
}

fn of_tool(tool: &Tool) -> Vec<LinkTarget> {
    let mut found = match &tool.action {
        ToolAction::Edit(changes) => changes.iter().map(of_change).collect(),
        ToolAction::Read { path } => {
            let line =
                tool.input.get("offset").and_then(serde_json::Value::as_u64).and_then(|line| u32::try_from(line).ok());
            // The content of a file names other files, which are not what was read.
            return vec![LinkTarget::File { path: path.clone(), line: line.filter(|line| *line > 0) }];
        }
        ToolAction::Web { query } => vec![LinkTarget::Page(query.clone())],
        ToolAction::Command { .. }
        | ToolAction::Search { .. }
        | ToolAction::Task { .. }
        | ToolAction::Plan(_)
        | ToolAction::PlanText(_)
        | ToolAction::Question { .. }
        | ToolAction::Other(_) => Vec::new(),
    };
    found.extend(in_words(&tool.output));
    found
}

fn of_change(change: &FileChange) -> LinkTarget {
    let line = if let ChangeKind::Patch(patch) = &change.kind { first_changed_line(patch) } else { None };
    LinkTarget::File { path: change.path.clone(), line }
}

/// Number of the first changed line in the new file.
fn first_changed_line(patch: &str) -> Option<u32> {
    let mut lines = patch.lines().skip_while(|line| !line.starts_with("@@ "));
    let new = lines.next()?.split_whitespace().find_map(|field| field.strip_prefix('+'))?;
    let first: u32 = new.split(',').next()?.parse().ok()?;
    let unchanged = lines.take_while(|line| line.starts_with(' ')).count();
    first.checked_add(u32::try_from(unchanged).ok()?)
}

/// Targets of the links of a Markdown text, then those in its words.
fn of_text(text: &str) -> Vec<LinkTarget> {
    let text = &text[..crate::stdx::text::boundary_before(text, MAX_SEARCHED)];
    let linked = Parser::new_ext(text, Options::ENABLE_TABLES).filter_map(|event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => of_word(&dest_url),
        _ => None,
    });
    linked.take(MAX_TARGETS).chain(in_words(text)).collect()
}

/// Targets in the words of a text.
fn in_words(text: &str) -> Vec<LinkTarget> {
    let text = &text[..crate::stdx::text::boundary_before(text, MAX_SEARCHED)];
    let is_separator = |c: char| c.is_whitespace() || c.is_control() || "()<>[]{}\"'`|,;│".contains(c);
    text.split(is_separator).filter_map(of_word).take(MAX_TARGETS * 4).collect()
}

/// Returns the target that a word names: an address, or a path with a line number.
fn of_word(word: &str) -> Option<LinkTarget> {
    if word.starts_with("http://") || word.starts_with("https://") {
        return Some(LinkTarget::Page(word.trim_end_matches(AFTER_ADDRESS).to_owned()));
    }
    let mut parts = word.trim_end_matches([':', '.']).split(':');
    let (path, line) = (parts.next()?, parts.next()?.parse::<u32>().ok()?);
    let has_rest = parts.next().is_none_or(|column| column.parse::<u32>().is_ok());
    let name = path.rsplit('/').next()?;
    let ending = name.rsplit_once('.').map(|(_, ending)| ending)?;
    let is_path = ending.starts_with(|c: char| c.is_ascii_alphabetic()) && has_rest;
    (is_path && line > 0).then(|| LinkTarget::File { path: path.to_owned(), line: Some(line) })
}

/// Returns true for a path without characters that are drawn in another way than they are.
fn is_plain(path: &str) -> bool {
    !path.is_empty() && crate::stdx::exact::visible(path) == path
}
