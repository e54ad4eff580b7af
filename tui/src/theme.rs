//! What things look like. The views name a [`Tone`], never a colour, and never let a colour alone carry meaning.

use ratatui::style::{Color, Modifier, Style};

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
    /// The terminal's own eight, bright with bold. No assumption about the background.
    Sixteen,
    /// Those, and greys of the 256-colour palette.
    Indexed,
}

impl Palette {
    /// The look of `tone`.
    pub(crate) fn style(self, tone: Tone) -> Style {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let reverse = plain.add_modifier(Modifier::REVERSED);
        let coloured = |style: Style, colour: Color| match self {
            Self::Mono => style,
            Self::Sixteen | Self::Indexed => style.fg(colour),
        };
        match tone {
            Tone::Text => plain,
            Tone::Subdued => match self {
                // The eight colours have no grey that is legible on every background.
                Self::Mono | Self::Sixteen => plain,
                Self::Indexed => plain.fg(Color::Indexed(245)),
            },
            Tone::Bar | Tone::Selected => reverse,
            Tone::Heading => plain.add_modifier(Modifier::UNDERLINED),
            Tone::Key => bold,
            Tone::Master => coloured(bold, Color::Green),
            Tone::Backup => coloured(plain, Color::Cyan),
            Tone::Fault => coloured(bold, Color::Red),
            Tone::Init => coloured(plain, Color::Yellow),
            Tone::Warning => coloured(bold, Color::Yellow),
            Tone::Alert => coloured(bold.add_modifier(Modifier::REVERSED), Color::Red),
            Tone::Mark => coloured(plain, Color::Green),
        }
    }
}
