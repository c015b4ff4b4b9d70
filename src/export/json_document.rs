//! Transcript as one JSON object, with the shape of `show --json`.

use std::io::{self, Write};

use super::json::{BranchJson, EntryJson, IssueJson, SCHEMA_VERSION, SessionJson};
use super::json_text::write_value;
use crate::agent::{TranscriptBranch, TranscriptReader};
use crate::domain::Entry;

/// JSON document in progress.
#[derive(Debug, Default)]
pub struct JsonDocument {
    /// True once an entry is written.
    has_entries: bool,
}

impl JsonDocument {
    /// Writes everything before the first entry.
    pub fn begin(out: &mut dyn Write, session: &SessionJson<'_>, total: usize) -> io::Result<()> {
        write!(out, r#"{{"schema_version":{SCHEMA_VERSION},"session":"#)?;
        write_value(out, session)?;
        write!(out, r#","total":{total},"entries":["#)
    }

    /// Writes an entry; `index` counts from 0.
    pub fn entry(&mut self, out: &mut dyn Write, index: usize, entry: &Entry) -> io::Result<()> {
        if self.has_entries {
            out.write_all(b",")?;
        }
        self.has_entries = true;
        write_value(out, &EntryJson::new(index, entry))
    }

    /// Writes everything after the last entry; `shown` returns the beginning of a branch as it is shown.
    pub fn end(
        out: &mut dyn Write,
        reader: &mut dyn TranscriptReader,
        mut shown: impl FnMut(String) -> String,
    ) -> io::Result<()> {
        let (count, current) = (reader.branches(), reader.shown_branch() + 1);
        write!(out, r#"],"branches":{count},"branch":{current},"branch_list":"#)?;
        let branches = reader.branch_list().into_iter();
        let branches = branches.map(|branch| TranscriptBranch { head: shown(branch.head), ..branch });
        let branches: Vec<_> = (1..).zip(branches).map(|(n, branch)| BranchJson::new(n, branch)).collect();
        write_value(out, &branches)?;
        out.write_all(br#","issues":"#)?;
        let issues: Vec<_> = reader.issues().iter().map(IssueJson::from).collect();
        write_value(out, &issues)?;
        out.write_all(b"}\n")
    }
}
