"""Which cell answers for which object, and what its answer costs."""

import torch
import torch.nn.functional as F

from dataset import is_asked
from network import decode

# Task alignment (TOOD, as in YOLOv8): an object goes to the cells that already answer best for it.
CELLS_PER_OBJECT = 9
SCORE_POWER = 0.5
IOU_POWER = 6.0


def iou_pairs(a, b):
    """IoU of boxes [..., 4] broadcast against [..., 4]."""
    x1 = torch.maximum(a[..., 0], b[..., 0])
    y1 = torch.maximum(a[..., 1], b[..., 1])
    x2 = torch.minimum(a[..., 2], b[..., 2])
    y2 = torch.minimum(a[..., 3], b[..., 3])
    inter = (x2 - x1).clamp(min=0) * (y2 - y1).clamp(min=0)
    area_a = (a[..., 2] - a[..., 0]) * (a[..., 3] - a[..., 1])
    area_b = (b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1])
    return inter / (area_a + area_b - inter + 1e-6)


@torch.no_grad()
def assign(scores, boxes, rows, centres, strides):
    """-> object number per cell i64 [B, N] (-1 none), target score f32 [B, N]."""
    real = is_asked(rows)
    b, m = real.shape
    gt = rows[..., :4]
    mid = (gt[..., :2] + gt[..., 2:]) / 2
    half = (gt[..., 2:] - gt[..., :2]) / 2
    delta = (centres[None, None] - mid[:, :, None]).abs()
    # A cell may answer if its centre lies in the box and within 2.5 strides of the box's centre; narrow boxes that
    # slip between cell centres are widened to most of a cell.
    reach = torch.minimum(torch.maximum(half[:, :, None], 0.6 * strides[None, None, :, None]), 2.5 * strides[None, None, :, None])
    near = (delta <= reach).all(-1) & real[:, :, None]
    # A level whose cells are far larger or smaller than the object cannot describe it well.
    longest = (2 * half).amax(-1)[:, :, None]
    fits = (longest >= 1.2 * strides) & (longest <= 10 * strides) | (strides == 16) & (longest > 96) | (strides == 4) & (longest < 6)
    near &= fits
    iou = iou_pairs(gt[:, :, None], boxes[:, None]) * near
    cls = rows[..., 4].long().clamp(min=0)
    score = torch.gather(scores.transpose(1, 2), 1, cls[:, :, None].expand(b, m, scores.shape[1]))
    # The small distance term decides while the network knows nothing yet.
    prior = 1e-9 * torch.exp(-(delta / strides[None, None, :, None]).square().sum(-1))
    metric = (score.pow(SCORE_POWER) * iou.pow(IOU_POWER) + prior) * near
    kth = metric.topk(CELLS_PER_OBJECT, dim=-1).values[..., -1:]
    chosen = near & (metric >= kth) & (metric > 0)
    metric = metric * chosen
    best, owner = metric.max(1)
    owner = torch.where(best > 0, owner, torch.full_like(owner, -1))
    taken = owner[:, None] == torch.arange(m)[None, :, None]
    align = metric * taken
    peak_metric = align.amax(-1, keepdim=True)
    peak_iou = (iou * taken).amax(-1, keepdim=True)
    target = (align / (peak_metric + 1e-12) * peak_iou).amax(1)
    return owner, target


def detection_loss(logits, distances, rows, centres, strides):
    """Varifocal loss over all cells plus twice GIoU over answering cells, both weighted by target score."""
    boxes = decode(distances, centres, strides)
    scores = logits.sigmoid()
    owner, target = assign(scores.detach(), boxes.detach(), rows, centres, strides)
    b, n, k = logits.shape
    positive = owner >= 0
    cls = torch.gather(rows[..., 4], 1, owner.clamp(min=0)).long().clamp(min=0)
    goal = F.one_hot(cls, k).float() * (target * positive)[..., None]
    # Varifocal loss: an answer counts as much as it should, an empty cell as much as it errs.
    weight = torch.where(goal > 0, goal, 0.75 * scores.detach().square())
    weight = weight * (1 - ignored_cells(rows, centres, k) * (goal == 0))
    total = target.sum().clamp(min=1.0)
    cls_loss = (F.binary_cross_entropy_with_logits(logits, goal, reduction="none") * weight).sum() / total
    if not positive.any():
        # Times nothing, so that every weight has a gradient for the other process to add to.
        return cls_loss + 0.0 * distances.sum(), cls_loss.detach() * 0
    index = owner.clamp(min=0)[..., None].expand(b, n, 4)
    wanted = torch.gather(rows[..., :4], 1, index)[positive]
    box_loss = ((1 - giou(boxes[positive], wanted)) * target[positive].clamp(min=0.1)).sum() / total
    return cls_loss + 2.0 * box_loss, box_loss.detach()


def ignored_cells(rows, centres, classes):
    """1 where a cell lies on an object that is neither demanded nor punished, per class f32 [B, N, classes]."""
    skip = (rows[..., 4] >= 0) & ~is_asked(rows)
    lo = rows[..., :2] - 2.0
    hi = rows[..., 2:4] + 2.0
    inside = ((centres >= lo[:, :, None]) & (centres <= hi[:, :, None])).all(-1) & skip[..., None]
    onehot = F.one_hot(rows[..., 4].long().clamp(min=0), classes).float()
    return torch.einsum("bmn,bmk->bnk", inside.float(), onehot).clamp(max=1)


def giou(a, b):
    iou = iou_pairs(a, b)
    x1 = torch.minimum(a[:, 0], b[:, 0])
    y1 = torch.minimum(a[:, 1], b[:, 1])
    x2 = torch.maximum(a[:, 2], b[:, 2])
    y2 = torch.maximum(a[:, 3], b[:, 3])
    hull = (x2 - x1) * (y2 - y1) + 1e-6
    area_a = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1])
    area_b = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    union = (area_a + area_b) / (1 + iou)
    return iou - (hull - union) / hull

