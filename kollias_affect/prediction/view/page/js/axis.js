// The time axis below the curves, and the strip of the whole length below it.

import { cleared, colour, colourOf } from "./canvas.js";
import { clock, stepOf } from "./texts.js";

const ROOM = 84;  // pixels of a mark

export function marksOf({ from, to }, width) {
  const step = stepOf(to - from, Math.max(2, width / ROOM));
  const marks = [];
  for (let i = Math.ceil(from / step - 1e-9); i * step <= to; i++) marks.push([i * step, (i * step - from) / (to - from) * width]);
  return { marks, digits: step < 1 ? 1 : 0 };
}

export function drawAxis(canvas, { marks, digits }) {
  const target = cleared(canvas);
  if (!target) return;
  const { context, width } = target;
  const style = getComputedStyle(canvas);
  context.font = `${style.fontSize} ${style.fontFamily}`;
  context.fillStyle = colour("muted");
  context.textBaseline = "top";
  for (const [time, x] of marks) {
    context.textAlign = x < 20 ? "left" : x > width - 24 ? "right" : "center";
    context.fillRect(Math.round(x), 0, 1, 4);
    context.fillText(clock(time, digits), x, 6);
  }
}

// The most probable class over the whole length, or where there is a face.
export function drawStrip(canvas, tracks, person, duration) {
  const target = cleared(canvas);
  if (!target) return;
  const { context, width, height } = target;
  context.fillStyle = colour("grid");
  context.fillRect(0, 0, width, height);
  if (!person) return;
  const colours = person.classes.map((name, number) => colour(colourOf(name, number)));
  const own = colour("accent");
  const stop = person.first + person.count;
  const pixel = (frame) => Math.floor((tracks.times[frame] ?? duration) / duration * width);
  for (let frame = person.first; frame < stop;) {
    const x = pixel(frame);
    const counts = new Map();  // of the frames of one pixel
    do {
      if (person.hasFace(frame)) counts.set(person.classAt(frame), (counts.get(person.classAt(frame)) ?? 0) + 1);
      frame++;
    } while (frame < stop && pixel(frame) === x);
    if (!counts.size) continue;
    const [best] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a));
    const right = tracks.isGap(frame) ? x + 1 : Math.max(x + 1, Math.min(width, pixel(frame)));
    context.fillStyle = colours[best] ?? own;
    context.fillRect(x, 0, right - x, height);
  }
}
