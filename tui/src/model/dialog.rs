//! A question to the user: what will happen, fields to fill in, and buttons of which the first does nothing.

use std::sync::Arc;

use locum_control::{Edit, List, Verb};

use crate::columns::Column;
use crate::schema::{Keyword, Takes};
use crate::text::seconds;

/// The longest text of a field.
const FIELD_CHARS_MAX: usize = 200;

/// A question to the user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dialog {
    /// The service that it is about.
    pub(crate) node: usize,
    pub(crate) title: String,
    /// What will happen.
    pub(crate) lines: Vec<String>,
    /// What changes in the file, as `diff -u` has it.
    pub(crate) diff: Vec<String>,
    /// How far the text is scrolled, in lines.
    pub(crate) scroll: usize,
    pub(crate) fields: Vec<Field>,
    /// The first one leaves everything as it is.
    pub(crate) buttons: Vec<Button>,
    /// What is marked: a field, or behind them a button.
    pub(crate) at: usize,
    /// The order of which it is being asked what would follow.
    pub(crate) foresees: Option<Verb>,
    /// The words that may stand behind a virtual address; any, if none are known.
    pub(crate) words: Arc<Vec<Keyword>>,
}

/// A button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Button {
    pub(crate) name: String,
    pub(crate) does: Does,
}

/// What a button does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    /// Nothing: the dialog goes.
    Cancel,
    /// Asks the service.
    Order(Verb),
    /// Asks the service what the fields would change.
    Preview(Subject),
    /// Shows every option of this instance.
    AllOptions(String),
    /// Shows the columns that the fields say yes to.
    Columns,
    /// Shows as many columns as fit.
    AutoColumns,
}

/// What a form is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The options of this instance.
    Edit(String),
    /// An instance that is not there yet.
    New,
    /// That this instance goes.
    Remove(String),
}

/// A value that can be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) label: String,
    pub(crate) kind: Kind,
    /// What holds now.
    pub(crate) before: String,
    pub(crate) text: String,
}

/// What may be typed into a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A whole number as the value of an option.
    Number { keyword: &'static str, least: u32, most: u32 },
    /// Seconds as the value of an option; limits in hundredths of a second.
    Seconds { keyword: &'static str, least_cs: u32, most_cs: u32, is_whole: bool },
    /// "yes" or "no"; an option of this name, which has no value, stands for "no".
    Preempt,
    /// "yes" or "no", whether a yielding router takes over when nobody else is heard.
    LastResort,
    /// "yes" or "no", whether a column is shown.
    Column(Column),
    /// A time, as 90s, 30m, 2h.
    Time,
    /// The name of a new instance.
    Name,
    /// A word as the value of an option.
    Word { keyword: &'static str },
    /// Any option, as the schema has it.
    Other(Arc<Keyword>),
    /// Addresses, with commas between them; a line of a list each.
    Addresses(List),
}

impl Kind {
    /// Whether it is yes or no.
    pub(crate) fn is_switch(&self) -> bool {
        match self {
            Self::Preempt | Self::LastResort | Self::Column(_) => true,
            Self::Other(keyword) => keyword.takes == Takes::Nothing,
            Self::Number { .. }
            | Self::Seconds { .. }
            | Self::Time
            | Self::Name
            | Self::Word { .. }
            | Self::Addresses(_) => false,
        }
    }
}

impl Dialog {
    /// A question with nothing to fill in. Cancel is marked.
    pub(crate) fn question(title: &str, lines: Vec<String>, buttons: Vec<(&str, Verb)>) -> Self {
        let ordered = buttons.into_iter().map(|(name, verb)| Button { name: name.into(), does: Does::Order(verb) });
        let cancel = Button { name: "Cancel".into(), does: Does::Cancel };
        Self {
            node: 0,
            title: title.into(),
            lines,
            diff: Vec::new(),
            scroll: 0,
            fields: Vec::new(),
            buttons: std::iter::once(cancel).chain(ordered).collect(),
            at: 0,
            foresees: None,
            words: Arc::default(),
        }
    }

    /// The same with fields; Cancel stays marked.
    pub(crate) fn with_fields(mut self, fields: Vec<Field>) -> Self {
        self.at = fields.len();
        self.fields = fields;
        self
    }

    /// The field that has the keys.
    pub(crate) fn field(&self) -> Option<&Field> {
        self.fields.get(self.at)
    }

    /// The button that is marked.
    pub(crate) fn button(&self) -> Option<&Button> {
        self.buttons.get(self.at.checked_sub(self.fields.len())?)
    }

    /// Marks the next thing, or the one before.
    pub(crate) fn step(&mut self, forward: bool) {
        let count = self.fields.len() + self.buttons.len();
        self.at = (self.at + if forward { 1 } else { count.saturating_sub(1) }) % count.max(1);
    }

    /// Marks a field that is so many further, or the last one, or the first.
    pub(crate) fn jump(&mut self, by: isize) {
        self.at = self.at.saturating_add_signed(by).min(self.fields.len().saturating_sub(1));
    }

    /// Changes the text of the field that has the keys.
    pub(crate) fn edit(&mut self, change: impl FnOnce(&mut Field)) {
        if let Some(field) = self.fields.get_mut(self.at) {
            change(field);
        }
    }

    /// Whether something was typed that is not there already.
    pub(crate) fn is_changed(&self) -> bool {
        self.fields.iter().any(|field| field.text.trim() != field.before.trim())
    }

    /// Whether the switch says yes.
    pub(crate) fn is_last_resort(&self) -> bool {
        self.fields.iter().any(|field| field.kind == Kind::LastResort && field.text == "yes")
    }

    /// What the fields change; the first thing that is wrong with them otherwise.
    pub(crate) fn edits(&self, subject: &Subject) -> Result<Vec<Edit>, String> {
        let mut edits = Vec::new();
        let (instance, is_new) = match subject {
            Subject::Remove(name) => return Ok(vec![Edit::RemoveInstance { instance: name.clone() }]),
            Subject::Edit(name) => (name.clone(), false),
            Subject::New => {
                let name = self.fields.iter().find(|field| field.kind == Kind::Name);
                (name.map_or_else(String::new, |field| field.text.trim().to_owned()), true)
            }
        };
        if is_new {
            edits.push(Edit::AddInstance { instance: instance.clone() });
        }
        for field in &self.fields {
            if let Some(problem) = field.problem(&self.words) {
                return Err(format!("{}: {problem}", field.label));
            }
            // Of a new instance nothing holds yet.
            let before =
                if is_new { if field.kind == Kind::Preempt { "yes" } else { "" } } else { field.before.trim() };
            field.collect(&instance, before, &mut edits);
        }
        Ok(edits)
    }
}

impl Field {
    pub(crate) fn new(label: impl Into<String>, kind: Kind, before: String) -> Self {
        Self { label: label.into(), kind, text: before.clone(), before }
    }

    pub(crate) fn typed(&mut self, letter: char) {
        if self.kind.is_switch() {
            match letter {
                'y' => self.text = "yes".into(),
                'n' => self.text = "no".into(),
                ' ' => self.text = if self.text == "yes" { "no".into() } else { "yes".into() },
                _ => {}
            }
        } else if self.text.chars().count() < FIELD_CHARS_MAX {
            self.text.push(letter);
        }
    }

    pub(crate) fn erase(&mut self, all: bool) {
        if self.kind.is_switch() {
            return;
        }
        if all {
            self.text.clear();
        } else {
            self.text.pop();
        }
    }

    /// What is wrong with the text, as it stands.
    pub(crate) fn problem(&self, words: &[Keyword]) -> Option<String> {
        let text = self.text.trim();
        match &self.kind {
            Kind::Number { least, most, .. } => {
                let fits = text.parse::<u32>().is_ok_and(|number| (*least..=*most).contains(&number));
                (!fits).then(|| format!("a whole number from {least} to {most}"))
            }
            Kind::Seconds { least_cs, most_cs, is_whole, .. } => {
                let least = if *is_whole { format!("{}", least_cs / 100) } else { decimal(*least_cs) };
                let fits = hundredths(text)
                    .is_some_and(|cs| (*least_cs..=*most_cs).contains(&cs) && !(*is_whole && cs % 100 != 0));
                let kind = if *is_whole { "whole seconds" } else { "seconds" };
                (!fits).then(|| format!("{kind} from {least} to {}", decimal(*most_cs)))
            }
            Kind::Preempt | Kind::LastResort | Kind::Column(_) => None,
            Kind::Time => seconds(text).is_none().then(|| "a time, as 90s, 30m, 2h, 1d".to_owned()),
            Kind::Addresses(list) => {
                let bad = lines(text).find(|line| !is_address(line, *list));
                match bad {
                    Some(line) => Some(format!("\"{}\" does not begin with an address", line.join(" "))),
                    None if *list == List::Peer => None,
                    None => lines(text).find_map(|line| address_words(&line, words)),
                }
            }
            Kind::Name => {
                let fits = !text.is_empty()
                    && !text.contains(|letter: char| letter.is_whitespace() || "{}\"#!".contains(letter));
                (!fits).then(|| "one word, without blanks, quotes and braces".to_owned())
            }
            Kind::Word { .. } => (text.is_empty() || text.contains(char::is_whitespace)).then(|| "one word".to_owned()),
            Kind::Other(_) if text.is_empty() => None,
            Kind::Other(_) if split_words(text).is_none() => Some("a quote is not closed".to_owned()),
            Kind::Other(keyword) => keyword.takes.problem(text),
        }
    }

    /// A hint at what may be typed.
    pub(crate) fn hint(&self) -> String {
        match &self.kind {
            Kind::Column(column) => column.help().to_owned(),
            Kind::Number { .. } | Kind::Time | Kind::Name | Kind::Word { .. } => String::new(),
            Kind::Seconds { .. } => "s".to_owned(),
            Kind::Preempt | Kind::LastResort => "(y or n)".to_owned(),
            Kind::Other(_) if self.kind.is_switch() => "(y or n)".to_owned(),
            Kind::Addresses(_) => "(commas between)".to_owned(),
            Kind::Other(keyword) if keyword.takes == Takes::Words => String::new(),
            Kind::Other(keyword) => keyword.takes.words(),
        }
    }

    /// What it is for, where that is not plain.
    pub(crate) fn help(&self) -> String {
        match &self.kind {
            Kind::Other(keyword) if keyword.default.is_empty() => keyword.help.clone(),
            Kind::Other(keyword) => format!("{} Without it: {}.", keyword.help, keyword.default),
            Kind::Addresses(List::Vip | List::ExcludedVip) => {
                "ADDRESS/PREFIX and options, as 10.0.0.1/24 dev eth1 label eth1:0".to_owned()
            }
            Kind::Number { .. }
            | Kind::Seconds { .. }
            | Kind::Preempt
            | Kind::LastResort
            | Kind::Column(_)
            | Kind::Time
            | Kind::Name
            | Kind::Word { .. }
            | Kind::Addresses(List::Peer) => String::new(),
        }
    }

    fn collect(&self, instance: &str, before: &str, edits: &mut Vec<Edit>) {
        let text = self.text.trim();
        if text == before {
            return;
        }
        let set = |keyword: &str, values: Vec<String>| Edit::Set {
            instance: instance.into(),
            keyword: keyword.into(),
            values,
        };
        let unset = |keyword: &str| Edit::Unset { instance: instance.into(), keyword: keyword.into() };
        match &self.kind {
            Kind::Number { keyword, .. } | Kind::Seconds { keyword, .. } | Kind::Word { keyword } => {
                edits.push(set(keyword, vec![text.to_owned()]));
            }
            Kind::Preempt if text == "no" => edits.push(set("nopreempt", Vec::new())),
            Kind::Preempt => edits.push(unset("nopreempt")),
            Kind::LastResort | Kind::Column(_) | Kind::Time | Kind::Name => {}
            Kind::Other(keyword) => {
                edits.push(match (&keyword.takes, text) {
                    (Takes::Nothing, "yes") => set(&keyword.name, Vec::new()),
                    (Takes::Nothing, _) | (_, "") => unset(&keyword.name),
                    (_, text) => set(&keyword.name, split_words(text).unwrap_or_default()),
                });
            }
            Kind::Addresses(list) => {
                let (old, new): (Vec<_>, Vec<_>) = (lines(before).collect(), lines(text).collect());
                let list = *list;
                let remove = |address| Edit::Remove { instance: instance.into(), list, address };
                let mut gone: Vec<_> =
                    old.iter().filter(|line| !new.contains(line)).filter_map(|line| address(line)).collect();
                // What is new comes first, so that a list of peers is never empty in between. A line that only gets other
                // words goes before it comes again.
                for words in new.iter().filter(|line| !old.contains(line)) {
                    if let Some(at) = gone.iter().position(|gone| address(words) == Some(*gone)) {
                        edits.push(remove(gone.remove(at)));
                    }
                    edits.push(Edit::Add { instance: instance.into(), list, words: words.clone() });
                }
                edits.extend(gone.into_iter().map(remove));
            }
        }
    }
}

/// The words of a value; what stands between double quotes is one. `None` where a quote is not closed.
fn split_words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    Some(words)
}

/// Words as they are typed.
pub(crate) fn typed_words(words: &[String]) -> String {
    let typed = |word: &String| {
        if word.is_empty() || word.contains(char::is_whitespace) { format!("\"{word}\"") } else { word.clone() }
    };
    words.iter().map(typed).collect::<Vec<_>>().join(" ")
}

/// What is wrong with the words behind an address.
fn address_words(line: &[String], known: &[Keyword]) -> Option<String> {
    let mut words = line.iter().skip(1);
    while let Some(word) = words.next().filter(|_| !known.is_empty()) {
        let Some(keyword) = known.iter().find(|keyword| keyword.name == *word) else {
            let names: Vec<&str> = known.iter().map(|keyword| keyword.name.as_str()).collect();
            return Some(format!("\"{word}\" is none of {}", names.join(", ")));
        };
        if keyword.takes != Takes::Nothing {
            let value = words.next().map_or("", String::as_str);
            if let Some(problem) = keyword.takes.problem(value) {
                return Some(format!("{word}: {problem}"));
            }
        }
    }
    None
}

/// The lines of a list, as words.
fn lines(text: &str) -> impl Iterator<Item = Vec<String>> {
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    text.split(',').map(words).filter(|words| !words.is_empty())
}

fn address(line: &[String]) -> Option<std::net::IpAddr> {
    let first = line.first()?;
    first.split_once('/').map_or(first.as_str(), |(address, _)| address).parse().ok()
}

fn is_address(line: &[String], list: List) -> bool {
    let prefix_fits = line
        .first()
        .and_then(|first| first.split_once('/'))
        .is_none_or(|(_, prefix)| list != List::Peer && prefix.parse::<u8>().is_ok_and(|prefix| prefix <= 128));
    address(line).is_some() && prefix_fits
}

/// Seconds, with at most two digits behind the point, in hundredths.
fn hundredths(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > 2 || !digits(whole) || !digits(part) {
        return None;
    }
    let part: u32 = format!("{part:0<2}").parse().ok()?;
    whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(part)
}

/// Hundredths of a second as they are written in a configuration.
pub(crate) fn decimal(cs: u32) -> String {
    let text = format!("{}.{:02}", cs / 100, cs % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIORITY: Kind = Kind::Number { keyword: "priority", least: 1, most: 254 };

    fn typed(kind: Kind, before: &str, text: &str) -> Field {
        Field { text: text.into(), ..Field::new("field", kind, before.into()) }
    }

    #[test]
    fn values_are_held_to_their_range() {
        for (text, good) in [("1", true), ("254", true), ("0", false), ("255", false), ("", false), ("x", false)] {
            assert_eq!(typed(PRIORITY, "100", text).problem(&[]).is_none(), good, "{text}");
        }
        let interval = |is_whole| Kind::Seconds { keyword: "advert_int", least_cs: 1, most_cs: 4_095, is_whole };
        for (text, v2, v3) in [
            ("1", true, true),
            ("0.01", false, true),
            ("40.95", false, true),
            ("40.96", false, false),
            ("0", false, false),
            ("1.234", false, false),
            (".", false, false),
            ("99999999999", false, false),
        ] {
            assert_eq!(typed(interval(true), "1", text).problem(&[]).is_none(), v2, "{text}");
            assert_eq!(typed(interval(false), "1", text).problem(&[]).is_none(), v3, "{text}");
        }
        let vips = Kind::Addresses(List::Vip);
        for (text, good) in [
            ("10.0.0.1/24, 10.0.0.2/24 dev eth1", true),
            ("", true),
            ("fe80::1/64,", true),
            ("10.0.0/24", false),
            ("10.0.0.1/x", false),
        ] {
            assert_eq!(typed(vips.clone(), "", text).problem(&[]).is_none(), good, "{text}");
        }
        assert!(typed(Kind::Addresses(List::Peer), "", "10.0.0.1/24").problem(&[]).is_some());
        assert_eq!((decimal(100), decimal(150), decimal(1)), ("1".into(), "1.5".into(), "0.01".into()));
    }

    #[test]
    fn the_words_behind_an_address_are_those_of_the_schema() {
        let keyword =
            |name: &str, takes| Keyword { name: name.into(), takes, help: String::new(), default: String::new() };
        let known = [keyword("dev", Takes::Words), keyword("no_track", Takes::Nothing)];
        let vips = Kind::Addresses(List::Vip);
        for (text, says) in [
            ("10.0.0.1/24 dev eth1 no_track, 10.0.0.2", None),
            ("10.0.0.1/24 devv eth1", Some("\"devv\" is none of dev, no_track")),
            ("10.0.0.1/24 dev", Some("dev: words")),
        ] {
            assert_eq!(typed(vips.clone(), "", text).problem(&known).as_deref(), says, "{text}");
        }
    }

    #[test]
    fn a_new_instance_says_everything_and_the_last_one_goes_as_a_whole() {
        let fields = vec![
            typed(Kind::Name, "VI_2", "VI_2"),
            typed(Kind::Word { keyword: "interface" }, "eth0", "eth0"),
            typed(PRIORITY, "100", "100"),
            typed(Kind::Preempt, "yes", "yes"),
            typed(Kind::Addresses(List::Vip), "", "10.0.0.1/24"),
        ];
        let edits = Dialog::default().with_fields(fields).edits(&Subject::New).unwrap();
        assert_eq!(edits.len(), 4, "{edits:?}");
        assert_eq!(edits[0], Edit::AddInstance { instance: "VI_2".into() });
        let edits = Dialog::default().edits(&Subject::Remove("VI_2".into())).unwrap();
        assert_eq!(edits, [Edit::RemoveInstance { instance: "VI_2".into() }]);
    }

    #[test]
    fn an_address_that_gets_other_words_goes_before_it_comes_again() {
        let fields = vec![typed(Kind::Addresses(List::Vip), "10.0.0.1/24", "10.0.0.1/24 dev eth1")];
        let edits = Dialog::default().with_fields(fields).edits(&Subject::Edit("VI_1".into())).unwrap();
        assert!(matches!(edits.as_slice(), [Edit::Remove { .. }, Edit::Add { .. }]), "{edits:?}");
    }

    #[test]
    fn only_what_differs_is_changed() {
        let fields = vec![
            typed(PRIORITY, "100", "120"),
            typed(PRIORITY, "100", " 100 "),
            typed(Kind::Preempt, "yes", "no"),
            typed(Kind::Addresses(List::Vip), "10.0.0.1/24, 10.0.0.2/24", "10.0.0.2/24,10.0.0.3/24 dev eth1"),
        ];
        let edits = Dialog::default().with_fields(fields).edits(&Subject::Edit("VI_1".into())).unwrap();
        let set = |keyword: &str, values: &[&str]| Edit::Set {
            instance: "VI_1".into(),
            keyword: keyword.into(),
            values: values.iter().map(ToString::to_string).collect(),
        };
        let words = vec!["10.0.0.3/24".into(), "dev".into(), "eth1".into()];
        assert_eq!(
            edits,
            [
                set("priority", &["120"]),
                set("nopreempt", &[]),
                Edit::Add { instance: "VI_1".into(), list: List::Vip, words },
                Edit::Remove { instance: "VI_1".into(), list: List::Vip, address: [10, 0, 0, 1].into() },
            ]
        );
    }
}
