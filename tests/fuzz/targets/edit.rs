//! An edit of any text is refused, or does what it says to the instance that it names and leaves the others as they were.
#![no_main]

use libfuzzer_sys::fuzz_target;
use locum_config::edit::{Edit, List};
use locum_config::{Surroundings, check};

fuzz_target!(|input: (u8, &str, &str)| {
    let (kind, value, text) = input;
    let around = Surroundings { config_id: Some("main".into()), ..Surroundings::default() };
    let configuration = check("any", text.as_bytes(), &around);
    let Some(first) = configuration.model().instances.first() else { return };
    let instance = first.name.value.clone();
    let edit = match kind % 6 {
        0 => Edit::Set { instance, keyword: "priority".into(), values: vec![value.into()] },
        1 => Edit::Set { instance, keyword: "auth_pass".into(), values: vec![value.into()] },
        2 => Edit::Unset { instance, keyword: "priority".into() },
        3 => Edit::AddEntry { instance, list: List::Addresses, words: vec!["198.18.0.1/24".into(), value.into()] },
        4 => Edit::RemoveInstance { name: instance },
        _ => Edit::AddInstance { name: value.into() },
    };
    let Ok(edited) = configuration.edit(std::slice::from_ref(&edit), &around) else { return };
    let again = check("any", edited.text().as_bytes(), &around);
    assert_eq!(again.model(), edited.configuration().model());
    for other in configuration.model().instances.iter().filter(|it| it.name.value != edit.instance() && !it.broken) {
        assert_eq!(again.model().instance(&other.name), Some(other));
    }
});
