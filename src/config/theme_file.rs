//! Theme files: parsing, the shipped themes, and reduction to the terminal's colour depth.

use toml::Table;

use super::theme::{Background, Colour, Theme, ThemeStyle, Themes};

/// Colour depth of the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColourDepth {
    /// No colours; bold, underline and reverse only, as for `NO_COLOR`.
    None,
    /// 16 colours of the terminal.
    Ansi,
    /// 256 colours.
    Indexed,
    /// True colour.
    #[default]
    Full,
}

impl Themes {
    /// Returns the shipped themes, reduced to a colour depth.
    pub fn shipped(depth: ColourDepth, background: Background) -> Self {
        let (dark, light) = match depth {
            ColourDepth::None => (theme(PLAIN), theme(PLAIN)),
            ColourDepth::Ansi => (theme(ANSI), changed(theme(ANSI), ANSI_LIGHT)),
            ColourDepth::Indexed => (reduced(DARK, DARK_INDEXED), reduced(LIGHT, LIGHT_INDEXED)),
            ColourDepth::Full => (theme(DARK), theme(LIGHT)),
        };
        Self { dark, light, background }
    }
}

const DARK: &str = include_str!("../../assets/themes/dark.toml");
const LIGHT: &str = include_str!("../../assets/themes/light.toml");
const DARK_INDEXED: &str = include_str!("../../assets/themes/dark_indexed.toml");
const LIGHT_INDEXED: &str = include_str!("../../assets/themes/light_indexed.toml");
const ANSI: &str = include_str!("../../assets/themes/ansi.toml");
const ANSI_LIGHT: &str = include_str!("../../assets/themes/ansi_light.toml");
const PLAIN: &str = include_str!("../../assets/themes/plain.toml");

fn theme(text: &str) -> Theme {
    read(text).0
}

/// Reduces a theme to 256 colours; `chosen` has the styles whose nearest colours would lose their hue.
fn reduced(text: &str, chosen: &str) -> Theme {
    changed(theme(text).map(indexed), chosen)
}

/// Replaces the styles of a theme that a shipped file names.
fn changed(mut theme: Theme, file: &str) -> Theme {
    let problems = apply(file, &mut theme);
    debug_assert_eq!(problems, Vec::<String>::new());
    theme
}

/// Parses a theme file. Returns a message for each invalid entry.
pub fn read(text: &str) -> (Theme, Vec<String>) {
    let mut theme = Theme::default();
    let problems = apply(text, &mut theme);
    (theme, problems)
}

/// Sets the styles of a theme file. Returns a message for each invalid entry.
fn apply(text: &str, theme: &mut Theme) -> Vec<String> {
    let mut problems = Vec::new();
    let table = text.parse::<Table>().unwrap_or_else(|error| {
        problems.push(error.message().to_owned());
        Table::new()
    });
    for (name, value) in &table {
        let style = value.as_str().and_then(parse_style);
        match (theme.style_mut(name), style) {
            (Some(slot), Some(style)) => *slot = style,
            (None, _) => problems.push(format!("unknown style {name}")),
            (_, None) => problems.push(format!("{name}: {value} is not a style")),
        }
    }
    problems
}

/// Parses a style such as `#88aaff bold`, `ansi:4 dim on #202020`, or an empty one.
pub fn parse_style(value: &str) -> Option<ThemeStyle> {
    let mut style = ThemeStyle::default();
    let mut tokens = value.split_whitespace();
    while let Some(word) = tokens.next() {
        match word {
            "bold" => style.bold = true,
            "dim" => style.dim = true,
            "italic" => style.italic = true,
            "underline" => style.underline = true,
            "reverse" => style.reverse = true,
            "on" => style.bg = Some(colour(tokens.next()?)?),
            word => style.fg = Some(colour(word)?),
        }
    }
    Some(style)
}

fn colour(word: &str) -> Option<Colour> {
    if let Some(index) = word.strip_prefix("ansi:") {
        return index.parse().ok().map(Colour::Ansi);
    }
    let digits = word.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let [_, r, g, b] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
    Some(Colour::Rgb(r, g, b))
}

fn indexed(style: ThemeStyle) -> ThemeStyle {
    ThemeStyle { fg: style.fg.map(nearest), bg: style.bg.map(nearest), ..style }
}

/// Returns the nearest fixed colour of a 256-colour terminal: a cube with six steps per channel, and 24 greys.
pub fn nearest(colour: Colour) -> Colour {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let Colour::Rgb(r, g, b) = colour else { return colour };
    let target = [r, g, b];
    let distance =
        |other: [u8; 3]| -> u32 { target.iter().zip(other).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum() };
    let cube = (0..216u8).map(|at| {
        let step = |at: u8| STEPS[usize::from(at % 6)];
        (16 + at, [step(at / 36), step(at / 6), step(at)])
    });
    let greys = (0..24u8).map(|at| (232 + at, [8 + at * 10; 3]));
    cube.chain(greys).min_by_key(|(_, rgb)| distance(*rgb)).map_or(colour, |(index, _)| Colour::Ansi(index))
}
