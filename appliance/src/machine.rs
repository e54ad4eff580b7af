//! This machine: its name, and a configuration as it is to be read on it.

use std::path::Path;
use std::sync::OnceLock;

use locum_config::edit::{Edit, EditError, Edited};
use locum_config::files::{route_names, script_file};
use locum_config::{Configuration, InterfaceAddress, LoadError, Surroundings};

/// The host's name.
pub(crate) fn host_name() -> String {
    nix::unistd::gethostname().map_or_else(|_| "localhost".into(), |name| name.to_string_lossy().into_owned())
}

/// Reads and checks a configuration with what there is on this machine; the interfaces are not checked where they are not
/// known.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn load(file: &Path, interfaces: Option<Vec<String>>) -> Result<Configuration, LoadError> {
    load_here(file, interfaces, None)
}

/// The same, with the addresses that stand on the interfaces without VRRP.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn load_here(
    file: &Path,
    interfaces: Option<Vec<String>>,
    addresses: Option<Vec<InterfaceAddress>>,
) -> Result<Configuration, LoadError> {
    with_surroundings(interfaces, addresses, |around| locum_config::load(file, around))
}

/// Makes edits on a configuration, and checks what comes of them with what there is on this machine.
///
/// # Errors
/// Why they cannot be made, or what would be wrong then.
pub(crate) fn edit(to: &Configuration, edits: &[Edit], interfaces: Vec<String>) -> Result<Edited, EditError> {
    with_surroundings(Some(interfaces), None, |around| to.edit(edits, around))
}

/// What `--config-id` says; it holds for every configuration that this process reads.
static CONFIG_ID: OnceLock<String> = OnceLock::new();

/// Sets what `@NAME` lines compare with, instead of the host's name. The first call counts.
pub(crate) fn set_config_id(name: String) {
    let _ = CONFIG_ID.set(name); // the command line is read once
}

fn with_surroundings<T>(
    interfaces: Option<Vec<String>>,
    addresses: Option<Vec<InterfaceAddress>>,
    act: impl FnOnce(&Surroundings<'_>) -> T,
) -> T {
    let environment = |name: &str| std::env::var(name).ok();
    let route_names = route_names();
    act(&Surroundings {
        interfaces,
        addresses,
        config_id: CONFIG_ID.get().cloned().or_else(|| host_name().split('.').next().map(str::to_owned)),
        environment: Some(&environment),
        route_names: Some(&route_names),
        script_file: Some(&script_file),
    })
}
