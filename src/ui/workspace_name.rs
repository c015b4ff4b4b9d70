//! Names of workspaces in narrow cells.

use crate::stdx::text::{ellipsis, width};

/// Shortens a name to a number of columns. Of a name with more than two parts, the inner ones are left out first: the first
/// part tells it from other names, and the last one is that of the directory.
pub(super) fn fitting_name(name: &str, columns: usize) -> String {
    let separators: &[char] = if name.contains('\\') { &['\\'] } else { &['/'] };
    let parts: Vec<&str> = name.split(separators).collect();
    if let [first, _, .., last] = parts.as_slice()
        && width(name) > columns
    {
        let shorter = [format!("{first}/…/{last}"), format!("{first}…{last}")];
        let fitting = shorter.iter().find(|name| width(name) <= columns).or(shorter.last());
        return ellipsis(fitting.map_or(name, String::as_str), columns);
    }
    ellipsis(name, columns)
}
