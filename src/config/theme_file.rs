//! The shipped themes, read from `assets/themes/`, and fitted to what the terminal can show.

use toml::Table;

use super::theme::{Background, Colour, Paint, Theme, Themes};

/// How many colours the terminal shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColourDepth {
    /// None: bold, underlined and reversed only, as `NO_COLOR` asks for.
    None,
    /// The terminal's own sixteen.
    Ansi,
    /// 256.
    Indexed,
    /// All.
    #[default]
    Full,
}

impl Themes {
    /// The shipped themes, for a terminal that shows so many colours.
    pub fn shipped(depth: ColourDepth, background: Background) -> Self {
        let (dark, light) = match depth {
            ColourDepth::None => (theme(PLAIN), theme(PLAIN)),
            ColourDepth::Ansi => (theme(ANSI), theme(ANSI)),
            ColourDepth::Indexed => (theme(DARK).map(indexed), theme(LIGHT).map(indexed)),
            ColourDepth::Full => (theme(DARK), theme(LIGHT)),
        };
        Self { dark, light, background }
    }
}

const DARK: &str = include_str!("../../assets/themes/dark.toml");
const LIGHT: &str = include_str!("../../assets/themes/light.toml");
const ANSI: &str = include_str!("../../assets/themes/ansi.toml");
const PLAIN: &str = include_str!("../../assets/themes/plain.toml");

fn theme(text: &str) -> Theme {
    read(text).0
}

/// Reads a theme file, and tells what in it means nothing, in words.
pub fn read(text: &str) -> (Theme, Vec<String>) {
    let (mut theme, mut problems) = (Theme::default(), Vec::new());
    let table = text.parse::<Table>().unwrap_or_else(|error| {
        problems.push(error.message().to_owned());
        Table::new()
    });
    for (name, words) in &table {
        let look = words.as_str().and_then(paint);
        match (theme.paint_mut(name), look) {
            (Some(place), Some(look)) => *place = look,
            (None, _) => problems.push(format!("nothing is called {name}")),
            (_, None) => problems.push(format!("{name}: {words} is no look")),
        }
    }
    (theme, problems)
}

/// Reads words such as `#88aaff bold`, `ansi:4 dim on #202020`, or none.
pub fn paint(words: &str) -> Option<Paint> {
    let mut paint = Paint::default();
    let mut words = words.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "bold" => paint.bold = true,
            "dim" => paint.dim = true,
            "italic" => paint.italic = true,
            "underline" => paint.underline = true,
            "reverse" => paint.reverse = true,
            "on" => paint.bg = Some(colour(words.next()?)?),
            word => paint.fg = Some(colour(word)?),
        }
    }
    Some(paint)
}

fn colour(word: &str) -> Option<Colour> {
    if let Some(index) = word.strip_prefix("ansi:") {
        return index.parse().ok().map(Colour::Ansi);
    }
    let digits = word.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let [_, r, g, b] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
    Some(Colour::Rgb(r, g, b))
}

fn indexed(paint: Paint) -> Paint {
    Paint { fg: paint.fg.map(nearest), bg: paint.bg.map(nearest), ..paint }
}

/// The nearest of the 240 fixed colours of a 256-colour terminal: a cube of six steps each, and 24 greys.
fn nearest(colour: Colour) -> Colour {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let Colour::Rgb(r, g, b) = colour else { return colour };
    let wanted = [r, g, b];
    let distance =
        |other: [u8; 3]| -> u32 { wanted.iter().zip(other).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum() };
    let cube = (0..216u8).map(|at| {
        let step = |at: u8| STEPS[usize::from(at % 6)];
        (16 + at, [step(at / 36), step(at / 6), step(at)])
    });
    let greys = (0..24u8).map(|at| (232 + at, [8 + at * 10; 3]));
    cube.chain(greys).min_by_key(|(_, rgb)| distance(*rgb)).map_or(colour, |(index, _)| Colour::Ansi(index))
}
