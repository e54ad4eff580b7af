//! File names with `*`, `?`, `[…]` and `{a,b}`, as `include` takes them (glob(7)).

use std::path::{Path, PathBuf};

/// Most alternatives that braces may write, and most files that a pattern may match.
const MOST: usize = 1024;

/// Whether a pattern can match more than one file by `*`, `?` or `[`.
pub(crate) fn has_wildcard(pattern: &str) -> bool {
    pattern.contains(['*', '?', '['])
}

/// The alternatives of `{a,b}`, also nested, in order. A pattern without pairs of braces is its only alternative.
pub(crate) fn alternatives(pattern: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut todo = vec![pattern.to_owned()];
    while let Some(next) = todo.pop() {
        if done.len() + todo.len() >= MOST {
            break;
        }
        match first_braces(&next) {
            Some((before, words, after)) => {
                todo.extend(words.iter().rev().map(|word| format!("{before}{word}{after}")));
            }
            None => done.push(next),
        }
    }
    done
}

/// Text before the first pair of braces with a comma in it, the words between its commas, text after it.
fn first_braces(pattern: &str) -> Option<(&str, Vec<&str>, &str)> {
    let open = pattern.find('{')?;
    let mut depth = 0_usize;
    let mut words = Vec::new();
    let mut start = open + 1;
    for (at, c) in pattern.char_indices().skip_while(|(at, _)| *at < open) {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => {
                words.push(pattern.get(start..at)?);
                return (words.len() > 1).then_some((pattern.get(..open)?, words, pattern.get(at + 1..)?));
            }
            '}' => depth -= 1,
            ',' if depth == 1 => {
                words.push(pattern.get(start..at)?);
                start = at + 1;
            }
            _ => {}
        }
    }
    None
}

/// Existing paths that match, sorted; `list` gives the names in a directory.
pub(crate) fn matches(base: &Path, pattern: &str, list: &dyn Fn(&Path) -> Vec<String>) -> Vec<PathBuf> {
    let mut found = vec![if pattern.starts_with('/') { PathBuf::from("/") } else { base.to_owned() }];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        found = if has_wildcard(part) {
            let mut next: Vec<PathBuf> = Vec::new();
            for directory in &found {
                let mut names = list(directory);
                names.retain(|name| (!name.starts_with('.') || part.starts_with('.')) && name_matches(part, name));
                names.sort_unstable();
                next.extend(names.iter().map(|name| directory.join(name)));
                next.truncate(MOST);
            }
            next
        } else {
            found.iter().map(|directory| directory.join(part)).collect()
        };
    }
    found
}

/// Whether a name matches a pattern without slashes. Takes time of the lengths' product at most.
fn name_matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    // Where to go on when the last `*` takes one more character.
    let mut retry = None;
    while n < name.len() {
        let step = match pattern.get(p) {
            Some('*') => {
                retry = Some((p, n));
                p += 1;
                continue;
            }
            Some('?') => Some(1),
            Some('[') => name.get(n).and_then(|c| class(pattern.get(p..).unwrap_or_default(), *c)),
            Some(c) if Some(c) == name.get(n) => Some(1),
            Some(_) | None => None,
        };
        match (step, retry) {
            (Some(len), _) => {
                p += len;
                n += 1;
            }
            (None, Some((star, from))) => {
                retry = Some((star, from + 1));
                (p, n) = (star + 1, from + 1);
            }
            (None, None) => return false,
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

/// The length of the class `[…]` at the start of `pattern`, if it holds `c`.
fn class(pattern: &[char], c: char) -> Option<usize> {
    let negated = matches!(pattern.get(1), Some('!' | '^'));
    let first = 1 + usize::from(negated);
    // A `]` in the first place is a member.
    let close = pattern.iter().skip(first + 1).position(|c| *c == ']')? + first + 1;
    let members = pattern.get(first..close)?;
    let mut held = false;
    let mut at = 0;
    while let Some(low) = members.get(at) {
        match (members.get(at + 1), members.get(at + 2)) {
            (Some('-'), Some(high)) => {
                held |= (*low..=*high).contains(&c);
                at += 3;
            }
            _ => {
                held |= *low == c;
                at += 1;
            }
        }
    }
    (held != negated).then_some(close + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_in_a_shell() {
        for (pattern, name) in [
            ("*.conf", "a.conf"),
            ("a?c", "abc"),
            ("*a*b*", "xxaxxbxx"),
            ("[a-c]1", "b1"),
            ("[!a]1", "b1"),
            ("[]]", "]"),
            ("*", ""),
        ] {
            assert!(name_matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("*.conf", "a.conf~"), ("a?c", "ac"), ("[a-c]1", "d1"), ("[!a]1", "a1"), ("[a", "[a"), ("", "a")]
        {
            assert!(!name_matches(pattern, name), "{pattern} {name}");
        }
        assert!(!name_matches(&"*a".repeat(200), &"a".repeat(199)));
    }

    #[test]
    fn braces_write_alternatives() {
        assert_eq!(alternatives("{foo/{,cat,dog},bar}"), ["foo/", "foo/cat", "foo/dog", "bar"]);
        assert_eq!(alternatives("a{b}c"), ["a{b}c"]);
        assert_eq!(alternatives("a{b,c"), ["a{b,c"]);
        assert!(alternatives(&"{a,b}".repeat(64)).len() <= MOST);
    }

    #[test]
    fn directories_may_have_wildcards_too() {
        let list = |path: &Path| -> Vec<String> {
            match path.to_str().unwrap() {
                "/etc" => vec!["b.d".into(), "a.d".into(), ".hidden.d".into()],
                _ => vec!["2.conf".into(), "1.conf".into()],
            }
        };
        let found = matches(Path::new("/etc"), "*.d/*.conf", &list);
        let found: Vec<_> = found.iter().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(found, ["/etc/a.d/1.conf", "/etc/a.d/2.conf", "/etc/b.d/1.conf", "/etc/b.d/2.conf"]);
        assert_eq!(matches(Path::new("/etc"), "/x/y", &list), [PathBuf::from("/x/y")]);
    }
}
