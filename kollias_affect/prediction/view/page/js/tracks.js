// The outputs of one input: times of its frames, and for each person the values at these frames.

import { bytes } from "./source.js";
import { indexAt } from "./shared/search.js";

export const MISSING = -32768;  // as packing.py writes them
export const UNIT = 10_000;
const LATE = 0.002;  // seconds: a player rounds the time stamp of a frame
const GAP = 1;  // seconds without a frame

const integers = (text, Kind) => new Kind(bytes(text).buffer);

export class Tracks {
  constructor({ times, people }, classes) {
    this.times = Float64Array.from(integers(times, Int32Array), (time) => time / UNIT);
    this.people = people.map((person) => new Person(person, classes));
    const last = this.times.length - 1;
    this.duration = last < 0 ? 0 : this.times[last] + (last > 0 ? (this.times[last] - this.times[0]) / last : 0);
  }

  // Number of the frame that is shown at a time; the first one before it begins.
  frameAt(time) {
    return Math.max(0, indexAt(this.times, time + LATE));
  }

  isGap(frame) {
    return frame > 0 && this.times[frame] - this.times[frame - 1] > GAP;
  }
}

export class Person {
  constructor({ id, first, count, columns, box }, classes) {
    Object.assign(this, { id, first, count, classes: classes.filter((name) => name in columns) });
    this.columns = {};
    for (const [name, text] of Object.entries(columns)) this.columns[name] = integers(text, Int16Array);
    this.boxes = box && integers(box, Int16Array);
    this.best = this.mostProbable();
    this.faces = this.withFace();
  }

  // For each of the person's frames the number of the most probable class, 255 without a face.
  mostProbable() {
    const best = new Uint8Array(this.count).fill(255);
    const greatest = new Int16Array(this.count).fill(MISSING);
    this.classes.forEach((name, number) => {
      const values = this.columns[name];
      for (let i = 0; i < this.count; i++) if (values[i] > greatest[i]) { greatest[i] = values[i]; best[i] = number; }
    });
    return best;
  }

  // Value of an output at a frame, NaN without a face.
  value(name, frame) {
    const value = this.columns[name]?.[frame - this.first];
    return value === undefined || value === MISSING ? NaN : value / UNIT;
  }

  classAt(frame) {
    return this.best[frame - this.first] ?? 255;
  }

  // For each of the person's frames, whether any output is known.
  withFace() {
    const faces = new Uint8Array(this.count);
    for (const values of Object.values(this.columns)) for (let i = 0; i < this.count; i++) if (values[i] !== MISSING) faces[i] = 1;
    return faces;
  }

  hasFace(frame) {
    return this.faces[frame - this.first] === 1;
  }

  box(frame) {
    const place = 4 * (frame - this.first);
    if (!this.boxes || place < 0 || place >= this.boxes.length || this.boxes[place] === MISSING) return null;
    return this.boxes.subarray(place, place + 4);
  }

  mean(name) {
    let sum = 0, count = 0;
    for (const value of this.columns[name]) if (value !== MISSING) { sum += value; count++; }
    return count ? sum / count / UNIT : NaN;
  }

  // The class that is most probable most often, and its share of the frames with a face.
  usual() {
    const counts = this.classes.map(() => 0);
    let total = 0;
    for (const number of this.best) if (number !== 255) { counts[number]++; total++; }
    const most = counts.indexOf(Math.max(...counts));
    return total ? { name: this.classes[most], share: counts[most] / total } : null;
  }
}
