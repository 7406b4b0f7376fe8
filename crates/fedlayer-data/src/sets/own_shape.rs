//! `data.set.files.shape`: the shape of an example in a file that holds rows of numbers.

use fedlayer_core::spec::{DataSpec, Files};

use crate::{DataError, inputs};

/// Returns the shape of the examples of a file: its `own`, or the one that is `asked` for.
///
/// A row of n numbers takes any shape with n elements. Axes of length 1 may be added and removed,
/// because that moves no number.
///
/// # Errors
/// When the file has another shape of its own, because its numbers would be scrambled; when the
/// number of elements differs.
pub(super) fn shaped(
    file: &str,
    own: Vec<usize>,
    asked: Option<&[u32]>,
) -> Result<Vec<usize>, DataError> {
    let Some(asked) = asked else { return Ok(own) };
    let shape: Vec<usize> = asked.iter().map(|&length| length as usize).collect();
    let file = file.to_owned();
    if numbers(&own) != numbers(&shape) {
        return Err(DataError::OtherShape { file, found: own, shape });
    }
    let (long, wanted) = (long_axes(&own), long_axes(&shape));
    if long.len() > 1 && long != wanted {
        let mend = mend(&own, &shape);
        return Err(DataError::Scrambled { file, found: own, shape, mend });
    }
    Ok(shape)
}

/// Refuses constants per channel for examples that look like `[height, width, channels]`: each row
/// of the image would get its own constants. A `shape` that repeats the file's confirms that the
/// first axis is the channels.
pub(super) fn refuse_channels_last(
    spec: &DataSpec,
    files: &Files,
    shape: &[usize],
) -> Result<(), DataError> {
    match *shape {
        [height, width, 1 | 3 | 4]
            if height > 4 && width > 4 && files.shape.is_none() && inputs::is_by_channel(spec) =>
        {
            let (file, shape) = (files.train.clone(), shape.to_vec());
            Err(DataError::ChannelsLast { file, shape })
        }
        _ => Ok(()),
    }
}

/// Returns the number of elements of an example.
fn numbers(shape: &[usize]) -> u128 {
    shape.iter().map(|&axis| axis as u128).product()
}

/// Returns the axes that are longer than 1.
fn long_axes(shape: &[usize]) -> Vec<usize> {
    shape.iter().copied().filter(|&length| length != 1).collect()
}

/// Returns the line of Python that changes examples of shape `own` to the shape that is asked for.
fn mend(own: &[usize], asked: &[usize]) -> String {
    match order(own, asked) {
        Some(order) => {
            let axes: Vec<String> = order.iter().map(|axis| (axis + 1).to_string()).collect();
            format!("x = x.transpose(0, {})", axes.join(", "))
        }
        None => {
            let axes: Vec<String> = asked.iter().map(ToString::to_string).collect();
            format!("x = x.reshape(len(x), {})", axes.join(", "))
        }
    }
}

/// Returns the axis of `own` for each axis that is asked for; axes of equal length stay in their
/// order.
fn order(own: &[usize], asked: &[usize]) -> Option<Vec<usize>> {
    let mut left: Vec<usize> = (0..own.len()).collect();
    let mut find = |length: &usize| {
        let at = left.iter().position(|&axis| own[axis] == *length)?;
        Some(left.remove(at))
    };
    let order: Vec<usize> = asked.iter().map(&mut find).collect::<Option<_>>()?;
    left.is_empty().then_some(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_takes_a_shape_and_axes_of_one_come_and_go() {
        let shaped = |own: &[usize], asked: &[u32]| shaped("a", own.to_vec(), Some(asked)).unwrap();
        assert_eq!(shaped(&[64], &[1, 8, 8]), [1, 8, 8]);
        assert_eq!(shaped(&[28, 28], &[1, 28, 28]), [1, 28, 28]);
        assert_eq!(shaped(&[28, 28, 1], &[1, 28, 28]), [1, 28, 28]);
        assert_eq!(shaped(&[12, 12, 3], &[12, 12, 3]), [12, 12, 3]);
    }

    #[test]
    fn another_shape_is_refused_with_the_line_that_mends_it() {
        let mend = |own: &[usize], asked: &[u32]| match shaped("a", own.to_vec(), Some(asked)) {
            Err(DataError::Scrambled { mend, .. }) => mend,
            other => panic!("{other:?}"),
        };
        assert_eq!(mend(&[12, 12, 3], &[3, 12, 12]), "x = x.transpose(0, 3, 1, 2)");
        assert_eq!(mend(&[8, 12, 3], &[3, 8, 12]), "x = x.transpose(0, 3, 1, 2)");
        assert_eq!(mend(&[3, 144], &[3, 12, 12]), "x = x.reshape(len(x), 3, 12, 12)");
        assert!(matches!(
            shaped("a", vec![12, 12, 3], Some(&[3, 12])),
            Err(DataError::OtherShape { .. })
        ));
    }
}
