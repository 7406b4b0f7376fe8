//! Networks held to other sources: parameters, layers and costs from the literature or by hand, and
//! every refusal.

use fedlayer_core::{
    data::DataFacts,
    model::{
        Layout, Role,
        architecture::{Architecture, ArchitectureError},
    },
    spec::*,
};

fn facts(shape: &[usize], classes: usize) -> DataFacts {
    DataFacts { shape: shape.to_vec(), classes, targets: 1, pool: 1, test: 1 }
}

/// Returns the facts of a text.
fn text(context: usize, vocabulary: usize) -> DataFacts {
    DataFacts { targets: context, ..facts(&[context], vocabulary) }
}

fn layout(model: &ModelSpec, data: &DataFacts) -> Layout {
    model.layout(data).unwrap()
}

/// Counts the values with this role.
fn values(layout: &Layout, role: Role) -> usize {
    layout.tensors().filter(|tensor| tensor.role == role).map(|tensor| tensor.range.len()).sum()
}

fn names(layout: &Layout) -> Vec<&str> {
    layout.names().map(|name| name.as_str()).collect()
}

fn residual(norm: NormKind) -> Residual {
    Residual { norm, groups: None }
}

fn conv_spec(out: u32, kernel: u32) -> ConvSpec {
    ConvSpec { out_channels: out, kernel, stride: 1, padding: 0, bias: true, name: None }
}

fn conv(out: u32, kernel: u32) -> LayerSpec {
    LayerSpec::Conv(conv_spec(out, kernel))
}

fn linear(out: u32) -> LayerSpec {
    LayerSpec::Linear(LinearSpec { out_features: out, bias: true, name: None })
}

fn norm_spec(kind: NormKind, groups: Option<u32>) -> NormSpec {
    NormSpec { kind, groups, name: None }
}

/// Appends a head of three classes.
fn headed(layers: &[LayerSpec]) -> ModelSpec {
    ModelSpec::Layers([layers, &[LayerSpec::Flatten, linear(3)]].concat())
}

#[test]
fn networks_have_as_many_parameters_as_the_literature_says() {
    let vgg = Vgg { hidden: 4096, pool: 7, dropout: 0.5 };
    let cases = [
        // (25 + 1)·6 + (6·25 + 1)·16 + (400 + 1)·120 + (120 + 1)·84 + (84 + 1)·10
        (ModelSpec::Lenet5, facts(&[1, 28, 28], 10), 61_706),
        // An image of 32 pixels gets no padding, so the feature maps are the same; conv1 has 2·25·6
        // more weights for two more channels.
        (ModelSpec::Lenet5, facts(&[3, 32, 32], 10), 62_006),
        // McMahan et al. 2017, §3: "1,663,370 total parameters"
        (ModelSpec::McmahanCnn, facts(&[1, 28, 28], 10), 1_663_370),
        // (27 + 1)·32 + (288 + 1)·64 + (64·14² + 1)·128 + (128 + 1)·10
        (ModelSpec::PflCnn, facts(&[3, 32, 32], 10), 1_626_442),
        // torchvision, `VGG11_Weights.IMAGENET1K_V1`: num_params
        (ModelSpec::Vgg11(vgg), facts(&[3, 224, 224], 1000), 132_863_336),
        // conv1 27·64; stages 4·9·64², 9·(64·128 + 3·128²) + 64·128, and so on with 256 and 512; fc
        // 513·10
        (ModelSpec::Resnet18(residual(NormKind::None)), facts(&[3, 32, 32], 10), 11_164_362),
        // With a scale and a shift for each of 4800 channels: 11,173,962, as in
        // kuangliu/pytorch-cifar.
        (ModelSpec::Resnet18(residual(NormKind::Group)), facts(&[3, 32, 32], 10), 11_173_962),
        // He et al. 2016, table 6: 0.27 M. Convolutions 432 + 13 824 + 50 688 + 202 752, fc 650
        (ModelSpec::Resnet20(residual(NormKind::None)), facts(&[3, 32, 32], 10), 268_346),
        (ModelSpec::Linear, facts(&[784], 10), 7_850),
        (ModelSpec::DeepLinear(vec![5, 4]), facts(&[6], 3), 7 * 5 + 6 * 4 + 5 * 3),
        (ModelSpec::Mlp(MlpForm::Hidden(vec![200, 200])), facts(&[1, 28, 28], 10), 199_210),
        (ModelSpec::DiagonalLinear(3), facts(&[6], 4), 3 * 6 * 4),
    ];
    for (model, data, expected) in cases {
        let layout = layout(&model, &data);
        assert_eq!(layout.value_count(), expected, "{model:?}");
        assert_eq!(values(&layout, Role::Statistic), 0, "{model:?}");
    }
}

#[test]
fn running_statistics_are_counted_apart() {
    // ResNet-20's 268 346 weights, and two trained values for each of 16 + 6·(16 + 32 + 64) = 688
    // channels: 269 722, as in the literature. Each of the 19 convolutions is followed by one mean
    // and variance per channel and one batch counter.
    let (small, large) = (residual(NormKind::Batch), residual(NormKind::Batch));
    let data = facts(&[3, 32, 32], 10);
    let of = |model: ModelSpec| {
        let layout = layout(&model, &data);
        assert!(Architecture::new(&model, &data).unwrap().has_statistics());
        let counts = (values(&layout, Role::Trained), values(&layout, Role::Statistic));
        assert_eq!(counts.0 + counts.1, layout.value_count());
        (counts, layout.statistics().count())
    };
    assert_eq!(of(ModelSpec::Resnet20(small)), ((269_722, 2 * 688 + 19), 3 * 19));
    assert_eq!(of(ModelSpec::Resnet18(large)), ((11_173_962, 2 * 4_800 + 20), 3 * 20));
    let without = ModelSpec::Resnet18(residual(NormKind::Group));
    assert!(!Architecture::new(&without, &data).unwrap().has_statistics());
}

#[test]
fn resnet_18_has_twenty_one_layers_called_as_in_torchvision() {
    let layout = layout(&ModelSpec::Resnet18(residual(NormKind::None)), &facts(&[3, 32, 32], 10));
    #[rustfmt::skip]
    let expected = [
        "conv1",
        "layer1.0.conv1", "layer1.0.conv2", "layer1.1.conv1", "layer1.1.conv2",
        "layer2.0.conv1", "layer2.0.conv2", "layer2.0.downsample.0", "layer2.1.conv1", "layer2.1.conv2",
        "layer3.0.conv1", "layer3.0.conv2", "layer3.0.downsample.0", "layer3.1.conv1", "layer3.1.conv2",
        "layer4.0.conv1", "layer4.0.conv2", "layer4.0.downsample.0", "layer4.1.conv1", "layer4.1.conv2",
        "fc",
    ];
    assert_eq!(names(&layout), expected);
}

#[test]
fn vgg_11_is_called_as_in_torchvision() {
    let vgg = |pool, hidden| ModelSpec::Vgg11(Vgg { pool, hidden, dropout: 0.0 });
    let data = facts(&[3, 32, 32], 10);
    #[rustfmt::skip]
    let expected = [
        "features.0", "features.3", "features.6", "features.8", "features.11", "features.13",
        "features.16", "features.18", "classifier.0", "classifier.3", "classifier.6",
    ];
    assert_eq!(names(&layout(&vgg(1, 512), &data)), expected);
    // A 2 × 2 feature map quadruples the inputs of the first hidden layer.
    let more =
        layout(&vgg(2, 100), &data).value_count() - layout(&vgg(1, 100), &data).value_count();
    assert_eq!(more, 3 * 512 * 100);
}

#[test]
fn a_transformer_has_gpt_2s_parameters() {
    // Tokens V·D, positions T·D, each block 12·D² + 13·D (attention 4·D² + 4·D, perceptron 8·D² +
    // 5·D, two normalisations 4·D), the last normalisation 2·D; an untied head V·D more. GPT-2
    // (small) has 124 439 808 with a tied head.
    let of = |depth, width, heads, tied, data: &DataFacts| {
        let gpt = Gpt { depth, width, heads, dropout: 0.1, tied };
        layout(&ModelSpec::Gpt(gpt), data)
    };
    let web = text(1024, 50_257);
    assert_eq!(of(12, 768, 12, true, &web).value_count(), 124_439_808);
    assert_eq!(of(12, 768, 12, false, &web).value_count(), 124_439_808 + 50_257 * 768);
    let small = text(16, 65);
    for (depth, width) in [(1, 8), (3, 32)] {
        let d = width as usize;
        let tied = 65 * d + 16 * d + depth as usize * (12 * d * d + 13 * d) + 2 * d;
        for heads in [1, 4] {
            assert_eq!(of(depth, width, heads, true, &small).value_count(), tied);
            assert_eq!(of(depth, width, heads, false, &small).value_count(), tied + 65 * d);
        }
    }
    #[rustfmt::skip]
    let expected = [
        "transformer.wte", "transformer.wpe",
        "transformer.h.0.ln_1", "transformer.h.0.attn.c_attn", "transformer.h.0.attn.c_proj",
        "transformer.h.0.ln_2", "transformer.h.0.mlp.c_fc", "transformer.h.0.mlp.c_proj",
        "transformer.ln_f", "lm_head",
    ];
    assert_eq!(names(&of(1, 8, 2, false, &small)), expected);
    assert_eq!(names(&of(1, 8, 2, true, &small)), expected[..9]);
}

#[test]
fn a_forward_pass_costs_what_its_products_cost() {
    let flops = |model: &ModelSpec, data: &DataFacts| Architecture::new(model, data).unwrap().flops;
    let pool = LayerSpec::MaxPool(PoolSpec { kernel: 2, stride: None });
    let small = headed(&[conv(2, 3), LayerSpec::Relu, pool]);
    // 2 × 4 × 4 values of nine products each, then 3 of 2 × 2 × 2 products; a multiply-add counts
    // as two.
    assert_eq!(flops(&small, &facts(&[1, 6, 6], 3)), 2 * (32 * 9 + 3 * 8));
    // Both branches count: 4 × 3 × 3 values of 2·9 products, and of 2·1 for the shortcut.
    let halving = Block::Conv(ConvSpec { stride: 2, padding: 1, ..conv_spec(4, 3) });
    let branched = headed(&[LayerSpec::Residual(vec![halving])]);
    assert_eq!(flops(&branched, &facts(&[2, 6, 6], 3)), 2 * (36 * 18 + 36 * 2 + 3 * 36));
    // torchvision, `VGG11_Weights.IMAGENET1K_V1`: 7.609 G products.
    let vgg = ModelSpec::Vgg11(Vgg { hidden: 4096, pool: 7, dropout: 0.5 });
    assert_eq!(flops(&vgg, &facts(&[3, 224, 224], 1000)), 2 * 7_609_090_048);
    // He et al. 2016 count 41 M products for ResNet-20: 40 550 400 of convolutions, 640 of the
    // head.
    let resnet = ModelSpec::Resnet20(residual(NormKind::None));
    assert_eq!(flops(&resnet, &facts(&[3, 32, 32], 10)), 2 * 40_551_040);
    // T = 16, D = 8, V = 65: per block 12·T·D² products of weights and 2·T²·D of attention; the
    // head T·D·V, tied or not.
    for tied in [true, false] {
        let gpt = ModelSpec::Gpt(Gpt { depth: 3, width: 8, heads: 2, dropout: 0.0, tied });
        let (block, head) = (12 * 16 * 64 + 2 * 256 * 8, 16 * 8 * 65);
        assert_eq!(flops(&gpt, &text(16, 65)), 2 * (3 * block + head));
    }
}

#[test]
fn a_residual_that_changes_the_shape_gets_a_shortcut_of_its_own() {
    let norm = || Block::Norm(norm_spec(NormKind::Batch, None));
    let plain = || Block::Conv(ConvSpec { padding: 1, ..conv_spec(4, 3) });
    let halving = || Block::Conv(ConvSpec { stride: 2, padding: 1, ..conv_spec(6, 3) });
    let model = headed(&[
        LayerSpec::Residual(vec![plain(), norm(), Block::Relu]),
        LayerSpec::Residual(vec![halving(), norm()]),
        LayerSpec::GlobalPool,
    ]);
    // An odd side: 7 pixels become 4 in body and shortcut.
    let wide = layout(&model, &facts(&[2, 7, 7], 3));
    assert_eq!(names(&wide), ["conv1", "norm1", "shortcut1", "conv2", "norm2", "shortcut2", "fc1"]);
    let shapes = |layer: &str| -> Vec<&[usize]> {
        let layer = &wide.layers()[wide.index_of(layer).unwrap()];
        layer.tensors.iter().map(|tensor| &tensor.shape[..]).collect()
    };
    assert_eq!(shapes("shortcut1"), [[4, 2, 1, 1]], "without a bias");
    assert_eq!(shapes("shortcut2"), [[6, 4, 1, 1]]);
    assert_eq!(shapes("norm2"), [&[6][..], &[6], &[6], &[6], &[]]);
    assert!(Architecture::new(&model, &facts(&[2, 7, 7], 3)).unwrap().has_statistics());
    // The first residual changes no shape and has no shortcut; the second keeps its number.
    let same = layout(&model, &facts(&[4, 8, 8], 3));
    assert_eq!(names(&same), ["conv1", "norm1", "conv2", "norm2", "shortcut2", "fc1"]);
}

#[test]
fn layers_without_names_are_numbered_and_given_names_are_kept() {
    let named = ConvSpec { name: Some("stem".into()), ..conv_spec(4, 3) };
    let mean = LayerSpec::AvgPool(PoolSpec { kernel: 2, stride: Some(1) });
    let model = headed(&[
        LayerSpec::Conv(named),
        LayerSpec::Norm(norm_spec(NormKind::Group, Some(2))),
        conv(5, 1),
        mean,
        LayerSpec::Dropout(0.5),
    ]);
    let layout = layout(&model, &facts(&[1, 5, 5], 3));
    assert_eq!(names(&layout), ["stem", "norm1", "conv2", "fc1"]);
    // 5 − 3 + 1 = 3 positions per side; windows of 2 with stride 1 leave 2: 5·2·2 values.
    let head = layout.tensors().find(|tensor| tensor.name == "fc1.weight").unwrap();
    assert_eq!(head.shape, [3, 20]);
}

/// Checks the whole message of a model that does not fit the data.
#[track_caller]
fn refused(model: ModelSpec, data: &DataFacts, expected: &str) {
    assert_eq!(model.layout(data).unwrap_err().to_string(), expected);
}

#[test]
fn a_layer_that_does_not_fit_is_named_with_its_input_shape() {
    let image = facts(&[1, 8, 8], 3);
    refused(
        headed(&[conv(4, 3), conv(4, 7)]),
        &image,
        "`conv2` does not fit [4, 6, 6]: its kernel of 7 is larger than the padded image",
    );
    refused(
        ModelSpec::Layers(vec![conv(4, 3), linear(3)]),
        &image,
        "`fc1` does not fit [4, 6, 6]: put `\"flatten\"` in front of it",
    );
    refused(
        headed(&[LayerSpec::Flatten, conv(4, 3)]),
        &image,
        "`conv1` does not fit [64]: it needs `[channels, height, width]`",
    );
    refused(
        headed(&[LayerSpec::MaxPool(PoolSpec { kernel: 9, stride: None })]),
        &image,
        "`pool` does not fit [1, 8, 8]: its window of 9 is larger than the image",
    );
    refused(
        headed(&[LayerSpec::Residual(vec![Block::Conv(conv_spec(1, 3))])]),
        &image,
        "`residual` does not fit [1, 8, 8]: the output of its layers has shape [1, 6, 6]",
    );
    let block = Block::Linear(LinearSpec { out_features: 5, bias: true, name: None });
    refused(
        headed(&[LayerSpec::Flatten, LayerSpec::Residual(vec![block])]),
        &image,
        "`residual` does not fit [64]: the output of its layers has shape [5]",
    );
    // 28 pixels halved five times are 0.
    refused(
        ModelSpec::Vgg11(Vgg::default()),
        &facts(&[1, 28, 28], 10),
        "`pool` does not fit [512, 1, 1]: its window of 2 is larger than the image",
    );
}

#[test]
fn a_network_ends_with_a_value_for_each_class() {
    for (last, found) in [(linear(5), "[5]"), (LayerSpec::Relu, "[64]")] {
        let said = format!(
            "the end of `layers` does not fit {found}: the network must end with 3 values, one for each class; end it with `\"flatten\"` and \
             `{{ linear = {{ out = 3 }} }}`"
        );
        let model = ModelSpec::Layers(vec![LayerSpec::Flatten, last]);
        refused(model, &facts(&[1, 8, 8], 3), &said);
    }
}

#[test]
fn values_that_must_divide_others_do() {
    refused(
        headed(&[conv(6, 3), LayerSpec::Norm(norm_spec(NormKind::Group, Some(4)))]),
        &facts(&[1, 8, 8], 3),
        "`groups` is 4, which does not divide the number of channels 6",
    );
    refused(
        ModelSpec::Resnet20(Residual { norm: NormKind::Group, groups: Some(32) }),
        &facts(&[3, 32, 32], 10),
        "`groups` is 32, which does not divide the number of channels 16",
    );
    refused(
        ModelSpec::Gpt(Gpt { width: 128, heads: 3, ..Gpt::default() }),
        &text(16, 65),
        "`model.gpt.heads` is 3, which does not divide the width 128",
    );
}

#[test]
fn a_model_and_data_of_another_kind_are_refused() {
    let (tokens, image) = (text(16, 65), facts(&[3, 32, 32], 10));
    for (model, name) in [
        (ModelSpec::Lenet5, "lenet-5"),
        (ModelSpec::McmahanCnn, "mcmahan-cnn"),
        (ModelSpec::PflCnn, "pfl-cnn"),
        (ModelSpec::Vgg11(Vgg::default()), "vgg-11"),
        (ModelSpec::Resnet18(Residual::default()), "resnet-18"),
        (ModelSpec::Resnet20(Residual::default()), "resnet-20"),
    ] {
        let expected = format!(
            "`{name}` takes images of shape `[channels, height, width]`; an example of this data has shape [16]"
        );
        refused(model, &tokens, &expected);
    }
    refused(
        ModelSpec::Gpt(Gpt::default()),
        &image,
        "`gpt` takes texts of shape `[context]`; an example of this data has shape [3, 32, 32]",
    );
    refused(
        ModelSpec::Gpt(Gpt::default()),
        &facts(&[16], 10),
        "`gpt` predicts one label per token of an example; this data has 1",
    );
    let one = |model: &str| format!("`{model}` predicts one label per example; this data has 16");
    refused(ModelSpec::Mlp(MlpForm::Hidden(vec![4])), &tokens, &one("mlp"));
    refused(headed(&[]), &tokens, &one("layers"));
    let labelled = DataFacts { targets: 16, ..image };
    refused(ModelSpec::Lenet5, &labelled, &one("lenet-5"));
}

#[test]
fn two_layers_may_not_share_a_name() {
    let named = |out| LayerSpec::Conv(ConvSpec { name: Some("a".into()), ..conv_spec(out, 1) });
    let twice =
        "tensor `a.weight` is named twice, or is not adjacent to the other tensors of its layer";
    for between in [vec![], vec![conv(2, 1)]] {
        let layers = [vec![named(2)], between, vec![named(3)]].concat();
        refused(headed(&layers), &facts(&[1, 8, 8], 3), twice);
    }
}

#[test]
fn models_that_are_no_list_of_operations_say_so() {
    let data = facts(&[6], 3);
    let of = |model: &ModelSpec| Architecture::new(model, &data).unwrap_err();
    assert_eq!(of(&ModelSpec::Toy(Toy::default())).to_string(), "`toy` has no list of operations");
    assert_eq!(
        of(&ModelSpec::DiagonalLinear(2)),
        ArchitectureError::NoOperations("diagonal-linear")
    );
    refused(
        ModelSpec::Torchscript("net.pt".into()),
        &data,
        "the layers of a TorchScript module are in its file",
    );
    // A toy with more layers than features has a layer without values.
    refused(
        ModelSpec::Toy(Toy::default()),
        &facts(&[2], 3),
        "tensor `q1.center` has shape [0]; every dimension must be at least 1",
    );
}
