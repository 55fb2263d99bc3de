"""Writes the trained network as ONNX, with its manifest.

Layout `vedette` (the shipped one): uint8 [1, 192, 256, 3] RGB in, decode and suppression in the graph.
Layouts `yolov8` and `yolox`: the same weights as those families lay their tensors out, to test other decoders with.
"""

import argparse
import datetime
import hashlib
import json
import os

import numpy as np
import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

from network import INPUT_H, INPUT_W, LABELS, STRIDES, Detector, cells, decode

# Measured on held-out scenes: 0.45 gives precision 0.966 and recall 0.955 in the demo, 0.55 0.950 and 0.958.
NMS_IOU = 0.45
DETECTIONS_PER_CLASS_MAX = 50


def whole_patch(patch):
    """Space-to-depth, 3x3 convolution and batch norm as one 6x6 convolution of stride 4: no transposes at run time."""
    conv, norm = patch[0], patch[1]
    w = conv.weight.detach()
    out = w.shape[0]
    # pixel_unshuffle orders channels colour, row, column.
    w = w.view(out, 3, 2, 2, 3, 3).permute(0, 1, 4, 2, 5, 3).reshape(out, 3, 6, 6)
    gain = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
    fused = nn.Conv2d(3, out, 6, 4, 2)
    fused.weight.data = w * gain[:, None, None, None]
    fused.bias.data = norm.bias.detach() - norm.running_mean * gain
    return nn.Sequential(fused, nn.ReLU())


class Exported(nn.Module):
    """The network with the input handling and the tensors of one layout."""

    def __init__(self, model, layout):
        super().__init__()
        self.model = model
        self.patch = whole_patch(model.patch)
        self.layout = layout
        centres, strides = cells()
        self.register_buffer("centres", centres)
        self.register_buffer("strides", strides)

    def body(self, x):
        m = self.model
        fine = m.stem(self.patch(x))
        mid = m.mid(fine)
        deep = m.context(m.deep(mid))
        mid = m.mix_mid(m.side_mid(mid) + F.interpolate(m.down_mid(deep), scale_factor=2.0, mode="nearest"))
        fine = m.mix_fine(fine + F.interpolate(m.down_fine(mid), scale_factor=2.0, mode="nearest"))
        parts = [head(level) for head, level in zip(m.heads, (fine, mid, deep))]
        return torch.cat([p[0].flatten(2) for p in parts], 2), torch.cat([p[1].flatten(2) for p in parts], 2)

    def forward(self, picture):
        if self.layout == "vedette":
            x = picture.float().permute(0, 3, 1, 2) * (4 / 255) - 2
        elif self.layout == "yolov8":
            x = picture * 4 - 2
        else:
            x = picture.flip(1) * (4 / 255) - 2
        logits, distances = self.body(x)
        scores = logits.sigmoid()
        boxes = decode(distances.transpose(1, 2), self.centres, self.strides)
        if self.layout == "vedette":
            size = torch.tensor([INPUT_W, INPUT_H, INPUT_W, INPUT_H], dtype=torch.float32)
            return (boxes / size).clamp(0, 1), scores
        mid = (boxes[..., :2] + boxes[..., 2:]) / 2
        size = boxes[..., 2:] - boxes[..., :2]
        if self.layout == "yolov8":
            return torch.cat([torch.cat([mid, size], -1).transpose(1, 2), scores], 1)
        stride = self.strides[:, None]
        # YOLOX counts from the cell's corner.
        corner = self.centres / stride - 0.5
        box = torch.cat([mid / stride - corner, torch.log(size / stride)], -1)
        return torch.cat([box, torch.ones_like(box[..., :1]), scores.transpose(1, 2)], -1)


def add_suppression(graph):
    """Appends NMS with the score floor as a second input, and gathers what it leaves."""
    boxes, scores = graph.output[0].name, graph.output[1].name
    constant = lambda name, value: graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    constant("nms_max", np.int64([DETECTIONS_PER_CLASS_MAX]))
    constant("nms_iou", np.float32([NMS_IOU]))
    constant("one", np.int64(1))
    constant("two", np.int64(2))
    constant("axis0", np.int64([0]))
    node = lambda *a, **k: graph.node.append(helper.make_node(*a, **k))
    node("NonMaxSuppression", [boxes, scores, "nms_max", "nms_iou", "score_threshold"], ["picked"])
    node("Gather", ["picked", "two"], ["picked_cell"], axis=1)
    node("Gather", ["picked", "one"], ["picked_class"], axis=1)
    node("Squeeze", [boxes, "axis0"], ["all_boxes"])
    node("Gather", ["all_boxes", "picked_cell"], ["det_boxes"], axis=0)
    node("GatherND", [scores, "picked"], ["det_scores"])
    node("Cast", ["picked_class"], ["det_classes"], to=TensorProto.INT32)
    graph.input.append(helper.make_tensor_value_info("score_threshold", TensorProto.FLOAT, [1]))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("det_boxes", TensorProto.FLOAT, ["n", 4]))
    graph.output.append(helper.make_tensor_value_info("det_scores", TensorProto.FLOAT, ["n"]))
    graph.output.append(helper.make_tensor_value_info("det_classes", TensorProto.INT32, ["n"]))


def halve_weights(graph):
    """Stores weights as float16 with a Cast, which ONNX Runtime folds away at load: half the file, full speed."""
    casts = []
    for tensor in list(graph.initializer):
        value = numpy_helper.to_array(tensor)
        # Coordinates of cells beyond 2048 would lose their last bits; they are small and stay as they are.
        if value.dtype != np.float32 or value.ndim != 4 or value.size < 256:
            continue
        name = tensor.name
        graph.initializer.remove(tensor)
        graph.initializer.append(numpy_helper.from_array(value.astype(np.float16), name + "_f16"))
        casts.append(helper.make_node("Cast", [name + "_f16"], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        graph.node.insert(0, cast)


def export_onnx(model, layout, path):
    module = Exported(model, layout).eval()
    if layout == "vedette":
        example = torch.zeros(1, INPUT_H, INPUT_W, 3, dtype=torch.uint8)
        outputs = ["boxes", "scores"]
    else:
        example = torch.zeros(1, 3, INPUT_H, INPUT_W)
        outputs = ["output"]
    torch.onnx.export(module, example, path, opset_version=13, input_names=["images"], output_names=outputs)
    proto = onnx.load(path)
    if layout == "vedette":
        add_suppression(proto.graph)
        # Value shapes that torch guessed for the middle of the graph are of no use and 20 kB.
        del proto.graph.value_info[:]
    halve_weights(proto.graph)
    proto.producer_name = "vedette"
    proto.producer_version = ""
    onnx.checker.check_model(proto)
    onnx.save(proto, path)
    return proto


def manifest_of(path, threshold, training):
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    return {
        "v": 1,
        "id": "vedette-sim",
        "family": "vedette",
        "input": {
            "name": "images",
            "layout": "nhwc",
            "dtype": "uint8",
            "colour": "rgb",
            "widthPx": INPUT_W,
            "heightPx": INPUT_H,
            "resize": "stretch",
        },
        "extraInputs": [{"name": "score_threshold", "feed": "score-threshold"}],
        "outputs": {"boxes": "det_boxes", "scores": "det_scores", "classes": "det_classes"},
        "head": {"strides": list(STRIDES)},
        "decoded": True,
        "activated": True,
        "labels": list(LABELS),
        "thresholds": {"score": threshold},
        "sha256": digest,
        "licence": "MIT",
        "source": {"origin": "trained by this project on scenes of its simulated camera", "path": "firmware-sim/training"},
        "training": training,
    }


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--checkpoint", required=True)
    p.add_argument("--out", required=True, help="path of the .onnx file")
    p.add_argument("--layout", choices=["vedette", "yolov8", "yolox"], default="vedette")
    p.add_argument("--figures", help="JSON file with the evaluation's summary, for the manifest")
    args = p.parse_args()
    saved = torch.load(args.checkpoint, map_location="cpu")
    model = Detector().eval()
    model.load_state_dict(saved["ema"])
    export_onnx(model, args.layout, args.out)
    print(args.out, os.path.getsize(args.out), "bytes")
    if args.layout != "vedette":
        return
    figures = {}
    if args.figures:
        with open(args.figures) as file:
            figures = json.load(file)
    training = {
        "date": datetime.date.today().isoformat(),
        "recipe": "firmware-sim/training/README.md",
        "parameters": sum(q.numel() for q in model.parameters()),
        "imagesSeen": saved["state"]["seen"],
        "steps": saved["state"]["step"],
        "seed": 1,
        "data": {
            "seeds": ["train-a", "train-b", "train-c", "train-r"],
            "pictures": saved["state"].get("scenes"),
            "mix": "35 % as the demo's cameras show, 65 % hard; of train-r parts cut from both",
            "heldOutSeed": "heldout",
        },
        "heldOut": figures,
    }
    threshold = figures.get("demo", {}).get("threshold", 0.4)
    path = args.out.replace(".onnx", ".manifest.json")
    with open(path, "w") as file:
        json.dump(manifest_of(args.out, threshold, training), file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    main()
