//! Conversion of theme styles to ratatui styles.

use ratatui::style::{Color, Modifier, Style};

use crate::config::theme::{Colour, Theme, ThemeStyle};
use crate::domain::{Agent, SessionState};

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

fn colour(colour: Colour) -> Color {
    match colour {
        Colour::Ansi(index) => Color::Indexed(index),
        Colour::Rgb(r, g, b) => Color::Rgb(r, g, b),
    }
}
