//! Everything that a key can do, as one table: the key map, the help and the palette are made from it.

/// Where an action makes sense; also the sections of the key map and of the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Everywhere.
    Everywhere,
    /// Moving, in lists and in the reader.
    Move,
    /// Lists.
    List,
    /// The reader.
    Reader,
    /// The search screen.
    Search,
    /// A conversation with a run.
    Chat,
}

macro_rules! actions {
    ($($place:ident { $($action:ident $name:literal $about:literal)* })*) => {
        /// Something that the user can ask for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action { $($(#[doc = $about] $action,)*)* }

        impl Action {
            /// All of them, in the order of the help.
            pub const ALL: &[Self] = &[$($(Self::$action,)*)*];

            /// Its name in the key map.
            pub fn name(self) -> &'static str {
                match self { $($(Self::$action => $name,)*)* }
            }

            /// What it does, for the help and the palette.
            pub fn about(self) -> &'static str {
                match self { $($(Self::$action => $about,)*)* }
            }

            /// Where it makes sense.
            pub fn place(self) -> Place {
                match self { $($(Self::$action => Place::$place,)*)* }
            }
        }
    };
}

actions! {
    Everywhere {
        Help "help" "show the keys"
        Palette "palette" "find and run any action"
        NextNeedsYou "next-needs-you" "go to the next session that needs you"
        Back "back" "clear, close or go back"
        OtherPane "other-pane" "go to the other of two conversations side by side"
        Inbox "inbox" "show what waits for you, of all runs"
        Rescan "rescan" "look at everything on disk again"
        Issues "issues" "show what could not be read"
        Mouse "mouse" "give the mouse to the terminal, or take it"
        Theme "theme" "switch between the dark and the light theme"
        Redraw "redraw" "draw the screen anew"
        Suspend "suspend" "suspend salon"
        Quit "quit" "quit salon"
    }
    Move {
        Down "down" "down"
        Up "up" "up"
        First "first" "to the beginning"
        Last "last" "to the end"
        HalfDown "half-page-down" "half a page down"
        HalfUp "half-page-up" "half a page up"
        PageDown "page-down" "a page down"
        PageUp "page-up" "a page up"
        Left "left" "to the pane on the left"
        Right "right" "to the pane on the right"
    }
    List {
        Open "open" "open and read"
        Scope "scope" "this workspace, or all"
        ShowHidden "show-hidden" "show or hide sub-agents, empty and headless sessions"
        Sort "sort" "another order"
        Search "search" "find anything that was said, run or printed"
        Filter "filter" "filter by title, workspace, branch or agent"
        New "new-session" "begin a new session"
        ResumeHere "resume-here" "go on with the session here"
        Resume "resume-in-agent" "resume in the agent's own program"
        Fork "fork" "go on with a copy of the session"
        Attach "attach" "follow the session, or steer its run"
        StopRun "stop-run" "end the session's run"
        CopyId "copy-id" "copy the session's id"
        CopyCommand "copy-resume-command" "copy the command that resumes the session"
        CopyList "copy-list" "copy the list as a command; among the workspaces also Y"
        EditTranscript "edit-transcript" "open the transcript's file in the editor"
        ForgetView "forget-view" "forget the saved view that is selected among the workspaces"
    }
    Reader {
        NextEntry "next-entry" "next entry"
        PreviousEntry "previous-entry" "previous entry"
        NextPrompt "next-prompt" "next prompt"
        PreviousPrompt "previous-prompt" "previous prompt"
        NextError "next-error" "next error"
        PreviousError "previous-error" "previous error"
        Find "find" "find in the transcript"
        NextHit "next-hit" "next hit"
        PreviousHit "previous-hit" "previous hit"
        Tools "tools" "tools: hidden, one line, cut, full"
        Thinking "thinking" "show or fold the thinking"
        Expand "expand" "unfold the entry, or enter a sub-agent"
        Follow "follow" "follow the end"
        CopyEntry "copy-entry" "copy the entry"
        EditEntry "edit-entry" "open the entry in the editor"
        Split "split" "pin the conversation beside the next one, or unpin it"
    }
    Search {
        Complete "complete" "complete the word; without one, go between the line and the results"
        NextResult "next-result" "next result"
        PreviousResult "previous-result" "previous result"
        MoreHits "more-hits" "show the session's further hits"
        FewerHits "fewer-hits" "show its best hit only"
        Order "order" "by relevance, time, size or turns"
        OlderQuery "older-query" "what was searched for before"
        NewerQuery "newer-query" "what was searched for after that"
        SaveView "save-view" "save the search as a view"
        CopyView "copy-view" "copy the search as a command"
    }
    Chat {
        Send "send" "send or queue what was written"
        Newline "newline" "begin a new line"
        CompleteWord "complete-word" "complete a file or a command"
        Models "models" "choose model, mode and effort"
        EditDraft "edit-draft" "write in the editor"
        Interrupt "interrupt" "stop the turn; again: end the run"
        ChatPageUp "chat-page-up" "read further up while writing"
        ChatPageDown "chat-page-down" "read further down while writing"
        GoOn "go-on" "let a paused queue go on"
        ReadChat "read" "from the composer to the transcript, and back"
        Mute "mute" "notifications of this session on or off"
    }
}
