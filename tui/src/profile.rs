//! What the terminal may be sent, decided from the environment and the options, without terminfo.

use std::env;
use std::time::Duration;

use crate::options::{AltScreen, Charset, Colour, Options};
use crate::theme::Palette;

/// At most this fast, a line counts as slow: it is drawn to in small pieces and seldom.
const SLOW_BITS_PER_S: u32 = 38_400;

/// What a terminal can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) palette: Palette,
    /// UTF-8; otherwise only ASCII is sent.
    pub(crate) unicode: bool,
    /// More than a vt100: the cursor can be hidden, moved relatively, and the last cell may be written.
    pub(crate) beyond_vt100: bool,
    /// Draw on the other screen.
    pub(crate) alt_screen: bool,
    /// How long a lone Esc waits for the rest of a sequence.
    pub(crate) escape_timeout: Duration,
    /// What the line carries, in bytes a second, where that is a limit.
    pub(crate) bytes_per_s: Option<u32>,
    /// `TERM`, if it was not recognised.
    pub(crate) unknown_term: Option<String>,
}

/// What the line to the terminal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A pseudo-terminal: a terminal emulator, tmux, SSH. Its speed says nothing.
    Pseudo,
    /// The machine's own screen and keyboard.
    Console,
    /// A serial line, with its speed in bits a second where it is known.
    Serial(Option<u32>),
}

/// The environment variables that matter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    pub(crate) term: Option<String>,
    pub(crate) colorterm: Option<String>,
    pub(crate) no_color: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) columns: Option<u16>,
    pub(crate) lines: Option<u16>,
    pub(crate) ssh: bool,
}

impl Environment {
    /// Reads the process's.
    pub(crate) fn read() -> Self {
        let text = |name: &str| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        let filled = |name: &str| text(name).filter(|value| !value.is_empty());
        Self {
            term: filled("TERM"),
            colorterm: filled("COLORTERM"),
            no_color: filled("NO_COLOR"),
            // The first that is set decides, as in setlocale(3).
            locale: filled("LC_ALL").or_else(|| filled("LC_CTYPE")).or_else(|| filled("LANG")),
            columns: text("COLUMNS").and_then(|value| value.parse().ok()),
            lines: text("LINES").and_then(|value| value.parse().ok()),
            ssh: filled("SSH_CONNECTION").is_some() || filled("SSH_TTY").is_some(),
        }
    }
}

/// What is known of a `TERM`.
struct Family {
    beyond_vt100: bool,
    palette: Palette,
    alt_screen: bool,
}

impl Profile {
    /// Decides.
    pub(crate) fn choose(environment: &Environment, line: Line, options: &Options) -> Self {
        let term = environment.term.as_deref().unwrap_or("");
        let known = family(term);
        let unknown_term = known.is_none().then(|| term.to_owned());
        let family = known.unwrap_or(Family { beyond_vt100: false, palette: Palette::Mono, alt_screen: false });
        let palette = match options.colour {
            Colour::Never => Palette::Mono,
            Colour::Sixteen => Palette::Sixteen,
            Colour::Indexed => Palette::Indexed,
            Colour::Auto if environment.no_color.is_some() => Palette::Mono,
            Colour::Auto if environment.colorterm.is_some() && family.palette == Palette::Sixteen => Palette::Indexed,
            Colour::Auto => family.palette,
        };
        let unicode = match options.charset {
            Charset::Ascii => false,
            Charset::Unicode => true,
            Charset::Auto => environment.locale.as_deref().is_some_and(|locale| {
                let locale = locale.to_ascii_lowercase();
                locale.contains("utf-8") || locale.contains("utf8")
            }),
        };
        let serial = matches!(line, Line::Serial(_));
        let alt_screen = match options.alt_screen {
            AltScreen::Always => true,
            AltScreen::Never => false,
            AltScreen::Auto => family.alt_screen && !serial,
        };
        let bits_per_s = options.baud.or(match line {
            Line::Serial(speed) => speed,
            Line::Pseudo | Line::Console => None,
        });
        let patience = if serial || environment.ssh { 250 } else { 50 };
        Self {
            palette,
            unicode,
            beyond_vt100: family.beyond_vt100,
            alt_screen,
            escape_timeout: options.escape_timeout.unwrap_or(Duration::from_millis(patience)),
            // A byte is ten bits on the line: start, eight of data, stop.
            bytes_per_s: bits_per_s.filter(|bits| *bits > 0).map(|bits| (bits / 10).max(1)),
            unknown_term,
        }
    }

    /// Whether the line is slow enough to be drawn to seldom.
    pub(crate) fn is_slow(&self) -> bool {
        self.bytes_per_s.is_some_and(|bytes| bytes <= SLOW_BITS_PER_S / 10)
    }
}

/// What is known of `term`. `None`: nothing, so it gets what a vt100 understands.
fn family(term: &str) -> Option<Family> {
    let name = term.to_ascii_lowercase();
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let many_colours = name.ends_with("-256color")
        || name.ends_with("-direct")
        || starts(&["alacritty", "foot", "ghostty", "kitty", "st-", "wezterm", "xterm-ghostty", "xterm-kitty"]);
    let (palette, alt_screen) = if many_colours {
        (Palette::Indexed, true)
    } else if starts(&["xterm", "screen", "tmux", "rxvt", "konsole", "gnome", "putty", "mlterm", "eterm", "st"]) {
        (Palette::Sixteen, true)
    } else if starts(&["linux", "cygwin", "ansi", "pcansi"]) {
        (Palette::Sixteen, false)
    } else if starts(&["vt220", "vt320", "vt420", "vt5"]) {
        return Some(Family { beyond_vt100: true, palette: Palette::Mono, alt_screen: false });
    } else if starts(&["vt100", "vt102", "vt1"]) {
        return Some(Family { beyond_vt100: false, palette: Palette::Mono, alt_screen: false });
    } else {
        return None;
    };
    Some(Family { beyond_vt100: true, palette, alt_screen })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options::new("/run/x".into())
    }

    fn environment(term: &str) -> Environment {
        Environment { term: Some(term.into()), ..Environment::default() }
    }

    fn choose(term: &str) -> Profile {
        Profile::choose(&environment(term), Line::Pseudo, &options())
    }

    #[test]
    fn terminals_get_what_they_understand() {
        for (term, palette, beyond, alt) in [
            ("vt100", Palette::Mono, false, false),
            ("vt102", Palette::Mono, false, false),
            ("vt220", Palette::Mono, true, false),
            ("linux", Palette::Sixteen, true, false),
            ("xterm", Palette::Sixteen, true, true),
            ("screen", Palette::Sixteen, true, true),
            ("xterm-256color", Palette::Indexed, true, true),
            ("tmux-256color", Palette::Indexed, true, true),
            ("xterm-kitty", Palette::Indexed, true, true),
            ("dumb", Palette::Mono, false, false),
            ("", Palette::Mono, false, false),
            ("no-such-thing", Palette::Mono, false, false),
        ] {
            let profile = choose(term);
            assert_eq!((profile.palette, profile.beyond_vt100, profile.alt_screen), (palette, beyond, alt), "{term}");
        }
        assert_eq!(choose("wy60").unknown_term.as_deref(), Some("wy60"));
        assert_eq!(choose("vt100").unknown_term, None);
    }

    #[test]
    fn colours_are_refused_by_no_color_and_by_option() {
        let mut coloured = environment("xterm-256color");
        coloured.no_color = Some("1".into());
        assert_eq!(Profile::choose(&coloured, Line::Pseudo, &options()).palette, Palette::Mono);
        let asked = Options { colour: Colour::Sixteen, ..options() };
        assert_eq!(Profile::choose(&coloured, Line::Pseudo, &asked).palette, Palette::Sixteen, "the option is nearer");
        let never = Options { colour: Colour::Never, ..options() };
        assert_eq!(Profile::choose(&environment("xterm"), Line::Pseudo, &never).palette, Palette::Mono);
    }

    #[test]
    fn utf8_only_where_the_locale_says_so() {
        for (locale, unicode) in [
            (None, false),
            (Some("C"), false),
            (Some("C.UTF-8"), true),
            (Some("de_DE.utf8"), true),
            (Some("de_DE.ISO-8859-1"), false),
        ] {
            let environment = Environment { locale: locale.map(str::to_owned), ..environment("xterm") };
            assert_eq!(Profile::choose(&environment, Line::Pseudo, &options()).unicode, unicode, "{locale:?}");
        }
    }

    #[test]
    fn a_serial_line_is_slow_patient_and_keeps_its_scrollback() {
        let profile = Profile::choose(&environment("xterm"), Line::Serial(Some(9_600)), &options());
        assert_eq!(profile.bytes_per_s, Some(960));
        assert!(profile.is_slow() && !profile.alt_screen);
        assert_eq!(profile.escape_timeout, Duration::from_millis(250));
        let fast = Profile::choose(&environment("xterm"), Line::Serial(Some(115_200)), &options());
        assert!(!fast.is_slow());
        assert_eq!(choose("xterm").bytes_per_s, None, "a pseudo-terminal's speed says nothing");
        assert_eq!(choose("xterm").escape_timeout, Duration::from_millis(50));
        let asked = Options { baud: Some(300), ..options() };
        assert_eq!(Profile::choose(&environment("vt100"), Line::Pseudo, &asked).bytes_per_s, Some(30));
    }
}
