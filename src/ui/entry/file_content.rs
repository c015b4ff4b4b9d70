//! Highlighting of the content of a file that a tool read. Line numbers in front of the code stay plain.

use std::sync::Arc;

use ratatui::style::Style;

use crate::config::theme::Theme;
use crate::stdx::syntax::languages;
use crate::ui::style::style;
use crate::ui::widgets::highlight::{HighlightedLines, Highlighter, SyntaxKind, SyntaxState, syntax_style};
use crate::ui::widgets::styled_line::StyledLine;

/// Maximum bytes of code, because the highlighter takes no more.
const MAX_CODE_BYTES: usize = 60 << 10;

/// Number of lines that decide whether the lines are numbered.
const PROBED_LINES: usize = 20;

/// Highlighting of the lines of an output.
pub(super) struct FileContent {
    marked: Arc<HighlightedLines>,
    /// Blanks before the numbers that are not shown; `None` if the lines have no numbers.
    margin: Option<usize>,
}

/// Result of a request for highlighting.
pub(super) enum FileHighlighting {
    /// Highlighted.
    Ready(FileContent),
    /// In progress.
    Pending,
    /// Not highlighted: no language, no grammar, or too long.
    None,
}

impl FileContent {
    /// Highlights the lines of an output in the language of the file.
    pub(super) fn highlight<'t>(
        path: &str,
        lines: impl Iterator<Item = &'t str> + Clone,
        highlighter: &mut Highlighter,
    ) -> FileHighlighting {
        let Some(language) = languages::of_path(path) else { return FileHighlighting::None };
        let is_numbered = are_numbered(lines.clone());
        let margin = is_numbered.then(|| margin(lines.clone()));
        let mut code = String::new();
        for line in lines {
            if code.len() + line.len() > MAX_CODE_BYTES {
                break;
            }
            code.push_str(if is_numbered { &line[number_len(line)..] } else { line });
            code.push('\n');
        }
        match highlighter.syntax(&language, &code) {
            SyntaxState::Ready(marked) => FileHighlighting::Ready(Self { marked, margin }),
            SyntaxState::Pending => FileHighlighting::Pending,
            SyntaxState::Plain => FileHighlighting::None,
        }
    }

    /// Styles a line. `None` for a line that is not highlighted. Line numbers have the style `number`.
    pub(super) fn line(&self, at: usize, text: &str, number: Style, theme: &Theme) -> Option<StyledLine> {
        let pieces = self.marked.get(at)?;
        let start = self.margin.map_or(0, |_| number_len(text));
        // A line without a number is not from the file.
        if self.margin.is_some() && start == 0 {
            return None;
        }
        let code = &text[start..];
        let mut line = StyledLine::plain(&text[self.margin.unwrap_or(0).min(start)..start], number);
        let mut from = 0;
        for (end, kind) in pieces {
            let Some(piece) = code.get(from..*end) else { break };
            let look = if *kind == SyntaxKind::Plain { style(theme.text) } else { syntax_style(*kind, theme) };
            line.push(piece, look);
            from = *end;
        }
        line.push(code.get(from..).unwrap_or_default(), style(theme.text));
        Some(line)
    }
}

/// Returns true if most of the first lines begin with a number.
fn are_numbered<'t>(lines: impl Iterator<Item = &'t str>) -> bool {
    let probed: Vec<_> = lines.filter(|line| !line.trim().is_empty()).take(PROBED_LINES).collect();
    let numbered = probed.iter().filter(|line| number_len(line) > 0).count();
    numbered * 2 > probed.len()
}

/// Number of blanks that precede all numbers.
fn margin<'t>(lines: impl Iterator<Item = &'t str>) -> usize {
    let numbered = lines.filter(|line| number_len(line) > 0);
    numbered.map(|line| line.len() - line.trim_start_matches(' ').len()).min().unwrap_or(0)
}

/// Length in bytes of the number at the start of a line, with its separator: `  12→`, `  12\t`, `00012| `, `12: `.
fn number_len(line: &str) -> usize {
    let spaces = line.len() - line.trim_start_matches(' ').len();
    let digits = line[spaces..].bytes().take_while(u8::is_ascii_digit).count();
    let rest = &line[spaces + digits..];
    let separator = ["→", "\t", "| ", ": ", "|", ":"].into_iter().find(|separator| rest.starts_with(separator));
    match separator {
        Some(":" | "|") if rest.len() > 1 => 0,
        Some(separator) if digits > 0 => spaces + digits + separator.len(),
        Some(_) | None => 0,
    }
}
