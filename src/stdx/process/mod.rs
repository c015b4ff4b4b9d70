//! Other processes of this machine, looked at and never touched.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

#[cfg(target_os = "linux")]
pub use linux::lock_holder;
#[cfg(not(target_os = "linux"))]
pub use other::lock_holder;
