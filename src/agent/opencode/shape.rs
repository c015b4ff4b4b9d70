//! Usual types of the fields of OpenCode's messages and parts.

use serde_json::Value;

use crate::agent::usual_form::FieldType::{self, Any, Object, Text, TextOrObject};
use crate::agent::usual_form::conform;

const ERROR: FieldType =
    TextOrObject(&[("data", TextOrObject(&[("message", Text)])), ("name", Text), ("message", Text)]);

const METADATA: FieldType = Object(&[("exit", Any), ("output", Text), ("outputPath", Text), ("diff", Text)]);

const STATE: FieldType =
    TextOrObject(&[("status", Text), ("input", Any), ("output", Any), ("title", Text), ("metadata", METADATA)]);

const PART: FieldType = Object(&[
    ("type", Text),
    ("text", Text),
    ("state", STATE),
    ("tool", Text),
    ("callID", Text),
    ("prompt", Text),
    ("description", Text),
    ("filename", Text),
    ("mime", Text),
    ("url", Text),
    ("error", ERROR),
]);

const MESSAGE: FieldType = Object(&[
    ("role", Text),
    ("time", Any),
    ("error", ERROR),
    ("path", Object(&[("cwd", Text), ("root", Text)])),
    ("model", TextOrObject(&[("modelID", Text), ("providerID", Text), ("id", Text)])),
    ("tokens", Object(&[("input", Any), ("output", Any), ("cache", Any)])),
]);

/// Gives the fields of a part their usual types; false if they had them.
pub(super) fn part(part: &mut Value) -> bool {
    conform(part, PART)
}

/// Gives the fields of a message their usual types; false if they had them.
pub(super) fn message(message: &mut Value) -> bool {
    conform(message, MESSAGE)
}
