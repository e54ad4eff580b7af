//! locum.conf(5), from the reference of the language, which is made from the tables that reading uses.

use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use locum_config::schema;

const HEAD: [&str; 2] = [
    "The configuration of locum, in the syntax of keepalived.conf(5): a keyword and its values on a line, blocks in braces, \
     comments after # or !. locum reads keepalived's file as it is. locum check says what it makes of a file, locum explain \
     WORD what a word of it means.",
    "Below stands every keyword that has to do with VRRP, by the block that it stands in, with what locum does about it where \
     it is anything else than what keepalived.conf(5) describes, and the release of keepalived that brought it; one without \
     a release is locum's own.",
];

/// The page.
pub(super) fn page() -> Vec<u8> {
    let mut roff = Roff::default();
    roff.control("TH", ["locum.conf", "5", "", "locum", ""]);
    roff.control("SH", ["NAME"]).text([roman("locum.conf - configuration of locum")]);
    roff.control("SH", ["DESCRIPTION"]);
    for paragraph in HEAD {
        roff.control("PP", []).text([roman(paragraph)]);
    }
    roff.control("SH", ["KEYWORDS"]);
    let reference = schema::reference();
    // What comes before the first block is a description of the other form of this page.
    for line in reference.lines().skip_while(|line| !line.starts_with("## ")) {
        if let Some(title) = line.strip_prefix("## ") {
            roff.control("SS", [title.replace('`', "").as_str()]);
        } else if line.starts_with("A line: ") {
            roff.control("PP", []).text(marked(line));
        } else if let Some([usage, meaning, acted, since]) = cells(line) {
            roff.control("TP", []).text([bold(usage.trim_matches('`'))]);
            let mut text = marked(&meaning);
            if acted != "yes" {
                text.extend(marked(&format!(" Here: {acted}.")));
            }
            if !since.is_empty() {
                text.push(italic(format!(" {since}")));
            }
            roff.text(text);
        }
    }
    roff.control("SH", ["SEE ALSO"]).text([roman("locum(8), locum-check(8), locum-explain(8), keepalived.conf(5)")]);
    roff.render().into_bytes()
}

/// The cells of a row, without the rows that only shape the table.
fn cells(line: &str) -> Option<[String; 4]> {
    let row = line.strip_prefix("| `")?;
    let plain = |cell: &str| cell.replace("\\|", "|").replace("&lt;", "<");
    let mut cells = row.split(" | ").map(plain);
    Some([cells.next()?, cells.next()?, cells.next()?, cells.next()?.trim_end_matches('|').trim().to_owned()])
}

/// What stands between backquotes is bold.
fn marked(text: &str) -> Vec<Inline> {
    let parts = text.split('`').enumerate();
    parts.map(|(index, part)| if index % 2 == 1 { bold(part) } else { roman(part) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_they_are_written() {
        let row = "| `a \\| b &lt;c` | Means `x`. | yes | 1.2 |";
        assert_eq!(cells(row), Some(["a | b <c`".into(), "Means `x`.".into(), "yes".into(), "1.2".into()]));
        assert_eq!(cells("| `a` | b | no: c |  |").unwrap()[3], "");
        assert_eq!(cells("| --- | --- | --- | --- |"), None);
        assert_eq!(cells("| keyword | meaning | acted on | since |"), None);
    }
}
