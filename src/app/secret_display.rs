//! Display of secrets on the screen, and in what is copied from it.
//!
//! Approvals do not use it: what is allowed must be what is shown.

use std::borrow::Cow;

use crate::domain::secrets::{self, SecretCounts};

/// Display of secrets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SecretDisplay {
    /// Secrets are masked.
    #[default]
    Masked,
    /// Secrets are shown as they are.
    Shown,
}

impl SecretDisplay {
    /// Creates the display that the setting asks for.
    pub fn of_setting(masks: bool) -> Self {
        if masks { Self::Masked } else { Self::Shown }
    }

    /// Returns the other display.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Masked => Self::Shown,
            Self::Shown => Self::Masked,
        }
    }

    /// Returns a text as it is shown.
    pub fn text(self, text: &str) -> Cow<'_, str> {
        self.counted(text, &mut SecretCounts::default())
    }

    /// Returns a text as it is shown, and counts what was masked.
    pub fn counted<'t>(self, text: &'t str, counts: &mut SecretCounts) -> Cow<'t, str> {
        match self {
            Self::Masked => secrets::mask(text, counts),
            Self::Shown => Cow::Borrowed(text),
        }
    }
}
