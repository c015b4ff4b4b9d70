//! Keys as plain values, and their notation in a key map: `j`, `ctrl-p`, `alt-enter`, `f2`, `space`.

/// A key with its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Key without modifiers.
    pub code: KeyCode,
    /// Control modifier.
    pub ctrl: bool,
    /// Alt modifier.
    pub alt: bool,
    /// Shift modifier; never set for a character, whose case includes it.
    pub shift: bool,
}

/// A key without modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyCode {
    /// Character as typed.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// Up arrow.
    Up,
    /// Down arrow.
    Down,
    /// Left arrow.
    Left,
    /// Right arrow.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Function key, from 1.
    F(u8),
}

impl Key {
    /// Creates a key without modifiers.
    pub const fn plain(code: KeyCode) -> Self {
        Self { code, ctrl: false, alt: false, shift: false }
    }

    /// Creates a key for a character as typed.
    pub const fn char(c: char) -> Self {
        Self::plain(KeyCode::Char(c))
    }

    /// Creates a key for a character with Control.
    pub const fn ctrl(c: char) -> Self {
        Self { code: KeyCode::Char(c), ctrl: true, alt: false, shift: false }
    }

    /// Returns the character that the key enters into a text field, if any.
    pub fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if !self.ctrl && !self.alt => Some(c),
            _ => None,
        }
    }

    /// Parses the notation of a key map. `None` for an unknown key, a repeated modifier, or one that no terminal reports.
    pub fn parse(notation: &str) -> Option<Self> {
        let mut rest = notation;
        let mut key = Self::plain(KeyCode::Esc);
        // A lone `-` is a key, so a modifier requires text after the `-`.
        while let Some((head, tail)) = rest.split_once('-').filter(|(head, tail)| !head.is_empty() && !tail.is_empty())
        {
            let modifier = match head.to_ascii_lowercase().as_str() {
                "ctrl" => &mut key.ctrl,
                "alt" => &mut key.alt,
                "shift" => &mut key.shift,
                _ => return None,
            };
            if std::mem::replace(modifier, true) {
                return None;
            }
            rest = tail;
        }
        key.code = KeyCode::parse(rest)?;
        // A character includes Shift in its case; with Control it is lower case.
        if let KeyCode::Char(c) = key.code {
            // Terminals report no Shift beside Control, and none with a character that has no upper case.
            if key.shift && (key.ctrl || !c.is_ascii_alphabetic()) {
                return None;
            }
            let c = if key.shift { c.to_ascii_uppercase() } else { c };
            key.code = KeyCode::Char(if key.ctrl { c.to_ascii_lowercase() } else { c });
            key.shift = false;
        }
        Some(key)
    }
}

impl KeyCode {
    const NAMES: [(&'static str, Self); 19] = [
        ("enter", Self::Enter),
        ("esc", Self::Esc),
        ("tab", Self::Tab),
        ("backspace", Self::Backspace),
        ("delete", Self::Delete),
        ("up", Self::Up),
        ("down", Self::Down),
        ("left", Self::Left),
        ("right", Self::Right),
        ("home", Self::Home),
        ("end", Self::End),
        ("pgup", Self::PageUp),
        ("pgdn", Self::PageDown),
        ("space", Self::Char(' ')),
        // Aliases.
        ("return", Self::Enter),
        ("escape", Self::Esc),
        ("pageup", Self::PageUp),
        ("pagedown", Self::PageDown),
        ("del", Self::Delete),
    ];

    fn parse(word: &str) -> Option<Self> {
        let mut chars = word.chars();
        if let (Some(c), None) = (chars.next(), chars.next()) {
            return Some(Self::Char(c));
        }
        let lower = word.to_ascii_lowercase();
        if let Some((_, code)) = Self::NAMES.iter().find(|(name, _)| *name == lower) {
            return Some(*code);
        }
        let number = lower.strip_prefix('f')?.parse().ok()?;
        (1..=24).contains(&number).then_some(Self::F(number))
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (held, word) in [(self.ctrl, "ctrl-"), (self.alt, "alt-"), (self.shift, "shift-")] {
            if held {
                f.write_str(word)?;
            }
        }
        match self.code {
            KeyCode::F(number) => write!(f, "f{number}"),
            code => match KeyCode::NAMES.iter().find(|(_, named)| *named == code) {
                Some((name, _)) => f.write_str(name),
                None => match code {
                    KeyCode::Char(c) => write!(f, "{c}"),
                    other => write!(f, "{other:?}"),
                },
            },
        }
    }
}
