//! Keeps the stored talk current: reads what is new, the newest units first, on all processors.
//!
//! Memory is bounded by a batch for each thread and a few that wait to be written, however long the history is.

use std::io::{self, Seek, SeekFrom};
use std::num::NonZero;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use super::blocks::{Blocks, lines};
use super::corpus::Corpus;
use super::entries;
use super::store::{Batch, Draft, Packed, Replaces, Store, View, Writer, checksum};
use super::{Cancel, Indexed};
use crate::agent::texts::{Decoder, Layout, Record, Texts, Wanted};
use crate::agent::{Cursor, Stamp, Unit, format};

/// Batches that wait to be written; each is at most some MB.
const WAITING: usize = 4;

/// Bytes of text that are written at once at most; the first ones are written much earlier.
const AT_ONCE: usize = 4 << 20;

/// Brings the store up to the units. `told` hears how many units are done, and of how many. Gives `None` where another
/// process is at it.
pub fn update(
    store: &Store,
    corpus: &Corpus,
    cancel: &Cancel,
    told: &mut dyn FnMut(Indexed),
) -> io::Result<Option<Indexed>> {
    let view = store.refresh();
    if store.is_checked() && is_current(&view, corpus) {
        return Ok(Some(Indexed { done: corpus.units().len(), total: corpus.units().len() }));
    }
    let Some(mut writer) = store.writer()? else { return Ok(None) };
    let (bytes, waste) = writer.view().waste();
    if waste > (1 << 20) && waste > bytes / 2 {
        writer = writer.clear()?;
    }
    let view = writer.view();
    forget(&mut writer, &view, corpus)?;
    let todo: Vec<&Unit> = stale(&view, corpus).collect();
    let total = corpus.units().len();
    let mut indexed = Indexed { done: total - todo.len(), total };
    told(indexed);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (sender, ready) = sync_channel::<Packed>(WAITING);
        for _ in 0..threads().min(todo.len()) {
            let (sender, todo, next, view) = (sender.clone(), &todo, &next, &view);
            scope.spawn(move || {
                while let Some(unit) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if cancel.is_cancelled() || read(unit, view, corpus, cancel, &sender).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut pending: Vec<Packed> = Vec::new();
        // The first ones are to be found at once; later it pays to write more at a time.
        let (mut bytes, mut limit) = (0, 64 << 10);
        for batch in ready {
            bytes += batch.batch.shape.text;
            indexed.done += usize::from(batch.batch.cursor.stamp.mtime_ns != 0);
            pending.push(batch);
            if bytes >= limit {
                writer.append(std::mem::take(&mut pending))?;
                told(indexed);
                (bytes, limit) = (0, (limit * 2).min(AT_ONCE));
            }
        }
        writer.append(pending)
    })?;
    indexed.done = indexed.done.min(total);
    told(indexed);
    Ok(Some(indexed))
}

/// How many threads are worth it.
pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Units of which something is not stored yet, the newest first.
fn stale<'a>(view: &'a View, corpus: &'a Corpus) -> impl Iterator<Item = &'a Unit> {
    corpus.units().iter().filter(|unit| view.last(&unit.path).is_none_or(|last| last.cursor.stamp != unit.stamp))
}

/// Whether all there is to store is stored.
fn is_current(view: &View, corpus: &Corpus) -> bool {
    stale(view, corpus).next().is_none() && !view.units().any(|last| is_gone(last, corpus))
}

fn is_gone(last: &Batch, corpus: &Corpus) -> bool {
    corpus.unit(last.path()).is_none() && last.cursor != Cursor::default()
}

/// Marks what is stored of units that are gone as obsolete.
fn forget(writer: &mut Writer<'_>, view: &View, corpus: &Corpus) -> io::Result<()> {
    let gone = view.units().filter(|last| is_gone(last, corpus));
    let drafts: Vec<Packed> = gone.map(|last| Draft::gone(last).finish(Cursor::default(), 0)).collect();
    if drafts.is_empty() { Ok(()) } else { writer.append(drafts) }
}

/// Nobody waits for the batches any more.
struct Closed;

/// Reads what is new in a unit. What cannot be read is left out, and tried again when it changes.
fn read(unit: &Unit, view: &View, corpus: &Corpus, cancel: &Cancel, out: &SyncSender<Packed>) -> Result<(), Closed> {
    let last = view.last(&unit.path);
    let Some(texts) = format(unit.agent).search() else { return read_entries(unit, corpus, out) };
    match texts.layout(unit) {
        Layout::Nothing => send(out, Draft::new(unit, Replaces::Unit), whole(unit, 0), 0),
        Layout::Lines => {
            let done = texts.decoder(unit).and_then(|decoder| read_lines(unit, &decoder, last, cancel, out));
            done.unwrap_or_else(|error| {
                failed(unit, &error);
                Ok(())
            })
        }
        Layout::Records => read_records(unit, texts, last, cancel, out),
    }
}

fn failed(unit: &Unit, error: &io::Error) {
    tracing::debug!(path = %unit.path.display(), %error, "cannot be read for the search index");
}

fn send(out: &SyncSender<Packed>, draft: Draft, cursor: Cursor, mark: u64) -> Result<(), Closed> {
    out.send(draft.finish(cursor, mark)).map_err(|_| Closed)
}

fn whole(unit: &Unit, offset: u64) -> Cursor {
    Cursor { stamp: unit.stamp, offset }
}

/// A cursor that says: not all of it yet.
fn partly(unit: &Unit, offset: u64) -> Cursor {
    Cursor { stamp: Stamp { inode: unit.stamp.inode, size: offset, mtime_ns: 0 }, offset }
}

fn read_lines(
    unit: &Unit,
    decoder: &Decoder,
    last: Option<&Batch>,
    cancel: &Cancel,
    out: &SyncSender<Packed>,
) -> io::Result<Result<(), Closed>> {
    let mut file = std::fs::File::open(&unit.path)?;
    let from = last.filter(|last| goes_on(unit, last, &file)).map_or(0, |last| last.cursor.offset);
    file.seek(SeekFrom::Start(from))?;
    let mut draft = Draft::new(unit, if from == 0 { Replaces::Unit } else { Replaces::Nothing });
    let mut offset = from;
    let mut blocks = Blocks::new(&file, from, Vec::new());
    while let Some((start, block)) = blocks.next_block()? {
        if cancel.is_cancelled() {
            return Ok(Err(Closed));
        }
        for (at, line) in lines(block) {
            let session = &*decoder.session;
            let record = Record { session, id: "", hint: "", offset: start + at as u64, bytes: line };
            decoder.decode.texts(&record, Wanted::Talk, &mut |text| {
                if text.part.is_talk(text.text) {
                    draft.push(session, text);
                }
            });
        }
        offset = start + block.len() as u64;
        if draft.is_full() {
            let full = std::mem::replace(&mut draft, Draft::new(unit, Replaces::Nothing));
            if send(out, full, partly(unit, offset), seal(&file, offset)).is_err() {
                return Ok(Err(Closed));
            }
        }
    }
    Ok(send(out, draft, whole(unit, offset), seal(&file, offset)))
}

/// Whether the file only grew since its last batch.
fn goes_on(unit: &Unit, last: &Batch, file: &std::fs::File) -> bool {
    let Cursor { stamp, offset } = last.cursor;
    stamp.inode == unit.stamp.inode && unit.stamp.size >= offset && seal(file, offset) == last.mark
}

/// A check of what lies right before an offset: another one means that the file was written anew.
fn seal(file: &std::fs::File, offset: u64) -> u64 {
    let mut bytes = [0; 256];
    let len = offset.min(bytes.len() as u64);
    let tail = &mut bytes[..usize::try_from(len).unwrap_or_default()];
    // What cannot be read will not match, and is read anew.
    file.read_exact_at(tail, offset - len).map_or(0, |()| checksum(tail))
}

fn read_records(
    unit: &Unit,
    texts: &dyn Texts,
    last: Option<&Batch>,
    cancel: &Cancel,
    out: &SyncSender<Packed>,
) -> Result<(), Closed> {
    let last = last.filter(|last| last.cursor.stamp.inode == unit.stamp.inode);
    let since = last.map_or(0, |last| last.mark);
    let mut draft = Draft::new(unit, if last.is_some() { Replaces::Sessions } else { Replaces::Unit });
    let mut session = String::new();
    let mut closed = false;
    let decoder = match texts.decoder(unit) {
        Ok(decoder) => decoder,
        Err(error) => {
            failed(unit, &error);
            return Ok(());
        }
    };
    let walked = texts.records(unit, since, &mut |record| {
        if record.session != session {
            record.session.clone_into(&mut session);
            if draft.is_full() {
                let full = std::mem::replace(&mut draft, Draft::new(unit, Replaces::Sessions));
                closed = send(out, full, partly(unit, 0), since).is_err();
            }
            draft.name_session(&session);
        }
        if closed || cancel.is_cancelled() {
            closed = true;
            return std::ops::ControlFlow::Break(());
        }
        decoder.decode.texts(record, Wanted::Talk, &mut |text| {
            if text.part.is_talk(text.text) {
                draft.push(record.session, text);
            }
        });
        std::ops::ControlFlow::Continue(())
    });
    match walked {
        _ if closed => Err(Closed),
        Ok(mark) => send(out, draft, whole(unit, 0), mark),
        Err(error) => {
            failed(unit, &error);
            Ok(())
        }
    }
}

/// For agents without a reader of their own for search: through their entries.
fn read_entries(unit: &Unit, corpus: &Corpus, out: &SyncSender<Packed>) -> Result<(), Closed> {
    let mut draft = Draft::new(unit, Replaces::Unit);
    for session in corpus.sessions_at(&unit.path) {
        entries::texts(session, &mut |text| {
            if text.part.is_talk(text.text) {
                draft.push(&session.key.id, text);
            }
        });
        if draft.is_full() {
            let full = std::mem::replace(&mut draft, Draft::new(unit, Replaces::Nothing));
            send(out, full, partly(unit, 0), 0)?;
        }
    }
    send(out, draft, whole(unit, 0), 0)
}
