//! Times as a request gives them.

/// The nanoseconds since 1970 of a time in RFC 3339; `None` for another form, or without a zone.
pub(super) fn unix_nanos(text: &str) -> Option<i128> {
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        digits.parse::<i64>().ok()
    };
    let bytes = text.as_bytes();
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.iter().any(|(place, mark)| bytes.get(*place) != Some(mark)) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let is_real =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    if !is_real {
        return None;
    }
    let rest = text.get(19..)?;
    let decimals = rest.strip_prefix('.').unwrap_or_default();
    let decimals = &decimals[..decimals.bytes().take_while(u8::is_ascii_digit).count()];
    let zone = if rest.starts_with('.') { rest.get(1 + decimals.len()..)? } else { rest };
    if decimals.len() > 9 || (rest.starts_with('.') && decimals.is_empty()) {
        return None;
    }
    let nanos: i128 = format!("{decimals:0<9}").parse().ok()?;
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset(zone)?;
    Some(i128::from(seconds) * 1_000_000_000 + nanos)
}

/// How many seconds the zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let two = |digits: &str| digits.parse::<u8>().ok().filter(|_| digits.len() == 2).map(i64::from);
    Some(sign * (two(hours)? * 3_600 + two(minutes)? * 60))
}

/// The days since 1970 of a Gregorian date; years are counted from March here, so that a leap day is the last of
/// its year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = if month > 2 { month - 3 } else { month + 9 };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::unix_nanos;

    #[test]
    fn reads_what_is_written() {
        for nanos in [0, 1_709_164_800_000_000_001, 1_767_225_599_500_000_000] {
            assert_eq!(unix_nanos(&crate::time::rfc3339(nanos)), Some(i128::from(nanos)));
        }
        assert_eq!(unix_nanos("1970-01-01T01:00:00.5+01:00"), Some(500_000_000));
        assert_eq!(unix_nanos("1969-12-31T23:59:59Z"), Some(-1_000_000_000));
    }

    #[test]
    fn takes_no_other_form() {
        for text in [
            "",
            "2026-01-02",
            "2026-01-02T03:04:05",
            "2026-01-02 03:04:05Z",
            "2026-13-02T03:04:05Z",
            "2026-01-02T03:04:05.Z",
            "2026-01-02T03:04:05+1:00",
            "1767225599",
        ] {
            assert_eq!(unix_nanos(text), None, "{text}");
        }
    }
}
