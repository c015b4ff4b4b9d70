//! Recognises the terminal's replies to the queries for its background (OSC 11) and its name (XTVERSION).
//!
//! A reply arrives as key events: `Alt-]` or `Alt-P`, the text, and `Alt-\` or `Ctrl-G`. Keys that turn out not to be a
//! reply are returned unchanged.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use super::colours;
use crate::config::theme::Background;

/// Maximum keys per reply, with its delimiters: `11;rgba:ffff/ffff/ffff/ffff`, `>|WezTerm 20240203-110809-5046fc22`.
const MAX_REPLY_KEYS: usize = 80;

/// Query for the name and version of the terminal.
pub(super) const NAME_QUERY: &[u8] = b"\x1b[>0q";

/// Beginning of the reply with the name, after its introducer.
const NAME_START: &str = ">|";

/// Filter that extracts the replies from key events.
#[derive(Debug, Default)]
pub(super) struct ReplyParser {
    background_expected: bool,
    name_expected: bool,
    /// Keys that may be part of the reply.
    buffered: Vec<Event>,
}

/// Result of parsing an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ReplyParse {
    /// Input of the user; empty while the keys may be a reply.
    Input(Vec<Event>),
    /// Background of the terminal.
    Background(Background),
    /// Name and version of the terminal.
    Name(String),
}

impl ReplyParser {
    /// Expects the background, after its query was sent.
    pub(super) fn expect_background(&mut self) {
        self.background_expected = true;
    }

    /// Expects the name, after its query was sent.
    pub(super) fn expect_name(&mut self) {
        self.name_expected = true;
    }

    /// Parses an event.
    pub(super) fn parse(&mut self, event: Event) -> ReplyParse {
        let may_begin = self.buffered.is_empty();
        let begins = may_begin
            && (self.background_expected && is_key(&event, ']', KeyModifiers::ALT)
                || self.name_expected && is_key(&event, 'P', KeyModifiers::ALT | KeyModifiers::SHIFT));
        if may_begin && !begins {
            return ReplyParse::Input(vec![event]);
        }
        let ends = is_key(&event, '\\', KeyModifiers::ALT) || is_key(&event, 'g', KeyModifiers::CONTROL);
        let is_text = begins || ends || text(&event).is_some();
        self.buffered.push(event);
        let reply: String = self.buffered.iter().filter_map(text).collect();
        let has_name = is_key(&self.buffered[0], 'P', KeyModifiers::ALT | KeyModifiers::SHIFT);
        let fits = is_text && (!has_name || NAME_START.starts_with(&reply) || reply.starts_with(NAME_START));
        if fits && !ends && self.buffered.len() < MAX_REPLY_KEYS {
            return ReplyParse::Input(Vec::new());
        }
        let buffered = std::mem::take(&mut self.buffered);
        if !ends {
            return ReplyParse::Input(buffered);
        }
        if let Some(name) = reply.strip_prefix(NAME_START).filter(|_| has_name) {
            self.name_expected = false;
            return ReplyParse::Name(name.to_owned());
        }
        match background(&reply).filter(|_| !has_name) {
            Some(background) => {
                self.background_expected = false;
                ReplyParse::Background(background)
            }
            None => ReplyParse::Input(buffered),
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
