//! Any lines of UCI are read without a panic and come back as they were; an edit of them is refused, or does what it says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use locum_config::edit::{BlockName, Edit};
use locum_config::source::FileId;
use locum_config::{Surroundings, check};

fuzz_target!(|input: (u8, &str, &str)| {
    let (kind, value, lines) = input;
    let around = Surroundings::default();
    let text = format!("config globals 'globals'\n{lines}");
    let configuration = check("any", text.as_bytes(), &around);
    assert_eq!(configuration.sources().file(FileId::MAIN).map(|main| main.bytes()), Some(text.as_bytes()));
    assert_eq!(configuration.render_text(Default::default()).is_empty(), configuration.diagnostics().is_empty());
    let first = configuration.model().instances.first().map_or("V", |first| &first.name);
    let block = BlockName::instance(first);
    let words = vec!["198.18.0.1/24".to_owned(), "dev".to_owned(), value.to_owned()];
    let edit = match kind % 8 {
        0 => Edit::Set { block, keyword: "priority".into(), values: vec![value.into()] },
        1 => Edit::Set { block, keyword: "nopreempt".into(), values: Vec::new() },
        2 => Edit::Unset { block, keyword: "priority".into() },
        3 => Edit::AddEntry { block, list: "virtual_ipaddress".into(), words },
        4 => Edit::AddEntry { block, list: "unicast_peer".into(), words: vec![value.into()] },
        5 => Edit::RemoveEntry { block, list: "virtual_ipaddress".into(), entry: value.into() },
        6 => Edit::AddBlock { block: BlockName::instance(value) },
        _ => Edit::RemoveBlock { block },
    };
    let Ok(edited) = configuration.edit(std::slice::from_ref(&edit), &around) else { return };
    let again = check("any", edited.text().as_bytes(), &around);
    assert_eq!(again.model(), edited.configuration().model());
});
