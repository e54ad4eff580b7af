//! Who watches the service: a service manager that is told how it goes, or a parent of its own that starts it again.
//!
//! - [`manager`]: what systemd is told (sd_notify(3)).
//! - [`parent`]: `locum run --supervise`.

pub(crate) mod manager;
pub(crate) mod parent;
