//! Code with its syntax in colours: elements with one of a few classes, whose colours are in the style sheet.

use std::io::{self, Write};

use super::escape::write_escaped;
use crate::stdx::syntax::{Grammars, SyntaxKind, languages};
use crate::stdx::text::sanitise;

/// Maximum bytes of highlighted code per document, to bound the time that a large one takes; the rest is plain.
const MAX_BYTES: usize = 1 << 20;

/// Writer of code blocks. Loads the grammars with the first code of a known language.
#[derive(Debug, Default)]
pub(super) struct CodeWriter {
    grammars: Option<Grammars>,
    /// Bytes of highlighted code so far.
    written: usize,
}

impl CodeWriter {
    /// Writes the content of a code block, whose fence names the language.
    pub(super) fn write(&mut self, out: &mut dyn Write, fence: &str, code: &str) -> io::Result<()> {
        let language = languages::token(fence).filter(|_| self.written + code.len() <= MAX_BYTES);
        let Some(language) = language else { return write_escaped(out, code) };
        self.written += code.len();
        // Without controls, so that the ends of the pieces stay right.
        let code = sanitise(code);
        let lines = self.grammars.get_or_insert_with(Grammars::load).highlight(&language, &code);
        let mut pieces = lines.iter();
        for line in code.lines() {
            let mut from = 0;
            for (kind, end) in merged(pieces.next().map_or(&[][..], Vec::as_slice)) {
                write_piece(out, kind, line.get(from..end).unwrap_or_default())?;
                from = end;
            }
            write_escaped(out, line.get(from..).unwrap_or_default())?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

/// Merges adjacent pieces of one kind.
fn merged(pieces: &[(usize, SyntaxKind)]) -> impl Iterator<Item = (SyntaxKind, usize)> {
    let chunks = pieces.chunk_by(|(_, a), (_, b)| a == b);
    chunks.filter_map(|chunk| chunk.last().map(|(end, kind)| (*kind, *end)))
}

fn write_piece(out: &mut dyn Write, kind: SyntaxKind, text: &str) -> io::Result<()> {
    let class = match kind {
        // Variables are most of the text, and have its colour.
        SyntaxKind::Plain | SyntaxKind::Variable => return write_escaped(out, text),
        SyntaxKind::Keyword => "k",
        SyntaxKind::String => "s",
        SyntaxKind::Comment => "c",
        SyntaxKind::Number => "n",
        SyntaxKind::Function => "f",
        SyntaxKind::Type => "t",
        SyntaxKind::Punctuation => "p",
    };
    write!(out, "<span class={class}>")?;
    write_escaped(out, text)?;
    out.write_all(b"</span>")
}
