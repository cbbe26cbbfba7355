"""Where a model looks, and the list of the methods, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageDraw

from agentkit.attention.methods.catalog import METHODS
from agentkit.cli.attend import numbers
from agentkit.contracts import schema
from agentkit.errors import UsageError

ASKED = "what colour is the circle?"
BLUE = "260,170,331,241"


@pytest.fixture(autouse=True)
def picture(cli):
    two = Pillow.new("RGB", (400, 300), (127, 127, 140))
    draw = ImageDraw.Draw(two)
    draw.ellipse((60, 60, 130, 130), fill=(220, 200, 30))
    draw.ellipse((260, 170, 330, 240), fill=(30, 60, 200))
    two.save("two.png")


def attend(cli, *more, image="two.png"):
    return cli("attend", ASKED, "--image", image, *more)


def test_an_answer_with_where_it_looked(cli):
    done = attend(cli, "--out", "here", "--layers", "0,2-3", "--heads", "1-2", "--json")
    assert done.code == 0, done.err
    jsonschema.validate(done.json, schema("attend"))
    assert done.json["plain"]["answer"]
    assert (done.json["layers"], done.json["head_numbers"]) == ([0, 2, 3], [1, 2])
    assert np.shape(done.json["plain"]["heads"]) == (3, 2)
    assert np.shape(done.json["plain"]["heat"]) == (8, 8)
    assert done.json["view"] == [0, -50, 400, 350]
    assert (done.json["box"], done.json["focused"], done.json["plain"]["in_box"]) == (None, None, None)
    with Pillow.open(done.json["plain"]["overlay"]) as drawn:
        assert drawn.size == (400, 300)
    assert json.loads(Path("here/attend.json").read_text()) == done.json
    assert Path("here/heads.txt").read_text().splitlines()[1].split() == ["layer", "h1", "h2", "mean"]


def test_the_box_moves_the_attention(cli):
    done = attend(cli, "--box", BLUE, "--json")
    assert done.code == 0, done.err
    jsonschema.validate(done.json, schema("attend"))
    plain, focused = done.json["plain"], done.json["focused"]
    assert focused["in_box"] > plain["in_box"]
    assert focused["heat"] != plain["heat"]
    assert Path(focused["overlay"]).is_file()
    assert Path(done.json["table"]).parent.parent == Path("runs")
    # A folder of pictures is no run.
    assert cli("runs", "--json").json == []
    said = attend(cli, "--box", BLUE).out.splitlines()
    assert said[0] == plain["answer"]
    assert said[1].startswith(f"with the box: {focused['answer']} (heat in it ")


@pytest.mark.parametrize("method", ["raw", "rollout", "relevance", "flow"])
def test_every_method_draws(cli, method):
    done = attend(cli, "--method", method, "--out", "here", "--json")
    assert done.code == 0, done.err
    assert done.json["method"] == method
    heat = np.array(done.json["plain"]["heat"])
    assert heat.shape == (8, 8)
    assert heat.min() >= 0
    assert heat.max() > 0


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (("--image", "none.png"), 2, "no picture at none.png"),
        (("--image", "bad.png"), 2, "bad.png"),
        (("--box", "1,2,3"), 2, "LEFT,TOP,RIGHT,BOTTOM"),
        (("--box", "1,2,3,x"), 2, "LEFT,TOP,RIGHT,BOTTOM"),
        (("--box", "300,0,500,20"), 2, "not inside the picture"),
        (("--box", "30,30,20,20"), 2, "box"),
        (("--box", "nan,0,20,20"), 2, "box"),
        (("--layers", "9"), 2, "layers 0 to"),
        (("--heads", "0,9"), 2, "heads 0 to"),
        (("--heads", "3-1"), 2, "0,2-4"),
        (("--layers", "all"), 2, "0,2-4"),
        (("--method", "luck"), 2, "--method"),
        (("--model", "script:red.jsonl"), 2, "attention"),
        (("--out", "/dev/null/run"), 5, "can't write to /dev/null/run"),
    ],
)
def test_bad_input(cli, more, code, said):
    Path("bad.png").write_bytes(b"no picture")
    Path("red.jsonl").write_text('{"text": "red"}\n')
    wrong = attend(cli, *more) if more[0] != "--image" else attend(cli, image=more[1])
    assert wrong.code == code, wrong.err
    assert said in wrong.err
    assert not list(Path().glob("runs/*"))


def test_an_empty_question(cli):
    wrong = cli("attend", "  ", "--image", "two.png", "--json")
    assert wrong.code == 2
    assert wrong.json["status"] == "failed"
    assert "empty" in wrong.err


@pytest.mark.parametrize(
    ("text", "wanted"), [(None, None), ("3", (3,)), ("4,0-2", (0, 1, 2, 4)), (" 1 , 1 ", (1,))]
)
def test_numbers(text, wanted):
    assert numbers(text, "layers") == wanted


@pytest.mark.parametrize("text", ["", ",", "-1", "1-", "a", "2-1", "1,,2"])
def test_what_are_no_numbers(text):
    with pytest.raises(UsageError, match="0,2-4"):
        numbers(text, "heads")


def test_the_methods_are_listed(cli):
    found = cli("edits", "--json")
    jsonschema.validate(found.json, schema("edits"))
    listed = {info["name"]: info for info in found.json["edits"]}
    assert len(listed) == len(METHODS)
    reweight = listed["reweight"]
    assert reweight["needs"] == ["attention"]
    assert "2506.13734" in reweight["source"]
    parameters = {item["name"]: item for item in reweight["parameters"]}
    assert parameters["factor"]["required"]
    assert (parameters["layers"]["required"], parameters["layers"]["default"]) == (False, None)
    assert all(info["summary"] and info["source"] and info["needs"] for info in listed.values())
    page = cli("edits")
    assert page.code == 0
    for name in listed:
        assert name in page.out
