//! `~SEQ(…)`, `~SEQx(…)` and `~LST(…)` (keepalived.conf(5), "Sequence blocks", "List blocks").

/// A line that is read once for each of a row of values.
#[derive(Debug)]
pub(crate) struct Sequence {
    values: Values,
    body: String,
}

#[derive(Debug)]
enum Values {
    Count { name: String, next: Option<i64>, step: i64, last: i64, hexadecimal: bool },
    List { names: Vec<String>, sets: std::vec::IntoIter<Vec<String>> },
}

impl Sequence {
    /// What follows the sequence on its line.
    pub(crate) fn body(&self) -> &str {
        &self.body
    }
}

impl Iterator for Sequence {
    /// Parameters and their values for the next round.
    type Item = Vec<(String, String)>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.values {
            Values::Count { name, next, step, last, hexadecimal } => {
                let value = (*next)?;
                *next = value.checked_add(*step).filter(|next| if *step > 0 { next <= last } else { next >= last });
                let text = if *hexadecimal { format!("{value:x}") } else { value.to_string() };
                Some(vec![(name.clone(), text)])
            }
            Values::List { names, sets } => Some(names.iter().cloned().zip(sets.next()?).collect()),
        }
    }
}

/// Reads the sequence at the start of a line; what is wrong with it otherwise.
pub(crate) fn parse(line: &str) -> Result<Sequence, String> {
    let close = line.find(')').ok_or("the brackets are not closed")?;
    let (head, body) = line.split_at_checked(close + 1).unwrap_or((line, ""));
    let body = body.trim().to_owned();
    let (kind, inner) =
        head.strip_suffix(')').and_then(|head| head.split_once('(')).ok_or("the brackets are missing")?;
    let values = match kind {
        "~SEQ" => count(inner, false)?,
        "~SEQx" => count(inner, true)?,
        "~LST" => list(inner)?,
        other => return Err(format!("`{other}` is neither ~SEQ, ~SEQx nor ~LST")),
    };
    Ok(Sequence { values, body })
}

fn is_name(text: &str) -> bool {
    crate::lex::name_len(text) == Some(text.len())
}

fn count(inner: &str, hexadecimal: bool) -> Result<Values, String> {
    let parts: Vec<&str> = inner.split(',').map(str::trim).collect();
    let (name, numbers) = parts.split_first().ok_or("the name is missing")?;
    if !is_name(name) {
        return Err(format!("`{name}` is no name of a parameter"));
    }
    let numbers = numbers.iter().map(|text| number(text)).collect::<Result<Vec<_>, _>>()?;
    let unit = |first: i64, last: i64| if last < first { -1 } else { 1 };
    let (first, step, last) = match *numbers.as_slice() {
        [last] => {
            let first = if last > 0 { 1 } else { -1 };
            (first, unit(first, last), last)
        }
        [first, last] => (first, unit(first, last), last),
        [first, step, last] => (first, step, last),
        _ => return Err("one to three numbers are expected".to_owned()),
    };
    if step == 0 || (step > 0) != (last >= first) && first != last {
        return Err(format!("a step of {step} never leads from {first} to {last}"));
    }
    Ok(Values::Count { name: (*name).to_owned(), next: Some(first), step, last, hexadecimal })
}

fn number(text: &str) -> Result<i64, String> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let value = match digits.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    // Far from the ends of i64, so that steps cannot overflow.
    match value {
        Ok(value) if digits.starts_with(|c: char| c.is_ascii_digit()) && value <= i64::from(u32::MAX) => {
            Ok(if negative { -value } else { value })
        }
        _ => Err(format!("`{text}` is not a number from -4294967295 to 4294967295")),
    }
}

fn list(inner: &str) -> Result<Values, String> {
    let mut parts = split_groups(inner)?.into_iter();
    let names = parts.next().ok_or("the name is missing")?;
    if let Some(name) = names.iter().find(|name| !is_name(name)) {
        return Err(format!("`{name}` is no name of a parameter"));
    }
    let sets: Vec<Vec<String>> = parts.collect();
    if sets.is_empty() || sets.iter().any(|set| set.len() != names.len()) {
        return Err(format!("each entry of the list needs {} value(s)", names.len()));
    }
    Ok(Values::List { names, sets: sets.into_iter() })
}

/// `A, {B, C}` as `[[A], [B, C]]`.
fn split_groups(inner: &str) -> Result<Vec<Vec<String>>, String> {
    let mut groups = Vec::new();
    let mut rest = inner.trim();
    while !rest.is_empty() {
        let (group, after) = match rest.strip_prefix('{') {
            Some(inside) => {
                let (group, after) = inside.split_once('}').ok_or("a `{` is not closed")?;
                (group.split(',').map(|word| word.trim().to_owned()).collect(), after.trim())
            }
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
                (vec![word.trim().to_owned()], after)
            }
        };
        groups.push(group);
        rest = match after.strip_prefix(',') {
            Some(next) => next.trim(),
            None if after.is_empty() => after,
            None => return Err(format!("a comma is missing before `{after}`")),
        };
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(line: &str) -> Vec<String> {
        parse(line)
            .unwrap()
            .map(|values| values.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "))
            .collect()
    }

    #[test]
    fn counts_up_and_down() {
        assert_eq!(rounds("~SEQ(A, 0, 3) x"), ["A=0", "A=1", "A=2", "A=3"]);
        assert_eq!(rounds("~SEQ(A, 2)"), ["A=1", "A=2"]);
        assert_eq!(rounds("~SEQ(A,3,1)"), ["A=3", "A=2", "A=1"]);
        assert_eq!(rounds("~SEQx(A, 0x90, 0x10, 0xb0)"), ["A=90", "A=a0", "A=b0"]);
        assert_eq!(rounds("~SEQx(A, 0x12, -1, 0x10)"), ["A=12", "A=11", "A=10"]);
        assert_eq!(parse("~SEQ(A, 0, 3) ip 10.0.${A}.1").unwrap().body(), "ip 10.0.${A}.1");
    }

    #[test]
    fn lists_take_sets_of_values() {
        assert_eq!(rounds("~LST(A, x, y) z"), ["A=x", "A=y"]);
        assert_eq!(rounds("~LST({A, B}, {10,1},{20,4})"), ["A=10 B=1", "A=20 B=4"]);
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            "~SEQ(A, 1",
            "~SEQ A",
            "~SEQ()",
            "~SEQ(A)",
            "~SEQ(A,1,0,5)",
            "~SEQ(A,1,-1,5)",
            "~SEQ(1,1,2)",
            "~SEQ(A,1,2,3,4)",
            "~SEQ(A,99999999999999999999)",
            "~LST(A)",
            "~LST({A,B},{1})",
            "~LST({A,B},{1,2)",
            "~LST({A} B)",
            "~FOO(A,1)",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
