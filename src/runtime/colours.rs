//! How many colours the terminal shows, and whether its background is dark or light.

use crate::config::theme::Background;
use crate::config::theme_file::ColourDepth;

/// How many colours the terminal shows, as far as it tells by its environment.
pub fn depth(coloured: bool, var: impl Fn(&str) -> Option<String>) -> ColourDepth {
    let says =
        |name: &str, words: &[&str]| var(name).is_some_and(|value| words.iter().any(|word| value.contains(word)));
    if !coloured || says("TERM", &["dumb"]) {
        ColourDepth::None
    } else if says("COLORTERM", &["truecolor", "24bit"]) || says("TERM", &["direct", "kitty", "ghostty", "alacritty"]) {
        ColourDepth::Full
    } else if says("TERM", &["256color"]) {
        ColourDepth::Indexed
    } else {
        ColourDepth::Ansi
    }
}

/// The name under which the background is remembered.
pub const REMEMBERED: &str = "background";

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
