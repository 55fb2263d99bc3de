"""The built-in detector's network: dense 3x3 convolutions, three levels (strides 4, 8, 16), no anchors."""

import torch
import torch.nn as nn
import torch.nn.functional as F

LABELS = ("person", "car", "bicycle", "dog")
STRIDES = (4, 8, 16)
INPUT_H, INPUT_W = 192, 256


def conv(inputs, outputs, kernel=3, stride=1, groups=1, relu=True):
    layers = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    if relu:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first = conv(channels, channels)
        self.second = conv(channels, channels, relu=False)

    def forward(self, x):
        return F.relu(x + self.second(self.first(x)))


class Head(nn.Module):
    """Class scores (logits) and distances left, top, right, bottom of a cell's centre in strides."""

    def __init__(self, channels):
        super().__init__()
        self.cls = nn.Sequential(conv(channels, channels, groups=channels), conv(channels, channels, 1))
        self.box = nn.Sequential(conv(channels, channels, groups=channels), conv(channels, channels, 1))
        self.cls_out = nn.Conv2d(channels, len(LABELS), 1)
        self.box_out = nn.Conv2d(channels, 4, 1)
        # Start at a score of 0.01: without it the many empty cells drown the first thousand steps (RetinaNet).
        nn.init.constant_(self.cls_out.bias, -4.6)
        nn.init.constant_(self.box_out.bias, 0.3)

    def forward(self, x):
        return self.cls_out(self.cls(x)), self.box_out(self.box(x)).clamp(max=4.0).exp()


class Detector(nn.Module):
    """All widths are multiples of 16: ONNX Runtime pads the channels of a convolution to that on AVX-512, so that
    24 channels cost as much as 32 (measured: widths 24/48/72 took 5.5 ms, 16/48/64 3.4 ms).

    Picture f32 [B, 3, 192, 256] in 0..1 -> logits [B, N, 4], distances [B, N, 4] in strides; N = 3072 + 768 + 192."""

    def __init__(self, widths=(16, 48, 64), neck=(32, 32, 48)):
        super().__init__()
        a, b, c = widths
        p, q, r = neck
        self.patch = conv(12, a, stride=2)
        self.stem = nn.Sequential(Residual(a), Residual(a))
        self.mid = nn.Sequential(conv(a, b, stride=2), Residual(b), Residual(b))
        self.deep = nn.Sequential(conv(b, c, stride=2), Residual(c), Residual(c))
        self.context = nn.Sequential(conv(c, c, 5, groups=c), conv(c, r, 1))
        self.side_mid = conv(b, q, 1)
        self.down_mid = conv(r, q, 1)
        self.mix_mid = conv(q, q)
        self.down_fine = conv(q, a, 1)
        self.mix_fine = conv(a, p)
        self.heads = nn.ModuleList([Head(p), Head(q), Head(r)])

    def forward(self, picture):
        x = F.pixel_unshuffle(picture * 4 - 2, 2)
        # oneDNN has no fast bfloat16 gradient for 12 input channels: six times slower than float32 (PyTorch 1.13).
        with torch.autocast("cpu", enabled=False):
            x = self.patch(x)
        fine = self.stem(x)
        mid = self.mid(fine)
        deep = self.context(self.deep(mid))
        mid = self.mix_mid(self.side_mid(mid) + F.interpolate(self.down_mid(deep), scale_factor=2.0, mode="nearest"))
        fine = self.mix_fine(fine + F.interpolate(self.down_fine(mid), scale_factor=2.0, mode="nearest"))
        logits, distances = [], []
        for head, level in zip(self.heads, (fine, mid, deep)):
            score, box = head(level)
            logits.append(score.flatten(2))
            distances.append(box.flatten(2))
        return torch.cat(logits, 2).transpose(1, 2), torch.cat(distances, 2).transpose(1, 2)


def cells():
    """Centres f32 [N, 2] in input pixels and strides f32 [N] of all cells, in the order of Detector's output."""
    centres, strides = [], []
    for stride in STRIDES:
        h, w = INPUT_H // stride, INPUT_W // stride
        y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        centres.append((torch.stack([x, y], -1).reshape(-1, 2).float() + 0.5) * stride)
        strides.append(torch.full((h * w,), float(stride)))
    return torch.cat(centres), torch.cat(strides)


def decode(distances, centres, strides):
    """Boxes x1, y1, x2, y2 in input pixels."""
    d = distances * strides[:, None]
    return torch.cat([centres - d[..., :2], centres + d[..., 2:]], -1)
