//! Themes: styles in terminal-independent colours. The shipped themes are files in `assets/themes/`.

/// A terminal colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Colour {
    /// Index into the 256-colour palette; the user's terminal defines the first 16.
    Ansi(u8),
    /// Red, green and blue.
    Rgb(u8, u8, u8),
}

/// Background of the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Background {
    /// Dark background.
    #[default]
    Dark,
    /// Light background.
    Light,
}

/// Themes for both backgrounds, and the active background.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Themes {
    /// Theme for a dark background.
    pub dark: Theme,
    /// Theme for a light background.
    pub light: Theme,
    /// Active background.
    pub background: Background,
}

impl Themes {
    /// Returns the active theme.
    pub fn current(&self) -> &Theme {
        match self.background {
            Background::Dark => &self.dark,
            Background::Light => &self.light,
        }
    }

    /// Switches to the other background.
    pub fn toggle(&mut self) {
        self.background = match self.background {
            Background::Dark => Background::Light,
            Background::Light => Background::Dark,
        };
    }
}

/// Style of a text. Unset attributes are inherited from the text behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "the attributes of a terminal cell")]
pub struct ThemeStyle {
    /// Foreground colour.
    pub fg: Option<Colour>,
    /// Background colour.
    pub bg: Option<Colour>,
    /// Bold.
    pub bold: bool,
    /// Dim.
    pub dim: bool,
    /// Italic.
    pub italic: bool,
    /// Underlined.
    pub underline: bool,
    /// Swapped foreground and background.
    pub reverse: bool,
}

macro_rules! theme {
    ($($(#[doc = $about:literal])* $name:ident,)*) => {
        /// A theme: one style per element. Theme files contain styles as strings such as `"#88aaff bold"`.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Theme { $($(#[doc = $about])* pub $name: ThemeStyle,)* }

        impl Theme {
            /// Names of all styles.
            pub const NAMES: &[&str] = &[$(stringify!($name),)*];

            /// Returns the style with this name.
            pub fn style_mut(&mut self, name: &str) -> Option<&mut ThemeStyle> {
                match name {
                    $(stringify!($name) => Some(&mut self.$name),)*
                    _ => None,
                }
            }

            /// Applies a function to every style.
            #[must_use]
            pub fn map(&self, change: impl Fn(ThemeStyle) -> ThemeStyle) -> Self {
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
    /// For rules, gutters and decoration.
    faint,
    /// For focus: the active pane, the current entry.
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
    /// For the status bar.
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
    /// For code blocks, behind the highlighting.
    code_block,
    /// For links.
    link,
    /// For quotations.
    quote,
    // Roles and kinds of entries.
    /// For prompts of the user.
    prompt,
    /// For the agent's name and marks.
    assistant,
    /// For reasoning.
    thinking,
    /// For tool names.
    tool,
    /// For plans.
    plan,
    /// For notices.
    notice,
    /// For errors.
    error,
    /// For warnings.
    warning,
    /// For success.
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
    /// For hunk headers.
    hunk,
    // Matches.
    /// For matches of a search.
    hit,
    /// For the current match.
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
