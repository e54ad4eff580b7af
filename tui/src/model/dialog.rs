//! A question to the user: what will happen, fields to fill in, and buttons of which the first does nothing.

use locum_control::{Edit, List, Verb};

use crate::columns::Column;
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
    pub(crate) fields: Vec<Field>,
    /// The first one leaves everything as it is.
    pub(crate) buttons: Vec<Button>,
    /// What is marked: a field, or behind them a button.
    pub(crate) at: usize,
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
    /// Asks the service what the fields would change about this instance.
    Preview(String),
    /// Shows the columns that the fields say yes to.
    Columns,
    /// Shows as many columns as fit.
    AutoColumns,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Addresses, with commas between them; a line of a list each.
    Addresses(List),
}

impl Kind {
    /// Whether it is yes or no.
    pub(crate) const fn is_switch(&self) -> bool {
        matches!(self, Self::Preempt | Self::LastResort | Self::Column(_))
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
            fields: Vec::new(),
            buttons: std::iter::once(cancel).chain(ordered).collect(),
            at: 0,
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

    /// Changes the text of the field that has the keys.
    pub(crate) fn edit(&mut self, change: impl FnOnce(&mut Field)) {
        if let Some(field) = self.fields.get_mut(self.at) {
            change(field);
        }
    }

    /// Whether the switch says yes.
    pub(crate) fn is_last_resort(&self) -> bool {
        self.fields.iter().any(|field| field.kind == Kind::LastResort && field.text == "yes")
    }

    /// What the fields change; the first thing that is wrong with them otherwise.
    pub(crate) fn edits(&self, instance: &str) -> Result<Vec<Edit>, String> {
        let mut edits = Vec::new();
        for field in &self.fields {
            if let Some(problem) = field.problem() {
                return Err(format!("{}: {problem}", field.label));
            }
            field.collect(instance, &mut edits);
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
    pub(crate) fn problem(&self) -> Option<String> {
        let text = self.text.trim();
        match self.kind {
            Kind::Number { least, most, .. } => {
                let fits = text.parse::<u32>().is_ok_and(|number| (least..=most).contains(&number));
                (!fits).then(|| format!("a whole number from {least} to {most}"))
            }
            Kind::Seconds { least_cs, most_cs, is_whole, .. } => {
                let least = if is_whole { format!("{}", least_cs / 100) } else { decimal(least_cs) };
                let fits = hundredths(text)
                    .is_some_and(|cs| (least_cs..=most_cs).contains(&cs) && !(is_whole && cs % 100 != 0));
                let kind = if is_whole { "whole seconds" } else { "seconds" };
                (!fits).then(|| format!("{kind} from {least} to {}", decimal(most_cs)))
            }
            Kind::Preempt | Kind::LastResort | Kind::Column(_) => None,
            Kind::Time => seconds(text).is_none().then(|| "a time, as 90s, 30m, 2h, 1d".to_owned()),
            Kind::Addresses(list) => {
                let bad = lines(text).find(|line| !is_address(line, list));
                bad.map(|line| format!("\"{}\" does not begin with an address", line.join(" ")))
            }
        }
    }

    /// A hint at what may be typed.
    pub(crate) const fn hint(&self) -> &'static str {
        match self.kind {
            Kind::Column(column) => column.help(),
            Kind::Time => "",
            Kind::Number { .. } => "",
            Kind::Seconds { .. } => "s",
            Kind::Preempt | Kind::LastResort => "(y or n)",
            Kind::Addresses(_) => "(commas between)",
        }
    }

    fn collect(&self, instance: &str, edits: &mut Vec<Edit>) {
        let (text, before) = (self.text.trim(), self.before.trim());
        if text == before {
            return;
        }
        let set = |keyword: &str, values: Vec<String>| Edit::Set {
            instance: instance.into(),
            keyword: keyword.into(),
            values,
        };
        match self.kind {
            Kind::Number { keyword, .. } | Kind::Seconds { keyword, .. } => {
                edits.push(set(keyword, vec![text.to_owned()]));
            }
            Kind::Preempt if text == "no" => edits.push(set("nopreempt", Vec::new())),
            Kind::Preempt => edits.push(Edit::Unset { instance: instance.into(), keyword: "nopreempt".into() }),
            Kind::LastResort | Kind::Column(_) | Kind::Time => {}
            Kind::Addresses(list) => {
                // What is new comes first, so that a list of peers is never empty in between.
                let (old, new): (Vec<_>, Vec<_>) = (lines(before).collect(), lines(text).collect());
                for words in new.iter().filter(|line| !old.contains(line)) {
                    edits.push(Edit::Add { instance: instance.into(), list, words: words.clone() });
                }
                for address in old.iter().filter(|line| !new.contains(line)).filter_map(|line| address(line)) {
                    edits.push(Edit::Remove { instance: instance.into(), list, address });
                }
            }
        }
    }
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
            assert_eq!(typed(PRIORITY, "100", text).problem().is_none(), good, "{text}");
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
            assert_eq!(typed(interval(true), "1", text).problem().is_none(), v2, "{text}");
            assert_eq!(typed(interval(false), "1", text).problem().is_none(), v3, "{text}");
        }
        let vips = Kind::Addresses(List::Vip);
        for (text, good) in [
            ("10.0.0.1/24, 10.0.0.2/24 dev eth1", true),
            ("", true),
            ("fe80::1/64,", true),
            ("10.0.0/24", false),
            ("10.0.0.1/x", false),
        ] {
            assert_eq!(typed(vips, "", text).problem().is_none(), good, "{text}");
        }
        assert!(typed(Kind::Addresses(List::Peer), "", "10.0.0.1/24").problem().is_some());
        assert_eq!((decimal(100), decimal(150), decimal(1)), ("1".into(), "1.5".into(), "0.01".into()));
    }

    #[test]
    fn only_what_differs_is_changed() {
        let fields = vec![
            typed(PRIORITY, "100", "120"),
            typed(PRIORITY, "100", " 100 "),
            typed(Kind::Preempt, "yes", "no"),
            typed(Kind::Addresses(List::Vip), "10.0.0.1/24, 10.0.0.2/24", "10.0.0.2/24,10.0.0.3/24 dev eth1"),
        ];
        let edits = Dialog::default().with_fields(fields).edits("VI_1").unwrap();
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
