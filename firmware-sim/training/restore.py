"""Makes a checkpoint from the shipped model, so that training goes on from it where no checkpoint was kept.

Export folds every batch norm into its convolution. Here each norm is given back the statistics of its input, measured on
pictures, and the gain and bias that undo them: the network answers as before, and its norms can be trained again.
"""

import argparse
import copy
import json
import os

import numpy as np
import onnx
import torch
import torch.nn as nn
from onnx import numpy_helper

from dataset import Batches
from network import Detector
from train import folders_ready


def convolutions(path):
    """Weight and bias of each convolution, f32, in the order of the graph."""
    graph = onnx.load(path).graph
    values = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    pick = lambda name: np.array(values.get(name, values.get(name + "_f16")), np.float32)
    return [(pick(n.input[1]), pick(n.input[2])) for n in graph.node if n.op_type == "Conv"]


def split_patch(weight):
    """The exported 6x6 convolution of stride 4 as 3x3 over space-to-depth: the inverse of export.whole_patch."""
    out = weight.shape[0]
    return weight.reshape(out, 3, 3, 2, 3, 2).transpose(0, 1, 3, 5, 2, 4).reshape(out, 12, 3, 3)


def restore(model, path, picture):
    """Fills the model from the file; picture f32 [B, 3, 192, 256] gives the norms their statistics."""
    stored = iter(convolutions(path))
    bias_of = {}

    def before_conv(conv, _inputs):
        weight, bias = next(stored)
        if conv.weight.shape[1] == 12:
            weight = split_patch(weight)
        conv.weight.data = torch.from_numpy(np.ascontiguousarray(weight)).view_as(conv.weight)
        if conv.bias is not None:
            conv.bias.data = torch.from_numpy(bias)
        bias_of["last"] = torch.from_numpy(bias)

    def before_norm(norm, inputs):
        x = inputs[0].detach()
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(var)
        norm.weight.data = torch.sqrt(var + norm.eps)
        norm.bias.data = bias_of["last"] + mean

    hooks = [m.register_forward_pre_hook(before_conv) for m in model.modules() if isinstance(m, nn.Conv2d)]
    hooks += [m.register_forward_pre_hook(before_norm) for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    with torch.no_grad():
        model.eval()(picture)
    for hook in hooks:
        hook.remove()
    if next(stored, None) is not None:
        raise SystemExit(f"{path}: has more convolutions than this network")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--model", required=True, help="path of the shipped .onnx; its manifest lies beside it")
    p.add_argument("--data", required=True, help="glob of packed exports")
    p.add_argument("--out", required=True, help="folder for last.pt")
    args = p.parse_args()
    torch.set_num_threads(2)
    model = Detector()
    picture, _ = Batches(folders_ready(args.data), 96, 0.4, 1).next()
    restore(model, args.model, picture)
    with open(args.model.replace(".onnx", ".manifest.json")) as file:
        training = json.load(file)["training"]
    state = {"elapsed": 0.0, "from": 0.0, "seen": training["imagesSeen"], "step": training["steps"]}
    groups = [[q for q in model.parameters() if q.dim() > 1], [q for q in model.parameters() if q.dim() <= 1]]
    optimizer = torch.optim.AdamW([{"params": g} for g in groups])
    os.makedirs(args.out, exist_ok=True)
    # Not the same tensors twice: the trainer hands them to its processes one by one.
    average = copy.deepcopy(model).state_dict()
    saved = {"model": model.state_dict(), "ema": average, "optimizer": optimizer.state_dict(), "state": state}
    torch.save(saved, os.path.join(args.out, "last.pt"))
    print(args.out, state)


if __name__ == "__main__":
    main()
