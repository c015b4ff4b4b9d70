//! Image in the terminal's own protocol.

use std::fmt;

use ratatui_image::protocol::Protocol;

/// Image in the terminal's own protocol, for one size.
pub struct EncodedPicture(pub Protocol);

impl fmt::Debug for EncodedPicture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EncodedPicture").field(&self.0.size()).finish()
    }
}
