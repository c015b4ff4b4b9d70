//! Keys that are the same in every key map, for the help.

/// Keys of a place, as a section of the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedKeys {
    /// Title of the section.
    pub heading: &'static str,
    /// Keys with descriptions.
    pub keys: &'static [(&'static str, &'static str)],
}

/// Keys of the page of usage.
pub const USAGE: &[FixedKeys] = &[FixedKeys {
    heading: "Usage",
    keys: &[
        ("1…5", "Period: 7, 30 or 90 days, a year, all time"),
        ("← →", "Group by workspace, agent, model or session"),
        ("tab", "Scope: this workspace or all"),
        ("enter", "Open the session, or list those of the workspace"),
    ],
}];

/// Keys of parts of a chat.
pub const CHAT: &[FixedKeys] = &[
    FixedKeys {
        heading: "Permission requests and questions",
        keys: &[
            ("1…9", "Answer; beside a draft with alt"),
            ("alt-e", "Show the whole request, or fold it"),
            ("alt-n alt-p", "Next or previous request"),
            ("alt-a", "Answer similar requests together"),
        ],
    },
    FixedKeys {
        heading: "Queued prompts",
        keys: &[
            ("enter e", "Edit the prompt"),
            ("K", "Move it up"),
            ("x d", "Cancel it"),
            ("u", "Bring back what was cancelled"),
            ("r", "Send a prompt on hold"),
        ],
    },
    FixedKeys { heading: "Tasks of the agent", keys: &[("enter", "Open the sub-agent"), ("x", "Stop the task")] },
];
