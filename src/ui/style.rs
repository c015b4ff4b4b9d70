//! Conversion of theme styles to ratatui styles.

use ratatui::style::{Color, Modifier, Style};

use crate::config::theme::{Colour, Theme, ThemeStyle};
use crate::config::theme_file::{ColourDepth, nearest};
use crate::domain::{Agent, SessionState};
use crate::stdx::ansi::{AnsiColour, AnsiStyle};

/// Converts a theme style.
pub fn style(paint: ThemeStyle) -> Style {
    let attributes = [
        (paint.bold, Modifier::BOLD),
        (paint.dim, Modifier::DIM),
        (paint.italic, Modifier::ITALIC),
        (paint.underline, Modifier::UNDERLINED),
        (paint.reverse, Modifier::REVERSED),
    ];
    let set = attributes.into_iter().filter(|(set, _)| *set).map(|(_, modifier)| modifier);
    Style { fg: paint.fg.map(colour), bg: paint.bg.map(colour), add_modifier: set.collect(), ..Style::default() }
}

/// Style of an agent's name.
pub fn agent(theme: &Theme, agent: Agent) -> Style {
    style(match agent {
        Agent::Claude => theme.claude,
        Agent::OpenCode => theme.opencode,
        Agent::Codex => theme.codex,
        Agent::Gemini => theme.gemini,
        Agent::Qwen => theme.qwen,
        Agent::Goose => theme.goose,
        Agent::Configured(_) => theme.text,
    })
}

/// Style of a session state.
pub fn state(theme: &Theme, state: SessionState) -> Style {
    style(match state {
        SessionState::NeedsYou => theme.needs_you,
        SessionState::Working => theme.working,
        SessionState::Idle => theme.idle,
        SessionState::Past => theme.past,
    })
}

/// Converts a style that a program wrote: with its colours, the nearest ones that the theme's terminal has, or none.
pub(super) fn ansi(source: AnsiStyle, theme: &Theme) -> Style {
    let depth = depth(theme);
    if depth == ColourDepth::None {
        return Style::default();
    }
    let shown = |colour: Option<AnsiColour>| colour.map(|colour| reduced(colour, depth));
    style(ThemeStyle {
        fg: shown(source.fg),
        bg: shown(source.bg),
        bold: source.bold,
        dim: source.dim,
        italic: source.italic,
        underline: source.underline,
        reverse: source.reverse,
    })
}

/// Colour depth for which a theme is made.
fn depth(theme: &Theme) -> ColourDepth {
    let colours = [theme.success.fg, theme.error.fg, theme.accent.fg, theme.added.fg, theme.tool.fg];
    let colours = || colours.iter().flatten();
    if colours().any(|colour| matches!(colour, Colour::Rgb(..))) {
        ColourDepth::Full
    } else if colours().any(|colour| matches!(colour, Colour::Ansi(16..))) {
        ColourDepth::Indexed
    } else if colours().next().is_some() {
        ColourDepth::Ansi
    } else {
        ColourDepth::None
    }
}

/// Returns the nearest colour of a depth.
fn reduced(source: AnsiColour, depth: ColourDepth) -> Colour {
    match (source, depth) {
        (AnsiColour::Indexed(index @ 16..), ColourDepth::Ansi) => basic(rgb(index)),
        (AnsiColour::Rgb(red, green, blue), ColourDepth::Ansi) => basic([red, green, blue]),
        (AnsiColour::Indexed(index), _) => Colour::Ansi(index),
        (AnsiColour::Rgb(red, green, blue), ColourDepth::Indexed) => nearest(Colour::Rgb(red, green, blue)),
        (AnsiColour::Rgb(red, green, blue), _) => Colour::Rgb(red, green, blue),
    }
}

/// Red, green and blue of a fixed colour of the palette of 256.
fn rgb(index: u8) -> [u8; 3] {
    if index >= 232 {
        return [8 + (index - 232) * 10; 3];
    }
    let step = |at: u8| if at == 0 { 0 } else { 55 + at * 40 };
    let at = index.saturating_sub(16);
    [step(at / 36), step(at / 6 % 6), step(at % 6)]
}

/// Returns the colour of the first 16 with about the same hue and brightness.
fn basic(rgb: [u8; 3]) -> Colour {
    let [min, max] = [rgb.iter().min(), rgb.iter().max()].map(|channel| channel.copied().unwrap_or(0));
    if max - min < 40 {
        return Colour::Ansi(match max {
            0..128 => 8,
            128..192 => 7,
            192.. => 15,
        });
    }
    let middle = min + (max - min) / 2;
    let hue = rgb.iter().enumerate().map(|(at, channel)| u8::from(*channel > middle) << at).sum::<u8>();
    // Dark blue is hard to read on black.
    Colour::Ansi(if max > 200 || hue == 4 { hue + 8 } else { hue })
}

fn colour(colour: Colour) -> Color {
    match colour {
        Colour::Ansi(index) => Color::Indexed(index),
        Colour::Rgb(r, g, b) => Color::Rgb(r, g, b),
    }
}
