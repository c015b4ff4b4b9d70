//! Filters evaluated on the texts of a session, without its entries: `role:`, `kind:`, `tool:`, `file:`, `exit:`, `has:`.
//!
//! The counterpart for the entries of an open transcript is `entry_filter`.

use super::filter::{Filter, HasValue, IsValue, NumberRange};
use super::fold::{Case, fold};
use super::text_kind::TextKind;
use crate::domain::Role;
use crate::domain::tool_name::tool_label;

/// Returns true if needles may match in a text of this kind. `tool`: name of its tool; empty if it is unknown.
pub fn in_scope(filter: &Filter, kind: TextKind, tool: &str) -> bool {
    match filter {
        Filter::Role(roles) => roles.contains(&kind.role()) || (kind == TextKind::Title && roles.contains(&Role::User)),
        Filter::Kind(kinds) => kinds.contains(&kind.kind()),
        Filter::Tool(names) => !tool.is_empty() && is_named(tool, names),
        _ => true,
    }
}

/// Returns true if a text of this kind may satisfy a filter by itself.
pub fn may_occur(filter: &Filter, kind: TextKind) -> bool {
    match filter {
        Filter::File(_) => matches!(kind, TextKind::File | TextKind::EditedFile),
        Filter::Exit(_) => kind == TextKind::Outcome,
        Filter::Has(values) => values.iter().any(|value| may_have(*value, kind)),
        Filter::Is(values) => values.contains(&IsValue::Error) && may_have(HasValue::Error, kind),
        Filter::Tool(_) => matches!(kind, TextKind::Input | TextKind::File | TextKind::EditedFile),
        Filter::Role(_) | Filter::Kind(_) => in_scope(filter, kind, ""),
        _ => false,
    }
}

/// Returns true if a text, whose kind [`may_occur`], satisfies a filter by itself.
pub fn occurs(filter: &Filter, kind: TextKind, tool: &str, text: &str) -> bool {
    match filter {
        Filter::File(names) => contains_any(text, names),
        Filter::Exit(ranges) => text.parse().is_ok_and(|code| in_any(code, ranges)),
        Filter::Has(_) | Filter::Is(_) => !is_success(kind, text),
        Filter::Tool(_) => in_scope(filter, kind, tool),
        _ => true,
    }
}

/// Returns true if a text shows that its session has the value.
pub fn has(value: HasValue, kind: TextKind, text: &str) -> bool {
    may_have(value, kind) && !is_success(kind, text)
}

fn may_have(value: HasValue, kind: TextKind) -> bool {
    match value {
        HasValue::Error => matches!(kind, TextKind::Outcome | TextKind::Error),
        HasValue::Diff => kind == TextKind::EditedFile,
        HasValue::Image => kind == TextKind::Image,
        HasValue::Plan => kind == TextKind::Plan,
    }
}

/// Returns true for the outcome of a tool that did not fail.
fn is_success(kind: TextKind, text: &str) -> bool {
    kind == TextKind::Outcome && text == "0"
}

/// Returns true if a text contains one of the names, without case and accents.
pub fn contains_any(text: &str, names: &[String]) -> bool {
    let text = fold(text, Case::Ignored);
    names.iter().any(|name| text.contains(&fold(name, Case::Ignored)))
}

/// Returns true if the name of a tool, or its agent-neutral one, contains one of the names.
pub(super) fn is_named(tool: &str, names: &[String]) -> bool {
    contains_any(tool, names) || contains_any(&tool_label(tool), names)
}

/// Returns true if a number is in one of the ranges.
pub fn in_any(number: u64, ranges: &[NumberRange]) -> bool {
    ranges.iter().any(|range| range.contains(number))
}
