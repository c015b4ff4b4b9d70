//! Fields of messages and parts that the rule of entries needs, parsed without their texts.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, Visitor};

use super::normal;
use crate::agent::nesting::shallow;
use crate::agent::tolerant_json::Repairs;
use crate::domain::{Time, Tokens};

/// Fields of a message without its parts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct MessageHead<'a> {
    /// `user` or `assistant`.
    #[serde(borrow)]
    pub role: Cow<'a, str>,
    pub time: Timestamps,
    /// Model of an assistant's message.
    #[serde(borrow, rename = "modelID")]
    pub model_id: Option<Cow<'a, str>>,
    /// Provider of an assistant's message.
    #[serde(borrow, rename = "providerID")]
    pub provider_id: Option<Cow<'a, str>>,
    /// Model and provider that a user's message requests.
    #[serde(borrow)]
    pub model: Option<ModelRef<'a>>,
    /// Cost of this reply in US dollars.
    pub cost: Option<f64>,
    /// Usage of this reply.
    pub tokens: Option<OpenCodeUsage>,
    /// Error that ended it.
    #[serde(borrow)]
    pub error: Option<MessageError<'a>>,
    /// Answer in the form that the caller requested.
    pub structured: PresentValue,
    /// Directories of an assistant's message.
    #[serde(borrow)]
    pub path: Option<MessagePaths<'a>>,
    /// Directory to which the session moves with this message (2.x).
    #[serde(borrow)]
    pub location: Option<Cow<'a, str>>,
}

/// Directories in which a message was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct MessagePaths<'a> {
    #[serde(borrow)]
    pub cwd: Option<Cow<'a, str>>,
}

/// Times of a message or a part, in ms since 1970.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Timestamps {
    /// Creation of a message.
    pub created: Option<f64>,
    /// Completion of a message.
    pub completed: Option<f64>,
    /// Start of a part.
    pub start: Option<f64>,
    /// End of a part.
    pub end: Option<f64>,
}

/// A model by name, as in a user's message and in a session's row.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ModelRef<'a> {
    /// Name in messages.
    #[serde(borrow, rename = "modelID")]
    pub name: Option<Cow<'a, str>>,
    /// Name in rows.
    #[serde(borrow)]
    pub id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "providerID")]
    pub provider_id: Option<Cow<'a, str>>,
}

/// Token counts in OpenCode's categories.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OpenCodeUsage {
    input: f64,
    output: f64,
    reasoning: f64,
    cache: CacheUsage,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct CacheUsage {
    read: f64,
    write: f64,
}

/// Error that ended a message early.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct MessageError<'a> {
    /// `APIError`, `MessageAbortedError` …
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    #[serde(borrow)]
    pub data: MessageErrorData<'a>,
}

/// Details of a [`MessageError`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct MessageErrorData<'a> {
    #[serde(borrow)]
    pub message: Option<Cow<'a, str>>,
}

/// Fields of a part that the rule needs.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PartHead<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Cow<'a, str>,
    pub text: TextStart,
    pub prompt: TextStart,
    pub synthetic: Option<bool>,
    pub ignored: Option<bool>,
    #[serde(borrow)]
    pub tool: Cow<'a, str>,
    #[serde(borrow)]
    pub state: StateHead<'a>,
}

/// Fields of a tool's state.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StateHead<'a> {
    #[serde(borrow)]
    pub status: Cow<'a, str>,
    #[serde(borrow)]
    pub error: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub metadata: Option<ResultHead<'a>>,
}

/// Fields of a tool's metadata.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ResultHead<'a> {
    /// Exit code of a command.
    #[serde(alias = "exitCode", alias = "exit_code")]
    pub exit: Option<f64>,
    /// File with the whole output, of which the record has only a part.
    #[serde(borrow, rename = "outputPath")]
    output_path: Option<Cow<'a, str>>,
}

/// Beginning of a text; the text itself is not stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TextStart {
    /// There is no text.
    #[default]
    Missing,
    /// There are only blanks.
    Blank,
    /// A reminder that OpenCode itself addresses to the model.
    Reminder,
    /// Any other text.
    Text,
}

impl<'de> Deserialize<'de> for TextStart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl Visitor<'_> for TextVisitor {
            type Value = TextStart;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text")
            }
            fn visit_str<E>(self, text: &str) -> Result<TextStart, E> {
                Ok(match text.trim_start() {
                    "" => TextStart::Blank,
                    text if text.starts_with("<system-reminder>") => TextStart::Reminder,
                    _ => TextStart::Text,
                })
            }
            fn visit_unit<E>(self) -> Result<TextStart, E> {
                Ok(TextStart::Missing)
            }
        }
        deserializer.deserialize_any(TextVisitor)
    }
}

/// True if a value is there and not null; the value itself is not stored.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PresentValue(pub bool);

impl<'de> Deserialize<'de> for PresentValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::<IgnoredAny>::deserialize(deserializer)?.is_some()))
    }
}

/// Fields of a message that the rule needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MessageState {
    /// True for the user's messages.
    pub user: bool,
    /// True if it ended, successfully or not.
    pub complete: bool,
}

impl MessageHead<'_> {
    pub(super) fn state(&self) -> MessageState {
        MessageState { user: self.role == "user", complete: self.time.completed.is_some() || self.error.is_some() }
    }

    /// Model as in OpenCode's options: `provider/model`.
    pub(super) fn model(&self) -> Option<String> {
        let requested = self.model.as_ref();
        let id = self.model_id.as_deref().or_else(|| requested.and_then(ModelRef::name))?;
        let provider = self.provider_id.as_deref().or_else(|| requested.and_then(|model| model.provider_id.as_deref()));
        Some(full_name(provider, id))
    }
}

impl ModelRef<'_> {
    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref().or(self.id.as_deref())
    }

    /// Name with its provider.
    pub(super) fn full_name(&self) -> Option<String> {
        self.name().map(|id| full_name(self.provider_id.as_deref(), id))
    }
}

fn full_name(provider: Option<&str>, id: &str) -> String {
    provider.filter(|name| !name.is_empty()).map_or_else(|| id.to_owned(), |provider| format!("{provider}/{id}"))
}

impl OpenCodeUsage {
    /// Converts the token counts; reasoning counts as output.
    pub(super) fn tokens(self) -> Tokens {
        Tokens {
            input: count(self.input),
            output: count(self.output) + count(self.reasoning),
            cache_read: count(self.cache.read),
            cache_write: count(self.cache.write),
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what a count can be")]
fn count(number: f64) -> u64 {
    number.clamp(0.0, 9e15) as u64
}

/// Converts ms since 1970, or another unit that the size of the number suggests; `None` for an unset time (0, or before
/// 1970).
#[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 are far below the limit")]
pub(super) fn moment(number: Option<f64>) -> Option<Time> {
    let number = number.filter(|number| *number >= 1.0)?;
    let millis = Some(number).filter(|millis| *millis < 9e15).map(|millis| Time::from_millis(millis as i64));
    Time::from_number(number).or(millis)
}

impl PartHead<'_> {
    fn is_usual(&self) -> bool {
        !self.kind.is_empty() && (self.kind != "tool" || !self.state.status.is_empty())
    }

    /// Name of the tool.
    pub(super) fn tool(&self) -> &str {
        &self.tool
    }

    /// File with the tool's whole output, if the record has only a part of it.
    pub(super) fn output_path(&self) -> Option<&str> {
        self.state.metadata.as_ref()?.output_path.as_deref()
    }
}

/// Parses the head of a message in the usual form.
pub(super) fn usual_head(data: &str) -> Option<MessageHead<'_>> {
    serde_json::from_str(shallow(data)?).ok().filter(|_| !has_half_character(data))
}

/// Parses the fields of a part in the usual form.
pub(super) fn usual_part(data: &str) -> Option<PartHead<'_>> {
    serde_json::from_str(shallow(data)?).ok().filter(|_| !has_half_character(data))
}

/// True for a part in the usual form, with its type, and with the state of its tool.
pub(super) fn is_usual_part(data: &str) -> bool {
    usual_part(data).as_ref().is_some_and(PartHead::is_usual)
}

/// True if a text contains half of a surrogate pair. OpenCode escapes no others, so that few texts are parsed for it.
fn has_half_character(data: &str) -> bool {
    static ESCAPES: LazyLock<[Finder<'static>; 2]> = LazyLock::new(|| ["\\ud", "\\uD"].map(Finder::new));
    ESCAPES.iter().any(|escape| escape.find(data.as_bytes()).is_some())
        && serde_json::from_str::<serde_json::Value>(data).is_err()
}

/// Parses the head of a message; returns it with the text that it borrows from, repaired if necessary.
pub(super) fn with_head<T>(data: &str, then: impl FnOnce(Option<MessageHead<'_>>, Repairs) -> T) -> T {
    if let Some(head) = usual_head(data) {
        return then(Some(head), Repairs::default());
    }
    match normal::message(data) {
        Some((usual, repairs)) => then(usual_head(&usual), repairs),
        None => then(None, Repairs::default()),
    }
}

/// Parses the fields of a part, repaired if necessary.
pub(super) fn with_part<T>(data: &str, then: impl FnOnce(Option<PartHead<'_>>, Repairs) -> T) -> T {
    if let Some(head) = usual_part(data).filter(PartHead::is_usual) {
        return then(Some(head), Repairs::default());
    }
    match normal::part(data) {
        Some((usual, repairs)) => then(usual_part(&usual), repairs),
        None => then(None, Repairs::default()),
    }
}

/// Parses the fields of each part of a row, which may hold several without a separator; passes the text of each.
pub(super) fn each_part(data: &str, mut then: impl FnMut(&str, Option<PartHead<'_>>, Repairs)) {
    if let Some(head) = usual_part(data).filter(PartHead::is_usual) {
        return then(data, Some(head), Repairs::default());
    }
    let parts = normal::parts(data);
    if parts.is_empty() {
        then(data, None, Repairs::default());
    }
    for (usual, repairs) in &parts {
        then(usual, usual_part(usual), *repairs);
    }
}

/// Parses the head of a loaded message, whose data has the usual form.
pub(super) fn head(data: &str) -> Option<MessageHead<'_>> {
    usual_head(data)
}
