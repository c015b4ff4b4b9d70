//! Images that prompts mention: read from disk before the prompt is encoded, because codecs have no IO.

use std::path::{Path, PathBuf};

use super::Run;
use crate::domain::event::NoticeLevel;
use crate::domain::prompt::{PromptImage, image_mentions};
use crate::stdx::files::{self, SizeLimit};

/// Maximum size of an image, because models accept no larger ones.
const MAX_IMAGE: SizeLimit = SizeLimit(5 << 20);

/// Maximum images per prompt.
const MAX_IMAGES: usize = 20;

impl Run {
    /// Reads the images that a prompt mentions. The user is told of one that cannot be attached.
    pub(super) async fn load_images(&mut self, text: &str) -> Vec<PromptImage> {
        let wanted: Vec<(String, &'static str)> =
            image_mentions(text).into_iter().take(MAX_IMAGES).map(|(path, kind)| (path.to_owned(), kind)).collect();
        if wanted.is_empty() {
            return Vec::new();
        }
        let folder = self.opening.cwd.clone();
        let read = move || wanted.into_iter().map(|(path, kind)| load(&folder, &path, kind)).collect::<Vec<_>>();
        let mut images = Vec::new();
        for loaded in tokio::task::spawn_blocking(read).await.unwrap_or_default() {
            match loaded {
                Ok(image) => images.push(image),
                Err(problem) => self.notice(&problem, NoticeLevel::Warning),
            }
        }
        images
    }
}

fn load(folder: &Path, path: &str, media_type: &'static str) -> Result<PromptImage, String> {
    let path: PathBuf = folder.join(path);
    match files::read(&path, MAX_IMAGE) {
        Ok(bytes) => Ok(PromptImage { path, media_type, bytes: bytes.into() }),
        Err(error) => Err(format!("{} is not attached: {error}", path.display())),
    }
}
