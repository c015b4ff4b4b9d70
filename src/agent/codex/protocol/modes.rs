//! Permission modes: combines Codex's approval policy and sandbox into one named mode.

use serde_json::{Value, json};

/// Names that Codex's own screen gives to pairs, and one that requests approval each time.
const PRESETS: [(&str, &str, &str); 4] = [
    ("read-only", "on-request", "read-only"),
    ("auto", "on-request", "workspace-write"),
    ("untrusted", "untrusted", "workspace-write"),
    ("full-access", "never", "danger-full-access"),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CodexMode {
    /// Approval policy.
    pub approval: String,
    /// Sandbox mode.
    pub sandbox: String,
}

impl CodexMode {
    /// True if the sandbox forbids writing.
    pub(super) fn is_read_only(&self) -> bool {
        self.sandbox == "read-only"
    }

    /// Names of the presets.
    pub(super) fn offered() -> Vec<String> {
        PRESETS.iter().map(|(name, ..)| (*name).to_owned()).collect()
    }

    /// Parses a mode's name: a preset, or `approval/sandbox`.
    pub(super) fn named(name: &str) -> Option<Self> {
        let preset =
            PRESETS.iter().find(|(preset, ..)| *preset == name).map(|(_, approval, sandbox)| (*approval, *sandbox));
        let (approval, sandbox) = preset.or_else(|| name.split_once('/'))?;
        let known = matches!(approval, "untrusted" | "on-request" | "on-failure" | "never")
            && matches!(sandbox, "read-only" | "workspace-write" | "danger-full-access");
        known.then(|| Self { approval: approval.to_owned(), sandbox: sandbox.to_owned() })
    }

    /// Mode of the reported settings.
    pub(super) fn from_settings(approval: &Value, sandbox: &Value) -> Option<Self> {
        let approval = approval.as_str().or_else(|| approval.as_object()?.keys().next().map(String::as_str))?;
        let sandbox = sandbox.as_str().or_else(|| sandbox["type"].as_str())?;
        Some(Self { approval: approval.to_owned(), sandbox: super::items::separated(sandbox, '-') })
    }

    /// Name of the mode, as [`named`](Self::named) parses it.
    pub(super) fn name(&self) -> String {
        let preset =
            PRESETS.iter().find(|(_, approval, sandbox)| *approval == self.approval && *sandbox == self.sandbox);
        preset.map_or_else(|| format!("{}/{}", self.approval, self.sandbox), |(name, ..)| (*name).to_owned())
    }

    /// Sandbox policy in the format of a turn.
    pub(super) fn policy(&self) -> Value {
        match self.sandbox.as_str() {
            "danger-full-access" => json!({"type": "dangerFullAccess"}),
            "workspace-write" => json!({"type": "workspaceWrite", "writableRoots": [], "networkAccess": false,
                "excludeTmpdirEnvVar": false, "excludeSlashTmp": false}),
            _ => json!({"type": "readOnly", "networkAccess": false}),
        }
    }
}
