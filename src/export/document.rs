//! Writing of a document from a transcript.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use super::html::HtmlDocument;
use super::images::ImageFinder;
use super::json::SessionJson;
use super::json_document::JsonDocument;
use super::{markdown, text};
use crate::agent::{self, TextLimit, TranscriptReader};
use crate::domain::document::{DocumentFormat, DocumentSummary, ExportOptions};
use crate::domain::secrets::{self, SecretCounts};
use crate::domain::{Agent, Entry, EntryKind, Session, SessionKey};
use crate::index;

/// Maximum number of entries in memory, because transcripts can be large.
const CHUNK: usize = 64;

/// Maximum nesting of sub-agents, because damaged records may name each other.
const MAX_DEPTH: usize = 4;

/// Document in progress.
enum Document {
    Markdown,
    Html(HtmlDocument),
    Json(JsonDocument),
    Text,
}

/// Access to the sessions of sub-agents, whose conversations follow the calls that started them.
#[derive(Clone, Copy)]
pub struct Subagents<'a> {
    /// Finds a session.
    pub find: &'a dyn Fn(&SessionKey) -> Option<Arc<Session>>,
    /// Database with the texts that salon keeps beside transcripts.
    pub state_db: Option<&'a Path>,
}

/// Writing in progress.
struct DocumentWriter<'a> {
    document: Document,
    options: &'a ExportOptions,
    subagents: Subagents<'a>,
    /// Sub-agents that were written: each is written once.
    written: HashSet<SessionKey>,
    summary: DocumentSummary,
}

/// Writes the shown branch of a transcript.
pub fn write(
    out: &mut dyn Write,
    session: &Session,
    reader: &mut dyn TranscriptReader,
    options: &ExportOptions,
    subagents: Subagents<'_>,
) -> io::Result<DocumentSummary> {
    let (document, written) = (Document::new(options.format), HashSet::from([session.key.clone()]));
    let mut writer = DocumentWriter { document, options, subagents, written, summary: DocumentSummary::default() };
    let shown = writer.session(session);
    writer.document.begin(out, &shown, reader.len())?;
    writer.entries(out, session.key.agent, reader, 0)?;
    writer.document.end(out, reader, (options, &mut writer.summary.secrets))?;
    Ok(writer.summary)
}

impl DocumentWriter<'_> {
    /// Returns a session with its secrets masked, unless they are wanted.
    fn session<'s>(&mut self, session: &'s Session) -> Cow<'s, Session> {
        if self.options.with_secrets { Cow::Borrowed(session) } else { masked(session, &mut self.summary.secrets) }
    }

    /// Writes the entries of a transcript, with those of its sub-agents.
    fn entries(
        &mut self,
        out: &mut dyn Write,
        agent: Agent,
        reader: &mut dyn TranscriptReader,
        depth: usize,
    ) -> io::Result<()> {
        let options = self.options;
        let mut images = ImageFinder::default();
        let mut from = 0;
        while from < reader.len() {
            let entries = reader.read(from..reader.len().min(from + CHUNK), TextLimit::NONE);
            if entries.is_empty() {
                break;
            }
            for (index, entry) in (from..).zip(&entries).filter(|(_, entry)| options.includes(entry.kind)) {
                let is_image = entry.kind == EntryKind::Image && options.format == DocumentFormat::Html;
                let image = if is_image { images.find(reader, index) } else { None };
                let shown = if options.with_secrets {
                    Cow::Borrowed(entry)
                } else {
                    secrets::entry::masked(entry, &mut self.summary.secrets)
                };
                self.document.entry(out, index, &shown, image.as_deref())?;
                self.summary.entries += 1;
                if let Some(id) = entry.tool.as_ref().and_then(|tool| tool.subagent.clone()) {
                    self.subagent(out, &SessionKey::new(agent, id), depth + 1)?;
                }
            }
            from += entries.len();
        }
        Ok(())
    }

    /// Writes the conversation of a sub-agent, if its transcript exists and the format has a place for it.
    fn subagent(&mut self, out: &mut dyn Write, key: &SessionKey, depth: usize) -> io::Result<()> {
        let has_room = depth <= MAX_DEPTH && !matches!(self.document, Document::Json(_));
        let Some(session) = (self.subagents.find)(key).filter(|_| has_room) else { return Ok(()) };
        let opened = index::open_transcript(agent::format(key.agent), &session, self.subagents.state_db);
        let Some(mut reader) = opened.ok().filter(|_| self.written.insert(key.clone())) else { return Ok(()) };
        let shown = self.session(&session);
        self.document.begin_subagent(out, &shown, reader.len())?;
        self.entries(out, key.agent, &mut *reader, depth)?;
        self.document.end_subagent(out)
    }
}

/// Masks the texts of a session that documents contain.
fn masked<'s>(session: &'s Session, counts: &mut SecretCounts) -> Cow<'s, Session> {
    let title = secrets::mask(&session.title.text, counts);
    let note = session.note().map(|note| secrets::mask(note, counts));
    if matches!(title, Cow::Borrowed(_)) && matches!(note, None | Some(Cow::Borrowed(_))) {
        return Cow::Borrowed(session);
    }
    let (title, note): (Arc<str>, Option<Arc<str>>) = (title.into(), note.map(Into::into));
    let mut session = session.clone();
    if let Some(applied) = &mut session.annotated {
        Arc::make_mut(&mut applied.annotation).note = note;
    }
    session.title.text = title;
    Cow::Owned(session)
}

impl Document {
    fn new(format: DocumentFormat) -> Self {
        match format {
            DocumentFormat::Markdown => Self::Markdown,
            DocumentFormat::Html => Self::Html(HtmlDocument::default()),
            DocumentFormat::Json => Self::Json(JsonDocument::default()),
            DocumentFormat::Text => Self::Text,
        }
    }

    fn begin(&mut self, out: &mut dyn Write, session: &Session, total: usize) -> io::Result<()> {
        match self {
            Self::Markdown => markdown::heading(out, session),
            Self::Html(_) => HtmlDocument::begin(out, session),
            Self::Json(_) => JsonDocument::begin(out, &SessionJson::from(session), total),
            Self::Text => text::heading(out, session),
        }
    }

    fn entry(&mut self, out: &mut dyn Write, index: usize, entry: &Entry, image: Option<&str>) -> io::Result<()> {
        match self {
            Self::Markdown => markdown::entry(out, entry),
            Self::Html(html) => html.entry(out, index, entry, image),
            Self::Json(json) => json.entry(out, index, entry),
            Self::Text => text::entry(out, entry),
        }
    }

    fn begin_subagent(&mut self, out: &mut dyn Write, session: &Session, len: usize) -> io::Result<()> {
        match self {
            Self::Markdown => markdown::begin_subagent(out, session),
            Self::Html(html) => html.begin_subagent(out, session, len),
            Self::Json(_) => Ok(()),
            Self::Text => text::begin_subagent(out, session),
        }
    }

    fn end_subagent(&mut self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Markdown => markdown::end_subagent(out),
            Self::Html(html) => html.end_subagent(out),
            Self::Json(_) => Ok(()),
            Self::Text => text::end_subagent(out),
        }
    }

    fn end(
        &mut self,
        out: &mut dyn Write,
        reader: &mut dyn TranscriptReader,
        (options, counts): (&ExportOptions, &mut SecretCounts),
    ) -> io::Result<()> {
        match self {
            Self::Markdown | Self::Text => Ok(()),
            Self::Html(html) => html.end(out),
            Self::Json(_) => JsonDocument::end(out, reader, |head| {
                if options.with_secrets { head } else { secrets::mask(&head, counts).into_owned() }
            }),
        }
    }
}
