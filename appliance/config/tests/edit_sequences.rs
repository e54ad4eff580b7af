//! Any sequence of edits does what it says, and every byte that is not part of an edited word stays: in files of both
//! syntaxes. `EDIT_SEQUENCES` is the number of sequences.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::OnceLock;

use locum_config::edit::{BlockName, Edit, EditError};
use locum_config::model::{Lifetime, Model, Peer, Setting, VirtualAddress};
use locum_config::source::FileId;
use locum_config::syntax;
use locum_config::{Configuration, Style, Surroundings, check};
use proptest::prelude::*;
use proptest::sample::Index;

/// Two instances in UCI, written by hand: without quotes, with comments, with two addresses in one value.
const UCI_BY_HAND: &str = "\
config globals\n\
# both are in one group\n\
config vrrp_instance\n  option name LAN # the inside\n  option interface br-lan\n  option virtual_router_id 51\n\
  option priority 110   # of 110\n  list unicast_peer 192.168.1.3\n  list unicast_peer 192.168.1.4\n\
  option unicast_src_ip 192.168.1.2\n  list virtual_ipaddress '192.168.1.1/24 192.168.1.5/24'\n\
\n\
config vrrp_instance\n\toption name \"WAN\"\n\toption interface wan\n\toption virtual_router_id 52\n\
\toption garp_master_refresh 60\n\tlist virtual_ipaddress 10.0.0.1/24\n\tlist virtual_ipaddress 10.0.0.2/24\n";

struct File {
    name: String,
    text: String,
    is_uci: bool,
}

/// The files of the corpus, each also with the line ends of DOS.
fn files() -> &'static [File] {
    static FILES: OnceLock<Vec<File>> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut files = vec![File { name: "by hand".into(), text: UCI_BY_HAND.into(), is_uci: true }];
        for (folder, is_uci) in [("scenarios", false), ("mistakes", false), ("field", false), ("uci", true)] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(folder);
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|extension| extension == "conf")
                    && let Ok(text) = fs::read_to_string(&path)
                {
                    files.push(File { name: path.display().to_string(), text, is_uci });
                }
            }
        }
        files.sort_by(|one, other| one.name.cmp(&other.name));
        // As many sequences for UCI as make a difference.
        let uci: Vec<File> = files.extract_if(.., |file| file.is_uci).collect();
        for file in uci.iter().cycle().take(files.len() / 2) {
            files.push(File { name: file.name.clone(), text: file.text.clone(), is_uci: true });
        }
        let dos = |file: &File| File {
            name: format!("{} with CRLF", file.name),
            text: file.text.replace("\r\n", "\n").replace('\n', "\r\n"),
            is_uci: file.is_uci,
        };
        let dos: Vec<File> = files.iter().map(dos).collect();
        files.extend(dos);
        files
    })
}

fn around() -> Surroundings<'static> {
    Surroundings { config_id: Some("main".into()), ..Surroundings::default() }
}

fn read(text: &str) -> Configuration {
    check("a.conf", text.as_bytes(), &around())
}

/// A kind of edit, with a number to choose what it is about.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Priority,
    Vrid,
    Announce,
    AddVip,
    RemoveVip,
    AddPeer,
    RemovePeer,
    RemoveInstance,
}

fn kind() -> impl Strategy<Value = Kind> {
    use Kind::{AddPeer, AddVip, Announce, Priority, RemoveInstance, RemovePeer, RemoveVip, Vrid};
    prop::sample::select(vec![Priority, Vrid, Announce, AddVip, RemoveVip, AddPeer, RemovePeer, RemoveInstance])
}

fn set(instance: &str, keyword: &str, value: &str) -> Edit {
    Edit::Set { block: BlockName::instance(instance), keyword: keyword.into(), values: vec![value.into()] }
}

/// The edit, and the model that should come of it. `None` where there is nothing to edit.
fn choose(kind: Kind, number: u8, model: &Model, is_uci: bool) -> Option<(Edit, Model)> {
    let mut after = model.clone();
    let at = usize::from(number) % model.instances.len().max(1);
    let instance = Arc::make_mut(after.instances.get_mut(at)?);
    if instance.broken {
        return None; // what holds of it once it is mended is not what holds of it now
    }
    let name = instance.name.value.clone();
    let block = || BlockName::instance(&name);
    let fresh: IpAddr = if instance.addresses.first().is_some_and(|vip| vip.address.is_ipv6()) {
        format!("fd00:77::{number:x}").parse().unwrap()
    } else {
        IpAddr::from([198, 18, 77, number])
    };
    let edit = match kind {
        Kind::Priority => {
            instance.priority.value = 1 + number % 254;
            set(&name, "priority", &instance.priority.value.to_string())
        }
        Kind::Vrid => {
            instance.vrid.value = number.max(1);
            set(&name, "virtual_router_id", &instance.vrid.value.to_string())
        }
        Kind::Announce => {
            instance.options_mut().garp.refresh_s.value = u32::from(number);
            set(&name, "garp_master_refresh", &number.to_string())
        }
        Kind::AddVip => {
            let last = instance.addresses.last()?.clone();
            let device = last.interface.clone().or(instance.interface.clone())?;
            let prefix_len = if fresh.is_ipv6() { 64 } else { 24 };
            // In UCI an address with a device is a section of its own, and an IPv4 address has a label then.
            let by_section = number.is_multiple_of(2);
            let mut words = vec![format!("{fresh}/{prefix_len}")];
            if !is_uci || by_section {
                words.extend(["dev".into(), device.value.clone()]);
            }
            let label = (is_uci && by_section && fresh.is_ipv4()).then(|| format!("{}:vip", device.value));
            words.extend(label.iter().flat_map(|label| ["label".to_owned(), label.clone()]));
            instance.addresses.push(VirtualAddress {
                address: fresh,
                prefix_len,
                prefix_written: true,
                interface: (!is_uci || by_section).then_some(device),
                label: label.map(Setting::implied).map(Box::new),
                broadcast: None,
                scope: None,
                peer: None,
                home: false,
                detect_duplicates: false,
                manage_temporary: false,
                no_prefix_route: false,
                autojoin: false,
                no_track: false,
                virtual_mac: false,
                preferred_lifetime: Lifetime::Forever,
                at: last.at,
            });
            Edit::AddEntry { block: block(), list: "virtual_ipaddress".into(), words }
        }
        Kind::RemoveVip => {
            let address = instance.addresses.get(usize::from(number) % instance.addresses.len().max(1))?.address;
            instance.addresses.retain(|vip| vip.address != address);
            (!instance.addresses.is_empty()).then_some(())?; // without any, the family is another one
            Edit::RemoveEntry { block: block(), list: "virtual_ipaddress".into(), entry: address.to_string() }
        }
        Kind::AddPeer => {
            instance.peers.last()?;
            instance.peers.get_mut().push(Setting::implied(Peer { address: fresh, min_ttl: None, max_ttl: None }));
            Edit::AddEntry { block: block(), list: "unicast_peer".into(), words: vec![fresh.to_string()] }
        }
        Kind::RemovePeer => {
            let address = instance.peers.get(usize::from(number) % instance.peers.len().max(1))?.address;
            instance.peers.get_mut().retain(|peer| peer.address != address);
            (!instance.peers.is_empty()).then_some(())?; // without any, multicast settings come into force
            Edit::RemoveEntry { block: block(), list: "unicast_peer".into(), entry: address.to_string() }
        }
        Kind::RemoveInstance => {
            after.instances.remove(at);
            Edit::RemoveBlock { block: block() }
        }
    };
    // What has an error is refused, so nothing is broken in what an edit gives.
    after.instances.iter_mut().for_each(|instance| Arc::make_mut(instance).broken = false);
    Some((edit, after))
}

/// What an edit did to the text: bytes that were taken away, and bytes that were put there, in one place.
fn replaced<'t>(before: &'t str, after: &'t str) -> (&'t str, &'t str) {
    let common = |pairs: &mut dyn Iterator<Item = (u8, u8)>| pairs.take_while(|(one, other)| one == other).count();
    let start = common(&mut before.bytes().zip(after.bytes()));
    let most = before.len().min(after.len()) - start;
    let end = common(&mut before.bytes().rev().zip(after.bytes().rev())).min(most);
    let middle = |text: &'t str| text.get(start..text.len() - end).unwrap();
    (middle(before), middle(after))
}

/// Whether all bytes of `part` stand in `whole`, in their order.
fn is_within(part: &str, whole: &str) -> bool {
    let mut rest = whole.bytes();
    part.bytes().all(|byte| rest.any(|other| other == byte))
}

/// What is wrong with the bytes that an edit changed.
fn judge(kind: Kind, before: &str, after: &str) -> Result<(), String> {
    let (gone, new) = replaced(before, after);
    let one_word = |text: &str| !text.contains(|c: char| c.is_whitespace() || matches!(c, '{' | '}' | '#' | '!'));
    let fits = match kind {
        // A number in place of another, or a line where there was none.
        Kind::Priority | Kind::Vrid | Kind::Announce => {
            (one_word(gone) && one_word(new) && gone.len() <= 4) || (gone.is_empty() && new.matches('\n').count() <= 2)
        }
        Kind::AddVip | Kind::AddPeer => is_within(before, after) && after.len() - before.len() < 250,
        Kind::RemoveVip | Kind::RemovePeer => {
            let removed = is_within(after, before) && before.len() - after.len() < 400;
            // In UCI the items that stay of a value are written anew.
            removed || (one_word(gone) && one_word(new))
        }
        Kind::RemoveInstance => is_within(after, before),
    };
    if fits { Ok(()) } else { Err(format!("{kind:?}: {gone:?} became {new:?}")) }
}

/// The comments of a file, in their order.
fn comments(text: &str) -> Vec<String> {
    let tokens = syntax::parse(text).descendants_with_tokens().filter_map(syntax::SyntaxElement::into_token);
    tokens.filter(|token| token.kind() == syntax::SyntaxKind::Comment).map(|token| token.text().to_owned()).collect()
}

fn sequences() -> u32 {
    std::env::var("EDIT_SEQUENCES").ok().and_then(|number| number.parse().ok()).unwrap_or(1_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: sequences(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_edits_do_what_they_say_and_no_more(
        file in any::<Index>(), edits in prop::collection::vec((kind(), any::<u8>()), 1..12),
    ) {
        let File { name, text, is_uci } = file.get(files());
        let mut configuration = read(text);
        for (kind, number) in edits {
            let Some((edit, model)) = choose(kind, number, configuration.model(), *is_uci) else { continue };
            let before = configuration.sources().file(FileId::MAIN).unwrap().text().to_owned();
            match configuration.edit(std::slice::from_ref(&edit), &around()) {
                Ok(edited) => {
                    prop_assert_eq!(edited.configuration().model(), &model, "{} {:?}", name, edit);
                    if let Err(error) = judge(kind, &before, edited.text()) {
                        prop_assert!(false, "{}: {}", name, error);
                    }
                    if !is_uci && !matches!(kind, Kind::RemoveInstance) {
                        prop_assert_eq!(comments(&before), comments(edited.text()), "{} {:?}", name, edit);
                    }
                    configuration = read(edited.text());
                    prop_assert_eq!(configuration.model(), &model, "{} {:?}", name, edit);
                }
                Err(EditError::Unwritable | EditError::Word) => prop_assert!(false, "{} {:?}", name, edit),
                // Two instances may get the same VRID, and what somebody names cannot be taken away; nothing else that is
                // tried here can be wrong where nothing was.
                Err(EditError::Invalid(with_errors)) => prop_assert!(
                    configuration.has_errors() || matches!(kind, Kind::Vrid | Kind::RemoveInstance),
                    "{}: {:?}: {}", name, edit, with_errors.render_errors(Style::default())
                ),
                Err(_) => {}
            }
        }
    }

    /// However often numbers change: set back to what they were, the file is what it was.
    #[test]
    fn numbers_that_are_set_back_give_the_file_back(
        file in any::<Index>(), edits in prop::collection::vec((any::<Index>(), any::<bool>(), any::<u8>()), 1..12),
    ) {
        let File { name, text, .. } = file.get(files());
        let original = read(text);
        let mut configuration = original.clone();
        let mut back = Vec::new();
        for (instance, is_priority, number) in edits {
            if original.model().instances.is_empty() {
                break;
            }
            let instance = instance.get(&original.model().instances);
            let (keyword, was) = match is_priority {
                true => ("priority", instance.priority),
                false => ("virtual_router_id", instance.vrid),
            };
            let Some(at) = was.at else { continue };
            let written = original.sources().text(at).to_owned();
            let edit = set(&instance.name, keyword, &number.max(1).to_string());
            if let Ok(edited) = configuration.edit(&[edit], &around()) {
                configuration = read(edited.text());
                back.push(set(&instance.name, keyword, written.trim_matches(['\'', '"'])));
            }
        }
        if let Ok(edited) = configuration.edit(&back, &around()) {
            prop_assert_eq!(edited.text(), text, "{}", name);
        } else {
            prop_assert!(original.has_errors(), "{} cannot be set back", name);
        }
    }
}

#[test]
fn enough_edits_are_made() {
    let kinds = [Kind::Priority, Kind::Announce, Kind::AddVip, Kind::RemoveVip, Kind::AddPeer, Kind::RemovePeer];
    for (is_uci, least) in [(false, 250), (true, 50)] {
        let mut made = 0;
        for file in files().iter().filter(|file| file.is_uci == is_uci) {
            let configuration = read(&file.text);
            for kind in kinds {
                let Some((edit, _)) = choose(kind, 7, configuration.model(), is_uci) else { continue };
                made += usize::from(configuration.edit(&[edit], &around()).is_ok());
            }
        }
        assert!(made >= least, "{made} edits of files in UCI: {is_uci}");
    }
}
