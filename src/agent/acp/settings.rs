//! Models, modes and efforts of a session, in whichever way the agent has them: lists of their own, or configuration
//! options.

use std::sync::Arc;

use agent_client_protocol_schema::v1::{
    SessionConfigKind, SessionConfigOption, SessionConfigOptionCategory, SessionConfigSelectOptions, SessionModeState,
};
use serde_json::{Value, json};

use crate::agent::protocol::{ProtocolSignal, RunSetting};

/// A list of choices and the current one.
#[derive(Debug, Default)]
struct Choices {
    /// Id and name of each choice.
    list: Vec<(String, String)>,
    current: Option<Arc<str>>,
    /// True if a method of its own sets it.
    has_method: bool,
    /// Id of the configuration option that sets it.
    option: Option<String>,
}

/// Settings of a session.
#[derive(Debug, Default)]
pub(super) struct AcpSettings {
    models: Choices,
    modes: Choices,
    efforts: Choices,
}

/// A request that changes a setting: its method and parameters.
pub(super) type SettingRequest = (&'static str, Value);

impl AcpSettings {
    /// Reads the settings in the response that opened a session.
    pub(super) fn read(&mut self, result: &Value) {
        self.read_options(&result["configOptions"]);
        if let Ok(modes) = serde_json::from_value::<SessionModeState>(result["modes"].clone()) {
            self.modes.list =
                modes.available_modes.iter().map(|mode| (mode.id.to_string(), mode.name.clone())).collect();
            self.modes.current = Some(modes.current_mode_id.0);
            self.modes.has_method = true;
        }
        // Not in the schema: an extension that most agents have.
        let models = &result["models"];
        if let Some(list) = models["availableModels"].as_array() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            self.models.list = list.iter().map(|model| (text(&model["modelId"]), text(&model["name"]))).collect();
            self.models.current = models["currentModelId"].as_str().map(Arc::from);
            self.models.has_method = true;
        }
    }

    /// Reads configuration options. Options of other categories have no place in salon.
    pub(super) fn read_options(&mut self, options: &Value) {
        let options = options.as_array().into_iter().flatten();
        for option in options.filter_map(|option| serde_json::from_value(option.clone()).ok()) {
            self.read_option(option);
        }
    }

    fn read_option(&mut self, option: SessionConfigOption) {
        let id = option.id.to_string();
        let choices = match (option.category, id.as_str()) {
            (Some(SessionConfigOptionCategory::Mode), _) | (None, "mode") => &mut self.modes,
            (Some(SessionConfigOptionCategory::Model), _) | (None, "model") => &mut self.models,
            (Some(SessionConfigOptionCategory::ThoughtLevel), _) | (None, "effort" | "reasoning_effort") => {
                &mut self.efforts
            }
            _ => return,
        };
        let SessionConfigKind::Select(select) = option.kind else { return };
        let list = match select.options {
            SessionConfigSelectOptions::Ungrouped(list) => list,
            SessionConfigSelectOptions::Grouped(groups) => groups.into_iter().flat_map(|group| group.options).collect(),
            _ => Vec::new(),
        };
        choices.list = list.into_iter().map(|item| (item.value.to_string(), item.name)).collect();
        choices.current = Some(select.current_value.0);
        choices.option = Some(id);
    }

    /// Request that changes a setting; `None` if the agent has no such setting.
    pub(super) fn request(&self, session: &str, setting: &RunSetting) -> Option<SettingRequest> {
        let (choices, value) = self.choices(setting);
        match setting {
            RunSetting::Model(model) if choices.has_method => {
                Some(("session/set_model", json!({"sessionId": session, "modelId": model})))
            }
            RunSetting::Mode(mode) if choices.has_method => {
                Some(("session/set_mode", json!({"sessionId": session, "modeId": mode})))
            }
            RunSetting::Model(_) | RunSetting::Mode(_) | RunSetting::Effort(_) => {
                let params = json!({"sessionId": session, "configId": choices.option.as_ref()?, "value": value});
                Some(("session/set_config_option", params))
            }
        }
    }

    /// Records that the agent lacks the method of a setting, although it lists its choices.
    pub(super) fn without_method(&mut self, setting: &RunSetting) {
        match setting {
            RunSetting::Model(_) => self.models.has_method = false,
            RunSetting::Mode(_) => self.modes.has_method = false,
            RunSetting::Effort(_) => {}
        }
    }

    /// True if the agent listed its choices and this is none of them. Agents accept names of models that they do not
    /// have, and fail at the next prompt.
    pub(super) fn is_unknown(&self, setting: &RunSetting) -> bool {
        let (choices, value) = self.choices(setting);
        !choices.list.is_empty() && !choices.list.iter().any(|(id, _)| id == value)
    }

    /// Full id of a model that the user named by its display name.
    pub(super) fn resolve(&self, setting: RunSetting) -> RunSetting {
        match setting {
            RunSetting::Model(name) => {
                let known = |(id, shown): &&(String, String)| *id == name || *shown == name;
                RunSetting::Model(self.models.list.iter().find(known).map_or(name, |(id, _)| id.clone()))
            }
            other => other,
        }
    }

    /// Records a setting as in use.
    pub(super) fn apply(&mut self, setting: &RunSetting) {
        match setting {
            RunSetting::Model(model) => self.models.current = Some(model.as_str().into()),
            RunSetting::Mode(mode) => self.modes.current = Some(mode.as_str().into()),
            RunSetting::Effort(effort) => self.efforts.current = Some(effort.as_str().into()),
        }
    }

    /// Current mode.
    pub(super) fn mode(&self) -> Option<&str> {
        self.modes.current.as_deref()
    }

    /// Signal with the settings in use.
    pub(super) fn signal(&self) -> ProtocolSignal {
        ProtocolSignal::Settings {
            model: self.models.current.clone(),
            mode: self.modes.current.clone(),
            effort: self.efforts.current.clone(),
        }
    }

    /// Models with their names.
    pub(super) fn models(&self) -> Vec<(String, String)> {
        self.models.list.clone()
    }

    /// Ids of the modes.
    pub(super) fn modes(&self) -> Vec<String> {
        self.modes.list.iter().map(|(id, _)| id.clone()).collect()
    }

    /// Ids of the efforts.
    pub(super) fn efforts(&self) -> Vec<String> {
        self.efforts.list.iter().map(|(id, _)| id.clone()).collect()
    }

    fn choices<'a>(&'a self, setting: &'a RunSetting) -> (&'a Choices, &'a str) {
        match setting {
            RunSetting::Model(model) => (&self.models, model),
            RunSetting::Mode(mode) => (&self.modes, mode),
            RunSetting::Effort(effort) => (&self.efforts, effort),
        }
    }
}
