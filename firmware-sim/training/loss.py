"""Which cell answers for which object, and what its answer costs."""

import numpy as np
import torch
import torch.nn.functional as F

from dataset import is_asked
from network import INPUT_H, INPUT_W, STRIDES, decode

# Longest side in pixels of the objects a level answers for. The ranges overlap: two levels share what lies between.
LONGEST_PX = ((0, 24), (15, 64), (44, 999))
# Cells whose centre lies in the box and within so many strides of the box's centre answer for it.
REACH_STRIDES = 1.5


def assign(rows, classes):
    """Row number that a cell answers for, i64 [B, N], -1 for none; 1 where a cell lies on an ignored object of a class,
    f32 [B, N, classes].

    Where objects compete for a cell the smaller one has it. Assignment by the network's own answers (task alignment)
    learnt three times slower here: after 33,000 pictures its scores were still below 0.3.
    """
    count = rows.shape[0]
    total = sum((INPUT_H // s) * (INPUT_W // s) for s in STRIDES)
    owner = np.full((count, total), -1, np.int64)
    ignored = np.zeros((count, total, classes), np.float32)
    asked = is_asked(rows).numpy()
    r = rows.numpy()
    for b in range(count):
        area = (r[b, :, 2] - r[b, :, 0]) * (r[b, :, 3] - r[b, :, 1])
        for m in np.argsort(-area):
            x1, y1, x2, y2, cls, _ = r[b, m]
            if cls < 0:
                continue
            longest = max(x2 - x1, y2 - y1)
            start = 0
            for stride, (low, high) in zip(STRIDES, LONGEST_PX):
                h, w = INPUT_H // stride, INPUT_W // stride
                if asked[b, m] and low <= longest <= high:
                    # Boxes so narrow that they slip between cell centres are widened to most of a cell.
                    rx = min(max((x2 - x1) / 2, 0.6 * stride), REACH_STRIDES * stride)
                    ry = min(max((y2 - y1) / 2, 0.6 * stride), REACH_STRIDES * stride)
                    ys, xs = span((y1 + y2) / 2, ry, stride, h), span((x1 + x2) / 2, rx, stride, w)
                    owner[b, start : start + h * w].reshape(h, w)[ys, xs] = m
                elif not asked[b, m]:
                    ys = span((y1 + y2) / 2, (y2 - y1) / 2 + 2, stride, h)
                    xs = span((x1 + x2) / 2, (x2 - x1) / 2 + 2, stride, w)
                    ignored[b, start : start + h * w, int(cls)].reshape(h, w)[ys, xs] = 1
                start += h * w
    return torch.from_numpy(owner), torch.from_numpy(ignored)


def span(centre, reach, stride, cells):
    """The cells whose centres lie within `reach` of `centre`, as a slice."""
    first = int(np.ceil((centre - reach) / stride - 0.5))
    last = int(np.floor((centre + reach) / stride - 0.5))
    return slice(max(0, first), max(0, min(cells, last + 1)))


def detection_loss(logits, distances, rows, centres, strides):
    """Quality focal loss over all cells (target: IoU of the answer) plus twice the mean GIoU loss of answering cells."""
    b, n, k = logits.shape
    owner, ignored = assign(rows, k)
    at = torch.nonzero(owner >= 0, as_tuple=True)
    goal = torch.zeros_like(logits)
    if len(at[0]) == 0:
        box_loss = distances.sum() * 0.0
    else:
        wanted = rows[at[0], owner[at]]
        boxes = decode(distances[at], centres[at[1]], strides[at[1]])
        iou, giou = overlaps(boxes, wanted[:, :4])
        goal[at[0], at[1], wanted[:, 4].long()] = iou.detach().clamp(min=0.05)
        box_loss = (1 - giou).mean()
    error = (goal - logits.detach().sigmoid()).square()
    weight = error * (1 - ignored * (goal == 0))
    cls_loss = (F.binary_cross_entropy_with_logits(logits, goal, reduction="none") * weight).sum() / max(1, len(at[0]))
    return cls_loss + 2.0 * box_loss, box_loss.detach()


def overlaps(a, b):
    """IoU and generalised IoU (Rezatofighi et al. 2019) of boxes [P, 4], pair by pair."""
    inner = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(1)
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(1) + 1e-6
    union = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - inner + 1e-6
    iou = inner / union
    return iou, iou - (hull - union) / hull
