//! What may be written into an instance, as the program around the console tells it: the edit screen checks and explains
//! what is typed with it.

/// The options of an instance and of its addresses. Empty: only the everyday options can be edited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// The options of an instance that are a line each, in the order in which they are shown.
    pub instance: Vec<Keyword>,
    /// The words that may stand behind a virtual address.
    pub address: Vec<Keyword>,
}

/// An option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyword {
    /// The word.
    pub name: String,
    /// What follows it.
    pub takes: Takes,
    /// What it is for, in a sentence or two.
    pub help: String,
    /// What holds without it, in words; may be empty.
    pub default: String,
}

/// What follows an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Nothing: it is there, or it is not.
    Nothing,
    /// A number from `least` to `most`, both in millionths, so that no float is needed.
    Number {
        /// Least.
        least: i64,
        /// Most.
        most: i64,
        /// Whether it has no decimals.
        is_whole: bool,
        /// `s`, `ms`, … or empty.
        unit: String,
    },
    /// One of these words.
    Choice(Vec<String>),
    /// An address, with or without a prefix length.
    Address,
    /// Any words.
    Words,
}

impl Takes {
    /// What is wrong with `text` as its value.
    pub(crate) fn problem(&self, text: &str) -> Option<String> {
        let fits = match self {
            Self::Nothing => matches!(text, "yes" | "no"),
            Self::Number { least, most, is_whole, .. } => millionths(text)
                .is_some_and(|number| (*least..=*most).contains(&number) && !(*is_whole && text.contains('.'))),
            Self::Choice(words) => words.iter().any(|word| word.eq_ignore_ascii_case(text)),
            Self::Address => {
                let (address, prefix) = text.split_once('/').unwrap_or((text, "0"));
                address.parse::<std::net::IpAddr>().is_ok() && prefix.parse::<u8>().is_ok_and(|prefix| prefix <= 128)
            }
            Self::Words => !text.is_empty(),
        };
        (!fits).then(|| self.words())
    }

    /// What may be typed.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Nothing => "yes or no".to_owned(),
            Self::Number { least, most, is_whole, unit } => {
                let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
                let kind = if *is_whole { "a whole number from " } else { "" };
                format!("{kind}{} to {}{unit}", decimal(*least), decimal(*most))
            }
            Self::Choice(words) => words.join(", "),
            Self::Address => "an address".to_owned(),
            Self::Words => "words".to_owned(),
        }
    }
}

/// A number with at most six digits behind the point, in millionths.
fn millionths(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > 6 || !is_number(whole) || !is_number(part) {
        return None;
    }
    let part: i64 = format!("{part:0<6}").parse().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(part)?.checked_mul(sign)
}

fn decimal(millionths: i64) -> String {
    let sign = if millionths < 0 { "-" } else { "" };
    let (whole, part) = (millionths.unsigned_abs() / 1_000_000, millionths.unsigned_abs() % 1_000_000);
    let text = format!("{sign}{whole}.{part:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_held_to_what_the_schema_says() {
        let seconds = Takes::Number { least: 10_000, most: 255_000_000, is_whole: false, unit: "s".into() };
        assert_eq!(seconds.words(), "0.01 to 255 s");
        let whole = Takes::Number { least: -254_000_000, most: 254_000_000, is_whole: true, unit: String::new() };
        let choice = Takes::Choice(vec!["MASTER".into(), "BACKUP".into()]);
        for (takes, text, good) in [
            (&seconds, "0.01", true),
            (&seconds, "0.001", false),
            (&seconds, "256", false),
            (&seconds, "1.", true),
            (&seconds, ".5", false),
            (&seconds, "99999999999999999999", false),
            (&seconds, "", false),
            (&whole, "-30", true),
            (&whole, "1.5", false),
            (&choice, "master", true),
            (&choice, "slave", false),
            (&Takes::Nothing, "yes", true),
            (&Takes::Nothing, "maybe", false),
            (&Takes::Address, "10.0.0.1", true),
            (&Takes::Address, "fe80::1/64", true),
            (&Takes::Address, "10.0.0.1/x", false),
            (&Takes::Words, "a b", true),
            (&Takes::Words, "", false),
        ] {
            assert_eq!(takes.problem(text).is_none(), good, "{takes:?} {text:?}");
        }
    }
}
