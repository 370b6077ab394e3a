"""Layouts against the frameworks: random layers of torch and ONNX give the same answer from our variables."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from audiozoo.layers.recurrent import LSTM
from audiozoo.weights import to_variables
from audiozoo.weights.layout import RenameTable, flatten

pytestmark = pytest.mark.oracle


def convert(module, theirs, x, table):
    """Our variables for a Linen module, from a torch module's state dict."""
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), x))
    return to_variables({name: value.numpy() for name, value in theirs.state_dict().items()}, shapes, table)


def run(theirs, x):
    with torch.no_grad():
        return theirs(torch.from_numpy(x)).numpy()


class Named(nn.Module):
    """Puts a layer under the name `layer`."""

    build: type
    arguments: tuple
    settings: tuple = ()

    @nn.compact
    def __call__(self, x):
        return self.build(*self.arguments, **dict(self.settings), name="layer")(x)


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def compare(ours, theirs, x, axes, table):
    """`axes` move the channels of x from torch's place, 1, to the end."""
    torch.manual_seed(0)
    inputs = np.ascontiguousarray(np.moveaxis(x, -1, 1)) if axes else x
    module = torch.nn.ModuleDict({"layer": theirs()})
    expected = run(module["layer"].eval(), inputs)
    found = ours.apply(convert(ours, module, x, table), x)
    np.testing.assert_allclose(found, np.moveaxis(expected, 1, -1) if axes else expected, rtol=1e-5, atol=1e-5)


def test_linear():
    compare(Named(nn.Dense, (5,)), lambda: torch.nn.Linear(3, 5), normal(2, 3), 0, RenameTable())


@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("window", [(3,), (3, 2)])
def test_convolution(window, groups):
    build = {1: torch.nn.Conv1d, 2: torch.nn.Conv2d}[len(window)]
    settings = (("padding", "VALID"), ("feature_group_count", groups))
    ours = Named(nn.Conv, (12, window), settings)
    compare(ours, lambda: build(6, 12, window, groups=groups), normal(2, *[9] * len(window), 6), 1, RenameTable())


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("window", [(3,), (4,), (3, 2)])
def test_transposed_convolution(window, stride):
    build = {1: torch.nn.ConvTranspose1d, 2: torch.nn.ConvTranspose2d}[len(window)]
    # torch's output without padding is the full one, (n - 1) stride + window long; Linen's "VALID" is never shorter
    # than n stride, by zeros at the end.
    padding = tuple((size - 1, size - 1) for size in window)
    ours = Named(nn.ConvTranspose, (5, window), (("strides", (stride,) * len(window)), ("padding", padding)))
    table = RenameTable(layouts=((r"kernel$", "conv_transpose"),))
    compare(ours, lambda: build(4, 5, window, stride), normal(2, *[7] * len(window), 4), 1, table)


def test_grouped_transposed_convolution():
    """Linen has none, so each group is compared with an ungrouped one."""
    theirs = torch.nn.ConvTranspose1d(6, 4, 3, stride=2, groups=2, bias=False)
    weight = theirs.weight.detach().numpy()
    table = RenameTable(layouts=((r"kernel$", "conv_transpose"),))
    shapes = {"params": {"up": {"kernel": jax.ShapeDtypeStruct((3, 3, 4), np.float32)}}}
    kernel = to_variables({"up.weight": weight}, shapes, table)["params"]["up"]["kernel"]
    for group in range(2):
        part = {"params": {"up": {"kernel": jax.ShapeDtypeStruct((3, 3, 2), np.float32)}}}
        alone = to_variables({"up.weight": weight[3 * group : 3 * group + 3]}, part, table)["params"]["up"]["kernel"]
        np.testing.assert_array_equal(kernel[..., 2 * group : 2 * group + 2], alone)


@pytest.mark.parametrize("kind", ["LayerNorm", "GroupNorm", "BatchNorm"])
def test_normalisation(kind):
    x = normal(4, 7, 6)

    def theirs():
        sizes = {"LayerNorm": (6,), "GroupNorm": (3, 6), "BatchNorm": (6,)}[kind]
        layer = getattr(torch.nn, "BatchNorm1d" if kind == "BatchNorm" else kind)(*sizes)
        for tensor in layer.state_dict().values():
            if tensor.is_floating_point():
                torch.nn.init.uniform_(tensor, 0.5, 2.0)
        return layer

    settings = {
        "LayerNorm": (("epsilon", 1e-5),),
        "GroupNorm": (("epsilon", 1e-5), ("num_groups", 3)),
        "BatchNorm": (("epsilon", 1e-5), ("use_running_average", True)),
    }[kind]
    arguments = {"GroupNorm": ()}.get(kind, ())
    compare(Named(getattr(nn, kind), arguments, settings), theirs, x, 0 if kind == "LayerNorm" else 1, RenameTable())


def test_embedding():
    words = np.array([[1, 4, 0]])
    theirs = torch.nn.ModuleDict({"layer": torch.nn.Embedding(5, 3)})
    ours = Named(nn.Embed, (5, 3))
    variables = convert(ours, theirs, words, RenameTable())
    np.testing.assert_array_equal(ours.apply(variables, words), run(theirs["layer"], words))


@pytest.mark.parametrize("dim", [0, 1, 2, None])
@pytest.mark.parametrize("new", [False, True], ids=["weight_g", "parametrizations"])
@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
def test_weight_norm_along_any_axis(dim, new):
    norm = torch.nn.utils.parametrizations.weight_norm if new else torch.nn.utils.weight_norm

    def theirs():
        layer = norm(torch.nn.Conv1d(4, 5, 3), dim=dim)
        for tensor in layer.state_dict().values():
            torch.nn.init.uniform_(tensor, -2.0, 2.0)
        return layer

    compare(Named(nn.Conv, (5, (3,)), (("padding", "VALID"),)), theirs, normal(2, 9, 4), 1, RenameTable())


def lstm_table(layer):
    return RenameTable(scopes=((r"^forward$", rf"rnn/*_l{layer}"), (r"^backward$", rf"rnn/*_l{layer}_reverse")))


class BothWays(nn.Module):
    @nn.compact
    def __call__(self, x):
        ahead, _ = LSTM(3, name="forward")(x)
        back, _ = LSTM(3, reverse=True, name="backward")(x)
        return jnp.concatenate([ahead, back], -1)


@pytest.mark.parametrize("norm", [False, True])
def test_bidirectional_lstm(norm):
    torch.manual_seed(0)
    rnn = torch.nn.LSTM(4, 3, bidirectional=True, batch_first=True)
    if norm:
        torch.nn.utils.parametrizations.weight_norm(rnn, "weight_hh_l0", dim=0)
    x = normal(2, 6, 4)
    with torch.no_grad():
        expected = rnn(torch.from_numpy(x))[0].numpy()
    variables = convert(BothWays(), torch.nn.ModuleDict({"rnn": rnn}), x, lstm_table(0))
    np.testing.assert_allclose(BothWays().apply(variables, x), expected, rtol=1e-5, atol=1e-6)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def numpy_lstm(params, x):
    hidden = cell = np.zeros(params["recurrent_kernel"].shape[0], np.float32)
    for frame in x:
        bias = params["input"]["bias"] + params.get("recurrent_bias", 0)
        i, f, g, o = np.split(frame @ params["input"]["kernel"] + hidden @ params["recurrent_kernel"] + bias, 4)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(cell)
        yield hidden


def numpy_gru(params, x):
    hidden = np.zeros(params["recurrent_kernel"].shape[0], np.float32)
    for frame in x:
        outer = np.split(frame @ params["input"]["kernel"] + params["input"]["bias"], 3)
        inner = np.split(hidden @ params["recurrent_kernel"] + params["recurrent_bias"], 3)
        reset, update = sigmoid(outer[0] + inner[0]), sigmoid(outer[1] + inner[1])
        hidden = (1 - update) * np.tanh(outer[2] + reset * inner[2]) + update * hidden
        yield hidden


def cell_shapes(gates, separate):
    leaves = {"input": {"kernel": (4, gates * 3), "bias": (gates * 3,)}, "recurrent_kernel": (3, gates * 3)}
    if separate:
        leaves["recurrent_bias"] = (gates * 3,)
    cell = jax.tree.map(lambda s: jax.ShapeDtypeStruct(s, np.float32), leaves, is_leaf=lambda s: isinstance(s, tuple))
    return {"params": {"forward": cell, "backward": cell}}


@pytest.mark.parametrize(("kind", "separate"), [("LSTM", False), ("LSTM", True), ("GRU", True)])
@pytest.mark.parametrize("framework", ["torch", "onnx"])
def test_recurrent_cells_of_both_frameworks(kind, separate, framework):
    gates, step = {"LSTM": (4, numpy_lstm), "GRU": (3, numpy_gru)}[kind]
    x, rng = normal(6, 4), np.random.default_rng(1)
    if framework == "torch":
        rnn = getattr(torch.nn, kind)(4, 3, bidirectional=True)
        with torch.no_grad():
            expected = rnn(torch.from_numpy(x))[0].numpy()
        arrays = {f"rnn.{name}": value.numpy() for name, value in rnn.state_dict().items()}
        table = lstm_table(0)
    else:
        shapes = {"W": (2, gates * 3, 4), "R": (2, gates * 3, 3), "B": (2, gates * 6)}
        arrays = {f"rnn.{name}": rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
        expected = run_onnx(kind, arrays, x)
        table = RenameTable(scopes=((r"^forward$", "rnn[0/2]"), (r"^backward$", "rnn[1/2]")))
    params = to_variables(arrays, cell_shapes(gates, separate), table)["params"]
    ahead = np.stack(list(step(params["forward"], x)))
    back = np.stack(list(step(params["backward"], x[::-1])))[::-1]
    np.testing.assert_allclose(np.concatenate([ahead, back], -1), expected, rtol=1e-5, atol=1e-6)
    assert flatten(params)["forward/input/kernel"].dtype == np.float32


def run_onnx(kind, arrays, x):
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    extra = {"linear_before_reset": 1} if kind == "GRU" else {}
    node = helper.make_node(kind, ["x", *arrays], ["y"], hidden_size=3, direction="bidirectional", **extra)
    ends = [[helper.make_tensor_value_info(name, float32, None)] for name in "xy"]
    weights = [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph([node], "g", *ends, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (y,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x[:, None]})
    return np.concatenate([y[:, 0, 0], y[:, 1, 0]], -1)
