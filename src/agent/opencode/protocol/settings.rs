//! Model, mode and effort of a session, and those that can be chosen. Both interfaces have them.

use std::sync::Arc;

use serde_json::Value;

use super::capabilities::{ModelName, OpenCodeModels};
use super::notice::notice;
use crate::agent::protocol::{CodecStep, ProtocolSignal, RunSetting, RunStart};
use crate::domain::Time;
use crate::domain::event::NoticeLevel;
use crate::domain::run::Capabilities;

/// Settings of a session.
#[derive(Debug, Default)]
pub(super) struct OpenCodeSettings {
    /// Model that the user chose; `None` for the session's or the agent's default.
    pub model: Option<ModelName>,
    /// Mode that the user chose.
    pub mode: Option<String>,
    /// Effort that the user chose.
    pub effort: Option<String>,
    /// Model of the session or of its last reply.
    pub in_use: Option<ModelName>,
    pub models: OpenCodeModels,
    pub capabilities: Capabilities,
    /// Model, mode and effort as last reported.
    reported: [Option<Arc<str>>; 3],
}

impl OpenCodeSettings {
    /// Applies a choice of the user and reports it. Returns false for a name that is that of no model.
    pub(super) fn choose(&mut self, setting: RunSetting, now: Time, step: &mut CodecStep) -> bool {
        let (mut model, mut mode, mut effort) = (None, None, None);
        match setting {
            RunSetting::Model(name) => {
                self.model = ModelName::parse(&name);
                if self.model.is_none() {
                    let text = format!(
                        "OpenCode names models provider/model; {name} has no provider, so its default model answers. \
                         Choose another with the model picker."
                    );
                    step.signals.push(notice(&format!("model {name} {}", now.millis()), NoticeLevel::Warning, text));
                    return false;
                }
                model = Some(name.into());
            }
            RunSetting::Mode(name) => {
                mode = Some(name.as_str().into());
                self.mode = Some(name);
            }
            RunSetting::Effort(name) => {
                effort = Some(name.as_str().into());
                self.effort = Some(name);
            }
        }
        self.report([model, mode, effort], step);
        true
    }

    /// Returns the model of the next prompt, as far as it is known.
    pub(super) fn next_model(&self) -> Option<&ModelName> {
        self.model.as_ref().or(self.in_use.as_ref())
    }

    /// Reports the model, agent and effort that a session or a message names, unless the user chose others since.
    pub(super) fn use_reported(&mut self, model: &Value, agent: &Value, step: &mut CodecStep) {
        let name = ModelName::read(model);
        let variant = model["variant"].as_str().filter(|variant| !variant.is_empty() && *variant != "default");
        let used = [
            name.as_ref().filter(|_| self.model.is_none()).map(|name| name.to_string().into()),
            agent.as_str().filter(|_| self.mode.is_none()).map(Arc::from),
            variant.filter(|_| self.effort.is_none()).map(Arc::from),
        ];
        self.in_use = name.or(self.in_use.take());
        self.report(used, step);
    }

    /// Reports the defaults of a session without a reply: the first agent, and the model if there is only one.
    pub(super) fn assume_defaults(&mut self, default_model: Option<ModelName>, step: &mut CodecStep) {
        let [model, mode, _] = &self.reported;
        let first_mode = || self.capabilities.modes.first().map(|mode| mode.as_str().into());
        let assumed = [
            default_model.filter(|_| model.is_none()).map(|name| name.to_string().into()),
            if mode.is_none() { first_mode() } else { None },
            None,
        ];
        self.report(assumed, step);
    }

    /// Reports the capabilities: the session is ready, or they changed.
    pub(super) fn report_capabilities(&mut self, step: &mut CodecStep) {
        self.capabilities.models = self.models.names();
        self.capabilities.efforts = self.models.efforts(self.next_model());
        step.signals.push(ProtocolSignal::Ready(self.capabilities.clone()));
    }

    /// Reports model, mode and effort, as far as they are known and changed.
    pub(super) fn report(&mut self, new: [Option<Arc<str>>; 3], step: &mut CodecStep) {
        let mut changed = false;
        for (known, new) in self.reported.iter_mut().zip(new) {
            changed |= new.is_some() && *known != new;
            *known = new.or(known.take());
        }
        if changed {
            let [model, mode, effort] = self.reported.clone();
            step.signals.push(ProtocolSignal::Settings { model, mode, effort });
        }
    }
}

/// Takes the settings of a start, and warns of its arguments, which have no effect.
pub(super) fn take_settings(opening: &mut RunStart, now: Time, step: &mut CodecStep) -> Vec<RunSetting> {
    if !opening.extra.is_empty() {
        let text = format!("One server runs all of OpenCode's sessions, so it ignores: {}", opening.extra.join(" "));
        step.signals.push(notice(&format!("extra {}", now.millis()), NoticeLevel::Warning, text));
    }
    let (model, mode, effort) = (opening.model.take(), opening.mode.take(), opening.effort.take());
    let settings = [model.map(RunSetting::Model), mode.map(RunSetting::Mode), effort.map(RunSetting::Effort)];
    settings.into_iter().flatten().collect()
}
