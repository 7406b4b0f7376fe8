//! [`whole`]: parses whole numbers in the form in which the program writes them.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr};

/// Parses a whole number: digits only, without a sign, blanks, or leading zeros. So every number
/// has one form.
pub(crate) fn whole<T: FromStr + Display>(text: &str) -> Option<T> {
    let number: T = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// Returns a parser of whole numbers in a range, for the command line.
pub(crate) fn within<T>(
    range: RangeInclusive<T>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: FromStr + Display + PartialOrd + Clone + Send + Sync + 'static,
{
    move |text| {
        let number = whole(text).filter(|number| range.contains(number));
        number.ok_or_else(|| {
            format!("a whole number from {} to {} is allowed", range.start(), range.end())
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_has_one_form() {
        assert_eq!(whole("0"), Some(0_u32));
        assert_eq!(whole("4294967295"), Some(u32::MAX));
        for odd in [
            "",
            "+3",
            "-0",
            "0003",
            "00",
            " 3",
            "3 ",
            "3.0",
            "3e0",
            "0x3",
            "3_0",
            "٣",
            "4294967296",
        ] {
            assert_eq!(whole::<u32>(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn a_number_out_of_range_is_answered_with_the_range() {
        let workers = within(1..=65_535_u32);
        assert_eq!(workers("8"), Ok(8));
        for odd in ["0", "-1", "65536", "+8", "x", "1.5", ""] {
            let said = workers(odd).unwrap_err();
            assert_eq!(said, "a whole number from 1 to 65535 is allowed", "{odd:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_the_same(text in "[-+ 0]{0,3}[0-9]{0,12}[ .]{0,1}") {
            if let Some(number) = whole::<u64>(&text) {
                prop_assert_eq!(number.to_string(), text);
            }
        }

        #[test]
        fn every_number_is_read_as_it_is_written(number in any::<u64>()) {
            prop_assert_eq!(whole(&number.to_string()), Some(number));
        }
    }
}
