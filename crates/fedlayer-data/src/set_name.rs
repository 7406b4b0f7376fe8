//! [`set_name`]: the name of a data set in messages.

use fedlayer_core::spec::DataSet;

/// Returns the name of a set in messages: its name in scenarios, or its file.
pub(crate) fn set_name(set: &DataSet) -> String {
    match set {
        DataSet::Digits => "digits",
        DataSet::Synthetic(_) => "synthetic",
        DataSet::Mnist => "mnist",
        DataSet::FashionMnist => "fashion-mnist",
        DataSet::Cifar10 => "cifar-10",
        DataSet::Cifar100 => "cifar-100",
        DataSet::Wikitext2 => "wikitext-2",
        DataSet::TinyShakespeare => "tiny-shakespeare",
        DataSet::Text(text) => &text.file,
        DataSet::Files(files) => &files.train,
    }
    .to_owned()
}
