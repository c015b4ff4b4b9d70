//! Grapheme clusters as cells on whose width all terminals agree.
//!
//! Terminals, and tmux between them, give a cluster of several code points different widths: one cell per code point, one
//! for all, or the width of an emoji. What a terminal draws beyond the planned cells is never erased. Therefore, no cell
//! contains more than one code point with a width.

use unicode_normalization::UnicodeNormalization;
use unicode_width::UnicodeWidthChar;

/// Maximum combining marks per cell, because terminals store only a few.
const MAX_MARKS: usize = 4;

/// Splits a cluster of `width` columns into the texts of its cells. The second cell of a wide character is empty. Emoji
/// sequences become their first emoji, flags their letters. Returns `None` if the cluster is safe as it is.
pub fn split(cluster: &str, width: usize) -> Option<Vec<String>> {
    let mut chars = cluster.chars();
    let first = chars.next()?;
    if chars.next().is_none() && flag_letter(first).is_none() {
        return None;
    }
    let mut cells: Vec<(String, usize)> = Vec::new();
    let mut marks = 0;
    for c in composed(cluster).chars() {
        if c == '\u{200d}' && cells.last().is_some_and(|(_, columns)| *columns > 1) {
            break;
        }
        match (flag_letter(c).unwrap_or(c), columns(c)) {
            (c, 0) if is_selector(c) || is_spacing_mark(c) => {}
            (c, 0) => {
                marks += 1;
                if let Some((text, _)) = cells.last_mut().filter(|_| marks <= MAX_MARKS) {
                    text.push(c);
                }
            }
            (c, _) if is_skin_tone(c) && !cells.is_empty() => {}
            (c, columns) => {
                marks = 0;
                cells.push((c.to_string(), columns));
            }
        }
    }
    let split = into_columns(cells, width);
    (split.first().map(String::as_str) != Some(cluster)).then_some(split)
}

/// Composes the code points of a cluster. A half-width letter with a voiced mark becomes one letter of full width, because
/// the mark combines in Unicode, but takes a column in terminals.
fn composed(cluster: &str) -> String {
    if cluster.contains(['\u{ff9e}', '\u{ff9f}']) { cluster.nfkc().collect() } else { cluster.nfc().collect() }
}

/// Columns of a code point by itself.
fn columns(c: char) -> usize {
    // Regional indicators are drawn as letters.
    if flag_letter(c).is_some() { 1 } else { c.width().unwrap_or(0) }
}

/// Lays out texts in exactly `width` cells.
fn into_columns(cells: Vec<(String, usize)>, width: usize) -> Vec<String> {
    let mut columns = Vec::with_capacity(width);
    for (text, wide) in cells {
        if columns.len() + wide > width {
            break;
        }
        columns.push(text);
        columns.extend(std::iter::repeat_n(String::new(), wide - 1));
    }
    columns.resize(width, " ".to_owned());
    columns
}

/// Letter of a regional indicator, two of which are a flag.
fn flag_letter(c: char) -> Option<char> {
    let offset = u32::from(c).checked_sub(0x1f1e6).filter(|offset| *offset < 26)?;
    char::from_u32(u32::from('A') + offset)
}

/// Returns true for characters that only select a form of the character before them.
fn is_selector(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{20e3}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e01ef}')
}

/// Returns true for marks that extend a cluster without a width of their own, although terminals give them a column.
fn is_spacing_mark(c: char) -> bool {
    matches!(
        c,
        '\u{9be}'
            | '\u{9d7}'
            | '\u{b3e}'
            | '\u{b57}'
            | '\u{bbe}'
            | '\u{bd7}'
            | '\u{cc0}'
            | '\u{cc2}'
            | '\u{cc7}'
            | '\u{cc8}'
            | '\u{cca}'
            | '\u{ccb}'
            | '\u{cd5}'
            | '\u{cd6}'
            | '\u{d3e}'
            | '\u{d57}'
            | '\u{dcf}'
            | '\u{ddf}'
            | '\u{1b35}'
            | '\u{302e}'
            | '\u{302f}'
    )
}

fn is_skin_tone(c: char) -> bool {
    matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_cell_has_one_code_point_with_a_width() {
        for (cluster, width, cells) in [
            ("a", 1, None),
            ("👩", 2, None),
            ("e\u{301}", 1, Some(vec!["é"])),
            ("q\u{323}", 1, None),
            ("👩\u{200d}👩\u{200d}👧\u{200d}👦", 2, Some(vec!["👩", ""])),
            ("👍\u{1f3fd}", 2, Some(vec!["👍", ""])),
            ("🇩🇪", 2, Some(vec!["D", "E"])),
            ("🇩", 1, Some(vec!["D"])),
            ("❤\u{fe0f}", 2, Some(vec!["❤", " "])),
            ("1\u{fe0f}\u{20e3}", 2, Some(vec!["1", " "])),
            ("क\u{94d}ष\u{93f}", 3, Some(vec!["क\u{94d}", "ष", "\u{93f}"])),
            ("क\u{94d}ष\u{93f}", 2, Some(vec!["क\u{94d}", "ष"])),
            ("\u{1112}\u{1161}\u{11ab}", 2, Some(vec!["한", ""])),
            ("ｶﾞ", 3, Some(vec!["ガ", "", " "])),
        ] {
            let cells: Option<Vec<String>> = cells.map(|cells| cells.into_iter().map(str::to_owned).collect());
            assert_eq!(split(cluster, width), cells, "{cluster:?}");
        }
    }
}
