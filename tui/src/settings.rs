//! The configuration file of the console: `$XDG_CONFIG_HOME/locum/console.conf`, else `~/.config/locum/console.conf`, else
//! `/etc/locum/console.conf`. The first one that is there counts; a line is `name = value`.

use std::env;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use crate::action::Keymap;
use crate::columns::Columns;
use crate::model::Sort;
use crate::options::{AltScreen, Charset, Colour, Options, Theme};
use crate::text::{clean, seconds};

/// A file that is longer is none of ours.
const FILE_BYTES_MAX: u64 = 64 * 1024;
const SYSTEM: &str = "/etc/locum/console.conf";

/// What only the configuration file can say: keys, columns, order. [`Options::configured`] reads it.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub(crate) keymap: Keymap,
    pub(crate) columns: Columns,
    pub(crate) sort: Sort,
    /// What is wrong with the file, a sentence each.
    pub(crate) problems: Vec<String>,
}

/// Reads the file into the options. What is wrong with it is said on the screen; the rest of it holds.
pub(crate) fn load(options: &mut Options) {
    let Some((path, text)) = candidates().into_iter().find_map(|path| match read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        found => Some((path, found)),
    }) else {
        return;
    };
    let name = clean(&path.display().to_string(), 100);
    match text {
        Ok(text) => {
            for (number, problem) in apply(&text, options) {
                options.settings.problems.push(format!("{name} line {number}: {problem}"));
            }
        }
        Err(error) => options.settings.problems.push(format!("{name}: {error}")),
    }
}

fn candidates() -> Vec<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let own = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")));
    own.map(|base| base.join("locum/console.conf")).into_iter().chain([PathBuf::from(SYSTEM)]).collect()
}

fn read(path: &PathBuf) -> io::Result<String> {
    let mut bytes = Vec::new();
    let count = File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if count as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other("longer than 64 KiB: not read"));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("not UTF-8: not read"))
}

/// Puts the lines into effect; returns those that are wrong, with their numbers.
fn apply(text: &str, options: &mut Options) -> Vec<(usize, String)> {
    let mut problems = Vec::new();
    let mut keys = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // A comment stands behind two blanks or a tab, so that a key can be `#`.
        let line = line.split_once("  #").or_else(|| line.split_once("\t#")).map_or(line, |(line, _)| line.trim_end());
        let outcome = match line.split_once('=') {
            None => Err("this is no \"name = value\"".to_owned()),
            // A `=` behind the first one is a key.
            Some((name, value)) => match name.trim().split_once(char::is_whitespace) {
                Some(("key", action)) => {
                    keys.push((index + 1, action.trim().to_owned(), value.trim().to_owned()));
                    Ok(())
                }
                _ => set(name.trim(), value.trim(), options),
            },
        };
        if let Err(problem) = outcome {
            problems.push((index + 1, clean(&problem, 200)));
        }
    }
    for (number, problem) in options.settings.keymap.rebind_all(&keys) {
        problems.push((number, clean(&problem, 200)));
    }
    problems.sort();
    problems
}

fn set(name: &str, value: &str, options: &mut Options) -> Result<(), String> {
    match name {
        "theme" => options.theme = named(value, Theme::ALL.map(|theme| (theme.name(), theme)))?,
        "color" | "colour" => {
            let words =
                [("auto", Colour::Auto), ("never", Colour::Never), ("16", Colour::Sixteen), ("256", Colour::Indexed)];
            options.colour = named(value, words)?;
        }
        "charset" => {
            let words = [("auto", Charset::Auto), ("ascii", Charset::Ascii), ("utf-8", Charset::Unicode)];
            options.charset = named(value, words)?;
        }
        "alt-screen" => {
            let words = [("auto", AltScreen::Auto), ("never", AltScreen::Never), ("always", AltScreen::Always)];
            options.alt_screen = named(value, words)?;
        }
        "readonly" => options.readonly = named(value, [("yes", true), ("no", false)])?,
        "idle-lock" => {
            let long = if value == "never" { None } else { Some(time(value)?) };
            options.idle_lock = long.map(Duration::from_secs);
        }
        "escape-timeout-ms" => {
            let ms = value.parse().ok().filter(|ms| (1..=5_000).contains(ms));
            let ms = ms.ok_or_else(|| format!("\"{value}\" is no number from 1 to 5000"))?;
            options.escape_timeout = Some(Duration::from_millis(ms));
        }
        "baud" => {
            let baud = value.parse().ok().filter(|baud| *baud > 0);
            options.baud = Some(baud.ok_or_else(|| format!("\"{value}\" is no speed in bits a second"))?);
        }
        "columns" => options.settings.columns = Columns::read(value)?,
        "sort" => options.settings.sort = named(value, Sort::ALL.map(|sort| (sort.name(), sort)))?,
        _ => {
            return Err(format!(
                "there is no setting \"{name}\": theme, color, charset, alt-screen, readonly, idle-lock, \
                 escape-timeout-ms, baud, columns, sort, key ACTION"
            ));
        }
    }
    Ok(())
}

fn time(value: &str) -> Result<u64, String> {
    seconds(value).ok_or_else(|| format!("\"{value}\" is no time: never, 90s, 10m, 2h"))
}

/// The thing of this name.
fn named<T: Copy, const N: usize>(value: &str, words: [(&str, T); N]) -> Result<T, String> {
    let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(value)).map(|(_, thing)| *thing);
    found.ok_or_else(|| format!("\"{value}\" is none of {}", words.map(|(word, _)| word).join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{Action, Context};
    use crate::columns::Column;
    use crate::key::Key;

    #[test]
    fn the_file_says_how_the_console_is() {
        let mut options = Options::new("/x".into());
        let text = "# mine\n theme = light   # at noon\ncolor=16\ncharset = ascii\nalt-screen = never\nreadonly = yes\n\
                    idle-lock = 10m\nescape-timeout-ms = 400\nbaud = 9600\ncolumns = name state master\nsort = vrid\n\
                    key priority = y\nkey yield = P\nkey closer = = +\n\n";
        assert_eq!(apply(text, &mut options), []);
        assert_eq!((options.theme, options.colour, options.charset), (Theme::Light, Colour::Sixteen, Charset::Ascii));
        assert_eq!((options.alt_screen, options.readonly, options.baud), (AltScreen::Never, true, Some(9_600)));
        assert_eq!(options.idle_lock, Some(Duration::from_secs(600)));
        assert_eq!(options.escape_timeout, Some(Duration::from_millis(400)));
        assert_eq!(options.settings.columns.chosen().unwrap(), [Column::Name, Column::State, Column::Master]);
        assert_eq!(options.settings.sort, Sort::Vrid);
        let keymap = &options.settings.keymap;
        assert_eq!(keymap.lookup(Context::Overview, Key::Char('y')), Some(Action::Priority), "they change places");
        assert_eq!(keymap.lookup(Context::Overview, Key::Char('P')), Some(Action::Yield));
        assert_eq!(keymap.lookup(Context::Instance, Key::Char('=')), Some(Action::ZoomIn));
    }

    #[test]
    fn a_broken_line_is_named_and_the_others_hold() {
        let mut options = Options::new("/x".into());
        let text =
            "theme = pink\ntheme\nsort = name\nfont = big\nkey yield = q\nidle-lock = soon\nkey = y\ncolumns = x";
        let problems = apply(text, &mut options);
        let wanted = [
            (1, "\"pink\" is none of dark, light, mono, colour-blind"),
            (2, "no \"name = value\""),
            (4, "no setting \"font\""),
            (5, "the key for quit"),
            (6, "is no time"),
            (7, "no setting \"key\""),
            (8, "no column \"x\""),
        ];
        assert_eq!(problems.len(), wanted.len(), "{problems:?}");
        for ((number, problem), (line, words)) in problems.iter().zip(wanted) {
            assert!(*number == line && problem.contains(words), "{number}: {problem}");
        }
        assert_eq!((options.settings.sort, options.theme), (Sort::Name, Theme::Dark));
    }
}
