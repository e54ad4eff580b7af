//! What values on the command line mean.

/// A time as `30m` or `1h 30m`, in whole seconds.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
    locum_control::time::seconds(text).ok_or_else(|| "write it as 30m, 90s or 1h 30m".into())
}

/// A whole number.
pub(super) fn number<N: std::str::FromStr<Err = std::num::ParseIntError>>(text: &str) -> Result<N, String> {
    text.parse().map_err(|error: std::num::ParseIntError| error.to_string())
}

/// A size as `64M`, in bytes.
#[cfg(any(test, feature = "record"))]
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let (number, factor) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (text.get(..at), 1 << 10),
        Some((at, 'm' | 'M')) => (text.get(..at), 1 << 20),
        Some((at, 'g' | 'G')) => (text.get(..at), 1 << 30),
        _ => (Some(text), 1_u64),
    };
    let number: Option<u64> = number.and_then(|number| number.parse().ok());
    let size = number.and_then(|number| number.checked_mul(factor)).filter(|size| *size > 0);
    size.ok_or_else(|| "write it as 64M, 500k or 1G".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, size) in [("1", 1), ("2k", 2048), ("64M", 64 << 20), ("1G", 1 << 30)] {
            assert_eq!(bytes(text), Ok(size));
        }
        for bad in ["", "0", "-1", "M", "1T", "99999999999G", "\u{e4}"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times() {
        for (text, time) in [("90", 90), ("30m", 1800), ("1h 30m", 5400)] {
            assert_eq!(seconds(text), Ok(time));
        }
        assert!(seconds("soon").is_err());
    }
}
