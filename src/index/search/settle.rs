//! Learns the letters of units when their talk is stored: nobody waits for it, and it makes later searches quick.

use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use super::Cancel;
use super::build::threads;
use super::corpus::Corpus;
use super::entries;
use super::letters::Gathered;
use super::store::{Batch, Buffer, Packed, Store, View};
use crate::agent::texts::{Layout, Texts};
use crate::agent::{Unit, format};

/// Bytes of a file that are read at a time.
const AT_ONCE: usize = 256 << 10;

/// Units that are stored together.
const TOGETHER: usize = 64;

/// What was appended to a file is searched as it is, up to this, or a quarter of the file.
const TAIL: u64 = 256 << 10;

/// Learns the letters of all units of which they are not known. `None` where another process writes.
pub fn settle(store: &Store, corpus: &Corpus, cancel: &Cancel) -> io::Result<Option<()>> {
    let view = store.refresh();
    if unsettled(&view, corpus).next().is_none() {
        return Ok(Some(()));
    }
    let Some(mut writer) = store.writer()? else { return Ok(None) };
    let view = writer.view();
    let todo: Vec<(&Unit, &Batch)> = unsettled(&view, corpus).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (sender, ready) = sync_channel(TOGETHER);
        for _ in 0..threads().min(todo.len()) {
            let (sender, todo, next, view) = (sender.clone(), &todo, &next, &view);
            scope.spawn(move || {
                let (mut gathered, mut buffer) = (Gathered::default(), Buffer::default());
                while let Some((unit, last)) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let read = gather(unit, last, view, corpus, &mut gathered, &mut buffer);
                    let rows = gathered.finish(last.cursor.offset);
                    if let Err(error) = read {
                        tracing::debug!(path = %unit.path.display(), %error, "its letters cannot be learnt");
                        continue;
                    }
                    let letters = Packed::letters(unit, last.cursor, last.mark, rows);
                    if cancel.is_cancelled() || sender.send(letters).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = Vec::new();
        for letters in ready {
            waiting.push(letters);
            if waiting.len() >= TOGETHER {
                writer.append(std::mem::take(&mut waiting))?;
            }
        }
        writer.append(waiting)
    })?;
    Ok(Some(()))
}

/// Units whose talk is stored as they are now and whose letters are not known, the newest first, each with the last
/// batch of its talk.
fn unsettled<'a>(view: &'a View, corpus: &'a Corpus) -> impl Iterator<Item = (&'a Unit, &'a Batch)> {
    corpus.units().iter().filter(|unit| !is_scattered(unit)).filter_map(|unit| {
        let last = view.last(&unit.path).filter(|last| last.cursor.stamp == unit.stamp)?;
        (!is_enough(view.letters(&unit.path), unit)).then_some((unit, last))
    })
}

/// Of many small files the stamp does not tell all: what is known of those is kept with more care, in `small`.
pub fn is_scattered(unit: &Unit) -> bool {
    format(unit.agent).search().is_some_and(|texts| texts.is_scattered(unit))
}

/// Whether what is known of a unit's letters is all of them, or nearly.
pub fn is_enough(letters: Option<&Arc<Batch>>, unit: &Unit) -> bool {
    letters.is_some_and(|letters| {
        let then = letters.cursor;
        let appended = unit.stamp.size.saturating_sub(then.stamp.size);
        let little = then.offset > 0 && appended <= TAIL.max(then.offset / 4);
        then.stamp == unit.stamp || (then.stamp.inode == unit.stamp.inode && little && unit.stamp.size >= then.offset)
    })
}

fn gather(
    unit: &Unit,
    last: &Batch,
    view: &View,
    corpus: &Corpus,
    gathered: &mut Gathered,
    buffer: &mut Buffer,
) -> io::Result<()> {
    // Some of the talk is worded by us and stands in no file.
    for batch in view.of_unit(&unit.path) {
        gathered.add_text(view.read(batch, buffer)?.text);
    }
    let Some(texts) = format(unit.agent).search() else {
        for session in corpus.sessions_at(&unit.path) {
            entries::texts(session, &mut |text| gathered.add_text(text.text.as_bytes()));
        }
        return Ok(());
    };
    match texts.layout(unit) {
        Layout::Nothing => Ok(()),
        Layout::Lines => gather_file(unit, last.cursor.offset, gathered),
        Layout::Records => gather_records(unit, texts, gathered),
    }
}

fn gather_file(unit: &Unit, end: u64, gathered: &mut Gathered) -> io::Result<()> {
    let mut blocks = super::blocks::Blocks::new(File::open(&unit.path)?.take(end), 0, vec![0; AT_ONCE]);
    while let Some((start, block)) = blocks.next_block()? {
        gathered.add_records(block, start + block.len() as u64);
    }
    Ok(())
}

fn gather_records(unit: &Unit, texts: &dyn Texts, gathered: &mut Gathered) -> io::Result<()> {
    texts.records(unit, 0, &mut |record| {
        gathered.add_records(record.bytes, 0);
        ControlFlow::Continue(())
    })?;
    Ok(())
}
