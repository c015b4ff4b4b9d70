//! Text with the colours and attributes of its terminal escape sequences. All other sequences and controls are removed.

use super::text::sanitise;

/// Maximum bytes of the parameters of a sequence, because longer ones are not written by programs.
const MAX_PARAMETERS: usize = 64;

/// Maximum number of runs, to bound the memory for a text that consists of sequences. Later text keeps the last style.
const MAX_RUNS: usize = 20_000;

/// Colour of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnsiColour {
    /// Index into the palette of 256 colours.
    Indexed(u8),
    /// Red, green and blue.
    Rgb(u8, u8, u8),
}

/// Colours and attributes of a text. Concealed and blinking text is ordinary text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the attributes of a terminal cell")]
pub struct AnsiStyle {
    /// Foreground colour.
    pub fg: Option<AnsiColour>,
    /// Background colour.
    pub bg: Option<AnsiColour>,
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

/// Sanitised text with styles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnsiText {
    /// The text.
    pub text: String,
    /// End offset in bytes of each style, ascending; the last one is the length of the text.
    pub runs: Vec<(usize, AnsiStyle)>,
}

/// Parses the styles of a text and sanitises it.
pub fn parse(source: &str) -> AnsiText {
    let mut parsed = AnsiText::default();
    let mut style = AnsiStyle::default();
    let mut rest = source;
    while let Some((before, parameters, after)) = next_sequence(rest) {
        parsed.push(before, style);
        style = style.after(parameters);
        rest = after;
    }
    parsed.push(rest, style);
    parsed
}

impl AnsiText {
    fn push(&mut self, source: &str, style: AnsiStyle) {
        self.text.push_str(&sanitise(source));
        let full = self.runs.len() >= MAX_RUNS;
        match self.runs.last_mut() {
            Some((end, last)) if *last == style || full => *end = self.text.len(),
            _ => self.runs.push((self.text.len(), style)),
        }
    }
}

/// Splits a text at its first style sequence: the text before, the parameters, the text after.
fn next_sequence(text: &str) -> Option<(&str, &str, &str)> {
    text.match_indices("\u{1b}[").find_map(|(at, introducer)| {
        let rest = &text[at + introducer.len()..];
        let len = rest.bytes().take(MAX_PARAMETERS).take_while(|b| matches!(b, b'0'..=b'9' | b';' | b':')).count();
        Some((&text[..at], &rest[..len], rest[len..].strip_prefix('m')?))
    })
}

impl AnsiStyle {
    /// Applies the parameters of a sequence.
    fn after(mut self, parameters: &str) -> Self {
        let mut parameters = parameters.split(';');
        while let Some(parameter) = parameters.next() {
            let mut parts = parameter.split(':');
            let code = parts.next().filter(|code| !code.is_empty()).map_or(Some(0), |code| code.parse::<u16>().ok());
            let Some(code) = code else { continue };
            let colour = match code {
                38 | 48 if parameter.contains(':') => with_colons(parameter),
                38 | 48 => with_semicolons(&mut parameters),
                _ => None,
            };
            self.apply(code, colour);
        }
        self
    }

    fn apply(&mut self, code: u16, colour: Option<AnsiColour>) {
        let indexed = |from: u16| u8::try_from(code - from).ok().map(AnsiColour::Indexed);
        match code {
            0 => *self = Self::default(),
            1 => self.bold = true,
            2 => self.dim = true,
            3 => self.italic = true,
            4 => self.underline = true,
            7 => self.reverse = true,
            22 => (self.bold, self.dim) = (false, false),
            23 => self.italic = false,
            24 => self.underline = false,
            27 => self.reverse = false,
            30..=37 => self.fg = indexed(30),
            38 => self.fg = colour.or(self.fg),
            39 => self.fg = None,
            40..=47 => self.bg = indexed(40),
            48 => self.bg = colour.or(self.bg),
            49 => self.bg = None,
            90..=97 => self.fg = indexed(90 - 8),
            100..=107 => self.bg = indexed(100 - 8),
            _ => {}
        }
    }
}

/// Reads the colour of `38;5;N` or `38;2;R;G;B` after the first parameter.
fn with_semicolons<'t>(parameters: &mut impl Iterator<Item = &'t str>) -> Option<AnsiColour> {
    let kind = parameters.next()?;
    let mut number = || parameters.next()?.parse().ok();
    match kind {
        "5" => Some(AnsiColour::Indexed(number()?)),
        "2" => Some(AnsiColour::Rgb(number()?, number()?, number()?)),
        _ => None,
    }
}

/// Reads the colour of `38:5:N`, `38:2:R:G:B` or `38:2:SPACE:R:G:B`.
fn with_colons(parameter: &str) -> Option<AnsiColour> {
    let parts: Vec<_> = parameter.split(':').collect();
    let number = |part: &str| part.parse().ok();
    match *parts.as_slice() {
        [_, "5", index] => Some(AnsiColour::Indexed(number(index)?)),
        [_, "2", red, green, blue] | [_, "2", _, red, green, blue, ..] => {
            Some(AnsiColour::Rgb(number(red)?, number(green)?, number(blue)?))
        }
        _ => None,
    }
}
