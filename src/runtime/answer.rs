//! The terminal's answer to the question for its background. It comes among the keys, as keys that nobody pressed:
//! `Alt-]`, the text, and `Alt-\` or `Ctrl-G`. While it is awaited it is picked out; whatever turns out not to be it
//! is given back untouched.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use super::colours;
use crate::config::theme::Background;

/// Most keys of an answer; `11;rgba:ffff/ffff/ffff/ffff` and its ends.
const LONGEST: usize = 40;

/// Picks the answer out of what is typed.
#[derive(Debug, Default)]
pub struct Answer {
    awaited: bool,
    /// Keys of what may be the answer, so far.
    held: Vec<Event>,
}

/// What comes of an event while an answer may be awaited.
#[derive(Debug, PartialEq, Eq)]
pub enum Picked {
    /// What the user did; nothing, while it may be the answer.
    Typed(Vec<Event>),
    /// The terminal's background.
    Background(Background),
}

impl Answer {
    /// The question was asked.
    pub fn expect(&mut self) {
        self.awaited = true;
    }

    /// Takes one event.
    pub fn pick(&mut self, event: Event) -> Picked {
        let begins = self.awaited && self.held.is_empty() && is(&event, ']', KeyModifiers::ALT);
        if self.held.is_empty() && !begins {
            return Picked::Typed(vec![event]);
        }
        let ends = is(&event, '\\', KeyModifiers::ALT) || is(&event, 'g', KeyModifiers::CONTROL);
        let fits = begins || ends || text(&event).is_some();
        self.held.push(event);
        if fits && !ends && self.held.len() < LONGEST {
            return Picked::Typed(Vec::new());
        }
        let held = std::mem::take(&mut self.held);
        let told: String = held.iter().filter_map(text).collect();
        match background(&told).filter(|_| ends) {
            Some(background) => {
                self.awaited = false;
                Picked::Background(background)
            }
            None => Picked::Typed(held),
        }
    }
}

fn is(event: &Event, wanted: char, modifiers: KeyModifiers) -> bool {
    matches!(event, Event::Key(KeyEvent { code: KeyCode::Char(c), modifiers: with, .. })
        if *c == wanted && *with == modifiers)
}

/// The character of a plain key.
fn text(event: &Event) -> Option<char> {
    match event {
        Event::Key(KeyEvent { code: KeyCode::Char(c), modifiers, .. })
            if (*modifiers - KeyModifiers::SHIFT).is_empty() =>
        {
            Some(*c)
        }
        _ => None,
    }
}

/// `11;rgb:1e1e/1e1e/1e1e`, with one to four digits a colour; `rgba` has a fourth, which does not count.
fn background(told: &str) -> Option<Background> {
    let colours = told.strip_prefix("11;")?;
    let colours = colours.strip_prefix("rgb:").or_else(|| colours.strip_prefix("rgba:"))?;
    let mut parts = colours.split('/').map(|digits| {
        let most = 16u32.checked_pow(u32::try_from(digits.len()).ok()?)?.checked_sub(1)?;
        let value = u32::from_str_radix(digits, 16).ok()?;
        u8::try_from(value.checked_mul(255)?.checked_div(most)?).ok()
    });
    let [red, green, blue] = [parts.next()??, parts.next()??, parts.next()??];
    Some(colours::of_colour(red, green, blue))
}
