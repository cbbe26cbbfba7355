"""Trains `mini` from scratch on the CPU, with one command and a fixed seed.

    python -m agentkit.evals.mini.train --out DIR [--resume] [--steps N]

The learning rate warms up, stays, and decays linearly over the last share of the steps. To end a
run early or late, write the new total into DIR/total_steps while it runs, or resume with --steps.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, distributed, nn
from torch.multiprocessing.spawn import spawn
from torch.nn import functional
from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerFast

from .data import IGNORE, IMAGE_TOKENS, Batch, Batches
from .model import DenseHeads, build_model, soft_bins
from .tokenizer import BINS, build_tokenizer, token_id

LOG_EVERY, SAVE_EVERY = 50, 250
LOOKING_LAYERS, LOOKING_HEADS = (1, 2), 2  # whose attention is taught where to look


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result, with the seed."""

    steps: int = 16_000
    batch: int = 24
    rate: float = 1e-3
    warmup: int = 200
    decay: float = 0.45  # share of the steps
    tower_steps: int = 800  # the first steps train the tower alone, on the dense targets
    dense_weight: float = 1.0
    look_weight: float = 0.5
    weight_decay: float = 0.05
    seed: int = 0

    @property
    def decay_start(self) -> int:
        """The first step of the decay."""
        return int(self.steps * (1 - self.decay))

    def rate_at(self, step: int) -> float:
        """Learning rate: warm-up, stable, linear decay to a hundredth."""
        left = (self.steps - step) / max(1, self.steps - self.decay_start)
        return self.rate * min(1.0, (step + 1) / self.warmup) * max(0.01, min(1.0, left))


def attention_bias(segments: Tensor, dtype: torch.dtype) -> Tensor:
    """Additive mask [B, 1, T, T]: causal, and a question sees the picture and itself only."""
    whole = functional.pad(segments, (IMAGE_TOKENS, 0))
    size = whole.shape[1]
    causal = torch.ones(size, size, dtype=torch.bool).tril()
    picture = torch.arange(size) < IMAGE_TOKENS
    allowed = causal & (picture[None, None, :] | (whole[:, :, None] == whole[:, None, :]))
    bias = torch.zeros(allowed.shape, dtype=dtype).masked_fill(~allowed, torch.finfo(dtype).min)
    return bias[:, None]


class Trainer:
    """Model in bfloat16, master weights and AdamW in float32."""

    def __init__(self, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.tokenizer: PreTrainedTokenizerFast = build_tokenizer()
        model: LlavaForConditionalGeneration = build_model(self.tokenizer)
        # Eager attention: on the CPU the fused kernel's backward pass is slower at this length.
        model.set_attn_implementation("eager")
        self.model = model
        self.heads = DenseHeads(self.tokenizer)
        self.first_location = token_id(self.tokenizer, "<loc00>")
        self.parameters = [*self.model.parameters(), *self.heads.parameters()]
        self.master = [nn.Parameter(p.detach().clone()) for p in self.parameters]
        self.model.bfloat16()
        self.heads.bfloat16()
        for module in self.model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.float()  # running means need the precision
        matrices = [p for p in self.master if p.ndim > 1]
        vectors = [p for p in self.master if p.ndim <= 1]
        groups = [
            {"params": matrices, "weight_decay": recipe.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.97), fused=True)
        self.tower = model.model.vision_tower
        self.language = model.model.language_model
        self.step = 0

    def features(self, images: Tensor) -> Tensor:
        """uint8 [B, 3, 128, 128] -> what the decoder gets, [B, 64, W]."""
        pixels = (images.bfloat16() / 127.5) - 1.0
        hidden = self.tower(pixels, output_hidden_states=True).hidden_states[-1][:, 1:]
        return self.model.model.multi_modal_projector(hidden)

    def dense_loss(self, features: Tensor, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy of what each cell shows and where its object and host are."""
        logits, places = self.heads(features, self.model.lm_head.weight)
        total, report = torch.zeros(()), {}
        for name, values in logits.items():
            target = batch.cells[name].flatten()
            weight = torch.ones(values.shape[-1])
            weight[0] = 0.2 if name != "glyph" else 1.0
            loss = functional.cross_entropy(values.float().flatten(0, 1), target, weight, ignore_index=IGNORE)
            total = total + loss
            report[name] = loss.item()
        known = batch.places >= 0
        if known.any():
            loss = functional.cross_entropy(places.float()[known], soft_bins(batch.places[known]))
            total = total + loss
            report["place"] = loss.item()
        return total, report

    def answer_loss(self, features: Tensor, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy of the answers' tokens; locations get soft targets over neighbouring bins."""
        words = self.language.embed_tokens(batch.tokens)
        size = IMAGE_TOKENS + batch.tokens.shape[1]
        positions = torch.cat(
            [torch.arange(IMAGE_TOKENS).expand(len(batch.tokens), -1), batch.positions], dim=1
        )
        assert positions.shape[1] == size
        output = self.language(
            inputs_embeds=torch.cat([features, words], dim=1),
            attention_mask=attention_bias(batch.segments, words.dtype),
            position_ids=positions,
            use_cache=False,
            output_attentions=True,
        )
        hidden = output.last_hidden_state[:, IMAGE_TOKENS:]
        looks = self.look_loss(output.attentions, batch.aims)
        labelled = batch.labels != IGNORE
        logits = self.model.lm_head(hidden[labelled]).float()
        labels, bins = batch.labels[labelled], batch.bins[labelled]
        target = functional.one_hot(labels, logits.shape[-1]).float()
        placed = bins >= 0
        first = self.first_location
        target[placed] = 0.0
        target[placed, first : first + BINS] = soft_bins(bins[placed])
        losses = -(target * logits.log_softmax(-1)).sum(-1)
        right = (logits.argmax(-1) == labels).float()
        near = ((logits[placed, first : first + BINS].argmax(-1) + 0.5 - bins[placed]).abs() <= 2).float()
        word = ~placed & (labels != token_id(self.tokenizer, "</s>"))
        report = {
            "answer": losses.mean().item(),
            "words_right": right[word].mean().item(),
            "places_near": near.mean().item(),
            "look": looks.item(),
        }
        return losses.mean() + self.recipe.look_weight * looks, report

    def look_loss(self, attentions: tuple[Tensor, ...], aims: Tensor) -> Tensor:
        """Two heads of the middle layers must look at the cells that the answer rests on.

        Minus the log of their attention's mass there, [B, H, T, T] each layer. In a relation each head has
        one of the two things, and each name looks at its own. Without it the decoder
        was still answering from priors after 30,000 pictures.
        """
        aimed = aims.any(-1).any(-1)
        if not aimed.any():
            return torch.zeros(())
        losses = []
        for layer in LOOKING_LAYERS:
            weights = attentions[layer][:, :LOOKING_HEADS, IMAGE_TOKENS:, :IMAGE_TOKENS]
            mass = (weights.transpose(1, 2)[aimed].float() * aims[aimed]).sum(-1)
            losses.append(-mass.clamp_min(1e-5).log().mean())
        return torch.stack(losses).mean()

    def train_step(self, batch: Batch) -> dict[str, float]:
        """One update; returns the losses."""
        features = self.features(batch.images)
        loss, report = self.dense_loss(features, batch)
        loss = loss * self.recipe.dense_weight
        if self.step >= self.recipe.tower_steps:
            answer, extra = self.answer_loss(features, batch)
            loss = loss + 2.0 * answer
            report |= extra
        loss.backward()
        self.update()
        self.step += 1
        return report

    def update(self) -> None:
        """Averages gradients over the processes, steps the master weights, and copies them back."""
        grads = [torch.zeros_like(w) if w.grad is None else w.grad for w in self.parameters]
        flat = torch.cat([g.flatten().float() for g in grads])
        if distributed.is_initialized():
            distributed.all_reduce(flat)
            flat /= distributed.get_world_size()
        pieces = flat.split([w.numel() for w in self.parameters])
        for weight, master, piece in zip(self.parameters, self.master, pieces, strict=True):
            master.grad = piece.view_as(master)
            weight.grad = None
        nn.utils.clip_grad_norm_(self.master, 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.rate_at(self.step)
        self.optimiser.step()
        self.publish()

    def publish(self) -> None:
        """Copies the master weights to the model."""
        with torch.no_grad():
            for weight, master in zip(self.parameters, self.master, strict=True):
                weight.copy_(master)

    def save(self, folder: Path) -> None:
        """Writes DIR/state.pt; a crash while writing leaves the last one."""
        state = {
            "step": self.step,
            "master": [p.detach() for p in self.master],
            "optimiser": self.optimiser.state_dict(),
            "buffers": dict(self.model.named_buffers()),
        }
        torch.save(state, folder / "state.tmp")
        (folder / "state.tmp").replace(folder / "state.pt")

    def load(self, folder: Path) -> None:
        """Continues from DIR/state.pt."""
        state = torch.load(folder / "state.pt", weights_only=True)
        self.step = state["step"]
        with torch.no_grad():
            for master, saved in zip(self.master, state["master"], strict=True):
                master.copy_(saved)
            for name, buffer in self.model.named_buffers():
                buffer.copy_(state["buffers"][name])
        self.publish()
        self.optimiser.load_state_dict(state["optimiser"])


def run(recipe: Recipe, folder: Path, resume: bool = False, processes: int = 1) -> None:
    """Trains to the end of the recipe, logging to DIR/log.jsonl and saving to DIR/state.pt.

    Each process has one thread and its share of every batch; gradients are averaged. On a shared
    machine this keeps going where one process of several threads would wait for its slowest thread.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if processes == 1:
        _work(0, recipe, folder, resume, 1)
        return
    (folder / "meeting").unlink(missing_ok=True)
    spawn(_work, (recipe, folder, resume, processes), nprocs=processes)


def _work(rank: int, recipe: Recipe, folder: Path, resume: bool, processes: int) -> None:
    torch.set_num_threads(1)
    if processes > 1:
        meeting = f"file://{folder.resolve() / 'meeting'}"
        distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=processes)
    trainer = Trainer(recipe)
    if resume and (folder / "state.pt").exists():
        trainer.load(folder)
    source = Batches(trainer.tokenizer, recipe.batch // processes)
    sums: dict[str, list[float]] = {}
    started = time.monotonic()
    while trainer.step < trainer.recipe.steps:
        report = trainer.train_step(source.batch(trainer.step * processes + rank))
        for name, value in report.items():
            sums.setdefault(name, []).append(value)
        if trainer.step % LOG_EVERY == 0:
            if rank == 0:
                _log(trainer, folder, sums, LOG_EVERY * recipe.batch / (time.monotonic() - started))
            sums, started = {}, time.monotonic()
            trainer.recipe = _retimed(trainer.recipe, folder)
        if rank == 0 and trainer.step % SAVE_EVERY == 0:
            trainer.save(folder)
    if rank == 0:
        trainer.save(folder)
    if processes > 1:
        distributed.destroy_process_group()


def _log(trainer: Trainer, folder: Path, sums: dict[str, list[float]], pace: float) -> None:
    line = {"step": trainer.step, "rate": round(trainer.recipe.rate_at(trainer.step), 6)}
    line |= {name: round(sum(v) / len(v), 4) for name, v in sums.items()}
    line["images_per_second"] = round(pace, 1)
    with (folder / "log.jsonl").open("a") as log:
        log.write(json.dumps(line) + "\n")
    print(json.dumps(line), flush=True)


def _retimed(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with the total that somebody wrote into DIR/total_steps meanwhile, the same in all processes."""
    file = folder / "total_steps"
    total = torch.tensor(int(file.read_text()) if file.exists() else recipe.steps)
    if distributed.is_initialized():
        distributed.broadcast(total, 0)
    return replace(recipe, steps=int(total))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the state and the log")
    parser.add_argument("--resume", action="store_true", help="continue from the state in --out")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--seed", type=int, default=Recipe.seed, help="of the first weights")
    parser.add_argument("--tower-steps", type=int, default=Recipe.tower_steps)
    parser.add_argument("--decay", type=float, default=Recipe.decay, help="share of the steps")
    parser.add_argument("--processes", type=int, default=2, help="one thread each")
    arguments = parser.parse_args()
    recipe = Recipe(
        steps=arguments.steps, seed=arguments.seed, tower_steps=arguments.tower_steps, decay=arguments.decay
    )
    run(recipe, arguments.out, arguments.resume, arguments.processes)


if __name__ == "__main__":
    main()
