"""Trains the built-in model in legs: stop it at any time, start it again with the same command and it goes on.

Two processes of one thread each work on the same weights in shared memory and never wait for each other (Hogwild,
Recht et al. 2011). One process with two threads meets at a barrier after every operation, and on a machine that does
other work too it then mostly waits (measured at a load of 8: 12 images/s against 37 with gradients shared once a step).

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
import torch.multiprocessing as multiprocessing

from dataset import Batches, Joined
from evaluate import summary
from loss import detection_loss
from network import Detector, cells


def arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True, help="glob of folders with images.u8 and annotations.json; read anew in each leg")
    p.add_argument("--sets", required=True, nargs="+", help="NAME=FOLDER or NAME=FOLDER+FOLDER of held-out exports")
    p.add_argument("--out", required=True, help="folder of checkpoints and log")
    p.add_argument("--budget-s", type=float, required=True, help="seconds of training over all legs")
    p.add_argument("--leg-s", type=float, default=300, help="seconds between checkpoints with evaluation")
    p.add_argument("--batch", type=int, default=8, help="pictures per process and step")
    p.add_argument("--demo-share", type=float, default=0.36, help="share of pictures as the live cameras show")
    p.add_argument("--restart", action="store_true", help="begin a new schedule, up to --budget-s, from the checkpoint")
    p.add_argument("--processes", type=int, default=2)
    p.add_argument("--evaluate-on", type=int, default=300, help="pictures of each held-out set; evaluate.py does all")
    p.add_argument("--evaluate-every", type=int, default=2, help="legs between evaluations")
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
    torch.manual_seed(args.seed)
    model = Detector().to(memory_format=torch.channels_last)
    saved = None
    checkpoint = os.path.join(args.out, "last.pt")
    if os.path.exists(checkpoint):
        saved = torch.load(checkpoint)
        model.load_state_dict(saved["model"])
        saved["state"]["from"] = saved["state"]["elapsed"] if args.restart else saved["state"].get("from", 0.0)
    model.share_memory()
    # Steps taken by each process, over all legs.
    steps = torch.zeros(args.processes, dtype=torch.int64).share_memory_()
    if saved is not None:
        steps[0] = saved["state"]["seen"] // args.batch
    multiprocessing.spawn(train, args=(args, model, saved, steps), nprocs=args.processes)


def train(rank, args, model, saved, steps):
    torch.set_num_threads(1)
    ema = copy.deepcopy(model).eval() if rank == 0 else None
    groups = [
        {"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": 1e-2},
        {"params": [p for p in model.parameters() if p.dim() <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=args.lr)
    # Seconds of training so far, and at which of them the present schedule began.
    elapsed = begins = 0.0
    if saved is not None:
        optimizer.load_state_dict(saved["optimizer"])
        elapsed, begins = saved["state"]["elapsed"], saved["state"]["from"]
        if rank == 0:
            ema.load_state_dict(saved["ema"])
    if rank == 0:
        print(json.dumps({"parameters": sum(p.numel() for p in model.parameters()), "elapsed": elapsed}), flush=True)
        named = (item.split("=", 1) for item in args.sets)
        sets = {name: Joined(folders.split("+"), args.evaluate_on) for name, folders in named}
    centres, strides = cells()
    started = time.monotonic() - elapsed
    leg = 0
    while elapsed < args.budget_s:
        leg += 1
        batches = Batches(folders_ready(args.data), args.batch, args.demo_share, [args.seed, int(elapsed), rank])
        elapsed = run_leg(args, rank, model, ema, optimizer, batches, steps, started, begins, centres, strides)
        if rank > 0:
            continue
        seen = int(steps.sum()) * args.batch
        state = {"elapsed": elapsed, "from": begins, "seen": seen, "step": int(steps.sum()), "scenes": len(batches)}
        last = {"model": model.state_dict(), "ema": ema.state_dict(), "optimizer": optimizer.state_dict(), "state": state}
        torch.save(last, os.path.join(args.out, "last.tmp"))
        os.replace(os.path.join(args.out, "last.tmp"), os.path.join(args.out, "last.pt"))
        figures = {"leg": leg, "seen": seen, "scenes": len(batches)}
        if elapsed >= args.budget_s or leg % args.evaluate_every == 0:
            figures.update(summary(ema, sets))
        print(json.dumps(figures), flush=True)


def run_leg(args, rank, model, ema, optimizer, batches, steps, started, begins, centres, strides):
    """Trains for --leg-s seconds or to the end of the budget; returns the seconds trained in all."""
    model.train()
    begun = time.monotonic()
    first = int(steps.sum())
    total = boxes = count = 0.0
    elapsed = begun - started
    while elapsed < args.budget_s and time.monotonic() - begun < args.leg_s:
        x, rows = batches.next()
        for group in optimizer.param_groups:
            group["lr"] = rate_at((elapsed - begins) / (args.budget_s - begins), int(steps.sum()), args.lr)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits, distances = model(x)
        loss, box = detection_loss(logits.float(), distances.float(), rows, centres, strides)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        steps[rank] += 1
        elapsed = time.monotonic() - started
        if rank > 0:
            continue
        # The mean over about 2000 steps of this process, less at the beginning.
        follow(ema, model, min(0.9995, 1 - 4 / (int(steps[0]) + 40)))
        total += loss.item()
        boxes += box.item()
        count += 1
        if count % 200 == 0:
            pace = (int(steps.sum()) - first) * args.batch / (time.monotonic() - begun)
            print(
                f"seen {int(steps.sum()) * args.batch} elapsed {elapsed:.0f} s "
                f"loss {total / count:.3f} box {boxes / count:.3f} {pace:.0f} img/s",
                flush=True,
            )
    return elapsed


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
