//! Table of actions. The key map, the help and the palette are derived from it.

/// Context in which an action is available. Each is a section of the key map and of the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyContext {
    /// Available everywhere.
    Everywhere,
    /// Navigation in lists and in the reader.
    Move,
    /// Lists.
    List,
    /// The reader.
    Reader,
    /// The search screen.
    Search,
    /// A conversation with a run.
    Chat,
    /// The screen of changes.
    Changes,
}

macro_rules! actions {
    ($($context:ident { $($action:ident $name:literal $about:literal)* })*) => {
        /// Action that a key or the palette triggers.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action { $($(#[doc = $about] $action,)*)* }

        impl Action {
            /// All actions, in the order of the help.
            pub const ALL: &[Self] = &[$($(Self::$action,)*)*];

            /// Returns the name of the action in the key map.
            pub fn name(self) -> &'static str {
                match self { $($(Self::$action => $name,)*)* }
            }

            /// Returns the description for the help and the palette.
            pub fn about(self) -> &'static str {
                match self { $($(Self::$action => $about,)*)* }
            }

            /// Returns the context of the action.
            pub fn context(self) -> KeyContext {
                match self { $($(Self::$action => KeyContext::$context,)*)* }
            }
        }
    };
}

actions! {
    Everywhere {
        Help "help" "Keyboard shortcuts"
        Palette "palette" "Commands: find and run one"
        NextNeedsYou "next-needs-you" "Go to the next session that needs you"
        Back "back" "Clear, close or go back"
        OtherPane "other-pane" "Switch to the other pane"
        Inbox "inbox" "Inbox: everything that needs your attention"
        Rescan "rescan" "Rescan"
        Issues "issues" "Problems: unreadable files, invalid settings"
        Stats "stats" "Usage: tokens and costs by day and model"
        Recent "recent" "Go to a recently opened session"
        Backends "backends" "Agents that run: states, memory, servers"
        Connect "connect-machine" "Connect: start the container or answer ssh"
        Mouse "mouse" "Turn mouse support on or off"
        Theme "theme" "Switch between dark and light theme"
        Reveal "reveal-secrets" "Show or mask keys, tokens and passwords"
        Redraw "redraw" "Redraw"
        Suspend "suspend" "Suspend salon"
        Leave "leave" "Close or go back; on the home screen, quit"
        Quit "quit" "Quit salon"
    }
    Move {
        Down "down" "Down"
        Up "up" "Up"
        First "first" "Go to the beginning"
        Last "last" "Go to the end"
        HalfDown "half-page-down" "Half a page down"
        HalfUp "half-page-up" "Half a page up"
        PageDown "page-down" "Page down"
        PageUp "page-up" "Page up"
        Left "left" "Go to the pane on the left"
        Right "right" "Go to the pane on the right"
    }
    List {
        Open "open" "Open"
        Scope "scope" "Scope: this workspace or all"
        ShowHidden "show-hidden" "Show or hide sub-agents and empty sessions"
        Sort "sort" "Change sort order"
        Search "search" "Search all sessions"
        Filter "filter" "Filter by title, workspace, branch or agent"
        Preview "preview" "Show or hide the preview"
        NarrowPreview "narrow-preview" "Make the preview narrower"
        WidenPreview "widen-preview" "Make the preview wider"
        Message "send-prompt" "Send a prompt without leaving the list"
        MarkUnseen "mark-unseen" "Mark the session as not seen, or as seen"
        New "new-session" "New session"
        ResumeHere "resume-here" "Continue here"
        Resume "resume-in-agent" "Open in agent"
        Fork "fork" "Fork the session, in the reader at the prompt"
        Related "related-sessions" "Related: origin, forks, copies, sub-agents"
        ContinueInWorktree "continue-in-worktree" "Continue session or fork in a new worktree"
        HandOver "hand-over" "Continue in another agent, with a brief"
        Attach "attach" "Watch or control the session"
        Changes "changes" "Changes: files and diffs of the session"
        Mark "mark" "Mark or unmark the session"
        MarkAll "mark-all" "Mark all listed sessions, or none"
        Star "star" "Star the session"
        Tags "tags" "Tag the session"
        Rename "rename" "Rename the session"
        Note "note" "Attach a note to the session"
        Trash "trash" "Move the session to the trash"
        Export "export" "Export to Markdown, HTML, JSON or text"
        Undo "undo" "Undo a move to the trash or a rewind"
        ShowTrash "show-trash" "Trash: restore or permanently delete sessions"
        Keep "keep" "Keep the session when its agent would delete it"
        StopRun "stop-run" "Stop the session's run"
        CopyId "copy-id" "Copy the session's id"
        CopyCommand "copy-resume-command" "Copy the resume command"
        CopyList "copy-list" "Copy the list as a command (workspaces: Y)"
        EditTranscript "edit-transcript" "Open the transcript file in the editor"
        DeleteView "forget-view" "Delete the selected saved view"
    }
    Reader {
        NextEntry "next-entry" "Next entry"
        PreviousEntry "previous-entry" "Previous entry"
        NextPrompt "next-prompt" "Next prompt"
        PreviousPrompt "previous-prompt" "Previous prompt"
        NextError "next-error" "Next error"
        PreviousError "previous-error" "Previous error"
        Find "find" "Find in the transcript"
        NextHit "next-hit" "Next match"
        PreviousHit "previous-hit" "Previous match"
        Tools "tools" "Cycle tool calls: from hidden to full"
        Thinking "thinking" "Show or fold thinking"
        SideBySide "side-by-side" "Show diffs side by side, or below each other"
        Expand "expand" "Unfold the entry; open its sub-agent, file, link"
        FoldEntry "fold-entry" "Fold or unfold the entry"
        NextBranch "next-branch" "Next branch of the conversation"
        PreviousBranch "previous-branch" "Previous branch of the conversation"
        Outline "outline" "Outline: prompts, errors, edits, branches, forks"
        Follow "follow" "Follow the end"
        CopyEntry "copy-entry" "Copy the entry"
        CopyCode "copy-code" "Copy a code block of the entry"
        EditEntry "edit-entry" "Open the entry in the editor; show an image"
        FileVersion "file-version" "File as it was after the entry, or its changes"
        Rewind "rewind" "Rewind files, conversation or both to the prompt"
        Split "split" "Pin the conversation beside the next, or unpin it"
    }
    Search {
        Complete "complete" "Complete the word or go to the results"
        NextResult "next-result" "Next result"
        PreviousResult "previous-result" "Previous result"
        MoreHits "more-hits" "Show all matches of the session"
        FewerHits "fewer-hits" "Show only the best match"
        Order "order" "Sort by relevance, time, size or turns"
        OlderQuery "older-query" "Previous query"
        NewerQuery "newer-query" "Next query"
        SaveView "save-view" "Save the search as a view"
        CopyView "copy-view" "Copy the search as a command"
    }
    Chat {
        Send "send" "Send or queue the prompt"
        Steer "steer" "Send the prompt into the open turn"
        Newline "newline" "Insert a line break"
        CompleteWord "complete-word" "Complete a file or command"
        Models "models" "Choose model, mode and effort"
        NextMode "next-mode" "Change to the next permission mode"
        EditDraft "edit-draft" "Write in the editor"
        Interrupt "interrupt" "Interrupt the turn; again: stop the run"
        ChatPageUp "chat-page-up" "Page up while writing"
        ChatPageDown "chat-page-down" "Page down while writing"
        ResumeQueue "go-on" "Resume a paused queue"
        ContinueAtReset "continue-at-reset" "Continue once the rate limit is over"
        ReadChat "read" "Switch between composer and transcript"
        Tasks "tasks" "Select in the task list, hide or show it"
        Mute "mute" "Notifications of the session on or off"
    }
    Changes {
        Remark "remark" "Remark on the line, the marked lines or the hunk"
        RemarkFile "remark-file" "Write a remark on the file"
        RemoveRemark "remove-remark" "Remove the remark"
        MarkLines "mark-lines" "Begin or end a range of lines"
        SendRemarks "send-remarks" "Preview the remarks as one prompt, and send it"
        Git "git" "Git commands: stage, commit, push, merge"
        DiscardHunk "discard-hunk" "Discard the hunk of the line in the worktree"
        DiscardFile "discard-file" "Discard all changes of the file"
        UndoDiscard "undo-discard" "Bring back what was discarded last"
    }
}
