//! Hyperlinks (OSC 8) of the web addresses in a text.
//!
//! A cell of ratatui has no field for an address. Its underline colour, which salon uses for nothing else, carries the
//! number of the address, and the terminal's backend writes the escape sequence instead.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use ratatui::style::Color;

use crate::app::reader::link_target::web_addresses;

/// Maximum number of addresses, because they are kept until salon ends. Later ones are plain text.
const MAX_ADDRESSES: usize = 1 << 14;

/// Addresses that were drawn, by number. Global, because cells carry only the number.
static ADDRESSES: LazyLock<Mutex<AddressTable>> = LazyLock::new(Mutex::default);

#[derive(Debug, Default)]
struct AddressTable {
    numbers: HashMap<Arc<str>, u16>,
    by_number: Vec<Arc<str>>,
}

impl AddressTable {
    fn number(&mut self, address: &str) -> Option<u16> {
        if let Some(number) = self.numbers.get(address) {
            return Some(*number);
        }
        let number = u16::try_from(self.by_number.len()).ok().filter(|_| self.by_number.len() < MAX_ADDRESSES)?;
        let address: Arc<str> = address.into();
        self.by_number.push(Arc::clone(&address));
        self.numbers.insert(address, number);
        Some(number)
    }
}

/// A web address that a cell belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hyperlink {
    /// Number, by which a terminal joins the rows of an address.
    pub number: u16,
    /// The address: printable ASCII without quotation marks.
    pub address: Arc<str>,
}

impl Hyperlink {
    /// Returns the hyperlink of a cell with this underline colour.
    pub fn of_cell(underline: Color) -> Option<Self> {
        let Color::Rgb(0, high, low) = underline else { return None };
        let number = u16::from_be_bytes([high, low]);
        let table = ADDRESSES.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Self { number, address: table.by_number.get(usize::from(number))?.clone() })
    }
}

/// Returns the byte ranges of the web addresses in a text, each with the underline colour of its cells.
pub(super) fn of_text(text: &str) -> Vec<(Range<usize>, Color)> {
    let found = web_addresses(text);
    if found.is_empty() {
        return Vec::new();
    }
    let mut table = ADDRESSES.lock().unwrap_or_else(PoisonError::into_inner);
    let mark = |range: Range<usize>| {
        let [high, low] = table.number(&text[range.clone()])?.to_be_bytes();
        Some((range, Color::Rgb(0, high, low)))
    };
    found.into_iter().filter_map(mark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_end_before_the_marks_around_them() {
        let of = |text: &str| of_text(text).into_iter().map(|(range, _)| text[range].to_owned()).collect::<Vec<_>>();
        assert_eq!(of("see https://a.org/b?c=1."), ["https://a.org/b?c=1"]);
        assert_eq!(of("(https://a.org) `http://b.org/x_y`,"), ["https://a.org", "http://b.org/x_y"]);
        assert_eq!(of("http and https:// and http://user@host and httpx://a"), [""; 0]);
        assert_eq!(of("https://a.org→ https://b.org"), ["https://a.org", "https://b.org"]);
    }

    #[test]
    fn a_cell_leads_to_its_address() {
        let found = of_text("https://one.example https://two.example https://one.example");
        let address = |nth: usize| Hyperlink::of_cell(found[nth].1).map(|link| link.address.to_string());
        assert_eq!(address(0).as_deref(), Some("https://one.example"));
        assert_eq!(address(1).as_deref(), Some("https://two.example"));
        assert_eq!(found[0].1, found[2].1);
        assert_eq!(Hyperlink::of_cell(Color::Reset), None);
        assert_eq!(Hyperlink::of_cell(Color::Rgb(0, 255, 255)), None);
    }
}
