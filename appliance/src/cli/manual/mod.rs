//! Manual pages and completions of shells, from the definitions of the command line and the tables of the language.
//!
//! Only the example `manual` has it; it is not part of what runs on a router.

mod language;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::Generator;
use clap_complete::shells::{Bash, Fish, Zsh};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::arguments::definitions::command;
use super::verbs::{EXIT_CODES, LOCUM};

/// What the help has no room for. Titles and lines; a line with a tab is a term and what it means.
const MORE: [(&str, &[&str]); 4] = [
    (
        "FILES",
        &[
            "/etc/locum/locum.conf\tThe configuration, see locum.conf(5); else /etc/keepalived/keepalived.conf, else \
             OpenWrt's /etc/config/keepalived.",
            "/run/locum/control.sock\tThe control socket. Whoever is on the machine may look; root and members of the \
             group locum may change things.",
            "/run/locum\tThe journal of what is installed, the history, and what the operator has said.",
        ],
    ),
    (
        "SIGNALS",
        &[
            "SIGTERM, SIGINT\tHand over and end.",
            "SIGHUP\tAs locum reload.",
            #[cfg(feature = "keepalived")]
            "SIGUSR1, SIGUSR2, SIGRTMIN+2\tWith --keepalived-dumps, write keepalived.data, keepalived.stats and \
             keepalived.json; else ignored.",
        ],
    ),
    ("ENVIRONMENT", &["LOCUM_SOCKET\tThe control socket, where --socket does not name one.", "NO_COLOR\tNo colours."]),
    (
        "CALLED BY ANOTHER NAME",
        &[
            "locumd\tThe same as locum run.",
            #[cfg(feature = "keepalived")]
            "keepalived\tThe options, the log, the PID files, the signals and the dumps of keepalived(8), as far as VRRP \
             is concerned; keepalived --help lists them.",
        ],
    ),
];

/// Writes all of it below a folder, as it lies below /usr/share. Returns the files.
///
/// # Errors
/// What the file system says.
pub fn write_manual(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for (name, page) in pages()? {
        let section = name.rsplit_once('.').map_or("8", |(_, section)| section);
        files.push(write(&folder.join(format!("man/man{section}/{name}")), &page)?);
    }
    for (path, script) in [
        ("bash-completion/completions/locum", completions(Bash)),
        ("zsh/site-functions/_locum", completions(Zsh)),
        ("fish/vendor_completions.d/locum.fish", completions(Fish)),
    ] {
        files.push(write(&folder.join(path), &script)?);
    }
    Ok(files)
}

fn write(path: &Path, content: &[u8]) -> io::Result<PathBuf> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(path, content)?;
    Ok(path.to_owned())
}

fn completions(shell: impl Generator) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(&LOCUM), "locum", &mut script);
    script
}

/// The pages: locum(8), one for each verb, and locum.conf(5).
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut command = command(&LOCUM);
    command.build();
    let verbs: Vec<_> =
        command.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help").collect();
    let mut pages = vec![("locum.8".to_owned(), main_page(&command, &verbs)?)];
    for verb in verbs {
        let name = format!("locum-{}", verb.get_name());
        let mut page = Vec::new();
        // In the synopsis the verb stands as it is typed.
        let spaced = verb.clone().display_name(name.clone()).bin_name(format!("locum {}", verb.get_name()));
        let man = Man::new(spaced).section("8").title(name.clone()).source("locum");
        man.render(&mut page)?;
        #[cfg(feature = "keepalived")]
        if verb.get_name() == "keepalived" {
            let mut roff = Roff::default();
            roff.control("SH", ["OPTIONS OF KEEPALIVED"]).control("nf", []);
            roff.text([roman(super::keepalived::help())]).control("fi", []);
            roff.to_writer(&mut page)?;
        }
        see_also(&["locum(8)", "locum.conf(5)"]).to_writer(&mut page)?;
        pages.push((format!("{name}.8"), page));
    }
    pages.push(("locum.conf.5".to_owned(), language::page()));
    Ok(pages)
}

fn main_page(command: &Command, verbs: &[&Command]) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = Man::new(command.clone()).section("8").source("locum");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    let mut roff = Roff::default();
    roff.control("SH", ["COMMANDS"]);
    for verb in verbs {
        roff.control("TP", []);
        roff.text([bold(format!("locum-{}(8)", verb.get_name()))]);
        roff.text([roman(verb.get_about().map(ToString::to_string).unwrap_or_default())]);
    }
    roff.to_writer(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut roff = Roff::default();
    roff.control("SH", ["EXIT STATUS"]);
    roff.text([roman(EXIT_CODES)]);
    for (title, lines) in MORE {
        roff.control("SH", [title]);
        for line in lines {
            if let Some((term, meaning)) = line.split_once('\t') {
                roff.control("TP", []);
                roff.text([bold(term)]);
                roff.text([roman(meaning)]);
            }
        }
    }
    roff.to_writer(&mut page)?;
    see_also(&["locum.conf(5)", "keepalived.conf(5)"]).to_writer(&mut page)?;
    Ok(page)
}

fn see_also(pages: &[&str]) -> Roff {
    let mut roff = Roff::default();
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(pages.join(", "))]);
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verb_and_each_keyword_has_its_place() {
        let pages = pages().unwrap();
        let text = |name: &str| {
            let (_, page) = pages.iter().find(|(page, _)| page == name).unwrap_or_else(|| panic!("{name} is missing"));
            String::from_utf8(page.clone()).unwrap()
        };
        let main = text("locum.8");
        for verb in command(&LOCUM).get_subcommands().filter(|verb| !verb.is_hide_set()) {
            let escaped = verb.get_name().replace('-', "\\-");
            assert!(main.contains(&format!("locum\\-{escaped}(8)")), "{escaped}");
            assert!(text(&format!("locum-{}.8", verb.get_name())).contains(".SH SYNOPSIS"));
        }
        for title in ["EXIT STATUS", "FILES", "SIGNALS", "ENVIRONMENT", "SEE ALSO"] {
            assert!(main.lines().any(|line| line.trim_start_matches(".SH ").trim_matches('"') == title), "{title}");
        }
        let language = text("locum.conf.5");
        for place in locum_config::schema::places() {
            for keyword in place.keywords {
                let name = keyword.name.replace('-', "\\-");
                assert!(language.contains(&name), "{name}");
            }
        }
    }

    #[test]
    fn each_shell_knows_the_verbs_and_the_options() {
        for script in [completions(Bash), completions(Zsh), completions(Fish)] {
            let script = String::from_utf8(script).unwrap();
            for word in ["metrics", "textfile", "yield", "dry-run"] {
                assert!(script.contains(word), "{word}: {script}");
            }
        }
    }
}
