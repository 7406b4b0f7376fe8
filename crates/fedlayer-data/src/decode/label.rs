//! [`Label`]: what a file says the class of an example is, the same in every format.

use std::fmt;

use thiserror::Error;

/// The class of an example as its file calls it. Whole numbers come before names, numbers by their value, names by their characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// A whole number, however it is written: `1`, `1.0` and `1e0` are one class.
    Number(i64),
    /// A name, without white space around it.
    Name(String),
}

/// Why something is no label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoLabel {
    /// Nothing, `nan`, or an infinite number.
    #[error("a label")]
    Missing,
    /// A number with a fraction.
    #[error("a class: a whole number or a name")]
    Fraction,
    /// A number of which a 64-bit float does not know every digit.
    #[error("a class: a whole number from -9007199254740991 to 9007199254740991")]
    Huge,
}

/// The largest whole number that no other one is rounded to as a 64-bit float, 2⁵³ − 1.
const LARGEST: f64 = 9_007_199_254_740_991.0;

impl Label {
    /// The label that a field of a text file says.
    ///
    /// # Errors
    /// When it is empty, or a number that is no whole one.
    pub fn of_text(text: &str) -> Result<Self, NoLabel> {
        let text = text.trim();
        match text.parse::<f64>() {
            Ok(number) => Self::of_number(number),
            Err(_) if text.is_empty() => Err(NoLabel::Missing),
            Err(_) => Ok(Self::Name(text.to_owned())),
        }
    }

    /// The label that a truth value says: its name in Python and in the CSV files of pandas.
    pub fn of_bool(value: bool) -> Self {
        Self::Name(if value { "True" } else { "False" }.to_owned())
    }

    /// The owner that a field of a text file says: the same rule as for labels, but for whole
    /// numbers of many digits, which are taken as they are written.
    ///
    /// # Errors
    /// When it is empty, or a number that is no whole one.
    pub fn owner_of_text(text: &str) -> Result<Self, NoLabel> {
        let is_written_out = || text.trim().bytes().all(|byte| byte.is_ascii_digit());
        match Self::of_text(text) {
            Err(NoLabel::Huge) if is_written_out() => Ok(Self::Name(text.trim().to_owned())),
            other => other,
        }
    }

    /// The label that a number says.
    ///
    /// # Errors
    /// When it is no whole number.
    pub fn of_number(number: f64) -> Result<Self, NoLabel> {
        match number {
            number if !number.is_finite() => Err(NoLabel::Missing),
            number if number.fract() != 0.0 => Err(NoLabel::Fraction),
            number if number.abs() > LARGEST => Err(NoLabel::Huge),
            number => Ok(Self::Number(number as i64)),
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl NoLabel {
    /// What is expected of an owner.
    pub(super) fn owner(self) -> &'static str {
        match self {
            Self::Missing => "an owner",
            Self::Fraction | Self::Huge => "an owner: a whole number or a name",
        }
    }

    /// What to do about something that is no owner.
    pub(super) fn owner_help(self) -> &'static str {
        match self {
            Self::Missing => {
                "every example belongs to somebody: fill in whom, or leave its line out"
            }
            Self::Fraction | Self::Huge => {
                "number the owners from 0, as `numpy.unique(g, return_inverse=True)[1]` does"
            }
        }
    }

    /// What to do about it.
    pub fn help(self) -> &'static str {
        match self {
            Self::Missing => {
                "every example needs a class: leave out those without one, as `df.dropna()` does"
            }
            Self::Fraction => {
                "this is a target of regression, and fedlayer trains classifiers: put it into bins first, as `df[\"y\"] = pandas.qcut(df[\"y\"], 4, labels=False)` does"
            }
            Self::Huge => {
                "number the classes from 0, as `numpy.unique(y, return_inverse=True)[1]` does"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_one_class_however_it_is_written() {
        for text in ["10", "10.0", " 10 ", "1e1", "+10"] {
            assert_eq!(Label::of_text(text), Ok(Label::Number(10)), "{text}");
        }
        assert_eq!(Label::of_text("-1"), Label::of_number(-1.0));
        assert_eq!(Label::of_text("-0.0"), Ok(Label::Number(0)));
    }

    #[test]
    fn numbers_come_before_names_and_nine_before_ten() {
        let mut labels = ["rose", "10", "9.0", "lily", "-1"].map(|l| Label::of_text(l).unwrap());
        labels.sort();
        assert_eq!(labels.map(|label| label.to_string()), ["-1", "9", "10", "lily", "rose"]);
    }

    #[test]
    fn an_owner_is_one_however_the_number_is_written() {
        let owner = |text: &str| Label::owner_of_text(text);
        assert_eq!(owner("1.0"), owner(" 1 "));
        assert_ne!(owner("76561198012345678"), owner("76561198012345679"));
        assert_eq!(owner("1.5"), Err(NoLabel::Fraction));
        assert_eq!(owner(" "), Err(NoLabel::Missing));
        assert_eq!(owner("1e300"), Err(NoLabel::Huge));
    }

    #[test]
    fn fractions_and_what_is_missing_are_no_labels() {
        for text in ["", "  ", "nan", "NaN", "inf"] {
            assert_eq!(Label::of_text(text), Err(NoLabel::Missing), "{text}");
        }
        assert_eq!(Label::of_text("1.5"), Err(NoLabel::Fraction));
        assert_eq!(Label::of_text("1e300"), Err(NoLabel::Huge));
        // 2⁵³ + 1 would become 2⁵³: two classes one.
        for text in ["9007199254740993", "9007199254740992", "-9007199254740993"] {
            assert_eq!(Label::of_text(text), Err(NoLabel::Huge), "{text}");
        }
        assert_eq!(Label::of_text("9007199254740991"), Ok(Label::Number(9_007_199_254_740_991)));
    }
}
