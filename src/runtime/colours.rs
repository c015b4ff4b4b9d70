//! Detection of the terminal's colour depth and background.

use crate::config::theme::Background;
use crate::config::theme_file::ColourDepth;

/// Returns the colour depth that the environment indicates.
pub(super) fn depth(coloured: bool, var: impl Fn(&str) -> Option<String>) -> ColourDepth {
    let contains =
        |name: &str, parts: &[&str]| var(name).is_some_and(|value| parts.iter().any(|part| value.contains(part)));
    if !coloured || contains("TERM", &["dumb"]) {
        ColourDepth::None
    } else if contains("COLORTERM", &["truecolor", "24bit"])
        || contains("TERM", &["direct", "kitty", "ghostty", "alacritty"])
    {
        ColourDepth::Full
    } else if contains("TERM", &["256color"]) {
        ColourDepth::Indexed
    } else {
        ColourDepth::Ansi
    }
}

/// Key under which the background is saved.
pub(super) const BACKGROUND_KEY: &str = "background";

/// Query for the terminal's background. The reply arrives as key events, and [`super::terminal_reply`] recognises it.
pub(super) const BACKGROUND_QUERY: &[u8] = b"\x1b]11;?\x1b\\";

/// Returns true if the terminal knows commands of the operating system (OSC): some print them instead.
pub(super) fn supports_osc(term: Option<&str>) -> bool {
    !matches!(term, None | Some("dumb" | "linux"))
}

/// Parses the background from `COLORFGBG` (`15;0`, `0;default;15`).
pub(super) fn from_variable(value: &str) -> Option<Background> {
    match value.rsplit(';').next()?.parse::<u8>().ok()? {
        7 | 9..=15 => Some(Background::Light),
        0..=6 | 8 => Some(Background::Dark),
        _ => None,
    }
}

/// Classifies a colour as light or dark by its luminance.
pub(super) fn of_colour(red: u8, green: u8, blue: u8) -> Background {
    let bright = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    if bright > 127_500 { Background::Light } else { Background::Dark }
}

/// Returns the saved name of a background.
pub(super) fn background_name(background: Background) -> &'static str {
    match background {
        Background::Dark => "dark",
        Background::Light => "light",
    }
}

/// Parses the saved name of a background.
pub(super) fn background_from_name(name: &str) -> Option<Background> {
    [Background::Dark, Background::Light].into_iter().find(|background| background_name(*background) == name)
}
