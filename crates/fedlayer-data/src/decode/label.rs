//! [`Label`]: the class of an example as a file names it, the same in every format.

use std::fmt;

use thiserror::Error;

/// The class of an example as its file names it. Numbers sort before names: numbers by value, names
/// by their characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// A whole number, however it is written: `1`, `1.0` and `1e0` are one class.
    Number(i64),
    /// A name, without white space around it.
    Name(String),
}

/// The reason that a value is not a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoLabel {
    /// The field is empty, `nan`, or infinite.
    #[error("a label")]
    Missing,
    /// The number has a fraction.
    #[error("a class: a whole number or a name")]
    Fraction,
    /// The number has more digits than a 64-bit float holds.
    #[error("a class: a whole number from -9007199254740991 to 9007199254740991")]
    Huge,
}

/// The largest whole number to which no other one is rounded as a 64-bit float: 2⁵³ − 1.
const LARGEST: f64 = 9_007_199_254_740_991.0;

impl Label {
    /// Reads the label in a field of a text file.
    ///
    /// # Errors
    /// When the field is empty, or a number that is not whole.
    pub fn of_text(text: &str) -> Result<Self, NoLabel> {
        let text = text.trim();
        match text.parse::<f64>() {
            Ok(number) => Self::of_number(number),
            Err(_) if text.is_empty() => Err(NoLabel::Missing),
            Err(_) => Ok(Self::Name(text.to_owned())),
        }
    }

    /// Returns the label of a boolean: its name in Python and in the CSV files of pandas.
    pub fn of_bool(value: bool) -> Self {
        Self::Name(if value { "True" } else { "False" }.to_owned())
    }

    /// Reads the owner in a field of a text file. The rule is that of labels, except that whole
    /// numbers of many digits are taken as they are written.
    ///
    /// # Errors
    /// When the field is empty, or a number that is not whole.
    pub fn owner_of_text(text: &str) -> Result<Self, NoLabel> {
        let is_written_out = || text.trim().bytes().all(|byte| byte.is_ascii_digit());
        match Self::of_text(text) {
            Err(NoLabel::Huge) if is_written_out() => Ok(Self::Name(text.trim().to_owned())),
            other => other,
        }
    }

    /// Returns the label of a number.
    ///
    /// # Errors
    /// When the number is not whole.
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
    /// Describes the owners that are allowed.
    pub(super) fn owner(self) -> &'static str {
        match self {
            Self::Missing => "an owner",
            Self::Fraction | Self::Huge => "an owner: a whole number or a name",
        }
    }

    /// Advises what to do about an invalid owner.
    pub(super) fn owner_help(self) -> &'static str {
        match self {
            Self::Missing => "every example needs an owner: fill it in, or leave the line out",
            Self::Fraction | Self::Huge => {
                "number the owners from 0, as `numpy.unique(g, return_inverse=True)[1]` does"
            }
        }
    }

    /// Advises what to do about an invalid label.
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
        // 2⁵³ + 1 would be rounded to 2⁵³, and two classes would become one.
        for text in ["9007199254740993", "9007199254740992", "-9007199254740993"] {
            assert_eq!(Label::of_text(text), Err(NoLabel::Huge), "{text}");
        }
        assert_eq!(Label::of_text("9007199254740991"), Ok(Label::Number(9_007_199_254_740_991)));
    }
}
