// One row for each output: its name, its curve (or a bar, for a picture), and its present value.

import { bucketsOf, stretches } from "./buckets.js";
import { cleared, colour, colourOf } from "./canvas.js";
import { h } from "./shared/elements.js";
import { signed } from "./texts.js";

const DIMENSIONS = ["valence", "arousal"];

export class Row {
  constructor(name, number) {
    this.name = name;
    this.isDimension = DIMENSIONS.includes(name);
    this.colour = colourOf(name, number);
    this.label = h("div", { class: "label" }, h("i", { class: "dot", "data-colour": this.colour }), name);
    this.canvas = h("canvas", { class: this.isDimension ? "curve tall" : "curve", "aria-hidden": "true" });
    this.output = h("div", { class: "value" });
    this.shown = null;
  }

  get elements() {
    return [this.label, this.canvas, this.output];
  }

  // Height of a value: dimensions from -1 to 1, probabilities from 0 to 1.
  scale(height) {
    const [least, greatest] = this.isDimension ? [-1, 1] : [0, 1];
    const margin = 3;
    return (value) => height - margin - (height - 2 * margin) * (Math.min(greatest, Math.max(least, value)) - least) / (greatest - least);
  }

  draw(tracks, person, others, timeWindow, ticks) {
    const target = cleared(this.canvas);
    if (!target) return;
    const { context, width, height } = target;
    const y = this.scale(height);
    this.grid(context, width, height, y, ticks);
    context.lineJoin = "round";
    for (const other of others) this.line(context, bucketsOf(tracks, other, this.name, timeWindow, width), y, colour("faint"), 1);
    if (!person) return;
    const buckets = bucketsOf(tracks, person, this.name, timeWindow, width);
    const own = colour(this.colour);
    context.fillStyle = own;
    for (const [start, stop] of stretches(buckets)) {
      context.globalAlpha = 0.2;
      this.area(context, buckets, start, stop, y);
      context.globalAlpha = 0.6;
      for (const [a, b] of bestParts(buckets, start, stop)) this.area(context, buckets, a, b, y);
    }
    context.globalAlpha = 1;
    this.line(context, buckets, y, own, 1.6);
  }

  grid(context, width, height, y, ticks) {
    context.fillStyle = colour("grid");
    for (const x of ticks) context.fillRect(Math.round(x), 0, 1, height);
    for (const value of this.isDimension ? [-1, 1] : [0]) context.fillRect(0, Math.round(y(value)), width, 1);
    context.fillStyle = colour("line");
    if (this.isDimension) context.fillRect(0, Math.round(y(0)), width, 1);
  }

  area(context, { x, mean }, start, stop, y) {
    const right = Math.max(x[stop - 1], x[start] + 1.5);
    context.beginPath();
    context.moveTo(x[start], y(0));
    for (let i = start; i < stop; i++) context.lineTo(x[i], y(mean[i]));
    context.lineTo(right, y(mean[stop - 1]));
    context.lineTo(right, y(0));
    context.fill();
  }

  line(context, buckets, y, stroke, width) {
    const { x, low, high } = buckets;
    context.strokeStyle = stroke;
    context.lineWidth = width;
    context.beginPath();
    for (const [start, stop] of stretches(buckets)) {
      context.moveTo(x[start] - (stop - start === 1 ? 0.75 : 0), y(low[start]));
      for (let i = start; i < stop; i++) {
        context.lineTo(x[i], y(low[i]));
        if (high[i] !== low[i]) context.lineTo(x[i], y(high[i]));
      }
      if (stop - start === 1) context.lineTo(x[start] + 0.75, y(high[start]));
    }
    context.stroke();
  }

  // A bar from zero instead of a curve.
  drawBar(value) {
    const target = cleared(this.canvas);
    if (!target) return;
    const { context, width, height } = target;
    const [zero, length] = this.isDimension ? [width / 2, width / 2] : [0, width];
    const thick = Math.min(height - 4, 14), top = (height - thick) / 2;
    context.fillStyle = colour("grid");
    context.fillRect(0, top, width, thick);
    context.fillStyle = colour(this.colour);
    if (!Number.isNaN(value)) context.fillRect(Math.min(zero, zero + value * length), top, Math.abs(value) * length, thick);
    context.fillStyle = colour("muted");
    if (this.isDimension) context.fillRect(zero, top - 2, 1, thick + 4);
  }

  show(value, isBest) {
    const text = Number.isNaN(value) ? "–" : this.isDimension ? signed(value) : value.toFixed(2);
    if (text !== this.shown) this.output.textContent = this.shown = text;
    this.output.classList.toggle("best", isBest);
    this.label.classList.toggle("best", isBest);
  }
}

// Ranges in which the class of a row is the most probable one.
function* bestParts({ best }, start, stop) {
  for (let i = start; i < stop; i++) {
    if (!best[i]) continue;
    const first = i;
    while (i < stop && best[i]) i++;
    yield [first, Math.min(i + 1, stop)];
  }
}
