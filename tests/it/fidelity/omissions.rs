//! What salon deliberately leaves out of agents' files: one list, with a reason each. Everything else must be shown.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use regex::Regex;

use super::stored::StoredText;

/// A kind of text that is not shown.
struct Omission {
    /// Part of the file's path.
    file: &'static str,
    /// Patterns of the value's path, separated by spaces; `*` is any text. After `@`, a condition on the record.
    paths: &'static str,
    /// Texts to which it applies.
    texts: Texts,
}

/// Texts to which an omission applies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Texts {
    /// Single words outside of a tool's input.
    Words,
    All,
}

const fn words(paths: &'static str) -> Omission {
    Omission { file: "", paths, texts: Texts::Words }
}

const fn all(file: &'static str, paths: &'static str) -> Omission {
    Omission { file, paths, texts: Texts::All }
}

#[rustfmt::skip]
const OMISSIONS: &[(Omission, &str)] = &[
    (words("*type *Type *Types[] *kind *_kinds[] *role *Role *status *Status *_state *.state
        *states.* *.finish *.stop_reason *.reason *.triggerReason *.trigger *operation *.level *mode *Mode *.phase
        *.outcome *.hookEvent *.decision *.delivery *provenance *.source *.action *.access *.execution *summary"),
        "name of a kind or a state: the entry is shown as what it is"),
    (words("*_policy *.effort *.reasoning_effort *.perTurnEffort *.service_tier *.speed *namespace *_behavior
        *.network *.personality *.by *.nameSource *originator *platform *provider *family"),
        "setting of the program or the request"),
    (words("*id *Id *ID *_ids[] *hash *Hash *slug *Digest *digests[] *revision *Ref *snapshot *sha *.base *.tail[]
        *_key *Key *_turn *Name"),
        "identifier or fingerprint"),
    (words("*signature"), "signature"),
    (words("*model *Model *variant *branch *gitBranch *.agent *cwd *directory *worktree *.workingDirectory *[].from"),
        "fact about the session, of which the list shows the last one"),
    (words("*Path *_path *.path *uri *url *Url *filename"), "place of a file that an entry names by its label"),

    (all(".claude/", ".shape.* .params.* .cacheControl* .querySource @api-request-blob"),
        "request as it went to the model: instructions of the vendor, and a copy of the conversation"),
    (all(".claude/", ".rendered[]* .attachment.*@context"), "context that the program adds for the model"),
    (all(".claude/", ".message.content@meta"),
        "text that the program inserts for the model: a command's or a skill's instructions, a reminder"),
    (all(".claude/", ".toolUseResult* .error.message"), "the result or the error of the same record, in another form"),
    (all(".claude/", ".lastPrompt .display .project"), "a prompt of the session again"),
    (all(".claude/", "*page_age .origin.* .permissionDecision.* .toolDenialKind .rowSource .madeBy .thinkingDisplay .error
        .requestShape .promptSource .turnOrigin .pidDomain .peerFeatures[] .name"),
        "fact about the record or the process"),
    (all(".claude/", ".message.content[].content@persisted"), "preview of an output that is shown as a whole"),
    (all(".claude/", ".message.content[].text@interrupted"), "shown as a notice"),
    (all(".claude/", ".content@meta"), "notification, which its summary stands for"),
    (all(".claude/", ".message.content[].text@synthetic"), "answer that the program makes up after a command"),

    (all(".codex/", ".payload.content[].text@developer .payload.base_instructions* .payload.user_instructions
        *developer_instructions .payload.replacement_history* .payload.content[].text@context"),
        "instructions and context for the model, and the history that a compaction keeps"),
    (all(".codex/", ".payload.item.command[] .payload.retained_context.* .payload.thread_settings.*
        .payload.error.codex_error_info"),
        "setting, or a copy in another form"),
    (all(".codex/", ".payload.content[].text@compaction"), "working of a compaction, whose summary is shown"),
    (all(".codex/", ".payload.output@header"), "header of an output, whose facts are the entry's status and duration"),
    (all(".sqlite", "*"), "index of the transcripts: copies, paths and settings"),

    (all("opencode.db", "event.*"), "log of changes to the tables: copies"),
    (all("opencode", "*title@generated *.state.title"), "title that the program makes up"),
    (all("opencode", "*.responseHeaders.* *responseBody* *.error.name *.error.data.message@aborted"),
        "part of an error whose message is shown"),
    (all("opencode", "*.diff* *.patch"), "diff of an edit, which the reader shows instead of the input"),
    (all("opencode", "*.source.* *agents[].name part.data.name part.data.command *.data.files[]"),
        "place of a file or an agent in the text that names it"),
    (all("opencode", "*permission[].* __drizzle_migrations.* *.data.previous *.data.recent"),
        "setting, or a part of the history that a compaction keeps"),
    (all("opencode", "*.data.description"), "title of a text that is shown as a whole"),
    (all("opencode", "*.state.input@streamed"), "beginning of an input as JSON, shown as its values"),
    (all("opencode", "*.state.output@cut"), "mark of a cut in an output that is shown as a whole"),

    (all("qwen", ".systemPayload.uiEvent.* .name"),
        "telemetry and settings"),
    (all("qwen", ".message.parts[].text@context"), "context that the program adds for the model"),
    (all("qwen", ".message.parts[].functionResponse.response.* .toolCallResult.*"),
        "two forms of one result, of which one is shown"),
    (all("qwen", ".systemPayload.compressedHistory[]*"), "the history that a compaction keeps, and its summary"),

    (all("gemini", "*toolCalls[].description *.functionResponse.name"),
        "name and instructions of a tool"),
    (all("gemini", "[].message"), "a prompt of a session again, or a command to the program"),
    (all("gemini", "*content[].text@context"), "context that the program adds for the model"),

    (all("goose", "sessions.extension_data.* provider_inventory* sqlite_sequence.* sessions.provider_name *.goose_extension"),
        "settings and bookkeeping"),
    (all("goose", "sessions.name"), "title that the program makes up"),
    (all("goose", "@app"), "program that the agent made, which is no conversation"),
];

/// True if a text is deliberately not shown.
pub fn is_omitted(text: &StoredText) -> bool {
    if is_encoded(&text.text) || text.text.get(..10).is_some_and(is_date) {
        return true;
    }
    let is_word = !text.text.contains(char::is_whitespace) && !is_input(&text.path);
    patterns_of(&text.path).iter().any(|(omission, condition)| {
        text.file.contains(omission.file) && (omission.texts == Texts::All || is_word) && holds(condition, text)
    })
}

/// Omissions whose patterns match a path, each with the pattern's condition.
type PathOmissions = Arc<Vec<(&'static Omission, &'static str)>>;

/// Finds the omissions of a path. There are far fewer paths than texts, so the answers are kept.
fn patterns_of(path: &str) -> PathOmissions {
    static KNOWN: Mutex<BTreeMap<String, PathOmissions>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().expect("no panic");
    if let Some(omissions) = known.get(path) {
        return omissions.clone();
    }
    let matching = RULES.iter().flat_map(move |(omission, patterns)| {
        let matching = patterns.iter().filter(move |(pattern, _)| pattern.is_match(path));
        matching.map(move |(_, condition)| (*omission, *condition))
    });
    let omissions = Arc::new(matching.collect::<Vec<_>>());
    known.insert(path.to_owned(), omissions.clone());
    omissions
}

/// The list with its patterns as regular expressions, each with its condition.
static RULES: LazyLock<Vec<(&'static Omission, Vec<(Regex, &'static str)>)>> = LazyLock::new(|| {
    let pattern = |pattern: &'static str| {
        let (path, condition) = pattern.split_once('@').unwrap_or((pattern, ""));
        let path = if path.is_empty() { "*" } else { path };
        let expression = format!("^(?s){}$", regex::escape(path).replace(r"\*", ".*"));
        (Regex::new(&expression).expect("a pattern"), condition)
    };
    let patterns = |omission: &'static Omission| omission.paths.split_whitespace().map(pattern).collect();
    OMISSIONS.iter().map(|(omission, _)| (omission, patterns(omission))).collect()
});

/// Condition on a record that a pattern names.
fn holds(condition: &str, StoredText { record, text, file, .. }: &StoredText) -> bool {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| text.trim_start().starts_with(prefix));
    match condition {
        "" => true,
        "api-request-blob" => record["type"] == condition,
        "meta" => record["isMeta"] == true || begins(&["<task-notification>", "<local-command-caveat>", "<command-"]),
        "developer" => record["payload"]["role"] == condition,
        "compaction" => record["metadata"]["compaction_output"] == true,
        "persisted" => begins(&["<persisted-output>"]),
        "synthetic" => record["message"]["model"] == "<synthetic>" && text == "No response requested.",
        "interrupted" => begins(&["[Request interrupted by user"]),
        "header" => begins(&["Chunk ID:", "Wall time:", "Exit code:"]),
        "generated" => begins(&["New session - ", "New Session - "]),
        "aborted" => begins(&["Aborted"]),
        "streamed" => begins(&["{"]),
        "cut" => text.contains("...output truncated..."),
        "context" if record["attachment"].is_object() => {
            let kind = record["attachment"]["type"].as_str().unwrap_or_default();
            kind != "queued_command" && !kind.starts_with("hook_")
        }
        "context" => begins(&[
            "<environment_context>",
            "<qwen:",
            "<session_context>",
            "<recommended_",
            "<user_instructions>",
            "<permissions",
            "<skills_instructions>",
            "<turn_aborted>",
            "<subagent_notification>",
            "<goal_",
            "<model_switch>",
            "# AGENTS.md",
        ]),
        "app" => Path::new(file).extension().is_some_and(|extension| extension == "html"),
        other => panic!("an unknown condition: {other}"),
    }
}

fn is_input(path: &str) -> bool {
    [".input.", ".args.", ".arguments", ".rawInput"].iter().any(|part| path.contains(part))
}

/// True for base64 and the like.
fn is_encoded(text: &str) -> bool {
    (text.len() >= 200 && text.bytes().all(|byte| byte.is_ascii_graphic())) || text.starts_with("data:")
}

fn is_date(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() })
}
