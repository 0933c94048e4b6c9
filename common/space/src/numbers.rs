//! Numbers as notations write them, and numbers that are drawn.

use knas_stats::random::Stream;

/// A number of at most five digits, without a sign or zeros before it.
pub(crate) fn number(text: &str) -> Option<usize> {
    let plain = text.len() <= 5 && !text.starts_with('0');
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    (plain && digits).then(|| text.parse().ok()).flatten()
}

/// A number from `low`, which is not 0, to `high`, each as likely as its inverse: the
/// logarithm is about uniform.
pub(crate) fn inverse(random: &mut Stream, low: u64, high: u64) -> u64 {
    loop {
        let number = low + random.below(high - low + 1);
        if random.below(number) < low {
            return number;
        }
    }
}

#[cfg(test)]
mod tests {
    use knas_stats::random::stream;

    use super::*;

    #[test]
    fn numbers_are_plain_digits() {
        assert_eq!(number("64"), Some(64));
        assert_eq!(number("99999"), Some(99_999));
        for text in [
            "", "0", "064", "+64", "-1", "6 4", "6.4", "100000", "é", "٣",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    // 1/2 + 1/3 + 1/4 are 13/12: of 13,000 draws 6,000, 4,000 and 3,000, within four
    // standard deviations.
    #[test]
    fn numbers_are_as_likely_as_their_inverses() {
        let mut random = stream(1, "test", &[]);
        let mut counts = [0u32; 5];
        for _ in 0..13_000 {
            counts[inverse(&mut random, 2, 4) as usize] += 1;
        }
        assert_eq!(counts[..2], [0, 0]);
        for (number, expected) in [(2, 6000), (3, 4000), (4, 3000)] {
            assert!(counts[number].abs_diff(expected) < 228, "{counts:?}");
        }
    }
}
