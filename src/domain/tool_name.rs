//! One vocabulary for the tools of all agents.

use std::borrow::Cow;

/// Agent-neutral names of tools, each with the names that agents give the tool, in lower case and without separators.
const TOOL_LABELS: &[(&str, &[&str])] = &[
    (
        "Bash",
        &[
            "bash",
            "shell",
            "localshell",
            "localshellcall",
            "shellcommand",
            "execcommand",
            "unifiedexec",
            "containerexec",
            "runshellcommand",
        ],
    ),
    ("Read", &["read", "readfile", "readmanyfiles", "notebookread"]),
    ("Edit", &["edit", "multiedit", "applypatch", "patch", "replace", "notebookedit", "texteditor"]),
    ("Write", &["write", "writefile"]),
    ("Grep", &["grep", "grepsearch", "grepfiles", "searchfilecontent", "codesearch"]),
    ("Glob", &["glob"]),
    ("List", &["ls", "list", "listdir", "listdirectory"]),
    ("Web fetch", &["webfetch", "fetch"]),
    ("Web search", &["websearch", "websearchcall", "googlewebsearch"]),
    ("View image", &["viewimage"]),
    ("Task", &["task", "agent", "subagent", "spawnagent", "delegatetoagent", "invokeagent"]),
    ("Plan", &["updateplan", "todowrite", "todoread", "writetodos", "exitplanmode"]),
    ("Question", &["question", "askuser", "askuserquestion", "requestuserinput"]),
];

/// Extension of goose that contains its shell and editor.
const DEVELOPER: &str = "developer";

/// Returns the agent-neutral name of a tool: `exec_command` is `Bash`, `mcp__postgres__query` is `postgres: query`. A
/// name that is not in the vocabulary is unchanged.
pub fn tool_label(name: &str) -> Cow<'_, str> {
    if let Some(label) = known(name) {
        return label.into();
    }
    let is_mcp = name.starts_with("mcp__");
    let (server, tool) = match name.strip_prefix("mcp__").unwrap_or(name).split_once("__") {
        Some((server, tool)) if !server.is_empty() && !tool.is_empty() => (server, tool),
        Some(_) | None => return name.into(),
    };
    match known(tool).filter(|_| server == DEVELOPER && !is_mcp) {
        Some(label) => label.into(),
        None => format!("{server}: {tool}").into(),
    }
}

/// Returns true if the label says as much as the name, apart from case and separators.
pub fn is_tool_label(name: &str) -> bool {
    compact(&tool_label(name)) == compact(name)
}

fn known(name: &str) -> Option<&'static str> {
    let name = compact(name);
    TOOL_LABELS.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(label, _)| *label)
}

/// Lower case without separators. `__` separates a server from its tool, so it stays.
fn compact(name: &str) -> String {
    if name.contains("__") {
        return name.to_lowercase();
    }
    name.chars().filter(|c| !matches!(c, '_' | '-' | '.' | ' ')).flat_map(char::to_lowercase).collect()
}
