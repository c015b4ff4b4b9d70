//! Copying of entries and of their code blocks. A notice says what was copied.

use super::Reader;
use super::code_block::{code_blocks, lines};
use crate::app::ctx::Ctx;
use crate::app::dialog::{Dialog, DialogChoice, DialogOutcome};
use crate::app::effect::Effect;
use crate::app::export::masked_note;
use crate::app::flow::Flow;
use crate::app::layer::Layer;
use crate::domain::secrets::SecretCounts;
use crate::domain::tool_name::tool_label;
use crate::domain::transcript::{Entry, EntryKind};
use crate::stdx::text::sanitise;

impl Reader {
    /// Returns the current entry as plain text for the clipboard.
    pub fn entry_text(&self) -> Option<String> {
        self.current().map(plain)
    }

    /// Copies the current entry.
    pub(super) fn copy_entry(&self, ctx: &mut Ctx) -> Flow {
        if let Some(entry) = self.current() {
            let (text, masked) = shown(&plain(entry), ctx);
            ctx.notices.info(format!("Copied {} ({}{masked})", name(entry.kind), lines(&text)));
            ctx.effects.push(Effect::Copy(text));
        }
        Flow::Stay
    }

    /// Copies the code block of the current entry. Several are a choice.
    pub(super) fn copy_code(&self, ctx: &mut Ctx) -> Flow {
        let mut blocks = self.current().map(code_blocks).unwrap_or_default();
        if blocks.len() > 1 {
            let choice = |block: super::code_block::CodeBlock| DialogChoice {
                label: block.label(),
                outcome: {
                    let (text, masked) = shown(&block.code, ctx);
                    DialogOutcome::CopyText { description: block.description() + &masked, text }
                },
            };
            let cancel = DialogChoice { label: "Cancel".to_owned(), outcome: DialogOutcome::Cancel };
            let choices = blocks.into_iter().map(choice).chain([cancel]).collect();
            let dialog = Dialog { title: "Copy code".to_owned(), text: Vec::new(), choices, selected: 0 };
            return Flow::Push(Layer::Dialog(dialog));
        }
        match blocks.pop() {
            Some(block) => {
                let description = block.description();
                let (text, masked) = shown(&block.code, ctx);
                ctx.notices.info(format!("Copied {description}{masked}"));
                ctx.effects.push(Effect::Copy(text));
            }
            None => ctx.notices.info("No code in this entry"),
        }
        Flow::Stay
    }
}

/// Returns a text as the screen shows it, and a note about masked secrets.
fn shown(text: &str, ctx: &Ctx) -> (String, String) {
    let mut secrets = SecretCounts::default();
    let text = ctx.secrets.counted(text, &mut secrets).into_owned();
    (text, masked_note(&secrets))
}

/// Formats an entry as plain text for the clipboard.
fn plain(entry: &Entry) -> String {
    let Some(tool) = &entry.tool else { return sanitise(&entry.text).into_owned() };
    let headline = format!("{} {}", tool_label(&tool.name), entry.text);
    let text = if tool.output.is_empty() { headline } else { format!("{headline}\n\n{}", tool.output) };
    sanitise(&text).into_owned()
}

/// Name of a kind of entry in a sentence.
fn name(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Prompt => "the prompt",
        EntryKind::Text => "the answer",
        EntryKind::Thinking => "the reasoning",
        EntryKind::Tool => "the tool call",
        EntryKind::Notice => "the notice",
        EntryKind::Plan => "the plan",
        EntryKind::Image => "the label of the image",
        EntryKind::Other => "the entry",
    }
}
