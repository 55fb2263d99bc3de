"""Reads what `vedette sim export --format packed` writes, and augments batches."""

import json
import os

import numpy as np
import torch
import torch.nn.functional as F

from network import INPUT_H, INPUT_W

# An object is learnt (and asked for in the evaluation) if it is at least this high, wide and visible.
# What is less is ignored: neither demanded nor punished.
HEIGHT_MIN_PX = 7.0
WIDTH_MIN_PX = 3.0
VISIBLE_MIN = 0.25


class Scenes:
    """Pictures u8 [n, 192, 256, 3] (memory mapped) with rows [x1, y1, x2, y2, class, visible] per picture."""

    def __init__(self, folder, limit=None):
        with open(os.path.join(folder, "annotations.json")) as file:
            coco = json.load(file)
        count = len(coco["images"])
        self.pictures = np.memmap(os.path.join(folder, "images.u8"), np.uint8, "r").reshape(-1, INPUT_H, INPUT_W, 3)
        self.is_demo = [image["difficulty"] == "demo" for image in coco["images"]]
        rows = [[] for _ in range(count)]
        for a in coco["annotations"]:
            x, y, w, h = a["bbox"]
            rows[a["image_id"]].append([x, y, x + w, y + h, a["category_id"] - 1, a["visible"]])
        self.rows = [np.asarray(r, np.float32).reshape(-1, 6) for r in rows[:limit]]

    def __len__(self):
        return len(self.rows)


class Joined:
    """Several held-out exports as one, as many pictures of each."""

    def __init__(self, folders, limit=None):
        sets = [Scenes(folder) for folder in folders]
        each = min([len(s) for s in sets] + ([limit] if limit else []))
        self.pictures = np.concatenate([s.pictures[:each] for s in sets])
        self.rows = [row for s in sets for row in s.rows[:each]]

    def __len__(self):
        return len(self.rows)


class Batches:
    """Draws shuffled batches from several exports without end, a share of them from the live cameras' scenes."""

    def __init__(self, folders, batch, demo_share, seed):
        self.sets = [Scenes(folder) for folder in folders]
        pairs = [(s, i) for s in range(len(self.sets)) for i in range(len(self.sets[s]))]
        self.kinds = [[p for p in pairs if self.sets[p[0]].is_demo[p[1]] == demo] for demo in (False, True)]
        self.orders = [[], []]
        self.demo_share = demo_share
        self.batch = batch
        self.random = np.random.default_rng(seed)

    def __len__(self):
        return len(self.kinds[0]) + len(self.kinds[1])

    def draw(self):
        kind = int(self.random.random() < self.demo_share)
        if not self.orders[kind]:
            self.orders[kind] = list(self.random.permutation(len(self.kinds[kind])))
        return self.kinds[kind][self.orders[kind].pop()]

    def next(self):
        pictures, rows = [], []
        for _ in range(self.batch):
            s, i = self.draw()
            pictures.append(self.sets[s].pictures[i])
            rows.append(self.sets[s].rows[i])
        x = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float().div_(255)
        return augment(x.contiguous(memory_format=torch.channels_last), rows, self.random)


def augment(x, rows, random):
    """Flip, zoom into a part, gain and offset per channel, grey. Boxes follow; what is cut loses visibility."""
    count = x.shape[0]
    theta = torch.zeros(count, 2, 3)
    zoomed = random.random() < 0.5
    out = []
    for i in range(count):
        r = rows[i].copy()
        scale = random.uniform(0.6, 1.15) if zoomed else 1.0
        cx, cy = (random.uniform(-abs(1 - scale), abs(1 - scale), 2)) if zoomed else (0.0, 0.0)
        flip = -1.0 if random.random() < 0.5 else 1.0
        theta[i] = torch.tensor([[scale * flip, 0, cx], [0, scale, cy]])
        if len(r):
            area = np.maximum(1e-6, (r[:, 2] - r[:, 0]) * (r[:, 3] - r[:, 1]))
            left, top = (cx - scale + 1) * INPUT_W / 2, (cy - scale + 1) * INPUT_H / 2
            r[:, [0, 2]] = (r[:, [0, 2]] - left) / scale
            r[:, [1, 3]] = (r[:, [1, 3]] - top) / scale
            if flip < 0:
                r[:, [0, 2]] = INPUT_W - r[:, [2, 0]]
            r[:, [0, 2]] = r[:, [0, 2]].clip(0, INPUT_W)
            r[:, [1, 3]] = r[:, [1, 3]].clip(0, INPUT_H)
            kept = (r[:, 2] - r[:, 0]) * (r[:, 3] - r[:, 1]) * scale * scale / area
            r[:, 5] *= kept.clip(0, 1)
            r = r[kept > 0.02]
        out.append(r)
    if zoomed:
        grid = F.affine_grid(theta, list(x.shape), align_corners=False)
        x = F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    else:
        flips = theta[:, 0, 0] < 0
        x = torch.where(flips[:, None, None, None], x.flip(3), x)
    gain = torch.from_numpy(random.uniform(0.8, 1.2, (count, 1, 1, 1)) * random.uniform(0.93, 1.07, (count, 3, 1, 1)))
    offset = torch.from_numpy(random.uniform(-0.05, 0.05, (count, 1, 1, 1)))
    x = (x * gain.float() + offset.float()).clamp_(0, 1)
    grey = torch.from_numpy(random.random(count) < 0.1)[:, None, None, None]
    x = torch.where(grey, x.mean(1, keepdim=True).expand_as(x), x)
    return x.contiguous(memory_format=torch.channels_last), pad(out)


def pad(rows):
    """Rows of a batch as one tensor f32 [B, M, 6]; absent rows have class -1."""
    most = max(1, max(len(r) for r in rows))
    out = torch.zeros(len(rows), most, 6)
    out[:, :, 4] = -1
    for i, r in enumerate(rows):
        if len(r):
            out[i, : len(r)] = torch.from_numpy(r)
    return out


def is_asked(rows, visible_min=VISIBLE_MIN):
    """True for rows that must be found; the others that exist are ignored."""
    w, h = rows[..., 2] - rows[..., 0], rows[..., 3] - rows[..., 1]
    return (rows[..., 4] >= 0) & (h >= HEIGHT_MIN_PX) & (w >= WIDTH_MIN_PX) & (rows[..., 5] >= visible_min)
