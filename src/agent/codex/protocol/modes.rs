//! Codex's two settings for what it may do, approval policy and sandbox, as one mode with a name.

use serde_json::{Value, json};

/// The names that Codex's own screen gives to pairs of them, and one for those who want to be asked each time.
const PRESETS: [(&str, &str, &str); 4] = [
    ("read-only", "on-request", "read-only"),
    ("auto", "on-request", "workspace-write"),
    ("untrusted", "untrusted", "workspace-write"),
    ("full-access", "never", "danger-full-access"),
];

/// Approval policy and sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mode {
    /// When it asks.
    pub approval: String,
    /// What a command may touch without being asked for.
    pub sandbox: String,
}

impl Mode {
    /// The modes to offer.
    pub fn offered() -> Vec<String> {
        PRESETS.iter().map(|(name, ..)| (*name).to_owned()).collect()
    }

    /// The mode of a name: a preset, or `approval/sandbox`.
    pub fn named(name: &str) -> Option<Self> {
        let preset =
            PRESETS.iter().find(|(preset, ..)| *preset == name).map(|(_, approval, sandbox)| (*approval, *sandbox));
        let (approval, sandbox) = preset.or_else(|| name.split_once('/'))?;
        let known = matches!(approval, "untrusted" | "on-request" | "on-failure" | "never")
            && matches!(sandbox, "read-only" | "workspace-write" | "danger-full-access");
        known.then(|| Self { approval: approval.to_owned(), sandbox: sandbox.to_owned() })
    }

    /// The mode that the agent tells of.
    pub fn told(approval: &Value, sandbox: &Value) -> Option<Self> {
        let approval = approval.as_str().or_else(|| approval.as_object()?.keys().next().map(String::as_str))?;
        let sandbox = sandbox.as_str().or_else(|| sandbox["type"].as_str())?;
        Some(Self { approval: approval.to_owned(), sandbox: super::items::separated(sandbox, '-') })
    }

    /// What a person reads, and [`named`](Self::named) understands.
    pub fn name(&self) -> String {
        let preset =
            PRESETS.iter().find(|(_, approval, sandbox)| *approval == self.approval && *sandbox == self.sandbox);
        preset.map_or_else(|| format!("{}/{}", self.approval, self.sandbox), |(name, ..)| (*name).to_owned())
    }

    /// The sandbox as a turn takes it.
    pub fn policy(&self) -> Value {
        match self.sandbox.as_str() {
            "danger-full-access" => json!({"type": "dangerFullAccess"}),
            "workspace-write" => json!({"type": "workspaceWrite", "writableRoots": [], "networkAccess": false,
                "excludeTmpdirEnvVar": false, "excludeSlashTmp": false}),
            _ => json!({"type": "readOnly", "networkAccess": false}),
        }
    }
}
