//! Which keys the rows of the table have: those that stand there, or those of the user's configuration.

use super::{Action, BINDINGS, Binding, Context, as_word, in_context};
use crate::key::Key;

/// The keys, as far as they are not those of the table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keymap {
    /// A row of the table, and its keys.
    changed: Vec<(usize, Vec<Key>)>,
}

impl Keymap {
    /// What `key` does in `context`.
    pub(crate) fn lookup(&self, context: Context, key: Key) -> Option<Action> {
        in_context(context).find(|binding| self.keys(binding).contains(&key)).map(|binding| binding.action)
    }

    /// The keys of a row of the table, the one to show first.
    pub(crate) fn keys(&self, binding: &'static Binding) -> &[Key] {
        let is_it =
            |(row, _): &&(usize, Vec<Key>)| BINDINGS.get(*row).is_some_and(|other| std::ptr::eq(other, binding));
        self.changed.iter().find(is_it).map_or(binding.keys, |(_, keys)| keys)
    }

    /// Gives several actions other keys at once, so that they can change places; each comes with the number of its line.
    /// Returns what is wrong.
    pub(crate) fn rebind_all(&mut self, lines: &[(usize, String, String)]) -> Vec<(usize, String)> {
        // While they are exchanged, none of them has a key.
        for row in lines.iter().filter_map(|(_, word, _)| row_of(word)) {
            self.changed.retain(|(other, _)| *other != row);
            self.changed.push((row, Vec::new()));
        }
        let mut problems = Vec::new();
        for (number, word, keys) in lines {
            if let Err(problem) = self.rebind(word, keys) {
                problems.push((*number, problem));
            }
        }
        // One that got none has those of the table again, as far as they are still free.
        let without: Vec<usize> =
            self.changed.iter().filter(|(_, keys)| keys.is_empty()).map(|(row, _)| *row).collect();
        for binding in without.iter().filter_map(|row| BINDINGS.get(*row)) {
            let free = binding.keys.iter().filter(|key| self.rebind(&as_word(binding.name), &key.to_string()).is_ok());
            let free: Vec<String> = free.map(Key::to_string).collect();
            let _ = self.rebind(&as_word(binding.name), &free.join(" "));
        }
        problems
    }

    /// Gives the action of this name other keys, as `Y` or `Ctrl-Y F`. What is wrong is said; nothing changes then.
    ///
    /// Dialogs and the line that is typed keep their keys: there, letters are text, or answers that nobody should learn
    /// anew.
    pub(crate) fn rebind(&mut self, word: &str, keys: &str) -> Result<(), String> {
        let Some((row, binding)) = row_of(word).and_then(|row| Some((row, BINDINGS.get(row)?))) else {
            let names = BINDINGS.iter().filter(|binding| !is_fixed(binding)).map(|binding| as_word(binding.name));
            let nearest = names.into_iter().find(|name| name.starts_with(word));
            let hint = nearest.filter(|_| !word.is_empty()).map_or_else(String::new, |name| format!(": \"{name}\"?"));
            return Err(format!("there is no action \"{word}\"{hint}"));
        };
        let keys: Vec<Key> = keys.split_whitespace().map(parsed).collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(format!("\"{word}\" needs a key"));
        }
        if keys.contains(&Key::Esc) && !matches!(binding.action, Action::Back | Action::ShowAll) {
            return Err("Esc only ever goes back".to_owned());
        }
        for key in &keys {
            for other in BINDINGS.iter().filter(|other| !std::ptr::eq(*other, binding)) {
                let shared = other.contexts.iter().find(|context| binding.contexts.contains(context));
                if let Some(context) = shared.filter(|_| self.keys(other).contains(key)) {
                    let (name, place) = (other.name, context.name());
                    return Err(format!(
                        "{key} is the key for {name} on the screen {place}: give that another one first"
                    ));
                }
            }
        }
        self.changed.retain(|(other, _)| *other != row);
        self.changed.push((row, keys));
        Ok(())
    }
}

/// Dialogs and the line that is typed keep their keys.
fn is_fixed(binding: &Binding) -> bool {
    binding.contexts.iter().any(|context| matches!(context, Context::Prompt | Context::Form | Context::Dialog))
}

/// The row of the action of this name.
fn row_of(word: &str) -> Option<usize> {
    BINDINGS.iter().position(|binding| !is_fixed(binding) && as_word(binding.name) == word)
}

/// A key by its name, as the help shows it.
fn parsed(text: &str) -> Result<Key, String> {
    let named = [
        Key::Up,
        Key::Down,
        Key::Left,
        Key::Right,
        Key::Home,
        Key::End,
        Key::PageUp,
        Key::PageDown,
        Key::Enter,
        Key::Esc,
        Key::Tab,
        Key::BackTab,
        Key::Backspace,
        Key::Char(' '),
    ];
    if let Some(key) = named.into_iter().find(|key| key.to_string().eq_ignore_ascii_case(text)) {
        return Ok(key);
    }
    let is_ctrl = text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("ctrl-"));
    let rest = if is_ctrl { text.get(5..).unwrap_or_default() } else { text };
    let mut letters = rest.chars();
    match (letters.next(), letters.next(), is_ctrl) {
        (Some(letter), None, true) if letter.is_ascii_alphabetic() => match letter.to_ascii_lowercase() {
            // Flow control, the shell's own keys, and those that terminals send as Enter, Tab and Backspace.
            's' | 'q' | 'z' | 'v' | 'o' | 'c' | 'l' => {
                Err(format!("Ctrl-{letter} belongs to the line or the terminal"))
            }
            'h' | 'i' | 'j' | 'm' => Err(format!("a terminal sends Ctrl-{letter} as another key")),
            letter => Ok(Key::Ctrl(letter)),
        },
        (Some(letter), None, false) if !letter.is_control() => Ok(Key::Char(letter)),
        _ => Err(format!("\"{text}\" is no key: a letter, Ctrl-A, Enter, Tab, Space, Up, PgDn and the like")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_can_be_exchanged_and_nothing_is_bound_twice() {
        let mut keymap = Keymap::default();
        assert!(keymap.rebind("yield", "P").unwrap_err().contains("the key for priority on the screen Overview"));
        keymap.rebind("priority", "Y").unwrap();
        keymap.rebind("yield", "P Ctrl-Y").unwrap();
        assert_eq!(keymap.lookup(Context::Overview, Key::Char('P')), Some(Action::Yield));
        assert_eq!(keymap.lookup(Context::Instance, Key::Ctrl('y')), Some(Action::Yield));
        assert_eq!(keymap.lookup(Context::Overview, Key::Char('Y')), Some(Action::Priority));
        assert_eq!(keymap.lookup(Context::Overview, Key::Char('y')), None);
        assert_eq!(keymap.lookup(Context::Dialog, Key::Char('y')), Some(Action::Confirm), "dialogs keep theirs");
        let line = |number: usize, word: &str, keys: &str| (number, word.to_owned(), keys.to_owned());
        let mut other = Keymap::default();
        assert_eq!(other.rebind_all(&[line(1, "yield", "P"), line(2, "priority", "y")]), [], "they change places");
        assert_eq!(other.lookup(Context::Overview, Key::Char('P')), Some(Action::Yield));
        let problems = other.rebind_all(&[line(3, "yield", "q")]);
        assert!(problems.len() == 1 && problems[0].0 == 3, "{problems:?}");
        keymap.rebind("yield", "y").unwrap();
        assert_eq!(keymap.lookup(Context::Overview, Key::Char('P')), None, "the last word holds");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let mut keymap = Keymap::default();
        for (word, keys, says) in [
            ("yeld", "Y", "no action \"yeld\""),
            ("yiel", "Y", "\"yield\"?"),
            ("yield", "", "needs a key"),
            ("yield", "F1", "is no key"),
            ("yield", "Ctrl-S", "belongs to the line"),
            ("yield", "Ctrl-M", "as another key"),
            ("yield", "Esc", "only ever goes back"),
            ("choose", "x", "no action"),
        ] {
            let error = keymap.rebind(word, keys).unwrap_err();
            assert!(error.contains(says), "{word} = {keys}: {error}");
        }
        assert!(keymap.changed.is_empty());
    }

    #[test]
    fn every_key_of_the_table_can_be_named() {
        for key in BINDINGS.iter().flat_map(|binding| binding.keys) {
            match parsed(&key.to_string()) {
                Ok(parsed) => assert_eq!(parsed, *key),
                Err(reserved) => assert!(reserved.contains("Ctrl-") || reserved.contains("terminal"), "{reserved}"),
            }
        }
    }
}
