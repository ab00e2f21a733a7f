// What a curve shows in a window: one bucket for each sample, or for each pixel if there are more.

import { lowerBound } from "./shared/search.js";

// Returns arrays: x, low, high and mean of each bucket, whether the class is the most probable one
// there, and where a new stretch starts after frames without a face.
export function bucketsOf(tracks, person, name, { from, to }, width) {
  const { times } = tracks;
  const number = person.classes.indexOf(name);
  const start = Math.max(person.first, lowerBound(times, from) - 1);
  const stop = Math.min(person.first + person.count, lowerBound(times, to) + 1);
  const scale = width / (to - from);
  const wide = stop - start > 2 * width;
  const buckets = { x: [], low: [], high: [], mean: [], best: [], starts: [] };
  let pixel = null, gap = true, sum = 0, count = 0, best = 0, place = -1;
  for (let frame = start; frame < stop; frame++) {
    const value = person.value(name, frame);
    if (Number.isNaN(value)) { gap = true; continue; }
    if (tracks.isGap(frame)) gap = true;
    const x = (times[frame] - from) * scale;
    if (!wide || gap || Math.floor(x) !== pixel) {
      pixel = Math.floor(x);
      place++;
      sum = count = best = 0;
      buckets.x.push(wide ? pixel + 0.5 : x);
      buckets.low.push(value);
      buckets.high.push(value);
      buckets.starts.push(gap);
      gap = false;
    }
    sum += value;
    count++;
    best += person.classAt(frame) === number;
    if (value < buckets.low[place]) buckets.low[place] = value;
    if (value > buckets.high[place]) buckets.high[place] = value;
    buckets.mean[place] = sum / count;
    buckets.best[place] = number >= 0 && 2 * best >= count;
  }
  return buckets;
}

// Ranges [start, stop) of neighbouring buckets without a gap.
export function* stretches(buckets) {
  let start = 0;
  for (let i = 1; i <= buckets.x.length; i++) {
    if (i === buckets.x.length || buckets.starts[i]) {
      yield [start, i];
      start = i;
    }
  }
}
