//! The user's terminal, given back also when the process that draws on it was killed.

use std::io::{self, IsTerminal, Write};

use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};

/// Leaves the other screen, shows the cursor and ends every attribute: what a console that was killed did not send.
/// Terminals that know none of it, as a vt100, ignore the first two.
const FAREWELL: &[u8] = b"\x1b[?1049l\x1b[?25h\x1b[m\r\n";

/// A terminal's settings as they were found.
pub(super) struct SavedTerminal(Termios);

impl SavedTerminal {
    /// Those of standard output; none if it is no terminal.
    pub(super) fn save() -> Option<Self> {
        let output = io::stdout();
        if output.is_terminal() { tcgetattr(&output).ok().map(Self) } else { None }
    }

    /// Puts them back.
    pub(super) fn restore(self) {
        let mut output = io::stdout();
        // A terminal that is gone needs nothing any more.
        let _ = tcsetattr(&output, SetArg::TCSANOW, &self.0);
        let _ = output.write_all(FAREWELL).and_then(|()| output.flush());
    }
}
