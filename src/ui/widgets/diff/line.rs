//! Styles of the lines of a diff.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use similar::ChangeTag;

use super::rows::DiffLine;
use crate::config::theme::Theme;
use crate::ui::style::style;
use crate::ui::widgets::highlight::{SyntaxKind, syntax_style};
use crate::ui::widgets::styled_line::{self, StyledLine};

/// Sign and style of a kind of line.
pub(super) struct LineStyle {
    sign: &'static str,
    base: Style,
    word: Style,
}

impl LineStyle {
    /// Returns the style of removed, added or unchanged lines.
    pub(super) fn of(tag: ChangeTag, theme: &Theme) -> Self {
        let (sign, base, word) = match tag {
            ChangeTag::Equal => ("  ", theme.muted, theme.muted),
            ChangeTag::Insert => ("+ ", theme.added, theme.added_word),
            ChangeTag::Delete => ("- ", theme.removed, theme.removed_word),
        };
        Self { sign, base: style(base), word: style(base).patch(style(word)) }
    }

    /// Lays out a line below a margin with its numbers, in a band of `width` columns.
    pub(super) fn lay(
        &self,
        line: &DiffLine,
        margin: String,
        (theme, width): (&Theme, usize),
        out: &mut Vec<Line<'static>>,
    ) {
        let band = Style { bg: self.base.bg, ..Style::default() };
        let blank = Span::styled(" ".repeat(margin.len() + self.sign.len()), band);
        let number = if band.bg.is_some() { style(theme.muted) } else { style(theme.faint) };
        let first = [Span::styled(margin, number.patch(band)), Span::styled(self.sign, self.base)];
        let start = out.len();
        self.styled(line, theme).wrap_into(width, &first, &[blank], out);
        if band.bg.is_some() {
            out[start..].iter_mut().for_each(|row| styled_line::fill(row, width, band));
        }
    }

    /// Applies the syntax and the emphasis of changed words to the text of a line.
    fn styled(&self, line: &DiffLine, theme: &Theme) -> StyledLine {
        let mut out = StyledLine::default();
        let (mut words, mut syntax) = (line.words.iter().peekable(), line.syntax.iter().peekable());
        let mut from = 0;
        while from < line.text.len() {
            while words.next_if(|(end, _)| *end <= from).is_some() {}
            while syntax.next_if(|(end, _)| *end <= from).is_some() {}
            let (word_end, is_changed) = words.peek().map_or((line.text.len(), false), |word| **word);
            let (code_end, kind) = syntax.peek().map_or((line.text.len(), SyntaxKind::Plain), |piece| **piece);
            let end = word_end.min(code_end);
            let Some(piece) = line.text.get(from..end) else { break };
            let look = match kind {
                _ if is_changed => self.word,
                SyntaxKind::Plain => self.base,
                kind => self.base.patch(syntax_style(kind, theme)),
            };
            out.push(piece, look);
            from = end;
        }
        // Offsets of the highlighting that are not those of the text leave the rest plain.
        out.push(line.text.get(from..).unwrap_or_default(), self.base);
        out
    }
}
