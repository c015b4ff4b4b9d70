//! Trust in folders, as Gemini CLI and Qwen Code record it: rules in `trustedFolders.json`, of which the one for the longest
//! path applies.
//!
//! Gemini CLI (0.61.0) has the check switched on unless a setting says otherwise, and a variable overrides it for one
//! process. Qwen Code (0.24.4) has it switched off unless a setting says otherwise; over the client protocol it loads the
//! settings of a folder without a rule.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::agent::project_settings;
use crate::agent::protocol::{LaunchChange, UntrustedProject};

/// Trust model of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FolderRules {
    /// Variable that names the directory of the home, and the folder inside it.
    pub home: (&'static str, &'static str),
    /// Folder of settings, in the home and in a project.
    pub folder: &'static str,
    /// Variable that names the file of rules.
    pub file: &'static str,
    /// Variable that overrides the rules for one process.
    pub overridden_by: Option<&'static str>,
    /// True if the check is switched on without a setting.
    pub is_default: bool,
    /// Name of the program.
    pub program: &'static str,
}

impl FolderRules {
    /// Returns the restriction for a folder that contains settings, and for which the user has made no rule.
    pub(crate) fn untrusted_project(&self, vars: &[(String, String)], cwd: &Path) -> Option<UntrustedProject> {
        let home = project_settings::var(vars, "HOME").map(PathBuf::from)?;
        let own = match project_settings::var(vars, self.home.0) {
            Some(named) => Path::new(named).join(self.home.1),
            None => home.join(self.folder),
        };
        let settings = cwd.join(self.folder).join("settings.json");
        if settings.parent() == Some(&own) || settings.symlink_metadata().is_err() || !self.is_enabled(&own) {
            return None;
        }
        let is_overridden = self.overridden_by.is_some_and(|name| project_settings::var(vars, name).is_some());
        let rules =
            project_settings::var(vars, self.file).map_or_else(|| own.join("trustedFolders.json"), PathBuf::from);
        if is_overridden || has_rule(&project_settings::read(&rules), cwd) {
            return None;
        }
        let change = |value: &str| {
            let vars = self.overridden_by.map(|name| (name.to_owned(), value.to_owned()));
            LaunchChange { vars: vars.into_iter().collect(), ..LaunchChange::default() }
        };
        let settings = vec![settings];
        Some(UntrustedProject {
            option: "--skip-trust",
            restricted: self.overridden_by.map(|_| change("false")),
            trusted: change("true"),
            programs: project_settings::programs(&settings),
            settings,
            advice: format!("Run {} in this folder once and trust it to load them.", self.program),
        })
    }

    fn is_enabled(&self, own: &Path) -> bool {
        let settings = project_settings::read(&own.join("settings.json"));
        settings["security"]["folderTrust"]["enabled"].as_bool().unwrap_or(self.is_default)
    }
}

/// True if a rule applies to a folder, whatever it says: then the agent does not ask.
fn has_rule(rules: &Value, folder: &Path) -> bool {
    let resolved = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let applies = |(path, rule): (&String, &Value)| {
        let path = Path::new(path);
        let within = if rule == "TRUST_PARENT" { path.parent().unwrap_or(path) } else { path };
        [folder, &resolved].iter().any(|folder| folder.starts_with(within))
    };
    rules.as_object().is_some_and(|rules| rules.iter().any(applies))
}
