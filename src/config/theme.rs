//! Themes: how each kind of thing looks, in neutral colours. The themes themselves are files in `assets/themes/`.

/// A colour of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Colour {
    /// One of the terminal's own 16, by index.
    Ansi(u8),
    /// Exact red, green and blue.
    Rgb(u8, u8, u8),
}

/// What the terminal's background is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Background {
    /// Dark.
    #[default]
    Dark,
    /// Light.
    Light,
}

/// The theme for either background, and which of the two is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Themes {
    /// For a dark background.
    pub dark: Theme,
    /// For a light one.
    pub light: Theme,
    /// Which one is shown.
    pub background: Background,
}

impl Themes {
    /// The one that is shown.
    pub fn current(&self) -> &Theme {
        match self.background {
            Background::Dark => &self.dark,
            Background::Light => &self.light,
        }
    }

    /// Shows the other one.
    pub fn switch(&mut self) {
        self.background = match self.background {
            Background::Dark => Background::Light,
            Background::Light => Background::Dark,
        };
    }
}

/// How something is painted. What is unset shows what lies behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "the attributes of a terminal cell")]
pub struct Paint {
    /// Colour of the text.
    pub fg: Option<Colour>,
    /// Colour behind it.
    pub bg: Option<Colour>,
    /// Bold.
    pub bold: bool,
    /// Dim.
    pub dim: bool,
    /// Italic.
    pub italic: bool,
    /// Underlined.
    pub underline: bool,
    /// Foreground and background swapped.
    pub reverse: bool,
}

/// How everything looks. In a theme file each is a table or a string such as `"#88aaff bold"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Theme {
    // Text and frame.
    /// For ordinary text.
    pub text: Paint,
    /// For less important text.
    pub muted: Paint,
    /// For rules, gutters, what one need not read.
    pub faint: Paint,
    /// For what draws the eye: the focused pane, the current entry.
    pub accent: Paint,
    /// For headings of screens and panes.
    pub title: Paint,
    /// For lines between panes.
    pub border: Paint,
    /// For the selected row in the focused pane.
    pub selected: Paint,
    /// For the selected row in a pane without focus.
    pub selected_away: Paint,
    /// For a key in a hint or in the help.
    pub key: Paint,
    /// For the status line.
    pub bar: Paint,
    // Markdown.
    /// For headings.
    pub heading: Paint,
    /// For strong text.
    pub strong: Paint,
    /// For emphasised text.
    pub emphasis: Paint,
    /// For code within a line.
    pub code: Paint,
    /// For blocks of code, behind the highlighting.
    pub code_block: Paint,
    /// For links.
    pub link: Paint,
    /// For quotations.
    pub quote: Paint,
    // Speakers and kinds.
    /// For the user's words.
    pub prompt: Paint,
    /// For the agent's name and marks.
    pub assistant: Paint,
    /// For reasoning.
    pub thinking: Paint,
    /// For names of tools.
    pub tool: Paint,
    /// For plans.
    pub plan: Paint,
    /// For notices.
    pub notice: Paint,
    /// For errors.
    pub error: Paint,
    /// For warnings.
    pub warning: Paint,
    /// For what went well.
    pub success: Paint,
    // Diffs.
    /// For added lines.
    pub added: Paint,
    /// For removed lines.
    pub removed: Paint,
    /// For the changed words of an added line.
    pub added_word: Paint,
    /// For the changed words of a removed line.
    pub removed_word: Paint,
    /// For headers of hunks.
    pub hunk: Paint,
    // Hits.
    /// For what a search matched.
    pub hit: Paint,
    /// For the match one stands on.
    pub hit_current: Paint,
    // States.
    /// For sessions that wait for the user.
    pub needs_you: Paint,
    /// For sessions at work.
    pub working: Paint,
    /// For open sessions.
    pub idle: Paint,
    /// For past sessions.
    pub past: Paint,
    // Agents.
    /// For Claude Code.
    pub claude: Paint,
    /// For OpenCode.
    pub opencode: Paint,
    /// For Codex.
    pub codex: Paint,
    /// For Gemini CLI.
    pub gemini: Paint,
    /// For Qwen Code.
    pub qwen: Paint,
    /// For goose.
    pub goose: Paint,
    // Syntax.
    /// For keywords.
    pub keyword: Paint,
    /// For strings.
    pub string: Paint,
    /// For comments.
    pub comment: Paint,
    /// For numbers and constants.
    pub number: Paint,
    /// For functions.
    pub function: Paint,
    /// For types.
    pub type_name: Paint,
    /// For variables and parameters.
    pub variable: Paint,
    /// For operators and punctuation.
    pub punctuation: Paint,
}
