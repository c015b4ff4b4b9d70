//! A theme's looks as the terminal library's styles.

use ratatui::style::{Color, Modifier, Style};

use crate::config::theme::{Colour, Paint, Theme};
use crate::domain::{Agent, State};

/// The style of a look.
pub fn style(paint: Paint) -> Style {
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

/// The look of an agent's name.
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

/// The look of a state.
pub fn state(theme: &Theme, state: State) -> Style {
    style(match state {
        State::NeedsYou => theme.needs_you,
        State::Working => theme.working,
        State::Idle => theme.idle,
        State::Past => theme.past,
    })
}

fn colour(colour: Colour) -> Color {
    match colour {
        Colour::Ansi(index) => Color::Indexed(index),
        Colour::Rgb(r, g, b) => Color::Rgb(r, g, b),
    }
}
