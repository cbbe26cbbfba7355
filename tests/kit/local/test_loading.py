"""Finding and loading: references, and every way in which a model is not there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_models
import torch
from safetensors.torch import save_file

from agentkit.errors import MissingExtra, ModelError, UsageError
from agentkit.models import local_loading
from agentkit.models.local import LocalModel, load_local
from agentkit.models.local_loading import Source, find, fingerprint


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("hf:/no/such/folder", "no model at /no/such/folder.*folder, a .gguf file, or a hub name"),
        ("hf:./nowhere", "no model at"),
        ("hf:no-such-name", "no model at"),
        ("hf:a/b/c", "no model at"),
        ("hf:/no/such/file.gguf", "no model file at"),
    ],
)
def test_a_path_that_is_not_there(reference: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        find(reference)


def test_a_folder_that_holds_no_model(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no config\.json"):
        find(f"hf:{tmp_path}")


def test_a_hub_name_is_left_to_transformers() -> None:
    assert find("hf:Some-Org/some.Model-7B") == Source("Some-Org/some.Model-7B")


def test_a_damaged_folder(tmp_path: Path) -> None:
    folder = tiny_models.save_text("llama", tmp_path)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="can't be loaded"):
        load_local(f"hf:{folder}")
    weights.unlink()
    save_file({"model.embed_tokens.weight": torch.zeros(600, 48)}, weights, {"format": "pt"})
    with pytest.raises(ModelError, match="weights are missing"):
        load_local(f"hf:{folder}")
    weights.unlink()
    with pytest.raises(ModelError, match="can't be loaded"):
        load_local(f"hf:{folder}")
    (folder / "config.json").write_text('{"model_type": "never heard of it"}')
    with pytest.raises(ModelError, match="can't be loaded"):
        load_local(f"hf:{folder}")


def test_missing_libraries_name_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_models.save_text("llama", tmp_path)
    monkeypatch.setattr(local_loading, "_has", lambda library: library != "transformers")
    with pytest.raises(MissingExtra, match=r"transformers is not installed.*\[local\]"):
        load_local(f"hf:{folder}")


def test_an_unknown_number_type(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="float32, bfloat16"):
        load_local(f"hf:{tiny_models.save_text('llama', tmp_path)}", dtype="float31")


async def test_bfloat16_weights(tmp_path: Path) -> None:
    model = load_local(f"hf:{tiny_models.save_text('llama', tmp_path)}", dtype="bfloat16")
    from agentkit.attention import Boost
    from agentkit.content import Message

    scores = await model.score([Message.user("hi")], ["yes", "no"], edits=[Boost("instruction", 9.0)])
    assert all(value < 0 for value in scores.logprobs)


def test_a_card_beside_the_weights_is_read(tmp_path: Path) -> None:
    folder = tiny_models.save_text("llama", tmp_path)
    card = {"name": "tiny", "yes": "aye", "location": {"bins": 32, "token": "<loc{:02d}>"}, "future": 1}
    (folder / "card.json").write_text(json.dumps(card))
    model = load_local(f"hf:{folder}")
    assert (model.card.name, model.card.yes, model.card.bins) == ("tiny", "aye", 32)


def test_a_fingerprint_is_of_the_weights(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        tiny_models.save_text("llama", folder)
    assert fingerprint(Source(str(one))) == fingerprint(Source(str(two)))
    weights = bytearray((two / "model.safetensors").read_bytes())
    weights[-5] ^= 1
    (two / "model.safetensors").write_bytes(weights)
    assert fingerprint(Source(str(one))) != fingerprint(Source(str(two)))


def test_an_architecture_without_a_card_declares_no_attention(tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(vocab_size=600, n_embd=32, n_layer=2, n_head=2, n_positions=64, eos_token_id=2)
    GPT2LMHeadModel(config).save_pretrained(tmp_path)
    tiny_models.byte_level(["<|im_start|>"], tiny_models.CHATML).save_pretrained(tmp_path)
    model = load_local(f"hf:{tmp_path}")
    assert isinstance(model, LocalModel)
    assert not model.capabilities.attention
    assert model.capabilities.scoring


def test_importing_the_package_loads_no_heavy_library() -> None:
    code = (
        "import sys, agentkit, agentkit.models, agentkit.attention, agentkit.models.local;"
        "print([m for m in ('torch', 'transformers', 'llguidance') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_loading_is_quiet(tmp_path: Path) -> None:
    folder = tiny_models.save_text("llama", tmp_path)
    code = f"from agentkit.models.local import load_local; load_local('hf:{folder}')"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (out.stdout, out.stderr) == ("", "")
