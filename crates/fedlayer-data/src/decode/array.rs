//! [`Array`]: numbers of any type in a `.npy` or safetensors file, and the labelled examples in
//! them.

use fedlayer_core::text::number_text;
use half::{bf16, f16};

use super::{
    DecodeError, DecodeFault, FilePosition,
    label::{Label, NoLabel},
    numbers::Numbers,
};

/// The type of an array's numbers, little-endian in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are their documentation")]
pub enum ElementType {
    F16,
    BF16,
    F32,
    F64,
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
}

impl ElementType {
    /// Returns the bytes of a number.
    pub fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::F16 | Self::BF16 | Self::U16 | Self::I16 => 2,
            Self::F32 | Self::U32 | Self::I32 => 4,
            Self::F64 | Self::U64 | Self::I64 => 8,
        }
    }

    /// Returns the bytes of memory that a number takes once it is read: 4 if 32 bits hold it
    /// exactly, otherwise 8 and a rounded copy.
    pub(super) fn size_in_memory(self) -> u64 {
        match self {
            Self::F64 | Self::U32 | Self::I32 | Self::U64 | Self::I64 => 12,
            _ => 4,
        }
    }

    /// Returns the number in [`size`](Self::size) bytes; whole numbers beyond 2⁵³ are rounded.
    fn number(self, bytes: &[u8]) -> f64 {
        let mut eight = [0; 8];
        eight[..bytes.len()].copy_from_slice(bytes);
        let unsigned = u64::from_le_bytes(eight);
        match self {
            Self::F16 => f16::from_bits(unsigned as u16).into(),
            Self::BF16 => bf16::from_bits(unsigned as u16).into(),
            Self::F32 => f32::from_bits(unsigned as u32).into(),
            Self::F64 => f64::from_bits(unsigned),
            Self::Bool | Self::U8 | Self::U16 | Self::U32 | Self::U64 => unsigned as f64,
            Self::I8 => (unsigned as i8).into(),
            Self::I16 => (unsigned as i16).into(),
            Self::I32 => (unsigned as i32).into(),
            Self::I64 => unsigned as i64 as f64,
        }
    }
}

/// A row-major array of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Array {
    /// The file and, in a file of several arrays, the array's name: used in messages.
    pub file: String,
    /// The shape, outermost axis first.
    pub shape: Vec<usize>,
    /// The type of the numbers.
    pub kind: ElementType,
    /// The numbers, row-major, [`ElementType::size`] bytes each.
    pub bytes: Vec<u8>,
    /// The byte of the file at which the numbers begin, if the file has them in this order.
    pub start: Option<u64>,
}

impl Array {
    /// Returns the numbers, row-major; whole numbers beyond 2⁵³ are rounded.
    pub fn numbers(&self) -> impl ExactSizeIterator<Item = f64> {
        self.bytes.chunks_exact(self.kind.size()).map(|bytes| self.kind.number(bytes))
    }

    /// Returns a fault at one of the numbers.
    fn fault_at(
        &self,
        index: usize,
        fault: DecodeFault,
        found: String,
        expected: &str,
    ) -> DecodeError {
        let position = match self.start {
            Some(start) => FilePosition::Byte(start + (index * self.kind.size()) as u64),
            None => {
                FilePosition::Example(index / self.shape.iter().skip(1).product::<usize>().max(1))
            }
        };
        let (file, expected) = (self.file.clone(), expected.to_owned());
        DecodeError { file, position, fault, found, expected, help: None }
    }

    fn wrong_shape(&self, expected: &str) -> DecodeError {
        self.fault_at(
            0,
            DecodeFault::Shape,
            format!("an array of shape {:?}", self.shape),
            expected,
        )
    }

    /// Returns the numbers as features: `(N, …)` of at least one example.
    ///
    /// # Errors
    /// When the array has fewer than two axes or no number, or one that is not finite as `f32`.
    pub fn features(&self) -> Result<Numbers, DecodeError> {
        if self.shape.len() < 2 || self.bytes.is_empty() {
            let help = "`x.reshape(len(x), -1)` makes one number an example of one feature";
            return Err(self.wrong_shape("features [N, …], at least one").with_help(help));
        }
        if self.kind == ElementType::U8 {
            // Images have millions of numbers, and every byte is valid.
            return Ok(Numbers::Single(self.bytes.iter().map(|&byte| byte.into()).collect()));
        }
        let mut features = Numbers::default();
        for (index, number) in self.numbers().enumerate() {
            let rounded = || self.is_rounded(index, number).then_some(NoFeature::Rounded);
            if let Some(no) = NoFeature::of(number).or_else(rounded) {
                let found = number_text(number);
                let error = self.fault_at(index, DecodeFault::Value, found, no.expected());
                return Err(error.with_help(no.help()));
            }
            features.push(number);
        }
        Ok(features)
    }

    /// Tells whether a 64-bit number was rounded when it became a float.
    fn is_rounded(&self, index: usize, number: f64) -> bool {
        if number.abs() < EXACT || !matches!(self.kind, ElementType::I64 | ElementType::U64) {
            return false;
        }
        let mut eight = [0; 8];
        eight.copy_from_slice(&self.bytes[index * 8..][..8]);
        let whole = match self.kind {
            ElementType::U64 => u64::from_le_bytes(eight).into(),
            _ => i64::from_le_bytes(eight).into(),
        };
        is_other(whole, number)
    }

    /// Returns the numbers as the labels of `count` examples; the array has shape `(N)` or `(N,
    /// 1)`.
    ///
    /// # Errors
    /// When the array has another shape, or a number that is not a class.
    pub fn labels(&self, count: usize) -> Result<Vec<Label>, DecodeError> {
        self.one_each(count).map_err(|error| match self.shape[..] {
            [n, classes] if n == count && classes > 1 => {
                error.with_help("`y.argmax(1)` makes labels of one column per class")
            }
            _ => error,
        })?;
        self.each_as_label(|index, number, no| {
            let error =
                self.fault_at(index, DecodeFault::Label, number_text(number), &no.to_string());
            error.with_help(no.help())
        })
    }

    /// Returns each number as a label, or the error that `fault` makes of the first invalid one.
    fn each_as_label(
        &self,
        fault: impl Fn(usize, f64, NoLabel) -> DecodeError,
    ) -> Result<Vec<Label>, DecodeError> {
        let label = |(index, number): (usize, f64)| match self.kind {
            ElementType::Bool => Ok(Label::of_bool(number != 0.0)),
            _ => Label::of_number(number).map_err(|no| fault(index, number, no)),
        };
        self.numbers().enumerate().map(label).collect()
    }

    /// Checks that there is one number for each of `count` examples.
    fn one_each(&self, count: usize) -> Result<(), DecodeError> {
        match self.shape[..] {
            [n] | [n, 1] if n == count => Ok(()),
            _ => Err(self
                .wrong_shape(&format!("[{count}], one for each example"))
                .with_help("write one number for each example, in the order of the examples")),
        }
    }

    /// Returns the numbers as the owners of `count` examples, renumbered in the order of first
    /// appearance; the array has shape `(N)` or `(N, 1)`.
    ///
    /// # Errors
    /// When the array has another shape, or a number that is not whole.
    pub fn owners(&self, count: usize) -> Result<Vec<u32>, DecodeError> {
        self.one_each(count)?;
        let owners = self.each_as_label(|index, number, no| {
            let found = number_text(number);
            self.fault_at(index, DecodeFault::Value, found, no.owner()).with_help(no.owner_help())
        })?;
        Ok(in_order_of_appearance(owners))
    }
}

/// The largest whole number up to which all are exact as 64-bit floats: 2⁵³.
pub(super) const EXACT: f64 = 9_007_199_254_740_992.0;

/// Tells whether a whole number changes when it becomes a 64-bit float.
pub(super) fn is_other(whole: i128, float: f64) -> bool {
    float as i128 != whole
}

/// The reason that a number cannot be a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoFeature {
    /// The number is `nan` or infinite.
    NotFinite,
    /// The number is beyond the range of `f32`.
    TooLarge,
    /// The number is whole and has more digits than 64 bits hold.
    Rounded,
}

impl NoFeature {
    /// Returns the reason that a number cannot be a feature, if there is one.
    pub(super) fn of(number: f64) -> Option<Self> {
        match number {
            number if !number.is_finite() => Some(Self::NotFinite),
            number if !(number as f32).is_finite() => Some(Self::TooLarge),
            _ => None,
        }
    }

    /// Describes the numbers that are allowed.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::NotFinite => "a finite number",
            Self::TooLarge => {
                "a number from -3.4028235e38 to 3.4028235e38, the range of 32-bit floats"
            }
            Self::Rounded => {
                "a whole number that a 64-bit float holds, as all up to 9007199254740992"
            }
        }
    }

    /// Says what to do.
    pub(super) fn help(self) -> &'static str {
        match self {
            Self::NotFinite => {
                "fill in the missing values, or leave out its example (`df.dropna()`) or its column (`ignore`, of a CSV file)"
            }
            Self::TooLarge => {
                "write the feature in a larger unit, as `x / 1e30` does, or as its logarithm"
            }
            Self::Rounded => {
                "subtract the part that the examples of both files share, as `x - 1700000000000000000` does; an identifier is not a feature: leave it out"
            }
        }
    }
}

/// Numbers the values from 0 in the order of their first appearance.
pub(super) fn in_order_of_appearance<T: std::hash::Hash + Eq>(
    names: impl IntoIterator<Item = T>,
) -> Vec<u32> {
    let mut numbers = std::collections::HashMap::new();
    let number = |name| {
        let next = numbers.len() as u32;
        *numbers.entry(name).or_insert(next)
    };
    names.into_iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(kind: ElementType, shape: &[usize], bytes: &[u8]) -> Array {
        let (file, shape, bytes) = ("a".to_owned(), shape.to_vec(), bytes.to_vec());
        Array { file, shape, kind, bytes, start: Some(100) }
    }

    #[test]
    fn numbers_of_every_kind_are_read_with_their_sign() {
        let read = |kind, bytes: &[u8]| array(kind, &[1], bytes).numbers().next().unwrap();
        assert_eq!(read(ElementType::F32, &(-1.5_f32).to_le_bytes()), -1.5);
        assert_eq!(read(ElementType::F64, &0.1_f64.to_le_bytes()), 0.1);
        assert_eq!(read(ElementType::U8, &[200]), 200.0);
        assert_eq!(read(ElementType::I8, &[200]), -56.0);
        assert_eq!(read(ElementType::U16, &[0, 200]), 51_200.0);
        assert_eq!(read(ElementType::I16, &[0, 200]), -14_336.0);
        assert_eq!(read(ElementType::U32, &u32::MAX.to_le_bytes()), f64::from(u32::MAX));
        assert_eq!(read(ElementType::I32, &(-7_i32).to_le_bytes()), -7.0);
        assert_eq!(read(ElementType::I64, &(-7_i64).to_le_bytes()), -7.0);
        assert_eq!(read(ElementType::U64, &7_u64.to_le_bytes()), 7.0);
        assert_eq!(read(ElementType::Bool, &[1]), 1.0);
        // 1.5 and -2 in the two halves of 32 bits.
        assert_eq!(read(ElementType::F16, &0x3e00_u16.to_le_bytes()), 1.5);
        assert_eq!(read(ElementType::BF16, &0xc000_u16.to_le_bytes()), -2.0);
    }

    #[test]
    fn what_is_no_feature_or_no_label_is_named_with_its_byte() {
        let halves: Vec<u8> = [1.0_f32, 0.5].into_iter().flat_map(f32::to_le_bytes).collect();
        let error = array(ElementType::F32, &[2], &halves).labels(2).unwrap_err();
        assert_eq!((error.position, error.fault), (FilePosition::Byte(104), DecodeFault::Label));
        assert_eq!(
            error.to_string(),
            "`a`, byte 104: found 0.5; expected a class: a whole number or a name"
        );
        assert!(error.help.unwrap().contains("regression"));
        let large: Vec<u8> = [1.0, 1e39].into_iter().flat_map(f64::to_le_bytes).collect();
        let error = array(ElementType::F64, &[1, 2], &large).features().unwrap_err();
        assert_eq!((error.position, error.fault), (FilePosition::Byte(108), DecodeFault::Value));
        assert_eq!(
            error.to_string(),
            "`a`, byte 108: found 1e39; expected a number from -3.4028235e38 to 3.4028235e38, the range of 32-bit floats"
        );
        // Nanoseconds since 1970: whole seconds are floats, 7 ns more are not.
        let times = |ns: i64| {
            array(ElementType::I64, &[1, 1], &(1_700_000_000_000_000_000 + ns).to_le_bytes())
        };
        assert!(times(3_000_000_000).features().is_ok());
        assert!(times(7).features().unwrap_err().expected.contains("64-bit float"));
        let error = array(ElementType::U8, &[2], &[1, 2]).features().unwrap_err();
        assert_eq!(error.fault, DecodeFault::Shape);
        assert_eq!(array(ElementType::U8, &[3], &[7, 7, 2]).owners(3).unwrap(), [0, 0, 1]);
        assert_eq!(
            array(ElementType::U8, &[3], &[7, 7, 2]).owners(4).unwrap_err().fault,
            DecodeFault::Shape
        );
        let one_hot = array(ElementType::U8, &[2, 3], &[0, 0, 1, 1, 0, 0]).labels(2).unwrap_err();
        assert!(one_hot.help.unwrap().contains("argmax"));
        let column = array(ElementType::U8, &[2, 1], &[3, 0]).labels(2).unwrap();
        assert_eq!(column, [Label::Number(3), Label::Number(0)]);
        let halves = array(ElementType::F32, &[2], &halves).owners(2).unwrap_err();
        assert_eq!(halves.expected, "an owner: a whole number or a name");
    }

    #[test]
    fn labels_of_booleans_were_called_otherwise_than_in_a_csv_file() {
        let read = array(ElementType::Bool, &[3], &[1, 0, 1]).labels(3).unwrap();
        let written = ["True", "False", "True"].map(|text| Label::of_text(text).unwrap());
        assert_eq!(read, written);
    }
}
