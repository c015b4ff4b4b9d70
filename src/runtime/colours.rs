//! How many colours the terminal shows, and whether its background is dark or light.

use ratatui::style::Color;

use crate::config::theme::Background;

/// How many colours a terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Any of 16 million.
    True,
    /// A palette of 256.
    Indexed,
}

impl Depth {
    /// As far as the terminal tells by its environment.
    pub fn detect(var: impl Fn(&str) -> Option<String>) -> Self {
        let says =
            |name: &str, words: &[&str]| var(name).is_some_and(|value| words.iter().any(|word| value.contains(word)));
        let direct =
            says("COLORTERM", &["truecolor", "24bit"]) || says("TERM", &["direct", "kitty", "ghostty", "alacritty"]);
        if direct { Self::True } else { Self::Indexed }
    }

    /// The colour that comes nearest to an exact one.
    pub fn nearest(self, red: u8, green: u8, blue: u8) -> Color {
        match self {
            Self::True => Color::Rgb(red, green, blue),
            Self::Indexed => Color::Indexed(nearest_indexed([red, green, blue])),
        }
    }
}

/// The levels of the palette's colour cube.
const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// From the cube (16–231) or the ramp of greys (232–255), whichever is nearer.
fn nearest_indexed(wanted: [u8; 3]) -> u8 {
    let steps = wanted.map(nearest_level);
    let cube = steps.map(|step| LEVELS[usize::from(step)]);
    let cube_index = 16 + 36 * steps[0] + 6 * steps[1] + steps[2];
    let mean = wanted.iter().map(|part| u16::from(*part)).sum::<u16>() / 3;
    let step = u8::try_from(mean.saturating_sub(3) / 10).unwrap_or(23).min(23);
    let grey = [8 + 10 * step; 3];
    if distance(wanted, grey) < distance(wanted, cube) { 232 + step } else { cube_index }
}

fn nearest_level(part: u8) -> u8 {
    let nearest = (0u8..6).min_by_key(|step| LEVELS[usize::from(*step)].abs_diff(part));
    nearest.unwrap_or(0)
}

fn distance(a: [u8; 3], b: [u8; 3]) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
}

/// Asks the terminal for its background. The answer comes among the keys, where [`super::keys`] finds it.
pub const ASK_BACKGROUND: &[u8] = b"\x1b]11;?\x1b\\";

/// Whether a terminal can be asked: a few print what they do not understand.
pub fn can_be_asked(term: Option<&str>) -> bool {
    !matches!(term, None | Some("dumb" | "linux"))
}

/// What `COLORFGBG` (`15;0`, `0;default;15`) says of the background.
pub fn from_variable(value: &str) -> Option<Background> {
    match value.rsplit(';').next()?.parse::<u8>().ok()? {
        7 | 9..=15 => Some(Background::Light),
        0..=6 | 8 => Some(Background::Dark),
        _ => None,
    }
}

/// Whether a colour is nearer to white than to black for the eye.
pub fn of_colour(red: u8, green: u8, blue: u8) -> Background {
    let bright = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    if bright > 127_500 { Background::Light } else { Background::Dark }
}

/// A background as it is remembered.
pub fn background_name(background: Background) -> &'static str {
    match background {
        Background::Dark => "dark",
        Background::Light => "light",
    }
}

/// The background of that name.
pub fn background_from_name(name: &str) -> Option<Background> {
    [Background::Dark, Background::Light].into_iter().find(|background| background_name(*background) == name)
}
