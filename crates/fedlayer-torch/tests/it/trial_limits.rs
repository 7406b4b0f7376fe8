//! The trial of a module checks its later runs, its functions and the types of its numbers.

use crate::trial::reason;

#[test]
fn random_numbers_in_a_function_are_found_and_the_function_is_named() {
    let words = "which could not be repeated; save it without them";
    let drawn = |name| format!("it draws random numbers in training (`{name}`), {words}");
    assert_eq!(reason("helped"), drawn("noisy"));
    assert_eq!(reason("waits"), drawn("waiting"));
}

#[test]
fn a_module_that_changes_after_some_calls_is_refused() {
    let found = reason("matures");
    assert!(
        found.contains("its code draws no random numbers: it changes its own values"),
        "{found}"
    );
}

#[test]
fn logits_that_are_not_finite_in_one_of_the_two_modes_are_refused() {
    for name in ["blank", "blinds"] {
        assert_eq!(
            reason(name),
            "its logits on inputs of zeros and ones are not finite with the saved values",
            "{name}"
        );
    }
}

#[test]
fn a_loss_of_finite_logits_that_is_not_finite_is_refused() {
    assert_eq!(
        reason("overflows"),
        "its loss on inputs of zeros and ones is inf with the saved values"
    );
}

#[test]
fn logits_of_another_type_than_the_parameters_are_refused() {
    assert_eq!(
        reason("widens"),
        "it returns [2, 3] (float64) for inputs [2, 1, 4, 4]; the logits of this data are [2, 3] (float32)"
    );
}

#[test]
fn buffers_are_named_in_the_order_of_their_submodules() {
    let found = reason("twice");
    let [first, second] =
        ["`first.running_mean`", "`second.running_mean`"].map(|name| found.find(name));
    assert!(first.is_some() && first < second, "{found}");
}

#[test]
fn logits_of_another_shape_outside_of_training_are_refused() {
    assert_eq!(
        reason("unfolds"),
        "it returns [2, 6] (float32) for inputs [2, 1, 4, 4]; the logits of this data are [2, 3] (float32)"
    );
}
