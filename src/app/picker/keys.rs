//! Keys and clicks in the picker.

use super::{Picker, PickerOption, Tab, skip_dialog, skips_permissions};
use crate::app::ctx::Ctx;
use crate::app::dialog::DialogOutcome;
use crate::app::effect::Effect;
use crate::app::flow::Flow;
use crate::app::layer::Layer;
use crate::app::line_editor::list_step;
use crate::app::msg::Target;
use crate::app::runs::ModelSource;
use crate::config::key::{Key, KeyCode};
use crate::domain::run::RunSetting;
use crate::domain::run_request::RunRequest;

impl Picker {
    /// Handles a key.
    pub fn key(&mut self, key: Key, ctx: &mut Ctx) -> Flow {
        let Some(info) = ctx.runs.get(&self.run) else { return Flow::Pop };
        let last = self.options(info, ctx.runs).len().saturating_sub(1);
        match key.code {
            KeyCode::Esc if !self.input.is_empty() => self.switch_tab(self.tab),
            KeyCode::Esc => return Flow::Pop,
            KeyCode::Char('c') if key.ctrl => return Flow::Pop,
            KeyCode::Enter => return self.choose(ctx),
            KeyCode::Tab if key.shift => self.switch_tab(self.tab.next(2)),
            KeyCode::Left if self.input.is_empty() => self.switch_tab(self.tab.next(2)),
            KeyCode::Tab => self.switch_tab(self.tab.next(1)),
            KeyCode::Right if self.input.at_end() => self.switch_tab(self.tab.next(1)),
            KeyCode::F(5) => {
                self.asking = true;
                ctx.effects.push(Effect::LoadModels { source: ModelSource::of_run(info), refresh: true });
            }
            _ => match list_step(key) {
                Some(by) => self.selected = self.selected.saturating_add_signed(by).min(last),
                None if self.input.key(key) => self.selected = 0,
                None => {}
            },
        }
        Flow::Stay
    }

    /// Inserts pasted text.
    pub fn paste(&mut self, text: &str) -> Flow {
        self.input.insert(text);
        self.selected = 0;
        Flow::Stay
    }

    /// Picks the clicked option.
    pub fn click(&mut self, target: &Target, ctx: &mut Ctx) -> Flow {
        let Target::Choice(row) = *target else { return Flow::Stay };
        self.selected = row;
        self.choose(ctx)
    }

    /// Applies the selected option. A mode that skips all permissions is confirmed first.
    fn choose(&self, ctx: &mut Ctx) -> Flow {
        let Some(info) = ctx.runs.get(&self.run) else { return Flow::Stay };
        let option = self.options(info, ctx.runs).into_iter().nth(self.selected);
        let Some(PickerOption { name, .. }) = option else { return Flow::Stay };
        let setting = match self.tab {
            Tab::Model => RunSetting::Model(name),
            Tab::Mode if skips_permissions(&name) => {
                let outcome = DialogOutcome::SkipPermissions(self.run.clone(), name.clone());
                return Flow::pop_then(Flow::Push(Layer::Dialog(skip_dialog(&name, outcome))));
            }
            Tab::Mode => RunSetting::Mode(name),
            Tab::Effort => RunSetting::Effort(name),
        };
        ctx.effects.push(Effect::Run(RunRequest::Set(self.run.clone(), setting)));
        Flow::Pop
    }
}
