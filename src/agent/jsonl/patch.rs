//! Conversion of the hunks that Claude Code and Qwen Code store into unified diffs.

use std::fmt::Write as _;

use serde_json::Value;

/// Formats hunks `{oldStart, oldLines, newStart, newLines, lines}` as `@@` headers and lines.
pub(crate) fn unified(hunks: &[Value]) -> String {
    let mut text = String::new();
    for hunk in hunks {
        let number = |name: &str| hunk[name].as_u64().unwrap_or(0);
        let (old, olds, new, news) = (number("oldStart"), number("oldLines"), number("newStart"), number("newLines"));
        // Writing to a string does not fail.
        let _ = writeln!(text, "@@ -{old},{olds} +{new},{news} @@");
        for line in hunk["lines"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}
