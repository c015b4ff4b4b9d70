//! Previews that name the file of the whole text. The mere mention of a file in another text names none.

/// Lines at each end of a preview in which the file is named.
const EDGE: usize = 3;

/// File that a preview names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PreviewedFile {
    /// Its path.
    pub path: String,
    /// Bytes of the preview without the line that names the file. A file with fewer is that of another text.
    pub shown: u64,
}

/// Finds the file that a preview names: in one of its first or last lines that are not blank, or in any line if the record
/// says that the text was `cut`. `named` returns the path of a line that begins as the agent writes it, given the line
/// before it.
pub(crate) fn file(text: &str, cut: bool, named: impl Fn(&str, &str) -> Option<String>) -> Option<PreviewedFile> {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let found = |before: &str, lines: Vec<&str>| {
        let befores = std::iter::once(before).chain(lines.iter().copied());
        befores.zip(&lines).find_map(|(before, line)| {
            let shown = (text.len() - line.len()) as u64;
            named(before, line).map(|path| PreviewedFile { path, shown })
        })
    };
    if cut {
        return found("", lines().collect());
    }
    found("", lines().take(EDGE).collect()).or_else(|| {
        let mut last: Vec<&str> = lines().rev().take(EDGE).collect();
        last.reverse();
        found(lines().rev().nth(EDGE).unwrap_or_default(), last)
    })
}
