//! Actions in the footer of each context with their labels, the most useful first.

use crate::app::action::Action;

/// Empty session list.
pub(super) const EMPTY: [(Action, &str); 7] = [
    (Action::New, "new session"),
    (Action::Scope, "scope"),
    (Action::ShowHidden, "hidden"),
    (Action::Rescan, "rescan"),
    (Action::Help, "help"),
    (Action::Leave, "quit"),
    (Action::Palette, "commands"),
];

/// Home screen of a machine without sessions.
pub(super) const NO_SESSIONS: [(Action, &str); 5] = [
    (Action::New, "new session"),
    (Action::Rescan, "rescan"),
    (Action::Help, "help"),
    (Action::Leave, "quit"),
    (Action::Palette, "commands"),
];

/// Session list.
pub(super) const LIST: [(Action, &str); 14] = [
    (Action::Open, "open"),
    (Action::ResumeHere, "continue"),
    (Action::New, "new"),
    (Action::Search, "search"),
    (Action::Filter, "filter"),
    (Action::Scope, "scope"),
    (Action::Help, "help"),
    (Action::Leave, "quit"),
    (Action::Resume, "open in agent"),
    (Action::Message, "send prompt"),
    (Action::Sort, "sort"),
    (Action::ShowHidden, "hidden"),
    (Action::CopyCommand, "copy command"),
    (Action::Palette, "commands"),
];

/// Session list and results of the search with marked sessions.
pub(super) const MARKED: [(Action, &str); 9] = [
    (Action::Back, "unmark"),
    (Action::Star, "star"),
    (Action::Tags, "tag"),
    (Action::Export, "export"),
    (Action::Trash, "trash"),
    (Action::Keep, "keep"),
    (Action::Mark, "mark"),
    (Action::MarkAll, "mark all"),
    (Action::Help, "help"),
];

/// Changes.
pub(super) const CHANGES: [(Action, &str); 13] = [
    (Action::Back, "back"),
    (Action::NextEntry, "next hunk"),
    (Action::NextPrompt, "next file"),
    (Action::Remark, "remark"),
    (Action::Scope, "turn, session, worktree"),
    (Action::Expand, "entry"),
    (Action::DiscardHunk, "discard"),
    (Action::Git, "git"),
    (Action::EditEntry, "edit"),
    (Action::SideBySide, "side by side"),
    (Action::PreviousEntry, "previous hunk"),
    (Action::MarkLines, "mark lines"),
    (Action::Help, "help"),
];

/// Changes of a session without any.
pub(super) const NO_CHANGES: [(Action, &str); 4] =
    [(Action::Back, "back"), (Action::Scope, "turn, session, worktree"), (Action::Git, "git"), (Action::Help, "help")];

/// Preview of a prompt with remarks.
pub(super) const REVIEW: [(Action, &str); 4] =
    [(Action::Expand, "send"), (Action::EditEntry, "edit"), (Action::Down, "scroll"), (Action::Back, "cancel")];

/// Query line of the search, after the keys that are the same in every key map.
pub(super) const SEARCH: [(Action, &str); 4] = [
    (Action::Order, "sort"),
    (Action::Back, "clear"),
    (Action::SaveView, "save view"),
    (Action::CopyView, "copy command"),
];

/// Results of the search.
pub(super) const RESULTS: [(Action, &str); 10] = [
    (Action::Open, "open"),
    (Action::Search, "edit query"),
    (Action::MoreHits, "more matches"),
    (Action::Order, "sort"),
    (Action::ResumeHere, "continue"),
    (Action::Mark, "mark"),
    (Action::CopyView, "copy command"),
    (Action::SaveView, "save view"),
    (Action::Help, "help"),
    (Action::CopyId, "copy id"),
];

/// Transcript that was opened from the search.
pub(super) const RESULT: [(Action, &str); 9] = [
    (Action::Back, "results"),
    (Action::NextHit, "next match"),
    (Action::PreviousHit, "previous match"),
    (Action::Tools, "tools"),
    (Action::Thinking, "thinking"),
    (Action::ResumeHere, "continue"),
    (Action::Help, "help"),
    (Action::Expand, "unfold"),
    (Action::Outline, "outline"),
];

/// Page of the trash.
pub(super) const TRASH: [(Action, &str); 5] = [
    (Action::Open, "restore"),
    (Action::Trash, "delete permanently"),
    (Action::Mark, "mark"),
    (Action::MarkAll, "mark all"),
    (Action::Back, "close"),
];

/// Workspaces.
pub(super) const WORKSPACES: [(Action, &str); 5] = [
    (Action::Down, "next"),
    (Action::Right, "sessions"),
    (Action::Scope, "scope"),
    (Action::Help, "help"),
    (Action::Palette, "commands"),
];

/// Saved view among the workspaces.
pub(super) const VIEW: [(Action, &str); 5] = [
    (Action::Open, "search"),
    (Action::Down, "next"),
    (Action::DeleteView, "delete"),
    (Action::Help, "help"),
    (Action::Palette, "commands"),
];

/// Preview.
pub(super) const PREVIEW: [(Action, &str); 6] = [
    (Action::Expand, "open"),
    (Action::Left, "sessions"),
    (Action::PreviousPrompt, "previous prompt"),
    (Action::Tools, "tools"),
    (Action::Help, "help"),
    (Action::ResumeHere, "continue"),
];

/// Transcript.
pub(super) const READER: [(Action, &str); 10] = [
    (Action::Back, "back"),
    (Action::ResumeHere, "continue"),
    (Action::PreviousPrompt, "previous prompt"),
    (Action::Find, "find"),
    (Action::Outline, "outline"),
    (Action::Help, "help"),
    (Action::Tools, "tools"),
    (Action::Thinking, "thinking"),
    (Action::Expand, "unfold"),
    (Action::Follow, "follow"),
];

/// Transcript with several branches, in addition.
pub(super) const BRANCHES: [(Action, &str); 1] = [(Action::NextBranch, "next branch")];

/// Outline.
pub(super) const OUTLINE: [(Action, &str); 4] = [
    (Action::Expand, "go there"),
    (Action::Find, "filter"),
    (Action::NextPrompt, "next prompt"),
    (Action::Back, "text"),
];

/// Transcript with a find.
pub(super) const FOUND: [(Action, &str); 7] = [
    (Action::NextHit, "next match"),
    (Action::PreviousHit, "previous match"),
    (Action::Find, "edit"),
    (Action::Back, "clear"),
    (Action::Expand, "unfold"),
    (Action::Outline, "outline"),
    (Action::Help, "help"),
];

/// Transcript of a chat.
pub(super) const READING_CHAT: [(Action, &str); 8] = [
    (Action::Back, "write"),
    (Action::Leave, "back"),
    (Action::PreviousPrompt, "previous prompt"),
    (Action::Tools, "tools"),
    (Action::Interrupt, "interrupt"),
    (Action::Find, "find"),
    (Action::Help, "help"),
    (Action::Outline, "outline"),
];

/// Composer while a turn is open, if prompts are queued.
pub(super) const WORKING_CHAT: [(Action, &str); 3] =
    [(Action::Send, "queue"), (Action::Interrupt, "interrupt"), (Action::Steer, "send now")];

/// Composer while a turn is open, if prompts are sent into it.
pub(super) const STEERED_CHAT: [(Action, &str); 2] = [(Action::Send, "send now"), (Action::Interrupt, "interrupt")];

/// Chat of a session that another program has open.
pub(super) const READ_ONLY_CHAT: [(Action, &str); 5] = [
    (Action::ResumeHere, "continue"),
    (Action::Fork, "fork"),
    (Action::Back, "back"),
    (Action::PreviousPrompt, "previous prompt"),
    (Action::Help, "help"),
];

/// Composer.
pub(super) const CHAT: [(Action, &str); 6] = [
    (Action::Send, "send"),
    (Action::Newline, "newline"),
    (Action::Models, "model"),
    (Action::Interrupt, "interrupt"),
    (Action::ReadChat, "read"),
    (Action::Back, "back"),
];
