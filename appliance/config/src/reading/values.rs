//! Values after a keyword, as the schema describes them.

use std::borrow::Cow;
use std::net::IpAddr;

use super::statement::Word;
use crate::diagnostic::{Code, Text, code};
use crate::schema::Kind;

/// A value that has passed the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value<'w> {
    /// `Kind::Integer`
    Integer(i64),
    /// `Kind::Decimal`, in millionths.
    Millionths(i64),
    /// `Kind::Switch`
    Switch(bool),
    /// `Kind::Choice`: the word of the table.
    Choice(&'static str),
    /// `Kind::Address`
    Address(IpAddr),
    /// `Kind::Network`: address and prefix length, if one is written.
    Network(IpAddr, Option<u8>),
    /// `Kind::Word`, `Kind::Interface`, `Kind::Secret`
    Text(&'w str),
    /// `Kind::Script`: program and arguments.
    Command(Vec<String>),
}

impl<'w> Value<'w> {
    /// The word of a value that is one.
    pub(crate) fn text(&self) -> Option<&'w str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

/// Why a word is not a value of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: &'static Code,
    /// What was expected.
    pub(crate) expected: Cow<'static, str>,
    /// What to do, where known.
    pub(crate) fix: Cow<'static, str>,
}

impl Refusal {
    fn new(code: &'static Code, expected: impl Text) -> Self {
        Self { code, expected: expected.text(), fix: Cow::Borrowed("") }
    }

    fn fix(self, fix: impl Text) -> Self {
        Self { fix: fix.text(), ..self }
    }
}

/// A value, with the lint that it needs.
pub(crate) struct Read<'w> {
    pub(crate) value: Value<'w>,
    /// The word is written in another case than this one of the table.
    pub(crate) other_case: Option<&'static str>,
}

/// Reads one word as a value of `kind`.
pub(crate) fn read<'w>(word: &'w Word<'_>, kind: Kind) -> Result<Read<'w>, Refusal> {
    let text = word.text.as_ref();
    let value = match kind {
        Kind::Integer { min, max, unit } => Value::Integer(integer(text, min, max, unit)?),
        Kind::Decimal { min_millionths, max_millionths, unit } => {
            Value::Millionths(decimal(text, min_millionths, max_millionths, unit)?)
        }
        Kind::Switch => {
            let read = choice(text, SWITCH)?;
            let on = matches!(read.value, Value::Choice("on" | "true" | "yes"));
            return Ok(Read { value: Value::Switch(on), ..read });
        }
        Kind::Choice(words) => return choice(text, words),
        Kind::Interface => Value::Text(interface(text)?),
        Kind::Address => Value::Address(address(text)?),
        Kind::Network => {
            let (address, prefix) = network(text)?;
            Value::Network(address, prefix)
        }
        Kind::Word | Kind::Secret => Value::Text(text),
        Kind::Script => {
            let words = crate::lex::split_command(text);
            if words.first().is_none_or(String::is_empty) {
                return Err(Refusal::new(&code::E012_MISSING_VALUE, "a command"));
            }
            Value::Command(words)
        }
    };
    Ok(Read { value, other_case: None })
}

/// keepalived.conf(5), "PARAMETER SYNTAX".
const SWITCH: &[&str] = &["on", "off", "true", "false", "yes", "no"];

/// What a kind is called in messages.
pub(crate) fn describe(kind: Kind) -> Cow<'static, str> {
    match kind {
        Kind::Integer { min, max, unit } => {
            Cow::Owned(format!("a whole number from {min} to {max}{}", unit_suffix(unit)))
        }
        Kind::Decimal { min_millionths, max_millionths, unit } => Cow::Owned(format!(
            "a number from {} to {}{}",
            millionths(min_millionths),
            millionths(max_millionths),
            unit_suffix(unit)
        )),
        Kind::Switch => Cow::Borrowed("`on` or `off`"),
        Kind::Choice(words) => Cow::Owned(alternatives(words)),
        Kind::Interface => Cow::Borrowed("the name of an interface"),
        Kind::Address => Cow::Borrowed("an IPv4 or IPv6 address"),
        Kind::Network => Cow::Borrowed("an IPv4 or IPv6 address, with a prefix length or not"),
        Kind::Word => Cow::Borrowed("a word"),
        Kind::Script => Cow::Borrowed("a command"),
        Kind::Secret => Cow::Borrowed("a password"),
    }
}

fn unit_suffix(unit: &str) -> String {
    match unit {
        "" => String::new(),
        "s" => " seconds".to_owned(),
        "ms" => " milliseconds".to_owned(),
        other => format!(" {other}"),
    }
}

/// A number in millionths as people write it: without trailing zeros.
pub(crate) fn millionths(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let (whole, fraction) = (value.unsigned_abs() / 1_000_000, value.unsigned_abs() % 1_000_000);
    if fraction == 0 {
        format!("{sign}{whole}")
    } else {
        let digits = format!("{fraction:06}");
        format!("{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

fn alternatives(words: &[&str]) -> String {
    let mut text = String::new();
    for (at, word) in words.iter().enumerate() {
        if at > 0 {
            text.push_str(if at + 1 == words.len() { " or " } else { ", " });
        }
        text.push('`');
        text.push_str(word);
        text.push('`');
    }
    text
}

/// A number with letters behind it may be one with a unit, which the language does not have.
fn without_unit(text: &str, unit: &'static str, refusal: Refusal) -> Refusal {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    if digits.is_empty() || digits == text || !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return refusal;
    }
    refusal.fix(match unit_suffix(unit) {
        none if none.is_empty() => "write the number alone".to_owned(),
        unit => format!("write the number alone: it counts{unit}"),
    })
}

fn integer(text: &str, min: i64, max: i64, unit: &'static str) -> Result<i64, Refusal> {
    let expected = || describe(Kind::Integer { min, max, unit });
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(without_unit(text, unit, Refusal::new(&code::E014_NOT_A_NUMBER, expected())));
    }
    // Only a number of more than 18 digits fails here.
    let value = text.parse().ok().filter(|value| (min..=max).contains(value));
    value.ok_or_else(|| Refusal::new(&code::E015_RANGE, expected()))
}

/// A number with decimals, in millionths. Digits after the sixth are cut off.
fn decimal(text: &str, min: i64, max: i64, unit: &'static str) -> Result<i64, Refusal> {
    let expected = || describe(Kind::Decimal { min_millionths: min, max_millionths: max, unit });
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        let refusal = Refusal::new(&code::E014_NOT_A_NUMBER, expected());
        let with_point = text.replace(',', ".");
        return Err(if with_point != text && decimal(&with_point, min, max, unit).is_ok() {
            refusal.fix(format_args!("write `{with_point}`, with a point"))
        } else {
            without_unit(text, unit, refusal)
        });
    }
    let millionths = fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(6)
        .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let whole = if whole.is_empty() { Some(0) } else { whole.parse::<i64>().ok() };
    whole
        .and_then(|whole| whole.checked_mul(1_000_000)?.checked_add(millionths))
        .filter(|value| (min..=max).contains(value))
        .ok_or_else(|| Refusal::new(&code::E015_RANGE, expected()))
}

fn choice(text: &str, words: &'static [&'static str]) -> Result<Read<'static>, Refusal> {
    if let Some(word) = words.iter().find(|word| **word == text) {
        return Ok(Read { value: Value::Choice(word), other_case: None });
    }
    if let Some(word) = words.iter().find(|word| word.eq_ignore_ascii_case(text)) {
        return Ok(Read { value: Value::Choice(word), other_case: Some(word) });
    }
    let refusal = Refusal::new(&code::E016_UNKNOWN_WORD, alternatives(words));
    Err(match crate::suggest::closest(text, words.iter().copied()) {
        Some(word) => refusal.fix(format_args!("did you mean `{word}`?")),
        None => refusal,
    })
}

/// The kernel's rule for names: IFNAMSIZ is 16 with its NUL (net/core/dev.c, dev_valid_name).
fn interface(text: &str) -> Result<&str, Refusal> {
    let bad = text.is_empty()
        || text.len() > 15
        || matches!(text, "." | "..")
        || text.bytes().any(|byte| matches!(byte, b'/' | b':') || byte.is_ascii_whitespace());
    if bad { Err(Refusal::new(&code::E018_INTERFACE_NAME, describe(Kind::Interface))) } else { Ok(text) }
}

fn address(text: &str) -> Result<IpAddr, Refusal> {
    text.parse().map_err(|_| {
        let refusal = Refusal::new(&code::E017_NOT_AN_ADDRESS, describe(Kind::Address));
        match text.split_once('/') {
            Some((address, _)) if address.parse::<IpAddr>().is_ok() => refusal.fix("take the prefix length away"),
            _ => refusal.fix(dotted_fault(text)),
        }
    })
}

/// What is wrong with something that looks like an IPv4 address.
fn dotted_fault(text: &str) -> &'static str {
    let numbers: Vec<&str> = text.split('.').collect();
    let digits = |number: &&str| number.bytes().all(|byte| byte.is_ascii_digit());
    if numbers.len() < 2 || !numbers.iter().all(digits) {
        ""
    } else if numbers.len() != 4 || numbers.contains(&"") {
        "an IPv4 address has four numbers"
    } else if numbers.iter().any(|number| number.len() > 1 && number.starts_with('0')) {
        "write the numbers without leading zeros"
    } else {
        "each of the four numbers is 255 at most"
    }
}

/// ADDRESS or ADDRESS/PREFIX. An IPv4 prefix may also be a dotted mask.
pub(crate) fn network(text: &str) -> Result<(IpAddr, Option<u8>), Refusal> {
    let refuse = || Refusal::new(&code::E017_NOT_AN_ADDRESS, describe(Kind::Network));
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| refuse().fix(dotted_fault(address)))?;
    let Some(prefix) = prefix else { return Ok((address, None)) };
    let most = if address.is_ipv4() { 32 } else { 128 };
    if let Ok(len) = prefix.parse::<u8>() {
        return if len <= most && !prefix.starts_with('+') {
            Ok((address, Some(len)))
        } else {
            Err(Refusal::new(&code::E015_RANGE, format!("a prefix length from 0 to {most}")))
        };
    }
    let mask = prefix.parse::<std::net::Ipv4Addr>().ok().filter(|_| address.is_ipv4()).map(u32::from);
    match mask {
        Some(mask) if mask.leading_ones() + mask.trailing_zeros() == 32 => {
            let len = mask.leading_ones();
            Err(refuse().fix(format_args!("write the mask as a prefix length: `{address}/{len}`")))
        }
        _ => Err(refuse()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_integers_of_millionths() {
        let read = |text| decimal(text, 10_000, 255_000_000, "s").map_err(|refusal| refusal.code.id);
        assert_eq!(read("1"), Ok(1_000_000));
        assert_eq!(read("0.92"), Ok(920_000));
        assert_eq!(read(".5"), Ok(500_000));
        assert_eq!(read("2."), Ok(2_000_000));
        assert_eq!(read("0.0100009"), Ok(10_000));
        assert_eq!(read("0.001"), Err("E015"));
        assert_eq!(read("255.01"), Err("E015"));
        assert_eq!(read("99999999999999999999"), Err("E015"));
        assert_eq!(read("1e3"), Err("E014"));
        assert_eq!(read("-1"), Err("E014"));
        assert_eq!(read("."), Err("E014"));
        assert_eq!(decimal("0,5", 0, 1_000_000, "s").unwrap_err().fix, "write `0.5`, with a point");
    }

    #[test]
    fn integers_have_bounds_and_nothing_else() {
        let read = |text| integer(text, -253, 253, "").map_err(|refusal| refusal.code.id);
        assert_eq!(read("-253"), Ok(-253));
        assert_eq!(read("+5"), Ok(5));
        assert_eq!(read("254"), Err("E015"));
        assert_eq!(read("99999999999999999999"), Err("E015"));
        assert_eq!(read("0x10"), Err("E014"));
        assert_eq!(read(""), Err("E014"));
        assert_eq!(read("٣"), Err("E014"));
    }

    #[test]
    fn networks_take_a_prefix() {
        let read = |text| network(text).map_err(|refusal| refusal.code.id);
        assert_eq!(read("10.0.0.1/24"), Ok(("10.0.0.1".parse().unwrap(), Some(24))));
        assert_eq!(read("fe80::1"), Ok(("fe80::1".parse().unwrap(), None)));
        assert_eq!(read("10.0.0.1/33"), Err("E015"));
        assert_eq!(read("10.0.0.1/"), Err("E017"));
        assert_eq!(read("10.70.1.351"), Err("E017"));
        let masked = network("10.0.0.1/255.255.255.0").unwrap_err();
        assert_eq!(masked.fix, "write the mask as a prefix length: `10.0.0.1/24`");
    }

    #[test]
    fn interface_names_fit_the_kernel() {
        assert!(interface("eth0.100").is_ok());
        assert!(interface("abcdefghijklmno").is_ok());
        for bad in ["", ".", "..", "abcdefghijklmnop", "eth0:1", "a/b"] {
            assert!(interface(bad).is_err(), "{bad}");
        }
    }
}
