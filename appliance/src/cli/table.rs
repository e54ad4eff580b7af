//! Columns.

use crate::text::Append;

/// Lines with their columns aligned to the left, two spaces between them.
pub(super) fn render(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.append(format_args!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_line_up_and_lines_end_where_their_words_do() {
        let rows = [["NAME", "STATE", ""], ["a", "MASTER", "x"]].map(|row| row.map(String::from).to_vec());
        assert_eq!(super::render(&rows), "NAME  STATE\na     MASTER  x\n");
    }
}
