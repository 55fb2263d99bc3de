"""Trains the built-in model in legs: stop it at any time, start it again with the same command and it goes on.

Two processes of one thread each share every batch and add their gradients up once per step. One process with two
threads meets at a barrier after every operation, and on a machine that does other work too it then mostly waits
(measured at a load of 8: 12 images/s against 45).

The schedule follows the clock, not the number of steps, so that a busy machine changes how much is seen and never
whether the learning rate comes down in time.
"""

import argparse
import copy
import glob
import json
import math
import os
import time

import torch
import torch.distributed as distributed
import torch.multiprocessing as multiprocessing

from dataset import Batches, Scenes
from evaluate import summary
from loss import detection_loss
from network import Detector, cells


def arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True, help="glob of folders with images.u8 and annotations.json; read anew in each leg")
    p.add_argument("--hard", required=True, help="held-out export, difficulty training")
    p.add_argument("--demo", required=True, help="held-out export, difficulty demo")
    p.add_argument("--out", required=True, help="folder of checkpoints and log")
    p.add_argument("--budget-s", type=float, required=True, help="seconds of training over all legs")
    p.add_argument("--leg-s", type=float, default=300, help="seconds between checkpoints with evaluation")
    p.add_argument("--batch", type=int, default=8, help="pictures per process and step")
    p.add_argument("--processes", type=int, default=2)
    p.add_argument("--port", type=int, default=29517, help="loopback port the processes meet at")
    p.add_argument("--lr", type=float, default=2e-3)
    p.add_argument("--seed", type=int, default=1)
    return p.parse_args()


def folders_ready(pattern):
    return sorted(f for f in glob.glob(pattern) if os.path.exists(os.path.join(f, "annotations.json")))


def rate_at(progress, step, lr):
    """Warm-up over 200 steps, then a cosine down to 1 %."""
    return lr * min(1.0, (step + 1) / 200) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def main():
    args = arguments()
    os.makedirs(args.out, exist_ok=True)
    multiprocessing.spawn(train, args=(args,), nprocs=args.processes)


def train(rank, args):
    torch.set_num_threads(1)
    os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"] = "127.0.0.1", str(args.port)
    distributed.init_process_group("gloo", rank=rank, world_size=args.processes)
    torch.manual_seed(args.seed)
    model = Detector().to(memory_format=torch.channels_last)
    ema = copy.deepcopy(model).eval()
    groups = [
        {"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": 1e-2},
        {"params": [p for p in model.parameters() if p.dim() <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=args.lr)
    state = {"step": 0, "elapsed": 0.0, "seen": 0, "leg": 0}
    checkpoint = os.path.join(args.out, "last.pt")
    if os.path.exists(checkpoint):
        saved = torch.load(checkpoint)
        model.load_state_dict(saved["model"])
        ema.load_state_dict(saved["ema"])
        optimizer.load_state_dict(saved["optimizer"])
        state = saved["state"]
    say = (lambda *words: print(*words, flush=True)) if rank == 0 else (lambda *words: None)
    say(json.dumps({"parameters": sum(p.numel() for p in model.parameters()), **state}))
    hard, demo = Scenes(args.hard), Scenes(args.demo)
    centres, strides = cells()
    while state["elapsed"] < args.budget_s:
        batches = Batches(folders_ready(args.data), args.batch, [args.seed, state["leg"], rank])
        run_leg(args, model, ema, optimizer, batches, state, centres, strides, say)
        state["leg"] += 1
        if rank > 0:
            continue
        saved = {"model": model.state_dict(), "ema": ema.state_dict(), "optimizer": optimizer.state_dict(), "state": state}
        torch.save(saved, checkpoint + ".tmp")
        os.replace(checkpoint + ".tmp", checkpoint)
        figures = {"leg": state["leg"], "seen": state["seen"], "scenes": len(batches)}
        if state["leg"] % 3 == 0 or state["elapsed"] >= args.budget_s:
            figures.update(summary(ema, hard, demo))
        with open(os.path.join(args.out, "figures.json"), "w") as file:
            json.dump(figures, file)
        say(json.dumps(figures))
    say("done")


def run_leg(args, model, ema, optimizer, batches, state, centres, strides, say):
    model.train()
    started = time.monotonic()
    before = state["elapsed"]
    total = boxes = steps = 0.0
    parameters = list(model.parameters())
    while state["elapsed"] < args.budget_s and state["elapsed"] - before < args.leg_s:
        x, rows = batches.next()
        for group in optimizer.param_groups:
            group["lr"] = rate_at(state["elapsed"] / args.budget_s, state["step"], args.lr)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits, distances = model(x)
        loss, box = detection_loss(logits.float(), distances.float(), rows, centres, strides)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        # The first process's clock travels with the gradients, so that all end the leg at the same step.
        now = before + time.monotonic() - started if distributed.get_rank() == 0 else 0.0
        state["elapsed"] = share(parameters, now, args.processes)
        torch.nn.utils.clip_grad_norm_(parameters, 10.0)
        optimizer.step()
        follow(ema, model, min(0.9995, 1 - 1 / (state["step"] + 10)) if state["step"] < 2000 else 0.9995)
        state["step"] += 1
        state["seen"] += args.batch * args.processes
        total += loss.item()
        boxes += box.item()
        steps += 1
        if state["step"] % 200 == 0:
            pace = steps * args.batch * args.processes / (time.monotonic() - started)
            say(
                f"step {state['step']} seen {state['seen']} elapsed {state['elapsed']:.0f} s "
                f"loss {total / steps:.3f} box {boxes / steps:.3f} {pace:.0f} img/s"
            )


def share(parameters, now, processes):
    """Replaces every gradient by the mean over the processes; returns the sum of `now`."""
    flat = torch.cat([p.grad.reshape(-1) for p in parameters] + [torch.tensor([now])])
    distributed.all_reduce(flat)
    at = 0
    for p in parameters:
        p.grad.copy_(flat[at : at + p.numel()].view_as(p.grad)).div_(processes)
        at += p.numel()
    return float(flat[-1])


@torch.no_grad()
def follow(ema, model, keep):
    source = model.state_dict()
    for name, value in ema.state_dict().items():
        if value.dtype.is_floating_point:
            value.mul_(keep).add_(source[name], alpha=1 - keep)
        else:
            value.copy_(source[name])


if __name__ == "__main__":
    main()
