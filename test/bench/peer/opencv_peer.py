"""The same work as a person would write it in Python: JPEG, OpenCV DNN, boxes, paho-mqtt. For `npm run bench:vision`.

opencv_peer.py MODEL CLIP.mjpeg FRAMES THREADS PORT

Runs YOLOX over the pictures of a clip each time a line comes on standard input, publishes the boxes of every frame at
QoS 1, and answers with one JSON line: frames a second until the last message is acknowledged, and boxes seen.
"""

import json
import sys
import time

import cv2
import numpy
import paho.mqtt.client as mqtt

SIZE = 416
SCORE_MIN = 0.3
IOU_MAX = 0.45


def pictures_of(path, most):
    """The JPEGs of a file of JPEGs one behind the other."""
    with open(path, "rb") as file:
        data = file.read()
    found, at = [], data.find(b"\xff\xd8")
    while at >= 0 and len(found) < most:
        following = data.find(b"\xff\xd8\xff", at + 2)
        found.append(numpy.frombuffer(data[at:following if following >= 0 else len(data)], numpy.uint8))
        at = following
    return found


def grid_of(size):
    """Cells and strides of the three levels, one row per prediction."""
    rows, strides = [], []
    for stride in (8, 16, 32):
        cells = size // stride
        ys, xs = numpy.mgrid[:cells, :cells]
        rows.append(numpy.stack((xs, ys), 2).reshape(-1, 2))
        strides.append(numpy.full((cells * cells, 1), stride))
    return numpy.concatenate(rows), numpy.concatenate(strides)


GRID, STRIDES = grid_of(SIZE)


def detect(net, jpeg):
    picture = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    height, width = picture.shape[:2]
    scale = min(SIZE / height, SIZE / width)
    square = numpy.full((SIZE, SIZE, 3), 114, numpy.uint8)
    small = cv2.resize(picture, (int(width * scale), int(height * scale)))
    square[: small.shape[0], : small.shape[1]] = small
    net.setInput(cv2.dnn.blobFromImage(square))
    rows = net.forward()[0]
    centres = (rows[:, :2] + GRID) * STRIDES
    sizes = numpy.exp(rows[:, 2:4]) * STRIDES
    scores = rows[:, 4:5] * rows[:, 5:]
    labels = scores.argmax(1)
    best = scores.max(1)
    keep = best >= SCORE_MIN
    boxes = numpy.concatenate((centres - sizes / 2, sizes), 1)[keep] / scale
    chosen = cv2.dnn.NMSBoxes(boxes.tolist(), best[keep].tolist(), SCORE_MIN, IOU_MAX)
    return [
        {"label": int(labels[keep][i]), "score": float(best[keep][i]), "box": boxes[i].tolist()}
        for i in numpy.array(chosen).flatten()
    ]


def main():
    model, clip, frames, threads, port = sys.argv[1:]
    cv2.setNumThreads(int(threads))
    net = cv2.dnn.readNetFromONNX(model)
    pictures = pictures_of(clip, int(frames))
    client = mqtt.Client("peer", protocol=mqtt.MQTTv311)
    client.max_inflight_messages_set(200)
    client.connect("127.0.0.1", int(port))
    client.loop_start()
    print(json.dumps({"ready": len(pictures)}), flush=True)
    for _ in sys.stdin:
        seen, last = 0, None
        started = time.perf_counter()
        for jpeg in pictures:
            boxes = detect(net, jpeg)
            seen += len(boxes)
            last = client.publish("peer/detections", json.dumps(boxes), qos=1)
        last.wait_for_publish()
        rate = len(pictures) / (time.perf_counter() - started)
        print(json.dumps({"fps": rate, "boxes": seen}), flush=True)
    client.disconnect()


main()
