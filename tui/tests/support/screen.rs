//! A terminal for tests: as much of a vt100 (and the little more that the console sends to better ones) as it takes to
//! know what is on the screen. Anything else it is sent is an error.

/// What a terminal shows.
pub struct Screen {
    cells: Vec<Vec<char>>,
    row: usize,
    column: usize,
    /// The last column was written: the next character goes to the next row.
    wraps: bool,
    pending: String,
    /// What was sent that no vt100 knows.
    pub beyond_vt100: Vec<String>,
}

impl Screen {
    pub fn new(columns: usize, rows: usize) -> Self {
        let cells = vec![vec![' '; columns]; rows];
        Self { cells, row: 0, column: 0, wraps: false, pending: String::new(), beyond_vt100: Vec::new() }
    }

    /// The rows as text.
    pub fn text(&self) -> String {
        let rows: Vec<String> =
            self.cells.iter().map(|row| row.iter().collect::<String>().trim_end().to_owned()).collect();
        rows.join("\n")
    }

    pub fn feed(&mut self, text: &str) {
        self.pending.push_str(text);
        loop {
            let Some(first) = self.pending.chars().next() else { return };
            if first != '\x1b' {
                self.pending.remove(0);
                self.letter(first);
                continue;
            }
            let Some(body) = self.pending.strip_prefix("\x1b[") else {
                assert!(self.pending.len() < 2, "not a control sequence: {:?}", self.pending);
                return;
            };
            let Some(end) = body.find(|letter: char| letter.is_ascii_alphabetic()) else { return };
            let sequence = body[..=end].to_owned();
            self.pending.drain(..2 + sequence.len());
            self.sequence(&sequence);
        }
    }

    fn letter(&mut self, letter: char) {
        match letter {
            '\r' => (self.column, self.wraps) = (0, false),
            '\n' => self.row = (self.row + 1).min(self.cells.len() - 1),
            '\x08' => (self.column, self.wraps) = (self.column.saturating_sub(1), false),
            _ => {
                assert!(!letter.is_control(), "{letter:?}");
                assert!(!self.wraps, "wrote beyond the last column");
                self.cells[self.row][self.column] = letter;
                self.wraps = self.column + 1 == self.cells[0].len();
                self.column = (self.column + 1).min(self.cells[0].len() - 1);
            }
        }
    }

    fn sequence(&mut self, sequence: &str) {
        let (parameters, last) = sequence.split_at(sequence.len() - 1);
        let numbers: Vec<usize> = parameters.split(';').map(|number| number.parse().unwrap_or(0)).collect();
        let vt100 = match last {
            "m" => parameters.split(';').all(|code| matches!(code, "" | "0" | "1" | "4" | "7")),
            "H" => {
                let at = |index: usize| numbers.get(index).copied().unwrap_or(0).max(1) - 1;
                self.row = at(0).min(self.cells.len() - 1);
                self.column = at(1).min(self.cells[0].len() - 1);
                self.wraps = false;
                true
            }
            "J" => {
                assert_eq!(parameters, "2");
                self.cells.iter_mut().for_each(|row| row.fill(' '));
                true
            }
            "K" => {
                assert_eq!(parameters, "");
                self.cells[self.row][self.column..].fill(' ');
                true
            }
            "n" => parameters == "6",
            "C" => {
                self.column = (self.column + numbers[0].max(1)).min(self.cells[0].len() - 1);
                false
            }
            "h" | "l" => {
                assert!(matches!(parameters, "?25" | "?1049"), "{sequence}");
                false
            }
            _ => panic!("unknown sequence {sequence:?}"),
        };
        if !vt100 {
            self.beyond_vt100.push(sequence.to_owned());
        }
    }
}
