//! Any bytes are read, as keepalived.conf or as UCI, without a panic, and come back from the tree as they were.
#![no_main]

use libfuzzer_sys::fuzz_target;
use locum_config::source::FileId;
use locum_config::{Style, Surroundings, check};

fuzz_target!(|bytes: &[u8]| {
    let around = Surroundings { config_id: Some("main".into()), ..Surroundings::default() };
    let configuration = check("any", bytes, &around);
    assert_eq!(configuration.sources().file(FileId::MAIN).map(|main| main.bytes()), Some(bytes));
    if let Some(tree) = configuration.tree(FileId::MAIN) {
        assert_eq!(tree.text().to_string().as_bytes(), bytes);
    }
    let text = configuration.render_text(Style { color: false, width: 80 });
    assert_eq!(text.is_empty(), configuration.diagnostics().is_empty());
    for instance in &configuration.model().instances {
        assert_eq!(instance.broken, configuration.causes(&instance.name).next().is_some());
    }
});
