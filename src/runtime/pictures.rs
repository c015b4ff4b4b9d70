//! Images of transcripts for the terminal: detection of its graphics protocol, and encoding.

use std::io::Cursor;

use image::{ImageReader, Limits};
use ratatui::layout::Size;
use ratatui_image::picker::{Picker, ProtocolType};
use ratatui_image::{FontSize, Resize};

use super::{colours, env};
use crate::config::settings::ImageDisplay;
use crate::config::theme_file::ColourDepth;
use crate::domain::units;
use crate::ui::encoded_picture::EncodedPicture;

/// Maximum width and height of an image in pixels, because a small file may claim to be huge.
const MAX_PIXELS: u32 = 16_384;

/// Maximum bytes of memory for a decoded image.
const MAX_DECODED: u64 = 256 << 20;

/// Size of a cell in pixels where the terminal does not say.
const DEFAULT_CELL: FontSize = FontSize::new(8, 16);

/// Returns the protocol for images; `None` if they are opened in a program instead.
pub(super) fn protocol(setting: ImageDisplay, has_program: bool) -> Option<ProtocolType> {
    let var = |name: &str| env::var(name).filter(|value| !value.is_empty());
    match setting {
        ImageDisplay::Auto => of_terminal(var).or_else(|| {
            let has_colours = colours::depth(true, env::var) == ColourDepth::Full && var("NO_COLOR").is_none();
            (!has_program && has_colours).then_some(ProtocolType::Halfblocks)
        }),
        ImageDisplay::Kitty => Some(ProtocolType::Kitty),
        ImageDisplay::Iterm2 => Some(ProtocolType::Iterm2),
        ImageDisplay::Sixel => Some(ProtocolType::Sixel),
        ImageDisplay::Blocks => Some(ProtocolType::Halfblocks),
        ImageDisplay::Off => None,
    }
}

/// Returns the protocol of a terminal that is known to have one. A multiplexer between may not pass it on.
fn of_terminal(var: impl Fn(&str) -> Option<String>) -> Option<ProtocolType> {
    if var("TMUX").is_some() || var("STY").is_some() || var("ZELLIJ").is_some() {
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

/// Size of the terminal for which an image is encoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct PictureSpace {
    /// Columns and rows of the image at most.
    pub cells: Size,
    /// Pixels of a cell.
    pub cell: FontSize,
}

impl PictureSpace {
    /// Creates the space on a terminal with a size in cells and, if it says so, in pixels.
    pub(super) fn new(screen: Size, pixels: Size) -> Self {
        let cells = crate::ui::picture::room(screen);
        let per = |pixels: u16, count: u16| pixels.checked_div(count).filter(|size| *size > 0);
        let cell = match (per(pixels.width, screen.width), per(pixels.height, screen.height)) {
            (Some(width), Some(height)) => FontSize::new(width, height),
            _ => DEFAULT_CELL,
        };
        Self { cells, cell }
    }
}

/// Decodes an image and encodes it for the terminal. Returns it with its label.
pub(super) fn encode(
    bytes: &[u8],
    protocol: ProtocolType,
    space: PictureSpace,
) -> Result<(EncodedPicture, String), String> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| error.to_string())?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_PIXELS), Some(MAX_PIXELS));
    limits.max_alloc = Some(MAX_DECODED);
    reader.limits(limits);
    let image = reader.decode().map_err(|error| error.to_string())?;
    let label = format!("{}×{} · {}", image.width(), image.height(), units::bytes(bytes.len() as u64));
    #[expect(deprecated, reason = "its replacement reads replies from the terminal, as salon does itself")]
    let mut picker = Picker::from_fontsize(space.cell);
    picker.set_protocol_type(protocol);
    // Blocks are so large that a small image needs the whole space.
    let resize = if protocol == ProtocolType::Halfblocks { Resize::Scale(None) } else { Resize::Fit(None) };
    let encoded = picker.new_protocol(image, space.cells, resize).map_err(|error| error.to_string())?;
    Ok((EncodedPicture(encoded), label))
}
