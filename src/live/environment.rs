//! What a child is given: the user's own environment, without the marks of a nested start.

use std::path::Path;

use crate::agent::protocol::Protocol;

/// Variables by which an agent tells its children that they run inside it: with them a transcript is not kept. All
/// others (proxies, keys, retries, privacy) are the user's.
pub const NESTED: [&str; 5] =
    ["CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_SSE_PORT", "CLAUDE_CODE_SESSION_ID", "CLAUDE_CODE_EXECPATH"];

/// All variables of a child that runs in `cwd`; nothing else is inherited. What the protocol sets wins.
pub fn of_child(user: &[(String, String)], protocol: &dyn Protocol, cwd: &Path) -> Vec<(String, String)> {
    let own = protocol.environment();
    let kept = |name: &str| !NESTED.contains(&name) && name != "PWD" && own.iter().all(|(ours, _)| *ours != name);
    let mut vars: Vec<_> = user.iter().filter(|(name, _)| kept(name)).cloned().collect();
    vars.extend(own.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    if !cwd.as_os_str().is_empty() {
        // As a shell does it: a program that asks for `PWD` must not see the directory that salon was started in.
        vars.push(("PWD".into(), cwd.to_string_lossy().into_owned()));
    }
    vars
}

/// Whether a program is found on the user's `PATH`, or where its path says.
pub fn is_installed(program: &str, user: &[(String, String)]) -> bool {
    if program.contains('/') {
        return Path::new(program).is_file();
    }
    let path = user.iter().find(|(name, _)| name == "PATH").map_or("", |(_, value)| value.as_str());
    path.split(':').filter(|dir| !dir.is_empty()).any(|dir| Path::new(dir).join(program).is_file())
}
