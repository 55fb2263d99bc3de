"""COCO-like average precision at IoU 0.5 (and others) on held-out scenes; objects not asked for are ignored."""

import numpy as np
import torch

from dataset import VISIBLE_MIN, is_asked
from network import LABELS, cells, decode


# Per picture and class before suppression: no scene has more than a dozen objects of a class.
CANDIDATES_MAX = 150


def iou_matrix(a, b):
    x1 = np.maximum(a[:, None, 0], b[None, :, 0])
    y1 = np.maximum(a[:, None, 1], b[None, :, 1])
    x2 = np.minimum(a[:, None, 2], b[None, :, 2])
    y2 = np.minimum(a[:, None, 3], b[None, :, 3])
    inter = np.clip(x2 - x1, 0, None) * np.clip(y2 - y1, 0, None)
    area = lambda q: (q[:, 2] - q[:, 0]) * (q[:, 3] - q[:, 1])
    return inter, inter / (area(a)[:, None] + area(b)[None] - inter + 1e-9)


def nms(boxes, scores, limit):
    order = np.argsort(-scores)
    keep = []
    while len(order):
        i = order[0]
        keep.append(i)
        _, iou = iou_matrix(boxes[i : i + 1], boxes[order[1:]])
        order = order[1:][iou[0] <= limit]
    return keep


@torch.no_grad()
def detect(model, scenes, score_min=0.03, iou_max=0.45):
    """-> per picture rows [x1, y1, x2, y2, score, class]."""
    centres, strides = cells()
    found = []
    for start in range(0, len(scenes), 32):
        x = torch.from_numpy(scenes.pictures[start : min(start + 32, len(scenes))].copy()).permute(0, 3, 1, 2).float() / 255
        logits, distances = model(x.contiguous(memory_format=torch.channels_last))
        boxes = decode(distances, centres, strides).numpy()
        scores = logits.sigmoid().numpy()
        for i in range(len(x)):
            rows = []
            for c in range(len(LABELS)):
                hit = np.nonzero(scores[i, :, c] > score_min)[0]
                hit = hit[np.argsort(-scores[i, hit, c])[:CANDIDATES_MAX]]
                b, s = boxes[i, hit], scores[i, hit, c]
                rows += [[*b[k], s[k], c] for k in nms(b, s, iou_max)]
            found.append(np.asarray(rows, np.float32).reshape(-1, 6))
    return found


def match(found, rows, height_min, iou_min=0.5, visible_min=VISIBLE_MIN):
    """-> per class (scores, hit flags, number of objects asked for); detections on ignored objects are dropped."""
    result = []
    for c in range(len(LABELS)):
        scores, hits, asked_count = [], [], 0
        for det, gt in zip(found, rows):
            d = det[det[:, 5] == c]
            d = d[np.argsort(-d[:, 4])]
            g = gt[gt[:, 4] == c]
            asked = is_asked(torch.from_numpy(g), visible_min).numpy() & (g[:, 3] - g[:, 1] >= height_min)
            asked_count += int(asked.sum())
            inter, iou = iou_matrix(d[:, :4], g[:, :4])
            free = asked.copy()
            for k in range(len(d)):
                q = np.where(free, iou[k], 0)
                if len(q) and q.max() >= iou_min:
                    free[q.argmax()] = False
                    hits.append(1)
                    scores.append(d[k, 4])
                    continue
                area = (d[k, 2] - d[k, 0]) * (d[k, 3] - d[k, 1]) + 1e-9
                if ((~asked) & ((iou[k] >= iou_min) | (inter[k] / area >= 0.5))).any():
                    continue
                # A box of a smaller object than is asked for says nothing about the larger ones.
                if d[k, 3] - d[k, 1] < height_min * 0.8:
                    continue
                hits.append(0)
                scores.append(d[k, 4])
        result.append((np.asarray(scores), np.asarray(hits), asked_count))
    return result


def average_precision(scores, hits, asked):
    if asked == 0 or len(scores) == 0:
        return 0.0
    order = np.argsort(-scores, kind="stable")
    tp = np.cumsum(hits[order])
    precision = tp / np.arange(1, len(tp) + 1)
    recall = tp / asked
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.mean([precision[np.searchsorted(recall, r)] if recall[-1] >= r else 0.0 for r in np.linspace(0, 1, 101)]))


def mean_ap(found, rows, height_min=7.0, iou_min=0.5):
    each = [average_precision(*m) for m in match(found, rows, height_min, iou_min)]
    return float(np.mean(each)), each


def precision_recall(found, rows, threshold, visible_min):
    tp = fp = asked = 0
    for scores, hits, count in match(found, rows, 7.0, visible_min=visible_min):
        over = scores >= threshold
        tp += int(hits[over].sum())
        fp += int((1 - hits[over]).sum())
        asked += count
    return tp / max(1, tp + fp), tp / max(1, asked)


def average_precisions(found, rows):
    """mAP at IoU 0.5 over objects of 7 and of 24 pixels and more, at IoU 0.75, and AP per label."""
    ap, each = mean_ap(found, rows)
    return {
        "pictures": len(rows),
        "objects": int(sum(is_asked(torch.from_numpy(r)).sum() for r in rows)),
        "mAP50": round(ap, 4),
        "mAP50From24Px": round(mean_ap(found, rows, 24.0)[0], 4),
        "mAP75": round(mean_ap(found, rows, 7.0, 0.75)[0], 4),
        "AP50": {label: round(v, 4) for label, v in zip(LABELS, each)},
    }


def operating_point(found, rows):
    """The score threshold at which the worse of precision and recall is best, for objects at least half visible."""
    thresholds = np.arange(0.2, 0.7, 0.025)
    best = max(thresholds, key=lambda t: min(precision_recall(found, rows, t, 0.5)))
    out = {"threshold": round(float(best), 3)}
    for name, visible_min in (("halfVisible", 0.5), ("quarterVisible", 0.25)):
        precision, recall = precision_recall(found, rows, best, visible_min)
        out[name] = {"precision": round(precision, 4), "recall": round(recall, 4)}
    return out


def summary(model, sets):
    """Figures of a model on held-out sets by name; those of `demo` with its best threshold. For the log and the manifest."""
    out = {}
    for name, scenes in sets.items():
        found = detect(model, scenes)
        out[name] = average_precisions(found, scenes.rows)
        if name == "demo":
            out[name].update(operating_point(found, scenes.rows))
    return out


def main():
    import argparse
    import json

    from dataset import Joined
    from network import Detector

    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--checkpoint", required=True)
    p.add_argument("--sets", required=True, nargs="+", help="NAME=FOLDER or NAME=FOLDER+FOLDER of held-out exports")
    p.add_argument("--limit", type=int, help="pictures of each set, default all")
    p.add_argument("--out", help="JSON file for export.py")
    args = p.parse_args()
    saved = torch.load(args.checkpoint, map_location="cpu")
    model = Detector().eval()
    model.load_state_dict(saved["ema"])
    sets = {name: Joined(folders.split("+"), args.limit) for name, folders in (item.split("=", 1) for item in args.sets)}
    figures = summary(model, sets)
    print(json.dumps(figures, indent=2))
    if args.out:
        with open(args.out, "w") as file:
            json.dump(figures, file)


if __name__ == "__main__":
    main()
