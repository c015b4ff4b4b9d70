//! Outputs of tools in files of their own, `tool-output/tool_<id>` beside the database.
//!
//! A record names the file in `metadata.outputPath` (1.x), in `outputPaths` (2.x), or only within the preview: `Full output
//! saved to: PATH`, `full content saved to PATH`. Verified with 1.18.34, which deletes the files after seven days.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde_json::Value;

use super::record;
use crate::agent::tool_input;

/// Beginning of the files' names.
pub(super) const NAME: &str = "tool_";

/// Text before the path of the file in a preview.
const SAVED_TO: &str = " saved to";

/// Bytes at the beginning and the end of a preview in which the path is looked for.
const EDGE: usize = 2000;

/// Texts without one of which a part has no output in a file.
static MARKS: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| [record::OUTPUTS, "\"tool_"].map(|mark| Finder::new(mark).into_owned()));

/// False if the bytes of a part show that it has no output in a file of its own.
pub(super) fn may_have(part: &[u8]) -> bool {
    MARKS.iter().any(|mark| mark.find(part).is_some())
}

/// Paths of the files with the whole output of a tool's part.
pub(super) fn paths(part: &Value) -> Vec<String> {
    let metadata = &part["state"]["metadata"];
    let several = tool_input::items(&metadata["outputPaths"]).into_iter();
    let recorded = [&metadata["outputPath"], &metadata["outputPaths"]].into_iter().chain(several);
    let mut paths: Vec<String> = recorded.filter_map(Value::as_str).map(str::to_owned).collect();
    paths.dedup();
    if paths.is_empty() {
        paths.extend(part["state"]["output"].as_str().and_then(named_in));
    }
    if paths.is_empty() {
        // A file that has the name of the call.
        let call = part["callID"].as_str().filter(|call| call.starts_with(NAME));
        paths.extend(call.map(|call| format!("{}/{call}", record::OUTPUTS)));
    }
    paths
}

/// Path that a preview names.
fn named_in(output: &str) -> Option<String> {
    let in_edge = |edge: &str| {
        let (_, rest) = edge.split_once(SAVED_TO)?;
        let path = rest.lines().next()?.trim_start_matches([':', ' ']);
        let name = path.find(record::OUTPUTS)? + record::OUTPUTS.len();
        let end = path[name..].find(char::is_whitespace).map_or(path.len(), |at| name + at);
        Some(path[..end].trim_end_matches('.').to_owned())
    };
    let from = (output.len().saturating_sub(EDGE)..=output.len()).find(|at| output.is_char_boundary(*at))?;
    in_edge(crate::stdx::text::first_chars(output, EDGE)).or_else(|| in_edge(&output[from..]))
}
