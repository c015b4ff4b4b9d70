//! The line of an output that says what failed.

/// Words that begin a message about a failure.
const FAILURE_WORDS: &[&str] =
    &["error", "panicked", "failed", "failure", "fatal", "exception", "traceback", "denied", "not found", "no such"];

/// Counts that say that nothing failed.
const SUCCESSES: &[&str] = &["0 error", "0 failed", "0 failure", "no error", "without error", "errors: 0", "failed: 0"];

/// Returns the index of the line that says what failed: the first one that mentions a failure, else the last one.
pub(super) fn line<'t>(lines: impl Iterator<Item = &'t str>) -> Option<usize> {
    let mut last = None;
    for (at, line) in lines.enumerate() {
        let line = line.to_lowercase();
        let mentions = |words: &[&str]| words.iter().any(|word| line.contains(word));
        if mentions(FAILURE_WORDS) && !mentions(SUCCESSES) {
            return Some(at);
        }
        last = Some(at).filter(|_| !line.trim().is_empty()).or(last);
    }
    last
}
