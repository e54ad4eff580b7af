//! The reference page is what the schema says.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

use locum_config::schema;

#[test]
fn the_page_of_keywords_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("KEYWORDS.md");
    let page = schema::reference();
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        std::fs::write(&path, &page).unwrap();
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = stands.lines().zip(page.lines()).position(|(stands, new)| stands != new);
    assert!(
        stands == page,
        "KEYWORDS.md is out of date, from line {:?} on: `INSTA_UPDATE=always cargo test -p locum-config --test reference`",
        differs.map(|line| line + 1)
    );
}

#[test]
fn every_keyword_stands_on_the_page() {
    let page = schema::reference();
    for place in schema::places() {
        for keyword in place.keywords {
            let row = page.lines().any(|line| {
                let word = line.strip_prefix("| `").and_then(|row| row.split([' ', '`']).next());
                word == Some(keyword.name)
            });
            assert!(row, "{} in {}", keyword.name, place.name);
        }
    }
}
