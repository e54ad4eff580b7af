//! The addresses on interfaces, as the kernel has them.

use std::net::IpAddr;

use serde_json::Value;

use crate::command::try_tool;

/// An address on an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressEntry {
    /// The address.
    pub address: IpAddr,
    /// Its prefix length.
    pub prefix: u8,
    /// Its label, which is the interface's name unless one was given; IPv6 has none.
    pub label: String,
}

/// The addresses on all interfaces in `namespace`.
pub(crate) fn addresses(namespace: &str) -> Vec<AddressEntry> {
    // A namespace that is going is an answer here, not a failure.
    let Ok(json) = try_tool("ip", &["-n", namespace, "-j", "addr", "show"]) else {
        return Vec::new();
    };
    parse(&json)
}

fn parse(json: &str) -> Vec<AddressEntry> {
    let interfaces: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("ip said {json}: {error}"));
    let entries = interfaces.as_array().into_iter().flatten().filter_map(|interface| interface["addr_info"].as_array());
    entries.flatten().filter_map(entry).collect()
}

fn entry(info: &Value) -> Option<AddressEntry> {
    Some(AddressEntry {
        address: info["local"].as_str()?.parse().ok()?,
        prefix: u8::try_from(info["prefixlen"].as_u64()?).ok()?,
        label: info["label"].as_str().unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_ip_prints() {
        let json = r#"[{},{"ifname":"eth0","addr_info":[
            {"family":"inet","local":"172.20.45.131","prefixlen":24,"label":"eth0"},
            {"family":"inet","local":"172.20.45.248","prefixlen":32,"label":"eth0:0"},
            {"family":"inet6","local":"2001:db8::248","prefixlen":64,"scope":"global"}]}]"#;
        let vip = |address: &str, prefix, label: &str| AddressEntry {
            address: address.parse().expect("an address"),
            prefix,
            label: label.into(),
        };
        assert_eq!(parse(json)[1..], [vip("172.20.45.248", 32, "eth0:0"), vip("2001:db8::248", 64, "")]);
        assert_eq!(parse("[]"), []);
    }
}
