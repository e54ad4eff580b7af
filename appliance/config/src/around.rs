//! What the checks may know about the machine.

use std::net::IpAddr;
use std::path::Path;

use crate::names::RouteNames;

/// What there is on the machine, as far as the caller knows. What is `None` is not checked.
#[derive(Default)]
pub struct Surroundings<'a> {
    /// Names of the interfaces that exist.
    pub interfaces: Option<Vec<String>>,
    /// Addresses that stand on interfaces and were not put there by VRRP. What a MASTER has put there must not be among
    /// them: who asks the kernel tells them apart.
    pub addresses: Option<Vec<InterfaceAddress>>,
    /// The names of network namespaces (`ip netns list`).
    pub net_namespaces: Option<Vec<String>>,
    /// What `@NAME` lines compare with: the part of the node name before the first dot, or `--config-id`.
    pub config_id: Option<String>,
    /// The environment, for `${_ENV NAME}`.
    pub environment: Option<&'a Environment>,
    /// Names of routing tables and the like. [`crate::files::route_names`] reads those of iproute2.
    pub route_names: Option<&'a RouteNames>,
    /// Looks at a script file. [`crate::files::script_file`] asks the file system.
    pub script_file: Option<&'a dyn Fn(&Path) -> ScriptFile>,
    /// What the program that runs the configuration can do about mail.
    pub mail: Option<MailSupport>,
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings")
            .field("interfaces", &self.interfaces)
            .field("addresses", &self.addresses)
            .field("net_namespaces", &self.net_namespaces)
            .field("config_id", &self.config_id)
            .finish_non_exhaustive()
    }
}

/// What a program can do about mail; an image may leave it out to save flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailSupport {
    /// Nothing.
    None,
    /// Send it in clear.
    WithoutTls,
    /// Send it.
    Full,
}

/// An address on an interface of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The interface's name.
    pub interface: String,
    /// The address.
    pub address: IpAddr,
    /// Its prefix length.
    pub prefix_len: u8,
}

/// Gives the value of an environment variable.
pub type Environment = dyn Fn(&str) -> Option<String>;

/// What stands at the path of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptFile {
    /// An executable file that only root can write.
    Executable,
    /// An executable file that others than root can write.
    WritableByOthers,
    /// A file without execute permission.
    NotExecutable,
    /// Something that is not a file.
    NotAFile,
    /// Nothing.
    Missing,
}
