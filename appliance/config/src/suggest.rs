//! Did you mean …?

/// Candidates beyond which nothing is suggested, so that a large file full of errors is still checked in time.
const MOST_CANDIDATES: usize = 2000;

/// The candidate that differs least from `text`, if it is close enough to be meant.
pub fn closest<'c>(text: &str, mut candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    closest_of(text, &mut || candidates.next())
}

/// One function for all kinds of candidates.
fn closest_of<'c>(text: &str, next: &mut dyn FnMut() -> Option<&'c str>) -> Option<&'c str> {
    let candidates: Vec<&str> = std::iter::from_fn(next).take(MOST_CANDIDATES + 1).collect();
    // Edit distance is quadratic; nobody mistypes a keyword by this much.
    if text.len() > 64 || candidates.len() > MOST_CANDIDATES {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let close_enough = 1 + lower.chars().count() / 4;
    candidates
        .iter()
        .filter(|candidate| candidate.len().abs_diff(text.len()) <= close_enough)
        .map(|candidate| (strsim::osa_distance(&lower, &candidate.to_ascii_lowercase()), *candidate))
        .filter(|(distance, _)| *distance <= close_enough)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_are_recognised() {
        let words = ["MASTER", "BACKUP"];
        assert_eq!(closest("MASTRE", words.into_iter()), Some("MASTER"));
        assert_eq!(closest("bakcup", words.into_iter()), Some("BACKUP"));
        assert_eq!(closest("FAULT", words.into_iter()), None);
        assert_eq!(closest(&"M".repeat(1000), words.into_iter()), None);
    }
}
