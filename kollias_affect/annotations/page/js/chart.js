// Traces over time, on a canvas.

import { seconds } from "./dom.js";
import { lowerBound } from "./shared/search.js";

// Colours that people with any colour vision tell apart (Okabe and Ito), with dashes beside them.
export const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#b6629a", "#8a6d00", "#2f8fc4", "#5a5a5a", "#7a3fb0"];
const DASHES = [[], [9, 4], [3, 3], [12, 4, 3, 4]];

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Draws series {times, values, colour, dash, width} of a window [from, to] of seconds.
// `drops` and `gaps` are stretches, `events` times, `playhead` a time.
export function drawChart(canvas, { series, from, to, bounded = true, drops = [], gaps = [], events = [], playhead = null, selection = null }) {
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (!width || !height) return;
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const left = 34, bottom = height - 18, top = 6;
  const [least, greatest] = bounded ? [-1, 1] : limits(series);
  const x = (time) => left + (width - left - 6) * (time - from) / Math.max(to - from, 1e-9);
  const y = (value) => bottom - (bottom - top) * (value - least) / (greatest - least);
  const band = (stretches, colour) => {
    context.fillStyle = colour;
    for (const [start, stop] of stretches) context.fillRect(x(start), top, Math.max(2, x(stop) - x(start)), bottom - top);
  };
  band(gaps, css("--gap"));
  band(drops, css("--drop"));
  if (selection) band([selection], css("--selected"));
  context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  axes(context, { x, y, from, to, least, greatest, left, width, bottom, bounded });
  context.save();
  context.beginPath();
  context.rect(left, 0, width - left, bottom + 2);
  context.clip();
  series.forEach((one, index) => line(context, one, index, x, y, from, to));
  context.restore();
  context.fillStyle = css("--accent");
  for (const time of events) {
    if (time < from || time > to) continue;
    context.beginPath();
    context.moveTo(x(time) - 5, top); context.lineTo(x(time) + 5, top); context.lineTo(x(time), top + 9);
    context.fill();
  }
  if (playhead !== null) {
    context.strokeStyle = css("--text");
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(x(playhead), top); context.lineTo(x(playhead), bottom);
    context.stroke();
  }
  canvas.timeAt = (clientX) => {
    const box = canvas.getBoundingClientRect();
    const time = from + (clientX - box.left - left) / (width - left - 6) * (to - from);
    return Math.max(from, Math.min(to, time));
  };
}

function limits(series) {
  let least = -1, greatest = 1;
  for (const one of series) {
    for (const value of one.values) {
      if (value === null) continue;
      if (value < least) least = value;
      if (value > greatest) greatest = value;
    }
  }
  return [least, greatest];
}

function axes(context, { x, y, from, to, least, greatest, left, width, bottom, bounded }) {
  context.strokeStyle = css("--line");
  context.fillStyle = css("--muted");
  context.lineWidth = 1;
  context.textAlign = "right";
  context.textBaseline = "middle";
  const marks = bounded ? [-1, -0.5, 0, 0.5, 1] : [least, 0, greatest];
  for (const value of marks) {
    context.beginPath();
    context.moveTo(left, y(value)); context.lineTo(width, y(value));
    context.stroke();
    if (Number.isInteger(value) || !bounded) context.fillText(bounded ? value : value.toFixed(1), left - 5, y(value));
  }
  context.textAlign = "center";
  context.textBaseline = "top";
  const step = [0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600].find((s) => (to - from) / s <= 10) ?? 1200;
  for (let time = Math.ceil(from / step) * step; time <= to; time += step) {
    if (x(time) < width - 16) context.fillText(step < 1 ? seconds(time) : seconds(time).slice(0, -2), x(time), bottom + 4);
  }
}

function line(context, { times, values, colour, dash, width = 2 }, index, x, y, from, to) {
  context.strokeStyle = colour ?? COLOURS[index % COLOURS.length];
  context.setLineDash(dash ?? DASHES[Math.floor(index / COLOURS.length) % DASHES.length]);
  context.lineWidth = width;
  context.lineJoin = "round";
  context.beginPath();
  let drawing = false, before = null;
  const start = Math.max(0, lowerBound(times, from) - 1);
  for (let i = start; i < times.length; i++) {
    if (values[i] === null || values[i] === undefined) { drawing = false; continue; }
    if (before !== null && times[i] - before > 0.5) drawing = false;  // a gap
    if (drawing) context.lineTo(x(times[i]), y(values[i]));
    else context.moveTo(x(times[i]), y(values[i]));
    drawing = true;
    before = times[i];
    if (times[i] > to) break;
  }
  context.stroke();
  context.setLineDash([]);
}
