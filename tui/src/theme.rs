//! What things look like. The views name a [`Tone`], never a colour, and never let a colour alone carry meaning.

use ratatui::style::{Color, Modifier, Style};

use crate::options::Theme;

/// What a piece of the screen is, as far as its look is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Plain text.
    Text,
    /// Text that matters less.
    Subdued,
    /// The bar at the top.
    Bar,
    /// The head of a table or section.
    Heading,
    /// The marked line or button.
    Selected,
    /// A key in the footer.
    Key,
    /// MASTER.
    Master,
    /// BACKUP.
    Backup,
    /// FAULT.
    Fault,
    /// INIT.
    Init,
    /// Something to look at.
    Warning,
    /// Something that is wrong.
    Alert,
    /// An advert on the timeline.
    Mark,
}

/// How many colours there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Palette {
    /// None.
    Mono,
    /// The terminal's own eight, bright with bold.
    Sixteen,
    /// Those, and the rest of the 256-colour palette.
    Indexed,
}

/// What a theme does with the colours there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) palette: Palette,
    pub(crate) theme: Theme,
}

/// The colours of a theme; `None` leaves the terminal's own.
struct Colours {
    subdued: Option<Color>,
    master: Option<Color>,
    backup: Option<Color>,
    fault: Option<Color>,
    init: Option<Color>,
    warning: Option<Color>,
    mark: Option<Color>,
}

const NONE: Colours =
    Colours { subdued: None, master: None, backup: None, fault: None, init: None, warning: None, mark: None };

/// The eight colours have no grey that is legible on every background, so nothing is subdued in them.
const DARK: Colours = Colours {
    subdued: None,
    master: Some(Color::Green),
    backup: Some(Color::Cyan),
    fault: Some(Color::Red),
    init: Some(Color::Yellow),
    warning: Some(Color::Yellow),
    mark: Some(Color::Green),
};
const DARK_INDEXED: Colours = Colours { subdued: Some(Color::Indexed(245)), ..DARK };

/// Green, cyan and yellow cannot be read on white.
const LIGHT: Colours = Colours {
    subdued: None,
    master: Some(Color::Blue),
    backup: None,
    fault: Some(Color::Red),
    init: Some(Color::Magenta),
    warning: Some(Color::Magenta),
    mark: Some(Color::Blue),
};
const LIGHT_INDEXED: Colours = Colours {
    subdued: Some(Color::Indexed(240)),
    master: Some(Color::Indexed(22)),
    backup: Some(Color::Indexed(24)),
    fault: Some(Color::Indexed(124)),
    init: Some(Color::Indexed(94)),
    warning: Some(Color::Indexed(130)),
    mark: Some(Color::Indexed(22)),
};

/// Blue against yellow and orange, which people who cannot tell red from green can tell apart (after Okabe and Ito).
const COLOUR_BLIND: Colours = Colours {
    subdued: None,
    master: Some(Color::Cyan),
    backup: None,
    fault: Some(Color::Yellow),
    init: Some(Color::Magenta),
    warning: Some(Color::Yellow),
    mark: Some(Color::Cyan),
};
const COLOUR_BLIND_INDEXED: Colours = Colours {
    subdued: Some(Color::Indexed(245)),
    master: Some(Color::Indexed(75)),
    backup: None,
    fault: Some(Color::Indexed(208)),
    init: Some(Color::Indexed(175)),
    warning: Some(Color::Indexed(220)),
    mark: Some(Color::Indexed(75)),
};

impl Look {
    pub(crate) const MONO: Self = Self { palette: Palette::Mono, theme: Theme::Mono };

    /// The look of `tone`.
    pub(crate) fn style(self, tone: Tone) -> Style {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let colours = self.colours();
        let coloured = |style: Style, colour: Option<Color>| colour.map_or(style, |colour| style.fg(colour));
        match tone {
            Tone::Text => plain,
            Tone::Subdued => coloured(plain, colours.subdued),
            Tone::Bar | Tone::Selected => plain.add_modifier(Modifier::REVERSED),
            Tone::Heading => plain.add_modifier(Modifier::UNDERLINED),
            Tone::Key => bold,
            Tone::Master => coloured(bold, colours.master),
            Tone::Backup => coloured(plain, colours.backup),
            Tone::Fault => coloured(bold, colours.fault),
            Tone::Init => coloured(plain, colours.init),
            Tone::Warning => coloured(bold, colours.warning),
            Tone::Alert => coloured(bold.add_modifier(Modifier::REVERSED), colours.fault),
            Tone::Mark => coloured(plain, colours.mark),
        }
    }

    const fn colours(self) -> Colours {
        match (self.palette, self.theme) {
            (Palette::Mono, _) | (_, Theme::Mono) => NONE,
            (Palette::Sixteen, Theme::Dark) => DARK,
            (Palette::Indexed, Theme::Dark) => DARK_INDEXED,
            (Palette::Sixteen, Theme::Light) => LIGHT,
            (Palette::Indexed, Theme::Light) => LIGHT_INDEXED,
            (Palette::Sixteen, Theme::ColourBlind) => COLOUR_BLIND,
            (Palette::Indexed, Theme::ColourBlind) => COLOUR_BLIND_INDEXED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TONES: [Tone; 13] = [
        Tone::Text,
        Tone::Subdued,
        Tone::Bar,
        Tone::Heading,
        Tone::Selected,
        Tone::Key,
        Tone::Master,
        Tone::Backup,
        Tone::Fault,
        Tone::Init,
        Tone::Warning,
        Tone::Alert,
        Tone::Mark,
    ];

    fn colours(palette: Palette, theme: Theme) -> Vec<Color> {
        TONES.into_iter().filter_map(|tone| Look { palette, theme }.style(tone).fg).collect()
    }

    #[test]
    fn no_theme_has_a_colour_that_its_eyes_or_its_background_forbid() {
        for palette in [Palette::Sixteen, Palette::Indexed] {
            assert_eq!(colours(palette, Theme::Mono), []);
            let unsafe_for_all = [Color::Red, Color::Green];
            assert!(!colours(palette, Theme::ColourBlind).iter().any(|colour| unsafe_for_all.contains(colour)));
            let pale = [Color::Yellow, Color::Cyan, Color::Green, Color::White];
            assert!(!colours(palette, Theme::Light).iter().any(|colour| pale.contains(colour)));
        }
        for theme in Theme::ALL {
            assert_eq!(colours(Palette::Mono, theme), []);
            let indexed = |colour: &Color| matches!(colour, Color::Indexed(_));
            assert!(!colours(Palette::Sixteen, theme).iter().any(indexed), "{theme:?}");
        }
    }

    #[test]
    fn without_colours_what_is_wrong_still_stands_out() {
        let alert = Look::MONO.style(Tone::Alert);
        assert!(alert.add_modifier.contains(Modifier::REVERSED | Modifier::BOLD));
        for tone in [Tone::Fault, Tone::Warning] {
            assert!(Look::MONO.style(tone).add_modifier.contains(Modifier::BOLD));
        }
    }
}
