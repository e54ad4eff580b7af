//! An edit of any text is refused, or does what it says to the block that it names and leaves the others as they were.
#![no_main]

use libfuzzer_sys::fuzz_target;
use locum_config::edit::{BlockName, Edit};
use locum_config::{Surroundings, check};

fuzz_target!(|input: (u8, &str, &str)| {
    let (kind, value, text) = input;
    let around = Surroundings { config_id: Some("main".into()), ..Surroundings::default() };
    let configuration = check("any", text.as_bytes(), &around);
    let Some(first) = configuration.model().instances.first() else { return };
    let block = BlockName::instance(&first.name);
    let words = vec!["198.18.0.1/24".to_owned(), value.to_owned()];
    let edit = match kind % 10 {
        0 => Edit::Set { block, keyword: "priority".into(), values: vec![value.into()] },
        1 => Edit::Set { block, keyword: "auth_pass".into(), values: vec![value.into()] },
        2 => Edit::Unset { block, keyword: "priority".into() },
        3 => Edit::AddEntry { block, list: "virtual_ipaddress".into(), words },
        4 => Edit::RemoveBlock { block },
        5 => Edit::AddBlock { block: BlockName::instance(value) },
        6 => Edit::AddEntry { block, list: "virtual_routes".into(), words },
        7 => Edit::RemoveEntry { block, list: "virtual_ipaddress".into(), entry: value.into() },
        8 => Edit::AddEntry {
            block: BlockName::named("vrrp_sync_group", "G"),
            list: "group".into(),
            words: vec![value.into()],
        },
        _ => Edit::RemoveEntry {
            block: BlockName::named("vrrp_sync_group", "G"),
            list: "group".into(),
            entry: value.into(),
        },
    };
    let Ok(edited) = configuration.edit(std::slice::from_ref(&edit), &around) else { return };
    let again = check("any", edited.text().as_bytes(), &around);
    assert_eq!(again.model(), edited.configuration().model());
    let difference = configuration.difference(&again, ["before", "after"]);
    assert!(edited.changes() || difference.is_empty());
    for other in &configuration.model().instances {
        let untouched = *edit.block() != BlockName::instance(&other.name);
        if untouched && !other.broken {
            assert_eq!(again.model().instance(&other.name), Some(other));
        }
    }
});
