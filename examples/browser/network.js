// The network in the browser: its card, its crops, its outputs. It needs onnxruntime-web, see
// docs/export.md.

import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.min.mjs";

const CARD = "kollias_affect.json";
// Layout of "eyes, paper D", in units of the distance of the eyes' middles: beyond the outer
// corners, above and below. The corners are about a quarter beyond the middles.
const SIDES = 0.62, ABOVE = 0.9, BELOW = 1.35, CORNER = 0.23;

export class Network {
  // Loads an ONNX file of `kollias-affect export`.
  static async load(address) {
    const response = await fetch(address);
    if (!response.ok) throw new Error(`${address} is missing: export it first, see docs/export.md.`);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const network = new Network();
    network.card = cardOf(bytes);
    if (network.card.crop !== "eyes, paper D" || network.card.length || network.card.landmarks) {
      throw new Error("This page crops faces by the eyes, for networks of single frames.");
    }
    ort.env.wasm.numThreads = 1; // More need headers that a plain file server does not send.
    network.session = await ort.InferenceSession.create(bytes);
    return network;
  }

  get size() { return this.card.image.size; }

  // Runs the network on the pixels of a crop (ImageData); returns { task: { name: value } }.
  async run(pixels) {
    const images = new ort.Tensor("float32", unitRange(pixels), [1, this.size, this.size, 3]);
    const outputs = await this.session.run({ images });
    const tasks = Array.isArray(this.card.task) ? this.card.task : [this.card.task];
    const entries = tasks.map((task) => {
      const names = Array.isArray(this.card.task) ? this.card.outputs[task] : this.card.outputs;
      return [task, Object.fromEntries(names.map((name, i) => [name, outputs[task].data[i]]))];
    });
    return Object.fromEntries(entries);
  }
}

// Finds the card in the metadata of an ONNX file: its name, the tag 0x12, its length, its JSON.
export function cardOf(bytes) {
  const name = new TextEncoder().encode(CARD);
  for (let at = bytes.length - name.length; at >= 0; at--) {
    if (bytes[at] !== name[0] || !name.every((byte, i) => bytes[at + i] === byte)) continue;
    let next = at + name.length, length = 0, shift = 0;
    if (bytes[next++] !== 0x12) continue;
    do { length += (bytes[next] & 0x7f) * 2 ** shift; shift += 7; } while (bytes[next++] & 0x80);
    return JSON.parse(new TextDecoder().decode(bytes.subarray(next, next + length)));
  }
  throw new Error("The file has no card. Export it with `kollias-affect export`.");
}

// RGB in [-1, 1] of RGBA pixels.
export function unitRange(pixels) {
  const values = new Float32Array((pixels.data.length / 4) * 3);
  for (let i = 0, j = 0; i < pixels.data.length; i += 4) {
    for (let channel = 0; channel < 3; channel++) values[j++] = pixels.data[i + channel] / 127.5 - 1;
  }
  return values;
}

// Draws the crop of a face on a canvas and returns its pixels. The eyes are { x, y } in pixels of
// the source; `right` is the subject's right eye, which is left in the picture.
export function crop(source, right, left, canvas) {
  const size = canvas.width, distance = Math.hypot(left.x - right.x, left.y - right.y);
  const along = { x: (left.x - right.x) / distance, y: (left.y - right.y) / distance };
  const below = { x: -along.y, y: along.x };
  const half = (0.5 + CORNER + SIDES) * distance;
  const origin = {
    x: (right.x + left.x) / 2 - half * along.x - ABOVE * distance * below.x,
    y: (right.y + left.y) / 2 - half * along.y - ABOVE * distance * below.y,
  };
  const across = (size - 1) / (2 * half), down = (size - 1) / ((ABOVE + BELOW) * distance);
  // A finer grid whose cells are averaged: a canvas alone would skip pixels when it shrinks.
  const finer = Math.max(1, Math.ceil(1 / Math.min(across, down)));
  const fine = new OffscreenCanvas(size * finer, size * finer);
  const pen = fine.getContext("2d", { willReadFrequently: true });
  pen.fillStyle = "#808080"; // beyond the border of the picture
  pen.fillRect(0, 0, fine.width, fine.height);
  const a = along.x * across * finer, c = along.y * across * finer;
  const b = below.x * down * finer, d = below.y * down * finer;
  // The middle of a canvas' pixel lies half a pixel beyond its number.
  const x = origin.x + 0.5, y = origin.y + 0.5;
  pen.setTransform(a, b, c, d, finer / 2 - a * x - c * y, finer / 2 - b * x - d * y);
  pen.drawImage(source, 0, 0);
  const pixels = averaged(pen.getImageData(0, 0, fine.width, fine.height), finer);
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return pixels;
}

// Averages cells of `factor` x `factor` pixels.
function averaged(pixels, factor) {
  const size = pixels.width / factor, result = new ImageData(size, size);
  for (let y = 0; y < size; y++) for (let x = 0; x < size; x++) for (let k = 0; k < 4; k++) {
    let sum = 0;
    for (let i = 0; i < factor; i++) for (let j = 0; j < factor; j++) {
      sum += pixels.data[((y * factor + i) * pixels.width + x * factor + j) * 4 + k];
    }
    result.data[(y * size + x) * 4 + k] = sum / factor ** 2;
  }
  return result;
}
