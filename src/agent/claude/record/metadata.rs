//! Metadata of a record: its entries, its place in the tree, and what it says about the session.

use std::borrow::Cow;

use super::super::block::Block;
use super::super::{queue, task_list, user_markup};
use super::{API_ERROR, TranscriptRecord};
use crate::agent::json::cursor::hash;
use crate::agent::jsonl::{
    EntryMark, JsonStr, LineMetadata, QueueStep, RareMetadata, RecordLink, RecordParent, ReplyUsage, ResultMark,
};
use crate::domain::{EntryKey, EntryKind};

/// Origins of records that are marked as no prompt, but are one.
const PERSONAL_ORIGINS: [&[u8]; 6] = [b"human", b"channel", b"cross-session", b"teammate", b"peer", b"user"];

/// Types of records that never contain an entry.
const SILENT_KINDS: [&[u8]; 21] = [
    b"agent-color",
    b"agent-name",
    b"agent-setting",
    b"atis-latch",
    b"attribution-snapshot",
    b"content-replacement",
    b"mode",
    b"permission-mode",
    b"speculation-accept",
    b"tools-used",
    b"worktree-state",
    b"marble-origami-commit",
    b"marble-origami-snapshot",
    b"progress",
    b"summary",
    b"last-prompt",
    b"cost-state",
    b"relocated",
    b"custom-title",
    b"ai-title",
    b"queue-operation",
];

/// Entry points of the desktop application and of the extensions of editors.
const APPS: [&[u8]; 3] = [b"claude-desktop", b"claude-vscode", b"claude-jetbrains"];

/// Model of answers that the program wrote in the model's place.
const SYNTHETIC: &[u8] = b"<synthetic>";

/// Text that stands for no answer: it is not shown.
const NO_RESPONSE: &str = "No response requested.";

/// Subtypes of system records that contain nothing to read.
const SILENT_SUBTYPES: [&[u8]; 8] = [
    b"turn_duration",
    b"stop_hook_summary",
    b"file_snapshot",
    b"bridge_status",
    b"agents_killed",
    b"thinking",
    b"status",
    b"init",
];

/// Subtypes of system records whose texts are in fields of their own.
const NOTICES: [&[u8]; 11] = [
    b"memory_saved",
    b"memory_recall",
    b"post_turn_summary",
    b"task_summary",
    b"mirror_error",
    b"code_change_published",
    b"permission_retry",
    b"model_refusal_fallback",
    b"model_refusal_no_fallback",
    b"session_writes_lost",
    b"late_allow_not_run",
];

/// Attachments that are shown as a notice.
const SHOWN_ATTACHMENTS: [&[u8]; 7] = [
    b"teammate_mailbox",
    b"hook_error_during_execution",
    b"hook_stopped_continuation",
    b"hook_system_message",
    b"hook_cancelled",
    b"goal_status",
    b"max_turns_reached",
];

/// Attachments that are shown if a hook printed anything, or a task has something to report.
const PRINTED_ATTACHMENTS: [&[u8]; 4] =
    [b"hook_success", b"hook_additional_context", b"async_hook_response", b"task_status"];

/// Attachments that the program adds for the model only: context, reminders, and what other records say.
const CONTEXT_ATTACHMENTS: [&[u8]; 53] = [
    b"agent_listing_delta",
    b"agent_mention",
    b"already_read_file",
    b"auto_mode",
    b"auto_mode_exit",
    b"budget_usd",
    b"command_permissions",
    b"compact_file_reference",
    b"compaction_reminder",
    b"context_efficiency",
    b"critical_system_reminder",
    b"current_session_memory",
    b"date",
    b"date_change",
    b"deferred_tools_delta",
    b"deferred_tools_record",
    b"diagnostics",
    b"directory",
    b"dynamic_skill",
    b"edited_image_file",
    b"edited_text_file",
    b"environment",
    b"file",
    b"image",
    b"invoked_skills",
    b"mcp_instructions_delta",
    b"mcp_resource",
    b"model",
    b"nested_memory",
    b"opened_file_in_ide",
    b"output_style",
    b"output_token_usage",
    b"pdf_reference",
    b"plan_file_reference",
    b"plan_mode",
    b"plan_mode_exit",
    b"plan_mode_reentry",
    b"prompt_snapshot",
    b"relevant_memories",
    b"remote_session_change",
    b"selected_lines_in_ide",
    b"session_context",
    b"skill_discovery",
    b"skill_listing",
    b"structured_output",
    b"task_reminder",
    b"team_context",
    b"teammate_shutdown_batch",
    b"todo",
    b"todo_reminder",
    b"token_usage",
    b"total_tokens_reminder",
    b"verify_plan_reminder",
];

impl<'a> TranscriptRecord<'a> {
    /// Converts the record to a line's metadata. In a file of a `subagent`, sidechains are the conversation.
    pub(in super::super) fn metadata(self, subagent: bool, offset: u64) -> LineMetadata<'a> {
        let mut metadata = LineMetadata { id: self.uuid, time: self.time, cwd: self.cwd, ..LineMetadata::default() };
        metadata.branch = self.branch.filter(|branch| branch.0 != b"HEAD");
        self.add_marks(&mut metadata, offset);
        metadata.lacks_content = self.lacks_content();
        metadata.content = if self.message.sample == 0 { self.own_sample } else { self.message.sample };
        metadata.is_unusual = self.is_unusual || self.has_unusual_content();
        self.add_session_metadata(&mut metadata, subagent);
        if let Some(step) = self.queue_step(offset) {
            metadata.rare().queue = Some(step);
        }
        let is_sidechain = self.sidechain && !subagent;
        metadata.link = match self.uuid {
            _ if is_sidechain => RecordLink::Aside,
            Some(id) => self.node(id, &metadata),
            None if metadata.marks.is_empty() => RecordLink::Aside,
            None => RecordLink::Linear,
        };
        if is_sidechain {
            // A sidechain's usage counts for the session; its texts do not.
            let rare = Some(Box::new(RareMetadata { side: true, ..RareMetadata::default() }));
            return LineMetadata { time: metadata.time, usage: metadata.usage, rare, ..LineMetadata::default() };
        }
        metadata
    }

    /// True for a content with values of other types than usual.
    fn has_unusual_content(&self) -> bool {
        self.message.content.1 || self.content.1 || self.queued.1
    }

    /// True for a record that has lost what makes it a part of the conversation.
    fn lacks_content(&self) -> bool {
        match self.kind {
            b"user" | b"assistant" => !self.message.has_content && self.content.0.is_empty(),
            b"attachment" => self.attached.is_empty(),
            b"queue-operation" => self.operation.is_empty(),
            b"" => self.message.role.is_empty() && self.title.is_none() && !self.has_text() && !self.has_more,
            _ => false,
        }
    }

    /// True if it has a text, wherever records have one.
    fn has_text(&self) -> bool {
        let blocks = || self.message.content.0.iter().chain(&self.content.0);
        blocks().any(|block| block.text.is_some_and(|text| !text.is_blank()))
    }

    /// Returns the kind of the entry of what is attached, besides prompts; `None` if it is not shown.
    fn attachment_kind(&self) -> Option<EntryKind> {
        let is_printed = PRINTED_ATTACHMENTS.contains(&self.attached);
        let is_of_hook = self.attached.starts_with(b"hook_");
        let is_shown = SHOWN_ATTACHMENTS.contains(&self.attached) || (is_printed && self.hook_printed);
        if is_shown || (is_of_hook && self.attached.ends_with(b"error")) {
            return Some(EntryKind::Notice);
        }
        let is_known = is_printed
            || is_of_hook
            || matches!(self.attached, b"" | b"queued_command")
            || CONTEXT_ATTACHMENTS.contains(&self.attached);
        (!is_known).then_some(EntryKind::Other)
    }

    /// Returns true for an answer that the program wrote in the model's place.
    fn is_synthetic(&self) -> bool {
        self.message.model.is_some_and(|model| model.0 == SYNTHETIC)
    }

    fn node(&self, id: JsonStr<'a>, metadata: &LineMetadata<'_>) -> RecordLink {
        let parent = match (self.logical_parent, self.parent) {
            (Some(parent), _) => RecordParent::Id(parent.hash()),
            (None, Some(RecordParent::Root)) if self.subtype == b"compact_boundary" => RecordParent::Previous,
            (None, parent) => parent.unwrap_or(RecordParent::Previous),
        };
        let assistant = self.kind == b"assistant";
        let group = self.message.id.filter(|_| assistant).map_or(0, JsonStr::hash);
        RecordLink::Node {
            id: id.hash(),
            parent,
            group,
            result: metadata.marks.is_empty() && !metadata.results.is_empty(),
        }
    }

    /// Change of the queue of prompts.
    fn queue_step(&self, offset: u64) -> Option<QueueStep> {
        match self.kind {
            b"queue-operation" => queue::step(self.operation, self.reason, &self.content, &self.key_base(offset).0),
            b"attachment" => queue::hash_of(&self.queued).map(QueueStep::Stated),
            _ => None,
        }
    }

    /// Base of its entries' keys, and the index of the first. An answer is keyed by its message and block if the record has
    /// both, because the stream uses the same key.
    fn key_base(&self, offset: u64) -> (Cow<'a, str>, u32) {
        match (self.message.id, self.block) {
            (Some(message), Some(block)) if self.kind == b"assistant" => (message.decode(), block),
            _ => (self.uuid.map_or_else(|| format!("@{offset}").into(), JsonStr::decode), 0),
        }
    }

    /// Adds the marks of its entries.
    fn add_marks(&self, metadata: &mut LineMetadata<'a>, offset: u64) {
        let role = self.kind;
        let blocks = if self.message.content.0.is_empty() { &self.content.0 } else { &self.message.content.0 };
        let (base, first) = self.key_base(offset);
        let mut command = None;
        let mut push = |block: usize, kind, tool: Option<JsonStr<'_>>, error| {
            let block = u32::try_from(block).unwrap_or(u32::MAX);
            let tool = tool.map_or(0, JsonStr::hash);
            metadata.marks.push(EntryMark {
                key: EntryKey::new(&base, first.saturating_add(block)),
                kind,
                block,
                tool,
                error,
            });
        };
        match role {
            b"user" | b"human" if self.compact_summary => push(0, EntryKind::Notice, None, false),
            b"user" | b"human" => {
                let meta = self.meta && !PERSONAL_ORIGINS.contains(&self.origin);
                let is_feedback = |block: &&Block<'_>| {
                    block
                        .text
                        .is_some_and(|text| memchr::memmem::find(text.head(64).as_bytes(), b"hook feedback:").is_some())
                };
                if meta && blocks.first().as_ref().is_some_and(is_feedback) {
                    push(0, EntryKind::Notice, None, false);
                }
                for (at, block) in blocks.iter().enumerate().filter(|_| !meta) {
                    match block.kind(role) {
                        Some(EntryKind::Prompt) => {
                            metadata.prompt = metadata.prompt.or(block.text);
                            metadata.turns = 1;
                            push(at, EntryKind::Prompt, None, false);
                        }
                        Some(kind) => {
                            command = command.or_else(|| block.text.and_then(user_markup::command));
                            push(at, kind, None, false);
                        }
                        None => {}
                    }
                }
            }
            b"assistant" => {
                for (at, block) in blocks.iter().enumerate() {
                    match block.kind(role) {
                        Some(EntryKind::Text) if self.api_error => push(at, EntryKind::Notice, None, true),
                        Some(EntryKind::Text) if self.is_synthetic() => {
                            notice(block.text).into_iter().for_each(|failed| push(at, EntryKind::Notice, None, failed));
                        }
                        Some(kind) => push(at, kind, block.tool, false),
                        None => {}
                    }
                }
            }
            b"system" => {
                if let Some(kind) = self.system_kind(blocks) {
                    push(0, kind, None, false);
                }
            }
            b"attachment" => {
                for (at, block) in self.queued.0.iter().enumerate() {
                    match block.kind(b"user") {
                        Some(EntryKind::Prompt) => {
                            metadata.turns = 1;
                            push(at, EntryKind::Prompt, None, false);
                        }
                        Some(kind) => push(at, kind, None, false),
                        None => {}
                    }
                }
                if let Some(kind) = self.attachment_kind() {
                    push(0, kind, None, false);
                }
            }
            b"queue-operation" => {
                for (at, block) in self.removed_prompts() {
                    if self.reason.is_empty() {
                        metadata.prompt = metadata.prompt.or(block.text);
                        metadata.turns = 1;
                        push(at, EntryKind::Prompt, None, false);
                    } else {
                        push(at, EntryKind::Notice, None, false);
                    }
                }
            }
            silent if SILENT_KINDS.contains(&silent) => {}
            silent if silent.starts_with(b"api-request") || silent.starts_with(b"file-history") => {}
            b"" if self.uuid.is_none() && !self.has_text() && !self.has_more => {}
            _ if self.has_more || self.title.is_some() || !blocks.is_empty() || !self.attached.is_empty() => {
                push(0, EntryKind::Other, None, false);
            }
            _ => {}
        }
        if command.is_some() {
            metadata.rare().command = command;
        }
        let results = blocks.iter().filter(|block| block.kind.ends_with(b"tool_result"));
        let mark = |block: &Block<'_>| Some(ResultMark { tool: block.tool?.hash(), error: block.error || self.denied });
        metadata.results.extend(results.filter_map(mark));
    }

    /// Returns the kind of a system record's entry; `None` if it is not shown.
    fn system_kind(&self, blocks: &[Block<'_>]) -> Option<EntryKind> {
        let has_text = || blocks.iter().any(|block| block.text.is_some_and(|text| !text.is_blank()));
        match self.subtype {
            b"compact_boundary" | b"api_error" => Some(EntryKind::Notice),
            b"local_command" | b"" => {
                let shown = blocks.first().is_some_and(|block| block.kind(b"user").is_some());
                shown.then_some(EntryKind::Notice)
            }
            _ if has_text() || self.hook_failed => Some(EntryKind::Notice),
            known if NOTICES.contains(&known) => Some(EntryKind::Notice),
            silent if SILENT_SUBTYPES.contains(&silent) => None,
            _ => Some(EntryKind::Other),
        }
    }

    /// Returns the prompts that a queue's record removes from the queue, without those that another record has as sent.
    fn removed_prompts(&self) -> impl Iterator<Item = (usize, &Block<'a>)> {
        let removed = self.operation == b"remove" && !queue::is_sent(self.reason);
        let prompts = self.content.0.iter().enumerate().filter(move |_| removed);
        prompts.filter(|(_, block)| block.kind(b"user") == Some(EntryKind::Prompt))
    }

    /// Adds the metadata that is independent of its entries.
    fn add_session_metadata(&self, metadata: &mut LineMetadata<'a>, subagent: bool) {
        if self.kind == b"assistant" {
            metadata.model = self.message.model.filter(|_| !self.is_synthetic());
            let key = self.message.id.map_or(0, JsonStr::hash) ^ self.request.map_or(0, |id| id.hash().rotate_left(1));
            let key = if key == 0 { self.uuid.map_or_else(|| hash(b"-"), JsonStr::hash) } else { key };
            metadata.usage = self.message.tokens.map(|tokens| ReplyUsage { key, tokens });
        }
        if metadata.turns > 0 && !subagent && self.entrypoint.is_some() {
            let program = self.entrypoint.is_some_and(|entry| entry.0 == b"sdk-cli");
            let typed = self.source.is_some_and(|source| source.0 == b"typed");
            metadata.rare().headless = Some(program && !typed);
            metadata.rare().app = self.entrypoint.is_some_and(|entry| APPS.contains(&entry.0));
        }
        if self.forked_from.is_some() {
            metadata.rare().forked_from = self.forked_from;
        }
        if let Some(title) = metadata.prompt.and_then(user_markup::title) {
            metadata.rare().prompt = Some(title);
        }
        if subagent && self.session.is_some() {
            metadata.rare().session = self.session;
        }
        if self.message.content.0.iter().any(|block| task_list::is_change(block.name)) {
            metadata.rare().changes_tasks = true;
        }
        if self.team.is_some() {
            metadata.rare().team = self.team;
        }
        let is_rare =
            self.title.is_some() || self.leaf.is_some() || self.cost_usd.is_some() || self.relocated.is_some();
        if self.uuid.is_none() && metadata.marks.is_empty() && (is_rare || self.kind == b"queue-operation") {
            self.set_rare(metadata);
        }
    }

    /// Sets the metadata of a record outside the conversation.
    fn set_rare(&self, metadata: &mut LineMetadata<'a>) {
        let mut rare = RareMetadata::default();
        match self.kind {
            b"custom-title" => rare.user_title = self.title,
            b"ai-title" => rare.agent_title = self.title,
            b"summary" => rare.title_of = self.leaf.zip(self.title),
            b"last-prompt" => rare.leaf = self.leaf.map(JsonStr::hash),
            b"relocated" => rare.relocated = self.relocated,
            b"cost-state" => rare.cost_usd = self.cost_usd,
            b"queue-operation" => rare.born = self.time,
            _ => {}
        }
        metadata.rare = Some(Box::new(rare));
        // The time of a bookkeeping record is not an activity of the session.
        metadata.time = None;
    }
}

/// Notice for a text that the program wrote in the model's place: true for an error, `None` for a text that is not shown.
fn notice(text: Option<JsonStr<'_>>) -> Option<bool> {
    let head = text.map(|text| text.head(64).into_owned()).unwrap_or_default();
    (head != NO_RESPONSE).then(|| head.starts_with(API_ERROR))
}
