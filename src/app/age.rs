//! Ages as short texts for lists, and the time at which each text changes. The smallest unit is the minute, so that an
//! idle screen is redrawn at most once a minute.

pub use crate::domain::units::{age as text, age_changes_at as changes_at};
