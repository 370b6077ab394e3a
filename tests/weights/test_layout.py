"""Rename tables and layouts: what is found, what is reported, and that the way out leads back in."""

import re

import hypothesis.strategies as st
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given

from audiozoo.weights import to_variables
from audiozoo.weights.checkpoint import fold_weight_norm
from audiozoo.weights.layout import RenameTable, flatten, from_variables, unflatten


class Shape:
    def __init__(self, *shape, dtype=np.float32):
        self.shape, self.dtype = shape, np.dtype(dtype)


def tree(**leaves):
    """Paths written with two underscores, as a nested dict."""
    return unflatten({name.replace("__", "/"): leaf for name, leaf in leaves.items()})


def numbers(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape, dtype=np.float32)


BLOCK = tree(
    params__block_1__conv__kernel=Shape(3, 2, 4),
    params__block_1__conv__bias=Shape(4),
    params__block_1__norm__scale=Shape(4),
    batch_stats__block_1__norm__mean=Shape(4),
    batch_stats__block_1__norm__var=Shape(4),
)
NAMES = RenameTable(scopes=((r"block_(\d)/(\w+)", r"layers/\1/\2"),), ignore=(r"^optimizer\.", r"\.step$"))
ARRAYS = {
    "layers.1.conv.weight": numbers(4, 2, 3),
    "layers.1.conv.bias": numbers(4),
    "layers.1.norm.weight": numbers(4),
    "layers.1.norm.running_mean": numbers(4),
    "layers.1.norm.running_var": numbers(4),
}


def test_convolutions_norms_and_what_may_be_ignored():
    extra = {"layers.1.norm.num_batches_tracked": np.array(3), "optimizer.x": numbers(1), "a.step": np.array(1)}
    found = flatten(to_variables(ARRAYS | extra, BLOCK, NAMES))
    assert found.keys() == flatten(BLOCK).keys()
    kernel = found["params/block_1/conv/kernel"]
    np.testing.assert_array_equal(kernel, ARRAYS["layers.1.conv.weight"].transpose(2, 1, 0))
    assert kernel.flags.c_contiguous
    np.testing.assert_array_equal(found["batch_stats/block_1/norm/var"], ARRAYS["layers.1.norm.running_var"])


def test_one_error_lists_all_that_is_wrong():
    arrays = {name: array for name, array in ARRAYS.items() if "bias" not in name and "mean" not in name}
    arrays |= {"layers.1.conv.weight": numbers(5, 2, 3), "layers.1.norm.weight": np.arange(4)}
    arrays |= {"a.step.b": numbers(2), "other": numbers(3)}
    with pytest.raises(ValueError, match="do not fit") as caught:
        to_variables(arrays, BLOCK, NAMES)
    message = str(caught.value)
    missing, unused, misshapen = re.split(r"unused|misshapen", message)
    assert "(2)" in missing and "layers.1.conv.bias" in missing and "layers.1.norm.running_mean" in missing
    assert "(2)" in unused and "a.step.b (2,)" in unused and "other (3,)" in unused
    assert "(2)" in misshapen and "(3, 2, 5)" in misshapen and "(3, 2, 4)" in misshapen and "int64" in misshapen


def test_other_names_of_the_same_leaves():
    shapes = tree(params__norm__scale=Shape(2), params__norm__bias=Shape(2), params__tokens__embedding=Shape(5, 2))
    arrays = {"norm/gamma": numbers(2), "norm/beta": -numbers(2), "tokens/weight": numbers(5, 2)}
    found = flatten(to_variables(arrays, shapes, RenameTable(separator="/")))
    np.testing.assert_array_equal(found["params/norm/scale"], arrays["norm/gamma"])
    np.testing.assert_array_equal(found["params/norm/bias"], arrays["norm/beta"])
    np.testing.assert_array_equal(found["params/tokens/embedding"], arrays["tokens/weight"])


def test_a_leaf_may_have_its_own_name_and_a_module_none():
    shapes = tree(params__positions__embedding=Shape(3, 2), params__gain=Shape())
    table = RenameTable(scopes=((r"^positions$", ""),), leaves=((r"(pos)itions/embedding$", r"\1_enc"),))
    found = flatten(to_variables({"pos_enc": numbers(3, 2), "gain": np.array(2.0)}, shapes, table))
    assert found["params/gain"].shape == () and found["params/gain"].dtype == np.float32
    np.testing.assert_array_equal(found["params/positions/embedding"], numbers(3, 2))


FUSED = RenameTable(
    scopes=(
        (r"query$", "in_proj_*[0/3]"),
        (r"key$", "in_proj_*[1/3]"),
        (r"value$", "in_proj_*[2/3]"),
        ("attention", "attn"),
    )
)


def attention(key_bias=False):
    leaves = {f"params__attention__{name}__kernel": Shape(2, 4) for name in ("query", "key", "value")}
    leaves |= {f"params__attention__{name}__bias": Shape(4) for name in ("query", "value")}
    return tree(**leaves, **({"params__attention__key__bias": Shape(4)} if key_bias else {}))


def test_fused_projections_are_taken_apart():
    arrays = {"attn.in_proj_weight": numbers(12, 2), "attn.in_proj_bias": numbers(12)}
    found = flatten(to_variables(arrays, attention(key_bias=True), FUSED))
    for index, name in enumerate(("query", "key", "value")):
        rows = slice(4 * index, 4 * index + 4)
        np.testing.assert_array_equal(found[f"params/attention/{name}/kernel"], arrays["attn.in_proj_weight"][rows].T)
        np.testing.assert_array_equal(found[f"params/attention/{name}/bias"], arrays["attn.in_proj_bias"][rows])


def test_a_part_left_over_is_unused_unless_it_is_zero():
    bias = numbers(12)
    with pytest.raises(ValueError, match=r"unused \(1\):\s+attn.in_proj_bias\[1/3\]$"):
        to_variables({"attn.in_proj_weight": numbers(12, 2), "attn.in_proj_bias": bias}, attention(), FUSED)
    bias[4:8] = 0
    to_variables({"attn.in_proj_weight": numbers(12, 2), "attn.in_proj_bias": bias}, attention(), FUSED)


def test_a_fused_array_that_does_not_divide_is_misshapen():
    with pytest.raises(ValueError, match=r"\(11,\) does not split into 3 equal parts"):
        to_variables({"attn.in_proj_weight": numbers(12, 2), "attn.in_proj_bias": numbers(11)}, attention(), FUSED)


@pytest.mark.parametrize("shape", [(1, 3), (3, 1), (3,), (3, 1, 1)])
def test_only_axes_of_size_one_come_and_go(shape):
    found = to_variables({"a.alpha": numbers(3).reshape(shape)}, tree(params__a__alpha=Shape(1, 3)), RenameTable())
    np.testing.assert_array_equal(found["params"]["a"]["alpha"], numbers(3)[None])


def test_halves_and_brain_floats_become_what_the_model_wants():
    for dtype in (np.float16, ml_dtypes.bfloat16, np.float64):
        found = to_variables({"a.b": numbers(3).astype(dtype)}, tree(params__a__b=Shape(3)), RenameTable())
        assert found["params"]["a"]["b"].dtype == np.float32
    wanted = tree(params__a__b=Shape(3, dtype=ml_dtypes.bfloat16))
    assert to_variables({"a.b": numbers(3)}, wanted, RenameTable())["params"]["a"]["b"].dtype == ml_dtypes.bfloat16


@pytest.mark.parametrize("table", [RenameTable(scopes=(("a", "a[3/3]"),)), RenameTable(layouts=(("a", "sideways"),))])
def test_an_impossible_table_says_so(table):
    with pytest.raises(ValueError, match="rename table: "):
        to_variables({"a.kernel": numbers(3, 3)}, tree(params__a__kernel=Shape(3, 3)), table)


@pytest.mark.parametrize(
    "names", [("w.weight_g", "w.weight_v"), tuple(f"w.parametrizations.weight.original{i}" for i in (0, 1))]
)
def test_weight_norm_is_found_under_its_names(names):
    v, g = numbers(4, 2, 3), numbers(4, 1, 1)
    found = to_variables(dict(zip(names, (g, v), strict=True)), tree(params__w__kernel=Shape(3, 2, 4)), RenameTable())
    expected = g * v / np.linalg.norm(v.reshape(4, -1), axis=1)[:, None, None]
    np.testing.assert_allclose(found["params"]["w"]["kernel"], expected.transpose(2, 1, 0), rtol=1e-6)


def test_weight_norms_that_nobody_wants_or_that_do_not_fit_are_listed():
    arrays = {
        "w.weight_g": numbers(3, 1),
        "w.weight_v": numbers(4, 2),
        "x.weight_g": numbers(4, 1),
        "x.weight_v": numbers(4, 2),
    }
    with pytest.raises(ValueError, match=r"unused \(1\):\s+x.weight[\s\S]*misshapen \(1\):[\s\S]*weight norm"):
        to_variables(arrays, tree(params__w__kernel=Shape(2, 4)), RenameTable())


def test_a_direction_of_zero_gives_zero_and_not_nan():
    assert not fold_weight_norm(np.ones((2, 1), np.float32), np.zeros((2, 3), np.float32)).any()


def test_half_a_weight_norm_is_missing_and_unused():
    with pytest.raises(ValueError, match=r"missing \(1\):\s+w.weight [\s\S]*unused \(1\):\s+w.weight_v"):
        to_variables({"w.weight_v": numbers(4, 2)}, tree(params__w__kernel=Shape(2, 4)), RenameTable())


def cell(gates, *, separate, features=3, inputs=2):
    leaves = {"params__rnn__input__kernel": (inputs, gates * features), "params__rnn__input__bias": (gates * features,)}
    leaves["params__rnn__recurrent_kernel"] = (features, gates * features)
    if separate:
        leaves["params__rnn__recurrent_bias"] = (gates * features,)
    return tree(**{name: Shape(*shape) for name, shape in leaves.items()})


@pytest.mark.parametrize("reverse", [False, True])
def test_torch_recurrent_leaves(reverse):
    suffix = "_l2_reverse" if reverse else "_l2"
    table = RenameTable(scopes=(("^rnn$", f"lstm/*{suffix}"),))
    arrays = {
        "weight_ih": numbers(12, 2),
        "weight_hh": numbers(12, 3),
        "bias_ih": numbers(12),
        "bias_hh": -2 * numbers(12),
    }
    named = {f"lstm.{leaf}{suffix}": array for leaf, array in arrays.items()}
    found = flatten(to_variables(named, cell(4, separate=False), table))
    np.testing.assert_array_equal(found["params/rnn/input/kernel"], arrays["weight_ih"].T)
    np.testing.assert_array_equal(found["params/rnn/recurrent_kernel"], arrays["weight_hh"].T)
    np.testing.assert_array_equal(found["params/rnn/input/bias"], -numbers(12))
    found = flatten(to_variables(named, cell(4, separate=True), table))
    np.testing.assert_array_equal(found["params/rnn/input/bias"], arrays["bias_ih"])
    np.testing.assert_array_equal(found["params/rnn/recurrent_bias"], arrays["bias_hh"])


@pytest.mark.parametrize(("gates", "order"), [(4, (0, 2, 3, 1)), (3, (1, 0, 2)), (1, (0,))])
def test_onnx_recurrent_leaves_in_torch_order(gates, order):
    """Every gate is filled with its number, so that any other order shows."""
    rows = np.repeat(np.arange(1, gates + 1, dtype=np.float32), 3)
    both = np.stack([rows, rows + 10])  # two directions
    arrays = {"rnn.W": both[..., None] + np.zeros(2, np.float32), "rnn.R": both[..., None] + np.zeros(3, np.float32)}
    arrays["rnn.B"] = np.concatenate([both, both + 100], axis=1)
    shapes = cell(gates, separate=True)
    shapes["params"]["backwards"] = shapes["params"]["rnn"]
    table = RenameTable(scopes=(("^rnn$", "rnn[0/2]"), ("^backwards$", "rnn[1/2]")))
    found = flatten(to_variables(arrays, shapes, table))
    for name, offset in (("rnn", 0), ("backwards", 10)):
        wanted = np.repeat(np.array(order, np.float32) + 1, 3) + offset
        np.testing.assert_array_equal(found[f"params/{name}/input/kernel"][0], wanted)
        np.testing.assert_array_equal(found[f"params/{name}/recurrent_kernel"][2], wanted)
        np.testing.assert_array_equal(found[f"params/{name}/input/bias"], wanted)
        np.testing.assert_array_equal(found[f"params/{name}/recurrent_bias"], wanted + 100)
    with pytest.raises(ValueError, match=r"unused \(3\):\s+rnn.W\[1/2\]"):
        to_variables(arrays, cell(gates, separate=True), table)
    with pytest.raises(ValueError, match=r"name the direction"):
        to_variables(arrays, cell(gates, separate=True), RenameTable())


WIDTHS = st.integers(2, 4)  # an axis of one is dropped, so it would not come back


@st.composite
def models(draw):
    """Variables of a small made-up model, and a table that hides it behind foreign names."""
    width, inputs = draw(WIDTHS), draw(WIDTHS)
    leaves = {
        "params__block_1__linear__kernel": (inputs, width),
        "params__block_1__linear__bias": (width,),
        "params__block_1__norm__scale": (width,),
        "batch_stats__block_1__norm__mean": (width,),
        "params__conv__kernel": (draw(WIDTHS), inputs, width),
        "params__image__kernel": (draw(WIDTHS), draw(WIDTHS), inputs, width),
        "params__up__kernel": (draw(WIDTHS), inputs, width),
        "params__first__kernel": (inputs, width),
        "params__second__kernel": (inputs, width),
        "params__as_is__kernel": (inputs, width),
        "params__words__embedding": (draw(WIDTHS), width),
        "params__gain": (),
    }
    gates = draw(st.sampled_from([1, 3, 4]))
    for direction in ("forward", "backward"):
        leaves[f"params__rnn__{direction}__input__kernel"] = (inputs, gates * width)
        leaves[f"params__rnn__{direction}__input__bias"] = (gates * width,)
        leaves[f"params__rnn__{direction}__recurrent_kernel"] = (width, gates * width)
        if draw(st.booleans()):
            leaves[f"params__rnn__{direction}__recurrent_bias"] = (gates * width,)
    table = RenameTable(
        scopes=(
            (r"block_(\d)", r"blocks/\1"),
            (r"^first$", "fused[0/3]"),
            (r"^second$", "fused[2/3]"),
            (r"^rnn/forward$", "rnn/*_l0"),
            (r"^rnn/backward$", "rnn/*_l0_reverse"),
        ),
        separator=draw(st.sampled_from([".", "/"])),
        leaves=((r"words/embedding", "table"),),
        layouts=((r"^params/up/kernel", "conv_transpose"), (r"as_is", "same")),
    )
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    values = {name: rng.standard_normal(shape, dtype=np.float32) for name, shape in leaves.items()}
    return tree(**{name: np.asarray(value) for name, value in values.items()}), table


@given(models())
def test_out_to_foreign_names_and_back(model):
    variables, table = model
    exported = from_variables(variables, table)
    assert "params" not in "".join(exported)
    back = flatten(to_variables(exported, variables, table))
    assert back.keys() == flatten(variables).keys()
    for path, value in flatten(variables).items():
        np.testing.assert_array_equal(back[path], value)


def test_two_variables_with_one_foreign_name_are_an_error():
    with pytest.raises(ValueError, match=r"both called same\.weight"):
        from_variables(
            tree(params__a__kernel=numbers(2, 2), params__b__kernel=numbers(2, 2)), RenameTable((("[ab]", "same"),))
        )
