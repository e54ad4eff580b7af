//! This machine: its name, and a configuration as it is to be read on it.

use std::path::Path;
use std::sync::OnceLock;

use locum_config::edit::{BlockName, Edit, EditError, Edited, Setting};
use locum_config::files::{route_names, script_file};
use locum_config::{Configuration, Home, InterfaceAddress, LoadError, MailSupport, RouteNames, Surroundings};

/// The host's name.
pub(crate) fn host_name() -> String {
    nix::unistd::gethostname().map_or_else(|_| "localhost".into(), |name| name.to_string_lossy().into_owned())
}

/// What is known of this machine's links. What is not known is not checked.
#[derive(Clone, Default)]
pub(crate) struct Links {
    /// The names of the interfaces.
    pub(crate) interfaces: Option<Vec<String>>,
    /// The addresses that stand on them without VRRP.
    pub(crate) addresses: Option<Vec<InterfaceAddress>>,
}

/// Reads and checks a configuration with what there is on this machine.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn load(file: &Path, links: Links) -> Result<Configuration, LoadError> {
    with_surroundings(links, |around| locum_config::load(file, around))
}

/// Where the service of a configuration runs, and what it is called.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn home(file: &Path) -> Result<Home, LoadError> {
    with_surroundings(Links::default(), |around| locum_config::home(file, around))
}

/// Makes edits on a configuration, and checks what comes of them with what there is on this machine.
///
/// # Errors
/// Why they cannot be made, or what would be wrong then.
pub(crate) fn edit(to: &Configuration, edits: &[Edit], links: Links) -> Result<Edited, EditError> {
    with_surroundings(links, |around| to.edit(edits, around))
}

/// The options that stand in the block of an instance.
///
/// # Errors
/// When there is no such block.
pub(crate) fn settings(of: &Configuration, instance: &str) -> Result<Vec<Setting>, EditError> {
    with_surroundings(Links::default(), |around| of.settings(&BlockName::instance(instance), around))
}

/// What `--config-id` says; it holds for every configuration that this process reads.
static CONFIG_ID: OnceLock<String> = OnceLock::new();

/// Sets what `@NAME` lines compare with, instead of the host's name. The first call counts.
pub(crate) fn set_config_id(name: String) {
    let _ = CONFIG_ID.set(name); // the command line is read once
}

fn with_surroundings<T>(links: Links, act: impl FnOnce(&Surroundings<'_>) -> T) -> T {
    let route_names = route_names();
    let result = act(&surroundings(links, &route_names));
    give_back_memory();
    result
}

fn surroundings(links: Links, route_names: &RouteNames) -> Surroundings<'_> {
    Surroundings {
        interfaces: links.interfaces,
        addresses: links.addresses,
        net_namespaces: Some(crate::namespace::names()),
        config_id: CONFIG_ID.get().cloned().or_else(|| host_name().split('.').next().map(str::to_owned)),
        environment: Some(&|name| std::env::var(name).ok()),
        route_names: Some(route_names),
        script_file: Some(&script_file),
        mail: Some(match (cfg!(feature = "mail"), cfg!(feature = "mail-tls")) {
            (false, _) => MailSupport::None,
            (true, false) => MailSupport::WithoutTls,
            (true, true) => MailSupport::Full,
        }),
    }
}

/// Gives back to the kernel what reading a configuration took for a while, which is more than what stays of it. glibc keeps
/// it for later unless it is told. dlmalloc, in musl binaries, cannot be told: it gives back large blocks only, and uses the
/// rest again.
#[cfg_attr(target_env = "gnu", allow(unsafe_code, reason = "nix has no malloc_trim"))]
fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes a number, and changes nothing that anybody else can see.
    unsafe {
        nix::libc::malloc_trim(0);
    }
}
