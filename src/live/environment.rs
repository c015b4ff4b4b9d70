//! Environment of child processes: the user's own variables without the markers of a nested agent.

use std::path::Path;

use crate::agent::protocol::Protocol;

/// Variables by which an agent detects that it runs inside itself; a nested agent keeps no transcript. All other
/// variables (proxies, keys, retries, privacy) pass through.
pub const NESTED: [&str; 5] =
    ["CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_SSE_PORT", "CLAUDE_CODE_SESSION_ID", "CLAUDE_CODE_EXECPATH"];

/// Returns all variables of a child that runs in `cwd`; nothing else is inherited. The protocol's own variables win.
pub fn of_child(user: &[(String, String)], protocol: &dyn Protocol, cwd: &Path) -> Vec<(String, String)> {
    let own = protocol.environment();
    let passes_through =
        |name: &str| !NESTED.contains(&name) && name != "PWD" && own.iter().all(|(ours, _)| ours != name);
    let mut vars: Vec<_> = user.iter().filter(|(name, _)| passes_through(name)).cloned().collect();
    vars.extend(own.iter().cloned());
    if !cwd.as_os_str().is_empty() {
        // Shells set `PWD` too: a program that reads it must not see the directory in which salon started.
        vars.push(("PWD".into(), cwd.to_string_lossy().into_owned()));
    }
    vars
}

/// Returns true if a program is on the user's `PATH`, or executable at its path.
pub fn is_installed(program: &str, user: &[(String, String)]) -> bool {
    let path = user.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_str());
    crate::stdx::program::find(program, path).is_some()
}
