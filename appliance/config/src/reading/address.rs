//! Lines of `virtual_ipaddress`, `static_ipaddress` and `unicast_peer`.

use std::net::IpAddr;

use super::Reader;
use super::line::{Extra, sentence, shorten};
use super::statement::{Statement, Word};
use super::values::{self, Value};
use crate::diagnostic::{Diagnostic, code};
use crate::model::{At, Broadcast, Lifetime, Peer, Scope, Setting, StaticAddress, VirtualAddress};
use crate::schema::{Entry, Keyword, Place, STATIC_ADDRESSES, Status, UNICAST_PEERS, VIRTUAL_ADDRESSES};

/// An option of an entry with its values.
type EntryOption<'w> = (&'static Keyword, Vec<Value<'w>>, &'w Word<'w>);

impl Reader<'_> {
    pub(super) fn virtual_addresses(&mut self, statement: &Statement<'_>) -> Vec<VirtualAddress> {
        let mut addresses: Vec<VirtualAddress> = Vec::new();
        for line in statement.statements() {
            let Some(address) = self.address(&VIRTUAL_ADDRESSES, line) else { continue };
            addresses.push(address.address);
        }
        addresses
    }

    pub(super) fn static_addresses(&mut self, statement: &Statement<'_>) {
        for line in statement.statements() {
            let address = self.address(&STATIC_ADDRESSES, line);
            self.model.static_addresses.extend(address);
        }
    }

    pub(super) fn peers(&mut self, statement: &Statement<'_>) -> Vec<Setting<Peer>> {
        let mut peers = Vec::new();
        for line in statement.statements() {
            let Some((Value::Address(address), options)) = self.entry(&UNICAST_PEERS, line) else { continue };
            let mut peer = Peer { address, min_ttl: None, max_ttl: None };
            for (option, values, _) in options {
                let ttl = match values.first() {
                    Some(Value::Integer(ttl)) => u8::try_from(*ttl).ok(),
                    _ => None,
                };
                match option.name {
                    "min_ttl" => peer.min_ttl = ttl,
                    _ => peer.max_ttl = ttl,
                }
            }
            if let (Some(min), Some(max)) = (peer.min_ttl, peer.max_ttl)
                && min > max
            {
                self.diagnostics.push(
                    Diagnostic::new(&code::E015_RANGE, line.whole(), "min_ttl is greater than max_ttl")
                        .label("no advert can pass"),
                );
            }
            peers.push(Setting::written(peer, line.at()));
        }
        peers
    }

    /// An entry of a list: its first value and its options. `None` when it is wrong.
    pub(super) fn entry<'w>(
        &mut self,
        place: &'static Place,
        line: &'w Statement<'_>,
    ) -> Option<(Value<'w>, Vec<EntryOption<'w>>)> {
        let entry = place.entry.as_ref()?;
        if let Some(block) = &line.block {
            self.diagnostics.push(
                Diagnostic::new(
                    &code::E013_BLOCK,
                    block.open,
                    format_args!("a line of `{}` takes no block", place.name),
                )
                .label("this block belongs to nothing"),
            );
        }
        let word = line.words.first()?;
        let value = match values::read(word, entry.first.kind) {
            Ok(read) => read.value,
            Err(refusal) => {
                self.diagnostics.push(
                    Diagnostic::new(
                        refusal.code,
                        word.at,
                        format_args!("`{}` cannot stand in `{}`", shorten(&word.text), place.name),
                    )
                    .label(format_args!("expected {}", refusal.expected))
                    .fix(refusal.fix),
                );
                return None;
            }
        };
        let options = self.options(place, entry, line)?;
        Some((value, options))
    }

    fn options<'w>(
        &mut self,
        place: &'static Place,
        entry: &'static Entry,
        line: &'w Statement<'_>,
    ) -> Option<Vec<EntryOption<'w>>> {
        let mut options: Vec<EntryOption<'w>> = Vec::new();
        let mut good = true;
        let mut rest = line.args();
        while let Some((word, after)) = rest.split_first() {
            let Some(option) = entry.option(&word.text) else {
                good &= self.unknown_option(place, entry, word);
                rest = after;
                continue;
            };
            self.option_status(option, word);
            match self.read_values(option, after, word.at, Extra::Leave) {
                Some((values, used)) => {
                    options.push((option, values, word));
                    rest = after.get(used..).unwrap_or_default();
                }
                None => {
                    good = false;
                    rest = after.get(option.args.len()..).unwrap_or_default();
                }
            }
        }
        good.then_some(options)
    }

    /// Says what the schema has to say about an option.
    pub(super) fn option_status(&mut self, option: &Keyword, word: &Word<'_>) {
        let name = option.name;
        match option.status {
            Status::Supported => {}
            Status::Renamed(new) => self.diagnostics.push(
                Diagnostic::new(&code::L003_RENAMED, word.at, format_args!("`{name}` is now called `{new}`"))
                    .fix(format_args!("write `{new}`")),
            ),
            Status::NoEffect(why) => self.diagnostics.push(
                Diagnostic::new(&code::L002_NO_EFFECT, word.at, format_args!("`{name}` has no effect here"))
                    .why(sentence(why)),
            ),
            Status::Outside(instead) => self.diagnostics.push(
                Diagnostic::new(&code::E027_UNSUPPORTED, word.at, format_args!("`{name}` is not part of locum"))
                    .why(sentence(instead)),
            ),
        }
    }

    pub(super) fn unknown_option(&mut self, place: &'static Place, entry: &'static Entry, word: &Word<'_>) -> bool {
        let text = word.text.as_ref();
        let diagnostic = Diagnostic::new(
            &code::E010_UNKNOWN,
            word.at,
            format_args!("unknown word `{}` in `{}`", shorten(text), place.name),
        );
        let is_address = values::network(text).is_ok();
        let is_prefix = text.strip_prefix('/').is_some_and(|len| len.parse::<u8>().is_ok());
        let diagnostic = match self.diagnostics.suggest(text, entry.options.iter().map(|option| option.name)) {
            _ if is_address => {
                diagnostic.label("a second address on this line").fix("put each address on a line of its own")
            }
            _ if is_prefix => diagnostic.fix("write it right behind the address, without a blank"),
            Some(meant) => diagnostic.fix(format_args!("did you mean `{meant}`?")),
            None => diagnostic,
        };
        self.diagnostics.push(diagnostic);
        false
    }

    fn address(&mut self, place: &'static Place, line: &Statement<'_>) -> Option<StaticAddress> {
        let (Value::Network(address, prefix), options) = self.entry(place, line)? else { return None };
        let full = if address.is_ipv4() { 32 } else { 128 };
        let mut result = VirtualAddress {
            address,
            prefix_len: prefix.unwrap_or(full),
            prefix_written: prefix.is_some(),
            interface: None,
            broadcast: None,
            scope: None,
            label: None,
            peer: None,
            home: false,
            detect_duplicates: false,
            manage_temporary: false,
            no_prefix_route: false,
            autojoin: false,
            no_track: false,
            virtual_mac: false,
            preferred_lifetime: Lifetime::Forever,
            at: At(line.whole()),
        };
        let mut lifetime = None;
        let mut track_group = None;
        let mut good = self.usable(address, line);
        for (option, values, word) in options {
            let text = match values.first() {
                Some(Value::Text(text)) => *text,
                _ => "",
            };
            let setting = || Setting::written(text.to_owned(), word.at);
            let refusal = match option.name {
                "dev" => {
                    result.interface = Some(setting());
                    None
                }
                "brd" | "broadcast" => broadcast(text, &result).map(|value| result.broadcast = Some(value)).err(),
                "scope" => match Scope::parse(text) {
                    Some(scope) => {
                        result.scope = Some(scope);
                        None
                    }
                    None => Some("expected global, site, link, host, nowhere or a number from 0 to 255"),
                },
                "label" if address.is_ipv6() => Some("only IPv4 addresses have labels"),
                "label" if text.len() > 15 => Some("a label has 15 bytes at most"),
                "label" => {
                    result.label = Some(Box::new(setting()));
                    None
                }
                "peer" => match values.first() {
                    Some(Value::Network(peer, prefix)) if peer.is_ipv4() == address.is_ipv4() => {
                        result.peer = Some((*peer, prefix.unwrap_or(full)));
                        None
                    }
                    _ => Some("the peer must be of the same family as the address"),
                },
                "preferred_lft" => match text.parse() {
                    Ok(seconds) => {
                        lifetime = Some(Lifetime::Seconds(seconds));
                        None
                    }
                    Err(_) if text == "forever" => {
                        lifetime = Some(Lifetime::Forever);
                        None
                    }
                    Err(_) => Some("expected a number of seconds or `forever`"),
                },
                "track_group" => {
                    track_group = Some(setting());
                    None
                }
                flag => {
                    set_flag(&mut result, flag);
                    None
                }
            };
            if let Some(expected) = refusal {
                good = false;
                self.diagnostics.push(
                    Diagnostic::new(
                        &code::E016_UNKNOWN_WORD,
                        word.at,
                        format_args!("`{}` does not fit here", option.name),
                    )
                    .label(expected),
                );
            }
        }
        result.preferred_lifetime = lifetime.unwrap_or(if address.is_ipv6() && result.prefix_len == 128 {
            Lifetime::Seconds(0)
        } else {
            Lifetime::Forever
        });
        good.then_some(StaticAddress { address: result, track_group })
    }

    /// Addresses that no host can have.
    fn usable(&mut self, address: IpAddr, line: &Statement<'_>) -> bool {
        let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
        let what = if address.is_unspecified() {
            "the unspecified address"
        } else if address.is_multicast() {
            "a multicast address"
        } else if broadcast {
            "the broadcast address"
        } else {
            return true;
        };
        self.diagnostics.push(
            Diagnostic::new(
                &code::E017_NOT_AN_ADDRESS,
                line.at(),
                format_args!("`{address}` cannot be put on an interface"),
            )
            .label(what),
        );
        false
    }
}

fn set_flag(address: &mut VirtualAddress, flag: &str) {
    match flag {
        "home" => address.home = true,
        "-nodad" => address.detect_duplicates = true,
        "mngtmpaddr" => address.manage_temporary = true,
        "noprefixroute" => address.no_prefix_route = true,
        "autojoin" => address.autojoin = true,
        "no_track" => address.no_track = true,
        "use_vmac" => address.virtual_mac = true,
        _ => {}
    }
}

fn broadcast(text: &str, of: &VirtualAddress) -> Result<Broadcast, &'static str> {
    if of.address.is_ipv6() {
        return Err("IPv6 has no broadcast");
    }
    match text {
        "+" | "-" if of.prefix_len > 30 => Err("the prefix leaves no host bits for a broadcast address"),
        "+" => Ok(Broadcast::HostBitsSet),
        "-" => Ok(Broadcast::HostBitsClear),
        address => address.parse().map(Broadcast::Address).map_err(|_| "expected an IPv4 address, `+` or `-`"),
    }
}
