//! Loads the images within transcripts on a thread of its own, one after the other.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};

use tokio::sync::mpsc::UnboundedSender;

use super::picture_sources;
use super::pictures::{self, PictureFormat};
use super::shown_transcript::ShownTranscript;
use super::task_message::TaskMessage;
use crate::agent::TranscriptReader;
use crate::domain::SessionKey;
use crate::ui::inline_pictures::{InlinePicture, PictureRequest, PictureUpdate};

/// Work of the thread.
pub(super) struct PictureJob {
    /// The request.
    pub request: PictureRequest,
    /// Transcript of a request to load, and the path of salon's database.
    pub shown: Option<(ShownTranscript, PathBuf)>,
    /// Format of the terminal.
    pub format: PictureFormat,
}

/// Thread that loads images, once there are any.
#[derive(Debug, Default)]
pub(super) struct PictureLoader {
    /// Name and version of the terminal, if it has answered.
    pub terminal: Option<String>,
    /// Format of the terminal; `None` if it cannot draw images.
    pub format: Option<PictureFormat>,
    jobs: Option<Sender<PictureJob>>,
}

impl PictureLoader {
    /// Sends work to the thread.
    pub(super) fn send(&mut self, job: PictureJob, messages: &UnboundedSender<TaskMessage>) {
        if self.jobs.is_none() {
            let (sender, jobs) = mpsc::channel();
            let messages = messages.clone();
            let thread = std::thread::Builder::new().name("pictures".into());
            match thread.spawn(move || work(&jobs, &messages)) {
                Ok(_) => self.jobs = Some(sender),
                Err(error) => tracing::warn!(%error, "images are not loaded"),
            }
        }
        if let Some(jobs) = &self.jobs {
            // An error means that the thread has ended after a panic; the label stays.
            drop(jobs.send(job));
        }
    }
}

/// Works until the loop has ended.
fn work(jobs: &Receiver<PictureJob>, messages: &UnboundedSender<TaskMessage>) {
    while let Ok(first) = jobs.recv() {
        let mut batch: Vec<PictureJob> = std::iter::once(first).chain(jobs.try_iter()).collect();
        drop_superseded(&mut batch);
        let mut open = HashMap::new();
        for job in batch {
            if messages.send(TaskMessage::InlinePicture(perform(&job, &mut open))).is_err() {
                return;
            }
        }
    }
}

/// Drops requests to load the same images for an earlier size of the terminal.
fn drop_superseded(batch: &mut Vec<PictureJob>) {
    let owner = |job: &PictureJob| match &job.request {
        PictureRequest::Load { owner, .. } => Some(*owner),
        PictureRequest::Encode { .. } => None,
    };
    let owners: Vec<_> = batch.iter().map(owner).collect();
    let mut at = 0;
    batch.retain(|_| {
        at += 1;
        owners[at - 1].is_none() || !owners[at..].contains(&owners[at - 1])
    });
}

/// Opened transcripts of a batch; `None` for one that cannot be opened.
type OpenReaders = HashMap<(SessionKey, Option<usize>), Option<Box<dyn TranscriptReader>>>;

fn perform(job: &PictureJob, open: &mut OpenReaders) -> PictureUpdate {
    match &job.request {
        PictureRequest::Load { owner, index, room } => {
            let files = job.shown.as_ref().map(|(shown, state_db)| {
                let (session, branch) = (&shown.session, shown.branch);
                let reader = open.entry((session.key.clone(), branch)).or_insert_with(|| shown.open(state_db).ok());
                let entry = (*index, owner.entry);
                let directory = Path::new(&*session.cwd);
                let read =
                    |reader: &mut Box<dyn TranscriptReader>| picture_sources::of_entry(&mut **reader, directory, entry);
                reader.as_mut().map_or_else(Vec::new, read)
            });
            let decode = |file: Result<Vec<u8>, String>| match file {
                Ok(bytes) => pictures::inline(&bytes, job.format, *room),
                Err(reason) => InlinePicture::Refused(reason),
            };
            let pictures = files.into_iter().flatten().map(decode).collect();
            PictureUpdate::Loaded { owner: *owner, pictures }
        }
        PictureRequest::Encode { owner, part, columns, of, pixels } => {
            let encoded = pictures::encode_part(pixels, *part, (*columns, *of), job.format);
            PictureUpdate::Encoded { owner: *owner, part: *part, pixels: pixels.clone(), encoded }
        }
    }
}
