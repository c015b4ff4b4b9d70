//! Images within transcripts: their sizes and pixels for the terminal, the rows that show them, and what is missing.
//!
//! A reader marks the cells of an image. Once the frame is complete, cells that something else covers have lost their mark,
//! so that an image is drawn only where it is visible, and never over a popup.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use image::DynamicImage;
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::widgets::Widget;
use ratatui_image::Image;
use ratatui_image::sliced::{SignedPosition, SlicedImage, SlicedProtocol};

use super::encoded_picture::EncodedPicture;
use crate::app::msg::RequestTicket;
use crate::domain::event::EntryKey;

/// Maximum entries with images in memory. Those of the last two frames always stay.
const MAX_SLOTS: usize = 16;

/// Maximum encoded parts of an image, because scrolling needs another one for each row.
const MAX_PARTS: usize = 12;

/// Symbol of a cell of an image while the frame is drawn: a character that no text contains.
const MARK: &str = "\u{10fffe}";

/// Entry with images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PictureOwner {
    /// Transcript.
    pub ticket: RequestTicket,
    /// Identity of the entry.
    pub entry: EntryKey,
}

/// Rows of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PicturePart {
    /// Number of the image in its entry.
    pub nth: usize,
    /// Rows above the part.
    pub skip: u16,
    /// Rows of the part.
    pub rows: u16,
}

/// Image of an entry, or the reason why it is not drawn.
#[derive(Clone, Debug)]
pub enum InlinePicture {
    /// An image that was decoded for a size.
    Decoded {
        /// Columns and rows.
        size: Size,
        /// Its pixels.
        pixels: PicturePixels,
    },
    /// Reason why the image is not drawn.
    Refused(String),
}

impl InlinePicture {
    fn height(&self) -> u16 {
        match self {
            Self::Decoded { size, .. } => size.height,
            Self::Refused(_) => 1,
        }
    }
}

/// Pixels of an image.
#[derive(Clone)]
pub enum PicturePixels {
    /// Encoded once; cells name the rows that they show. The number identifies the image for the terminal.
    Placeholders(u32, Arc<SlicedProtocol>),
    /// Encoded for each visible part.
    Parts(Arc<DynamicImage>),
}

impl fmt::Debug for PicturePixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Placeholders(id, _) => f.debug_tuple("Placeholders").field(id).finish(),
            Self::Parts(pixels) => f.debug_tuple("Parts").field(&(pixels.width(), pixels.height())).finish(),
        }
    }
}

/// Work that is done outside of the frame.
#[derive(Clone, Debug)]
pub enum PictureRequest {
    /// Load the images of an entry.
    Load {
        /// The entry.
        owner: PictureOwner,
        /// Its index.
        index: usize,
        /// Columns and rows that an image may have.
        room: Size,
    },
    /// Encode a part of an image.
    Encode {
        /// The entry.
        owner: PictureOwner,
        /// The part.
        part: PicturePart,
        /// Columns of the image.
        columns: u16,
        /// Rows of the whole image.
        of: u16,
        /// Pixels of the whole image.
        pixels: Arc<DynamicImage>,
    },
}

/// Result of a [`PictureRequest`].
#[derive(Debug)]
pub enum PictureUpdate {
    /// The images of an entry.
    Loaded {
        /// The entry.
        owner: PictureOwner,
        /// Its images, in order.
        pictures: Vec<InlinePicture>,
    },
    /// A part of an image.
    Encoded {
        /// The entry.
        owner: PictureOwner,
        /// The part.
        part: PicturePart,
        /// Pixels of the whole image from which it was encoded.
        pixels: Arc<DynamicImage>,
        /// The encoded part; `None` if that failed.
        encoded: Option<EncodedPicture>,
    },
}

/// Content of a row that is reserved for images.
#[derive(Clone, Copy, Debug)]
pub(super) enum PictureRow<'a> {
    /// Row of an image.
    Pixels {
        /// The image and the row, as a part of one row.
        part: PicturePart,
        /// Columns of the image.
        columns: u16,
    },
    /// Reason why an image is not drawn.
    Refused(&'a str),
}

/// Images within transcripts.
#[derive(Debug, Default)]
pub struct InlinePictures {
    /// True if the terminal can draw them.
    enabled: bool,
    slots: HashMap<PictureOwner, Slot>,
    requests: Vec<PictureRequest>,
    /// Numbers of images that the terminal still keeps.
    removed: Vec<u32>,
    /// Marked rows of the frame, from top to bottom.
    marked: Vec<(PictureOwner, PicturePart, Rect)>,
    /// Visible parts of the frame.
    visible: Vec<(PictureOwner, PicturePart, Rect)>,
    frame: u64,
}

#[derive(Debug)]
struct Slot {
    /// Room of the last request.
    room: Size,
    pictures: Vec<InlinePicture>,
    parts: HashMap<PicturePart, Option<EncodedPicture>>,
    requested: HashSet<PicturePart>,
    used: u64,
}

impl InlinePictures {
    /// Enables or disables images.
    pub fn enable(&mut self, enabled: bool) {
        if self.enabled != enabled {
            self.enabled = enabled;
            self.clear();
        }
    }

    /// Removes all images. Those that are shown are requested again.
    pub fn clear(&mut self) {
        for slot in std::mem::take(&mut self.slots).into_values() {
            self.removed.extend(ids(&slot.pictures));
        }
        self.requests.clear();
    }

    /// Takes the requests of the last frame.
    pub fn take_requests(&mut self) -> Vec<PictureRequest> {
        std::mem::take(&mut self.requests)
    }

    /// Takes the numbers of images that the terminal can delete.
    pub fn take_removed(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.removed)
    }

    /// Applies the result of a request.
    pub fn apply(&mut self, update: PictureUpdate) {
        match update {
            PictureUpdate::Loaded { owner, pictures } => match self.slots.get_mut(&owner) {
                Some(slot) => {
                    self.removed.extend(ids(&slot.pictures));
                    (slot.parts, slot.requested) = (HashMap::new(), HashSet::new());
                    slot.pictures = pictures;
                }
                None => self.removed.extend(ids(&pictures)),
            },
            PictureUpdate::Encoded { owner, part, pixels, encoded } => {
                let Some(slot) = self.slots.get_mut(&owner) else { return };
                // The image may have been replaced meanwhile.
                let is_current = matches!(
                    slot.pictures.get(part.nth),
                    Some(InlinePicture::Decoded { pixels: PicturePixels::Parts(now), .. }) if Arc::ptr_eq(now, &pixels)
                );
                if is_current && slot.requested.remove(&part) {
                    if slot.parts.len() >= MAX_PARTS {
                        slot.parts.clear();
                    }
                    slot.parts.insert(part, encoded);
                }
            }
        }
    }

    /// Begins a frame. Removes images of closed transcripts, and old ones.
    pub(super) fn begin(&mut self, is_open: impl Fn(RequestTicket) -> bool) {
        self.frame += 1;
        (self.marked, self.visible) = (Vec::new(), Vec::new());
        let recent = self.frame.saturating_sub(2);
        let is_full = self.slots.len() > MAX_SLOTS;
        let Self { slots, removed, .. } = self;
        slots.retain(|owner, slot| {
            let stays = is_open(owner.ticket) && (!is_full || slot.used >= recent);
            if !stays {
                removed.extend(ids(&slot.pictures));
            }
            stays
        });
    }

    /// Returns the rows that the images of an entry take, and requests what is missing.
    pub(super) fn height(&mut self, owner: PictureOwner, index: usize, room: Size) -> u16 {
        if !self.enabled {
            return 0;
        }
        let unknown = Slot {
            room: Size::default(),
            pictures: Vec::new(),
            parts: HashMap::new(),
            requested: HashSet::new(),
            used: 0,
        };
        let slot = self.slots.entry(owner).or_insert(unknown);
        slot.used = self.frame;
        if slot.room != room {
            slot.room = room;
            self.requests.push(PictureRequest::Load { owner, index, room });
        }
        let fits = |picture: &InlinePicture| match picture {
            InlinePicture::Decoded { size, .. } => size.width <= room.width && size.height <= room.height,
            InlinePicture::Refused(_) => true,
        };
        // Images for another size of the screen are replaced soon.
        if slot.pictures.iter().all(fits) { slot.pictures.iter().map(InlinePicture::height).sum() } else { 0 }
    }

    /// Returns the content of a row of those that the images of an entry take.
    pub(super) fn row(&self, owner: PictureOwner, mut row: u16) -> Option<PictureRow<'_>> {
        for (nth, picture) in self.slots.get(&owner)?.pictures.iter().enumerate() {
            match picture {
                InlinePicture::Decoded { size, .. } if row < size.height => {
                    let part = PicturePart { nth, skip: row, rows: 1 };
                    return Some(PictureRow::Pixels { part, columns: size.width });
                }
                InlinePicture::Refused(reason) if row == 0 => return Some(PictureRow::Refused(reason)),
                InlinePicture::Decoded { .. } | InlinePicture::Refused(_) => row -= picture.height(),
            }
        }
        None
    }

    /// Marks the cells of a row of an image.
    pub(super) fn mark(&mut self, buffer: &mut Buffer, owner: PictureOwner, part: PicturePart, area: Rect) {
        let area = area.intersection(buffer.area);
        for position in area.positions() {
            buffer[position].set_symbol(MARK);
        }
        self.marked.push((owner, part, area));
    }

    /// Replaces the marks by blank cells, and finds the visible parts of each image.
    pub(super) fn find_visible(&mut self, buffer: &mut Buffer) {
        for (owner, part, area) in std::mem::take(&mut self.marked) {
            let is_whole = area.positions().all(|position| buffer[position].symbol() == MARK);
            for position in area.positions() {
                if buffer[position].symbol() == MARK {
                    buffer[position].set_symbol(" ");
                }
            }
            let continues = |(above, shown, place): &&mut (PictureOwner, PicturePart, Rect)| {
                let follows = shown.nth == part.nth && shown.skip + shown.rows == part.skip;
                *above == owner && follows && place.x == area.x && place.bottom() == area.y
            };
            match self.visible.last_mut().filter(continues) {
                _ if !is_whole => {}
                Some((_, shown, place)) => {
                    shown.rows += part.rows;
                    place.height += area.height;
                }
                None => self.visible.push((owner, part, area)),
            }
        }
    }

    /// Draws the visible parts, after everything else. Requests those that are not encoded.
    pub(super) fn draw(&mut self, buffer: &mut Buffer) {
        for (owner, part, area) in &self.visible {
            let Some(slot) = self.slots.get_mut(owner) else { continue };
            let Some(InlinePicture::Decoded { size, pixels }) = slot.pictures.get(part.nth) else { continue };
            match pixels {
                PicturePixels::Placeholders(_, encoded) => {
                    let above = i16::try_from(part.skip).unwrap_or(i16::MAX);
                    SlicedImage::new(encoded, SignedPosition { x: 0, y: -above }).render(*area, buffer);
                }
                PicturePixels::Parts(pixels) => match slot.parts.get(part) {
                    Some(Some(EncodedPicture(encoded))) => Image::new(encoded).render(*area, buffer),
                    Some(None) => {}
                    None if !slot.requested.insert(*part) => {}
                    None => self.requests.push(PictureRequest::Encode {
                        owner: *owner,
                        part: *part,
                        columns: size.width,
                        of: size.height,
                        pixels: pixels.clone(),
                    }),
                },
            }
        }
    }
}

/// Numbers by which the terminal knows images.
fn ids(pictures: &[InlinePicture]) -> impl Iterator<Item = u32> {
    pictures.iter().filter_map(|picture| match picture {
        InlinePicture::Decoded { pixels: PicturePixels::Placeholders(id, _), .. } => Some(*id),
        InlinePicture::Decoded { .. } | InlinePicture::Refused(_) => None,
    })
}
