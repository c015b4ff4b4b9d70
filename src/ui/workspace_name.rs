//! Names of workspaces in narrow cells.

use crate::stdx::text::{ellipsis, width};

/// Minimum columns of the first part beside the last one, with its mark.
const MIN_FIRST: usize = 4;

/// Shortens a name to a number of columns. Of a name with more than two parts, the inner ones are left out first: the first
/// part tells it from other names, and the last one is that of the directory.
pub(super) fn fitting_name(name: &str, columns: usize) -> String {
    let separator = if name.contains('\\') { '\\' } else { '/' };
    let parts: Vec<&str> = name.split(separator).collect();
    if let [first, _, .., last] = parts.as_slice()
        && width(name) > columns
    {
        let shorter = [format!("{first}{separator}…{separator}{last}"), format!("{first}…{last}")];
        if let Some(fitting) = shorter.into_iter().find(|name| width(name) <= columns) {
            return fitting;
        }
        let room = columns.saturating_sub(width(last));
        if room >= MIN_FIRST {
            // With the separator it is too long for the room, so that it ends with a mark.
            return format!("{}{last}", ellipsis(&format!("{first}{separator}"), room));
        }
    }
    ellipsis(name, columns)
}
