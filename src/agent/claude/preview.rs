//! Previews of long outputs: what a record contains in place of an output that is in a file of its own.

/// First line of a preview.
pub(super) const MARKER: &str = "<persisted-output>";

/// Text before the path of the file, in all versions.
pub(super) const SAVED: &str = "saved to";

/// Folder of a session's outputs.
pub(super) const FOLDER: &str = "tool-results";

/// Minimum length of a call's id after which a file may be named, because a short name may mean anything.
pub(super) const CALL_ID: usize = 8;

/// Part of the first line of a refused MCP result, whose whole text is in a file.
const TOO_LONG: &str = " exceeds maximum allowed tokens. ";

/// Texts before the path of the file.
const SAVED_TO: [&str; 2] = ["saved to: ", "saved to "];

/// Bytes at the beginning of an output that may name its file.
const HEAD: usize = 2048;

/// True for an output that is only the preview of a file, or the reason why there is none.
fn is_preview(output: &str) -> bool {
    let output = output.trim_start();
    output.starts_with(MARKER) || output.lines().next().is_some_and(|line| line.contains(TOO_LONG))
}

/// Path of the file that a preview mentions, below the folder of outputs: its name, after those of any subfolders.
pub(super) fn path(output: &str) -> Option<String> {
    if !is_preview(output) {
        return None;
    }
    let head = crate::stdx::text::first_chars(output, HEAD);
    let (_, rest) = SAVED_TO.iter().find_map(|text| head.split_once(text))?;
    let path = rest.lines().next()?.trim().trim_end_matches('.');
    let steps: Vec<&str> = path.split(['/', '\\']).collect();
    let below = steps.iter().rposition(|step| *step == FOLDER).map_or(steps.len() - 1, |at| at + 1);
    let is_plain = |step: &&str| !matches!(*step, "" | "." | "..");
    let below = &steps[below..];
    (!below.is_empty() && below.iter().all(is_plain)).then(|| below.join("/"))
}

/// Name of a file, from its path.
pub(super) fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
