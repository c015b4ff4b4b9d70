//! Writing of a document from a transcript.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;

use super::html::HtmlDocument;
use super::images::ImageFinder;
use super::json_document::JsonDocument;
use super::{markdown, text};
use crate::agent::{TextLimit, TranscriptReader};
use crate::domain::document::{DocumentFormat, DocumentSummary, ExportOptions};
use crate::domain::secrets::{self, SecretCounts};
use crate::domain::{Entry, EntryKind, Session};

/// Maximum number of entries in memory, because transcripts can be large.
const CHUNK: usize = 64;

/// Document in progress.
enum Document {
    Markdown,
    Html(HtmlDocument),
    Json(JsonDocument),
    Text,
}

/// Writes the shown branch of a transcript.
pub fn write(
    out: &mut dyn Write,
    session: &Session,
    reader: &mut dyn TranscriptReader,
    options: &ExportOptions,
) -> io::Result<DocumentSummary> {
    let mut summary = DocumentSummary::default();
    let session = if options.with_secrets { Cow::Borrowed(session) } else { masked(session, &mut summary.secrets) };
    let mut document = Document::new(options.format);
    let mut images = ImageFinder::default();
    document.begin(out, &session, reader.len())?;
    let mut from = 0;
    while from < reader.len() {
        let entries = reader.read(from..reader.len().min(from + CHUNK), TextLimit::NONE);
        if entries.is_empty() {
            break;
        }
        for (index, entry) in (from..).zip(&entries).filter(|(_, entry)| options.includes(entry.kind)) {
            let is_image = entry.kind == EntryKind::Image && options.format == DocumentFormat::Html;
            let image = if is_image { images.find(reader, index) } else { None };
            let entry = if options.with_secrets {
                Cow::Borrowed(entry)
            } else {
                secrets::entry::masked(entry, &mut summary.secrets)
            };
            document.entry(out, index, &entry, image.as_deref())?;
            summary.entries += 1;
        }
        from += entries.len();
    }
    document.end(out, reader)?;
    Ok(summary)
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
            Self::Json(_) => JsonDocument::begin(out, session, total),
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

    fn end(&mut self, out: &mut dyn Write, reader: &mut dyn TranscriptReader) -> io::Result<()> {
        match self {
            Self::Markdown | Self::Text => Ok(()),
            Self::Html(html) => html.end(out),
            Self::Json(_) => JsonDocument::end(out, reader),
        }
    }
}
