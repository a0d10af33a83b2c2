"""The picture of a graph: its source by structure and colour, and what Graphviz makes of it."""

import re
import shutil
import stat
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.errors import ArgumentError, MissingDependencyError, StorageError
from gpugrad.inspection import graph
from gpugrad.inspection.strokes import GREY, INK

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")
BLUE, ORANGE = INK["data"], INK["parameter"]


def leaf(*shape):
    return gg.Tensor(np.ones(shape), requires_grad=True)


def edges(source):
    """{(tail, head): attributes} of a source, with one entry for each pair; what only aligns is left out."""
    found = re.findall(r"^ +(\w+) -> (\w+) \[(.*)\]$", source, re.MULTILINE)
    return {(tail, head): attributes for tail, head, attributes in found}


def nodes(source):
    """{key: attributes} of all nodes."""
    return dict(re.findall(r"^ +([fbjaysc]\d+(?:_\d+)?) \[(.*)\]$", source, re.MULTILINE))


def seven_nodes():
    x1, x2 = gg.Tensor(0.5, requires_grad=True), gg.Tensor(2.0, requires_grad=True)
    x4 = x2 * ops.exp(x1)
    return x4 * ops.sqrt(x1 + x4)


FORWARD = {
    ("f0", "j0_0"), ("j0_0", "f2"), ("j0_0", "f4"),  # x1 branches to exp and add
    ("f1", "f3"), ("f2", "f3"), ("f3", "j3_0"), ("j3_0", "f4"), ("j3_0", "f6"),  # x4 to add and multiply
    ("f4", "f5"), ("f5", "f6"), ("f6", "y0"),
}  # fmt: skip


def test_the_seven_node_example_forward_and_backward():
    source = graph(seven_nodes()).dot()
    mirrored = {tuple(key.translate(str.maketrans("fjy", "bas")) for key in edge) for edge in FORWARD}
    assert set(edges(source)) == FORWARD | mirrored
    assert len(mirrored) == 11
    keys = nodes(source)
    assert sorted(key for key in keys if key[0] in "ja") == ["a0_0", "a3_0", "j0_0", "j3_0"]
    assert 'label="+"' in keys["a0_0"] and "shape=point" in keys["j0_0"]
    assert sum(key[0] == "f" for key in keys) == sum(key[0] == "b" for key in keys) == 7


def test_backward_edges_point_up():
    source = graph(seven_nodes()).dot()
    assert all(("dir=back" in how) == (tail[0] in "ba") for (tail, _), how in edges(source).items())


def test_the_forward_pass_alone():
    source = graph(seven_nodes(), backward=False).dot()
    assert set(edges(source)) == FORWARD
    assert "backward" not in source and "sum of adjoints" not in source


def test_nodes_stand_level_with_their_adjoints_and_kept_values_show():
    source = graph(ops.sin(leaf(3)) + 1.0).dot()
    levels = re.findall(r"rank=same; (\w+) -> (\w+) \[(style=\w+)", source)
    assert levels == [
        ("f0", "b0", "style=invis"), ("f1", "b1", "style=dotted"), ("f2", "b2", "style=invis"),
        ("y0", "s0", "style=invis"),
    ]  # fmt: skip


def test_two_colours():
    w, x = leaf(4, 3), leaf(2, 3)
    source = graph(ops.tanh(ops.matmul(x, ops.transpose(w))), {"w": w}, data={"x": x}).dot()
    drawn = {**nodes(source), **edges(source)}
    ink = {key: re.search(r'color="(#\w+)"', how)[1] for key, how in drawn.items()}
    # v0 = w, v1 = x, v2 = transpose(w), v3 = matmul, v4 = tanh
    parameters = {"f0", "b0", "f2", "b2", ("f0", "f2"), ("f2", "f3"), ("b0", "b2"), ("b2", "b3")}
    assert {key for key, color in ink.items() if color == ORANGE} == parameters
    data = {"f1", "b1", "f3", "b3", "f4", "b4", ("f1", "f3"), ("f3", "f4"), ("f4", "y0")}
    data |= {("b1", "b3"), ("b3", "b4"), ("b4", "s0")}
    assert {key for key, color in ink.items() if color == BLUE} == data
    assert "data path" in source and "parameter path" in source


def test_shapes_stand_on_the_edges():
    w, x = leaf(4, 3), leaf(2, 3)
    drawn = edges(graph(ops.linear(x, w)).dot())
    assert {key: re.search(r'label=" ([^"]+)"', how)[1] for key, how in drawn.items()} == {
        ("f0", "f2"): "(4, 3)", ("f1", "f2"): "(2, 3)", ("f2", "y0"): "(2, 4)",
        ("b0", "b2"): "(4, 3)", ("b1", "b2"): "(2, 3)", ("b2", "s0"): "(2, 4)",
    }  # fmt: skip


def test_dtypes_stand_there_too_where_they_differ():
    x = gg.Tensor(np.ones(3, "float32"), requires_grad=True)
    assert 'label=" (3,) float32"' in graph(x.astype("float64")).dot()


def test_merge_and_split_have_shapes_of_their_own():
    a, b = ops.split(ops.concatenate([leaf(2), leaf(2)]), 2)
    keys = nodes(graph(a * b).dot())
    assert "invtrapezium" in keys["f2"] and "invtrapezium" in keys["b2"]
    assert "shape=trapezium" in keys["f3"] and "shape=trapezium" in keys["b3"]


def test_a_named_constant_is_drawn_once_others_at_each_use():
    w, x = leaf(3, 3), np.ones((2, 3))
    y = ops.linear(x, w) * 2.0 + ops.linear(x, w) * 2.0
    named, unnamed = graph(y, data={"x": x}).dot(), graph(y).dot()
    assert sum(key[0] == "c" for key in nodes(named)) == 3
    assert sum(key[0] == "c" for key in nodes(unnamed)) == 4
    assert sum(tail[0] == "c" for tail, _ in edges(named)) == 4
    assert sum(GREY in how for key, how in nodes(named).items() if key[0] == "c") == 2  # the numbers


def test_names_are_escaped():
    x, c = leaf(3), np.ones(3)
    source = graph(x * c, data={'a<b>&"c"\\': x, 'q"\\': c}).dot()
    assert 'label=<a&lt;b&gt;&amp;"c"\\>' in source and r'label="q\"\\"' in source


# --- Graphviz


@needs_dot
def test_svg_is_xml_and_holds_every_node(tmp_path):
    x, w, c = leaf(2, 3), leaf(2, 3), np.ones((2, 3))
    h = ops.tanh(x * w)
    y = ops.concatenate([h, ops.sin(h)]) * np.ones((4, 3)) + (c * w).sum()
    g = graph(y, {"w & <w>": w}, data={"x": x, 'c "q"': c})
    text = g.svg(tmp_path / "g.svg")
    assert (tmp_path / "g.svg").read_text(encoding="utf-8") == text
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    titles = [t.text for t in root.iter("{http://www.w3.org/2000/svg}title")]
    for node in g.nodes:
        assert {f"f{node.number}", f"b{node.number}"} <= set(titles)
    words = " ".join("".join(t.itertext()) for t in root.iter("{http://www.w3.org/2000/svg}text"))
    assert "w & <w>" in words and 'c "q"' in words and "(2, 3)" in words
    assert g._repr_svg_() == text


@needs_dot
@pytest.mark.parametrize(
    ("suffix", "start"), [(".svg", b"<svg"), (".PNG", b"\x89PNG"), (".pdf", b"%PDF"), (".dot", b"digraph")]
)
def test_save_by_suffix(tmp_path, suffix, start):
    path = tmp_path / f"graph{suffix}"
    graph(seven_nodes()).save(path)
    assert path.read_bytes().startswith(start)


def test_another_suffix(tmp_path):
    with pytest.raises(ArgumentError, match=r"graph: the path is '.*g\.jpg'; expected a name that ends in \.svg"):
        graph(leaf(3)).save(tmp_path / "g.jpg")


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(StorageError, match=r"cannot be written \(No such file or directory\)"):
        graph(leaf(3)).save(tmp_path / "nowhere" / "g.dot")


def test_without_graphviz(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    g = graph(seven_nodes())
    with pytest.raises(
        MissingDependencyError, match=r"'dot' is not on the PATH; install Graphviz \(apt install graphviz"
    ):
        g.svg()
    with pytest.raises(MissingDependencyError):
        g.save(tmp_path / "g.png")
    assert not (tmp_path / "g.png").exists()
    g.save(tmp_path / "g.dot")
    assert g._repr_svg_() is None  # a notebook falls back to the text


def stand_in_for_dot(monkeypatch, folder, script):
    """A program of Graphviz's name that is found first, and runs these lines of the shell."""
    program = folder / "dot"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_a_graphviz_that_cannot(monkeypatch, tmp_path):
    stand_in_for_dot(monkeypatch, tmp_path, "echo 'Format: \"pdf\" not recognized.' >&2\nexit 1")
    with pytest.raises(MissingDependencyError, match=r'could not make a pdf picture: Format: "pdf" not recognized'):
        graph(leaf(3)).save(tmp_path / "g.pdf")


def test_a_graph_too_large_to_lay_out(monkeypatch, tmp_path):
    stand_in_for_dot(monkeypatch, tmp_path, "exec sleep 5")
    monkeypatch.setattr("gpugrad.inspection.rendering.TIME_LIMIT_S", 0.05)
    with pytest.raises(ArgumentError, match=r"graph: 7 nodes were not laid out in 0\.05 s; draw a part"):
        graph(seven_nodes()).svg()
