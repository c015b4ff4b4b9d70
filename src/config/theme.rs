//! Themes: how each kind of thing looks, in neutral colours. The themes themselves are files in `assets/themes/`.

/// A colour of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Colour {
    /// One of the 256 of a terminal, by index; the first 16 are those that the user chose.
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

macro_rules! theme {
    ($($(#[doc = $about:literal])* $name:ident,)*) => {
        /// How everything looks. In a theme file each is a string such as `"#88aaff bold"`.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Theme { $($(#[doc = $about])* pub $name: Paint,)* }

        impl Theme {
            /// The names of all that has a look.
            pub const NAMES: &[&str] = &[$(stringify!($name),)*];

            /// The look of that name.
            pub fn paint_mut(&mut self, name: &str) -> Option<&mut Paint> {
                match name {
                    $(stringify!($name) => Some(&mut self.$name),)*
                    _ => None,
                }
            }

            /// The same theme with every look changed.
            #[must_use]
            pub fn map(&self, change: impl Fn(Paint) -> Paint) -> Self {
                Self { $($name: change(self.$name),)* }
            }
        }
    };
}

theme! {
    /// For ordinary text.
    text,
    /// For less important text.
    muted,
    /// For rules, gutters, what one need not read.
    faint,
    /// For what draws the eye: the focused pane, the current entry.
    accent,
    /// For headings of screens and panes.
    title,
    /// For lines between panes.
    border,
    /// For the selected row in the focused pane.
    selected,
    /// For the selected row in a pane without focus.
    selected_away,
    /// For a key in a hint or in the help.
    key,
    /// For the status line.
    bar,
    // Markdown.
    /// For headings.
    heading,
    /// For strong text.
    strong,
    /// For emphasised text.
    emphasis,
    /// For code within a line.
    code,
    /// For blocks of code, behind the highlighting.
    code_block,
    /// For links.
    link,
    /// For quotations.
    quote,
    // Speakers and kinds.
    /// For the user's words.
    prompt,
    /// For the agent's name and marks.
    assistant,
    /// For reasoning.
    thinking,
    /// For names of tools.
    tool,
    /// For plans.
    plan,
    /// For notices.
    notice,
    /// For errors.
    error,
    /// For warnings.
    warning,
    /// For what went well.
    success,
    // Diffs.
    /// For added lines.
    added,
    /// For removed lines.
    removed,
    /// For the changed words of an added line.
    added_word,
    /// For the changed words of a removed line.
    removed_word,
    /// For headers of hunks.
    hunk,
    // Hits.
    /// For what a search matched.
    hit,
    /// For the match one stands on.
    hit_current,
    // States.
    /// For sessions that wait for the user.
    needs_you,
    /// For sessions at work.
    working,
    /// For open sessions.
    idle,
    /// For past sessions.
    past,
    // Agents.
    /// For Claude Code.
    claude,
    /// For OpenCode.
    opencode,
    /// For Codex.
    codex,
    /// For Gemini CLI.
    gemini,
    /// For Qwen Code.
    qwen,
    /// For goose.
    goose,
    // Syntax.
    /// For keywords.
    keyword,
    /// For strings.
    string,
    /// For comments.
    comment,
    /// For numbers and constants.
    number,
    /// For functions.
    function,
    /// For types.
    type_name,
    /// For variables and parameters.
    variable,
    /// For operators and punctuation.
    punctuation,
}
