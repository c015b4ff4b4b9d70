//! Images of transcripts for the terminal: detection of its graphics protocol, and encoding.

use std::io::Cursor;
use std::sync::Arc;

use image::imageops::FilterType;
use image::{DynamicImage, ImageReader, Limits};
use ratatui::layout::Size;
use ratatui_image::FontSize;
use ratatui_image::picker::ProtocolType;
use ratatui_image::protocol::Protocol;
use ratatui_image::protocol::halfblocks::Halfblocks;
use ratatui_image::protocol::iterm2::Iterm2;
use ratatui_image::protocol::kitty::Kitty;
use ratatui_image::protocol::sixel::Sixel;
use ratatui_image::sliced::SlicedProtocol;

use super::clipboard::pass_through_tmux;
use super::{colours, env};
use crate::config::settings::ImageDisplay;
use crate::config::theme_file::ColourDepth;
use crate::domain::units;
use crate::ui::encoded_picture::EncodedPicture;
use crate::ui::inline_pictures::{InlinePicture, PicturePart, PicturePixels};

/// Maximum width and height of an image in pixels, because a small file may claim to be huge.
const MAX_SIDE: u32 = 16_384;

/// Maximum pixels of an image.
const MAX_PIXELS: u64 = 64_000_000;

/// Maximum bytes of memory for a decoded image.
const MAX_DECODED: u64 = 256 << 20;

/// Maximum bytes of the file of an image within a transcript.
pub(super) const MAX_FILE: usize = 20 << 20;

/// Size of a cell in pixels where the terminal does not say.
const DEFAULT_CELL: FontSize = FontSize::new(8, 16);

/// Returns the protocol for an image on the whole screen; `None` if it is opened in a program instead. `name` is that of
/// the terminal, if it has answered.
pub(super) fn protocol(setting: ImageDisplay, name: Option<&str>, has_program: bool) -> Option<ProtocolType> {
    inline_protocol(setting, name).or_else(|| {
        let has_colours = colours::depth(true, env::var) == ColourDepth::Full && env_var("NO_COLOR").is_none();
        (setting == ImageDisplay::Auto && !has_program && has_colours).then_some(ProtocolType::Halfblocks)
    })
}

/// Returns the protocol for images within a transcript; `None` if only their labels are shown.
pub(super) fn inline_protocol(setting: ImageDisplay, name: Option<&str>) -> Option<ProtocolType> {
    match setting {
        ImageDisplay::Auto => match name.filter(|_| !is_multiplexed(env_var)) {
            Some(name) => of_name(name),
            None => of_terminal(env_var),
        },
        ImageDisplay::Kitty => Some(ProtocolType::Kitty),
        ImageDisplay::Iterm2 => Some(ProtocolType::Iterm2),
        ImageDisplay::Sixel => Some(ProtocolType::Sixel),
        ImageDisplay::Blocks => Some(ProtocolType::Halfblocks),
        ImageDisplay::Off => None,
    }
}

/// Returns true if the terminal's name decides whether images are drawn: nothing else says which terminal it is.
pub(super) fn needs_name(setting: ImageDisplay) -> bool {
    let is_unknown = !is_multiplexed(env_var) && of_terminal(env_var).is_none();
    setting == ImageDisplay::Auto && is_unknown && colours::supports_osc(env_var("TERM").as_deref())
}

fn env_var(name: &str) -> Option<String> {
    env::var(name).filter(|value| !value.is_empty())
}

/// Returns true inside a terminal multiplexer, which may not pass images on, also over a connection from there.
fn is_multiplexed(var: impl Fn(&str) -> Option<String>) -> bool {
    let term = var("TERM").unwrap_or_default();
    ["TMUX", "STY", "ZELLIJ"].iter().any(|name| var(name).is_some())
        || ["tmux", "screen"].iter().any(|name| term.starts_with(name))
}

/// Returns the protocol of a terminal that the environment names.
fn of_terminal(var: impl Fn(&str) -> Option<String>) -> Option<ProtocolType> {
    if is_multiplexed(&var) {
        return None;
    }
    let (term, program) = (var("TERM").unwrap_or_default(), var("TERM_PROGRAM").unwrap_or_default());
    let is_one_of = |names: &[&str]| names.iter().any(|name| term.starts_with(name) || program == *name);
    if is_one_of(&["xterm-kitty", "xterm-ghostty", "ghostty"]) || var("KITTY_WINDOW_ID").is_some() {
        Some(ProtocolType::Kitty)
    } else if is_one_of(&["iTerm.app", "WezTerm"]) || var("LC_TERMINAL").is_some_and(|name| name == "iTerm2") {
        Some(ProtocolType::Iterm2)
    } else if is_one_of(&["foot", "mlterm", "contour"]) {
        Some(ProtocolType::Sixel)
    } else {
        None
    }
}

/// Returns the protocol of a terminal that has answered with its name and version, such as `foot(1.16.2)`.
fn of_name(name: &str) -> Option<ProtocolType> {
    let name = name.to_ascii_lowercase();
    let is_one_of = |names: &[&str]| names.iter().any(|known| name.starts_with(known));
    if is_one_of(&["kitty", "ghostty"]) {
        Some(ProtocolType::Kitty)
    } else if is_one_of(&["iterm2", "wezterm", "mintty"]) {
        Some(ProtocolType::Iterm2)
    } else if is_one_of(&["foot", "mlterm", "contour"]) {
        Some(ProtocolType::Sixel)
    } else {
        None
    }
}

/// Size of the terminal for which an image is encoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct PictureSpace {
    /// Columns and rows of the image at most.
    pub cells: Size,
    /// Pixels of a cell; `None` if the terminal does not say.
    pub cell: Option<FontSize>,
}

impl PictureSpace {
    /// Creates the space on a terminal with a size in cells and, if it says so, in pixels.
    pub(super) fn new(screen: Size, pixels: Size) -> Self {
        let cells = crate::ui::picture::room(screen);
        let per = |pixels: u16, count: u16| pixels.checked_div(count).filter(|size| *size > 0);
        let cell = per(pixels.width, screen.width).zip(per(pixels.height, screen.height));
        Self { cells, cell: cell.map(|(width, height)| FontSize::new(width, height)) }
    }
}

/// Protocol of the terminal, and the pixels of its cells.
#[derive(Clone, Copy, Debug)]
pub(super) struct PictureFormat {
    /// The protocol.
    pub protocol: ProtocolType,
    /// Pixels of a cell.
    pub cell: FontSize,
}

impl PictureFormat {
    /// Creates the format for an image within a transcript. `None` if its size in cells cannot be known, because it would
    /// cover text.
    pub(super) fn inline(protocol: ProtocolType, cell: Option<FontSize>) -> Option<Self> {
        let cell = cell.or_else(|| (protocol == ProtocolType::Halfblocks).then_some(DEFAULT_CELL))?;
        Some(Self { protocol, cell })
    }

    /// Encodes pixels that have the size of their cells.
    fn encode(self, pixels: DynamicImage, size: Size) -> Result<Protocol, String> {
        let is_tmux = env_var("TMUX").is_some();
        let encoded = match self.protocol {
            ProtocolType::Halfblocks => Halfblocks::new(pixels, size).map(Protocol::Halfblocks),
            ProtocolType::Sixel => Sixel::new(pixels, size, is_tmux).map(Protocol::Sixel),
            ProtocolType::Iterm2 => Iterm2::new(pixels, size, is_tmux).map(Protocol::ITerm2),
            ProtocolType::Kitty => Kitty::new(pixels, size, new_id()?, is_tmux, false).map(Protocol::Kitty),
        };
        encoded.map_err(|error| error.to_string())
    }
}

/// Number of an image for the terminal, which other programs in the same terminal do not use.
fn new_id() -> Result<u32, String> {
    getrandom::u32().map(|id| id | 1).map_err(|error| error.to_string())
}

/// Decodes an image.
fn decode(bytes: &[u8]) -> Result<DynamicImage, String> {
    let reader = || ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| error.to_string());
    let (width, height) = reader()?.into_dimensions().map_err(|error| error.to_string())?;
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(format!("{width}×{height} pixels, more than {} million", MAX_PIXELS / 1_000_000));
    }
    let mut reader = reader()?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    limits.max_alloc = Some(MAX_DECODED);
    reader.limits(limits);
    reader.decode().map_err(|error| error.to_string())
}

/// Scales an image down to fit into a number of cells. Returns it with the cells that it takes.
fn fit(image: DynamicImage, cells: Size, cell: FontSize, enlarges: bool) -> (DynamicImage, Size) {
    let pixels = |count: u16, each: u16| u32::from(count.max(1)) * u32::from(each);
    let (width, height) = (pixels(cells.width, cell.width), pixels(cells.height, cell.height));
    let image = if enlarges || image.width() > width || image.height() > height {
        image.resize(width, height, FilterType::Triangle)
    } else {
        image
    };
    let count = |pixels: u32, each: u16| u16::try_from(pixels.div_ceil(u32::from(each))).unwrap_or(u16::MAX).max(1);
    let size = Size::new(count(image.width(), cell.width), count(image.height(), cell.height));
    (image, size)
}

/// Decodes an image and encodes it for the terminal. Returns it with its label.
pub(super) fn encode(
    bytes: &[u8],
    protocol: ProtocolType,
    space: PictureSpace,
) -> Result<(EncodedPicture, String), String> {
    let image = decode(bytes)?;
    let label = format!("{}×{} · {}", image.width(), image.height(), units::bytes(bytes.len() as u64));
    let format = PictureFormat { protocol, cell: space.cell.unwrap_or(DEFAULT_CELL) };
    // Blocks are so large that a small image needs the whole space.
    let (pixels, size) = fit(image, space.cells, format.cell, protocol == ProtocolType::Halfblocks);
    Ok((EncodedPicture(format.encode(pixels, size)?), label))
}

/// Decodes an image for a place within a transcript.
pub(super) fn inline(bytes: &[u8], format: PictureFormat, room: Size) -> InlinePicture {
    inline_pixels(bytes, format, room).unwrap_or_else(InlinePicture::Refused)
}

fn inline_pixels(bytes: &[u8], format: PictureFormat, room: Size) -> Result<InlinePicture, String> {
    if bytes.len() > MAX_FILE {
        let [size, most] = [bytes.len(), MAX_FILE].map(|size| units::bytes(size as u64));
        return Err(format!("{size}, more than {most}"));
    }
    let (pixels, size) = fit(decode(bytes)?, room, format.cell, false);
    let pixels = if format.protocol == ProtocolType::Kitty {
        let id = new_id()?;
        let kitty =
            Kitty::new(pixels, size, id, env_var("TMUX").is_some(), false).map_err(|error| error.to_string())?;
        PicturePixels::Placeholders(id, Arc::new(SlicedProtocol::Kitty(kitty)))
    } else {
        PicturePixels::Parts(Arc::new(pixels))
    };
    Ok(InlinePicture::Decoded { size, pixels })
}

/// Encodes a part of an image of some columns and rows.
pub(super) fn encode_part(
    pixels: &DynamicImage,
    part: PicturePart,
    (columns, of): (u16, u16),
    format: PictureFormat,
) -> Option<EncodedPicture> {
    let row = u32::from(format.cell.height);
    let from = u32::from(part.skip) * row;
    // The pixels may be those for another size of cells.
    let left = pixels.height().checked_sub(from).filter(|left| *left > 0)?;
    let height = if part.skip + part.rows == of { left } else { left.min(u32::from(part.rows) * row) };
    let shown = pixels.crop_imm(0, from, pixels.width(), height);
    format.encode(shown, Size::new(columns, part.rows)).ok().map(EncodedPicture)
}

/// Returns the command that deletes an image of the kitty protocol from the terminal's memory.
pub(super) fn deletion(id: u32) -> String {
    let command = format!("\x1b_Ga=d,d=I,i={id},q=2;\x1b\\");
    if env_var("TMUX").is_some() { pass_through_tmux(&command) } else { command }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_beyond_the_pixels_is_not_encoded() {
        let format = PictureFormat { protocol: ProtocolType::Halfblocks, cell: FontSize::new(8, 16) };
        let pixels = DynamicImage::new_rgb8(8, 32);
        let encoded = |skip, rows| encode_part(&pixels, PicturePart { nth: 0, skip, rows }, (1, 4), format).is_some();
        assert!(encoded(0, 2) && encoded(1, 3));
        assert!(!encoded(2, 2) && !encoded(3, 1), "the pixels are those for lower cells");
    }
}
