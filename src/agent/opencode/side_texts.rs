//! Outputs of tools in files of their own, `tool-output/tool_<id>` beside the database.
//!
//! A record names the file in `metadata.outputPath` (1.x), in `outputPaths` (2.x), or only within the preview, in a line of its
//! own: `The tool call succeeded but the output was truncated. Full output saved to: PATH` and `Full output saved to: PATH` at
//! the beginning or the end, `... output truncated; full content saved to PATH ...` between them. `metadata.truncated` is
//! false for an output that is whole. Verified with 1.18.34, which deletes the files after seven days.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde_json::Value;

use super::record;
use crate::agent::side_text::{OutputFolder, preview};
use crate::agent::tool_input;

/// Beginning of the files' names.
pub(super) const NAME: &str = "tool_";

/// Beginnings of the line that names the file in a preview.
const CUT: &str = "The tool call succeeded but the output was truncated. Full output saved to:";
const CUT_V2: &str = "... output truncated; full content saved to";
/// Its beginning below a line that says so.
const SAVED: &str = "Full output saved to:";

/// Texts without one of which a part has no output in a file.
static MARKS: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| [record::OUTPUTS, "\"tool_"].map(|mark| Finder::new(mark).into_owned()));

/// False if the bytes of a part show that it has no output in a file of its own.
pub(super) fn may_have(part: &[u8]) -> bool {
    MARKS.iter().any(|mark| mark.find(part).is_some())
}

/// Paths of the files whose texts replace the output of a tool's part, when it is read and when it is searched. A file that
/// only the preview or the call's id names has more text than the part.
pub(super) fn replacing(part: &Value, outputs: &OutputFolder) -> Vec<String> {
    let (metadata, output) = (&part["state"]["metadata"], &part["state"]["output"]);
    let several = tool_input::items(&metadata["outputPaths"]).into_iter();
    let recorded = [&metadata["outputPath"], &metadata["outputPaths"]].into_iter().chain(several);
    let mut paths: Vec<(String, u64)> = recorded.filter_map(Value::as_str).map(|path| (path.to_owned(), 0)).collect();
    paths.dedup();
    if paths.is_empty() {
        paths.extend(output.as_str().and_then(|output| named_in(output, metadata["truncated"].as_bool())));
    }
    if paths.is_empty() {
        // A file that has the name of the call.
        let call = part["callID"].as_str().filter(|call| call.starts_with(NAME));
        let shown = tool_input::lines(output).len() as u64;
        paths.extend(call.map(|call| (format!("{}/{call}", record::OUTPUTS), shown)));
    }
    paths.into_iter().filter(|(path, shown)| outputs.size(path) > *shown).map(|(path, _)| path).collect()
}

/// Path that a preview names, and the bytes that it shows; `cut` is what the record says about the output.
fn named_in(output: &str, cut: Option<bool>) -> Option<(String, u64)> {
    let named = |before: &str, line: &str| {
        let is_cut = || before.starts_with("...") && before.contains("truncated");
        let path = line
            .strip_prefix(CUT)
            .or_else(|| line.strip_prefix(CUT_V2))
            .or_else(|| line.strip_prefix(SAVED).filter(|_| cut == Some(true) || is_cut()))?;
        let path = path.trim_start();
        let name = path.find(record::OUTPUTS)? + record::OUTPUTS.len();
        let end = path[name..].find(char::is_whitespace).map_or(path.len(), |at| name + at);
        Some(path[..end].trim_end_matches('.').to_owned())
    };
    let file = if cut == Some(false) { None } else { preview::file(output, cut == Some(true), named) };
    file.map(|file| (file.path, file.shown))
}
