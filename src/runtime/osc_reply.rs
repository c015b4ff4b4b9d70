//! Recognises the terminal's reply to the background query (OSC 11).
//!
//! The reply arrives as key events: `Alt-]`, the text, and `Alt-\` or `Ctrl-G`. Keys that turn out not to be a reply
//! are returned unchanged.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use super::colours;
use crate::config::theme::Background;

/// Maximum keys per reply: `11;rgba:ffff/ffff/ffff/ffff` with its delimiters.
const MAX_REPLY_KEYS: usize = 40;

/// Filter that extracts the reply from key events.
#[derive(Debug, Default)]
pub(super) struct OscReplyParser {
    expected: bool,
    /// Keys that may be part of the reply.
    buffered: Vec<Event>,
}

/// Result of parsing an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum OscParse {
    /// Input of the user; empty while the keys may be a reply.
    Input(Vec<Event>),
    /// Background of the terminal.
    Background(Background),
}

impl OscReplyParser {
    /// Expects a reply, after the query was sent.
    pub(super) fn expect(&mut self) {
        self.expected = true;
    }

    /// Parses an event.
    pub(super) fn parse(&mut self, event: Event) -> OscParse {
        let begins = self.expected && self.buffered.is_empty() && is_key(&event, ']', KeyModifiers::ALT);
        if self.buffered.is_empty() && !begins {
            return OscParse::Input(vec![event]);
        }
        let ends = is_key(&event, '\\', KeyModifiers::ALT) || is_key(&event, 'g', KeyModifiers::CONTROL);
        let fits = begins || ends || text(&event).is_some();
        self.buffered.push(event);
        if fits && !ends && self.buffered.len() < MAX_REPLY_KEYS {
            return OscParse::Input(Vec::new());
        }
        let buffered = std::mem::take(&mut self.buffered);
        let reply: String = buffered.iter().filter_map(text).collect();
        match background(&reply).filter(|_| ends) {
            Some(background) => {
                self.expected = false;
                OscParse::Background(background)
            }
            None => OscParse::Input(buffered),
        }
    }
}

fn is_key(event: &Event, wanted: char, modifiers: KeyModifiers) -> bool {
    matches!(event, Event::Key(KeyEvent { code: KeyCode::Char(c), modifiers: with, .. })
        if *c == wanted && *with == modifiers)
}

/// Returns the character of a key without modifiers.
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

/// Parses `11;rgb:1e1e/1e1e/1e1e` with one to four digits per colour. The alpha value of `rgba` is ignored.
fn background(reply: &str) -> Option<Background> {
    let colours = reply.strip_prefix("11;")?;
    let colours = colours.strip_prefix("rgb:").or_else(|| colours.strip_prefix("rgba:"))?;
    let mut parts = colours.split('/').map(|digits| {
        let most = 16u32.checked_pow(u32::try_from(digits.len()).ok()?)?.checked_sub(1)?;
        let value = u32::from_str_radix(digits, 16).ok()?;
        u8::try_from(value.checked_mul(255)?.checked_div(most)?).ok()
    });
    let [red, green, blue] = [parts.next()??, parts.next()??, parts.next()??];
    Some(colours::of_colour(red, green, blue))
}
