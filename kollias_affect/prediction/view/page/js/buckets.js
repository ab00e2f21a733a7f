// What a curve shows in a window: one bucket for each sample, or for each pixel if there are more.

import { lowerBound } from "./shared/search.js";
import { MISSING, UNIT } from "./tracks.js";

// Returns arrays: x, low, high and mean of each bucket, whether the class is the most probable one
// there, and where a new stretch starts after frames without a face.
export function bucketsOf(tracks, person, name, { from, to }, width) {
  const { times } = tracks, { first, best } = person;
  const values = person.columns[name];
  const number = person.classes.indexOf(name);
  const start = Math.max(first, lowerBound(times, from) - 1);
  const stop = Math.min(first + person.count, lowerBound(times, to) + 1);
  const scale = width / (to - from);
  const wide = stop - start > 2 * width;
  const buckets = { x: [], low: [], high: [], mean: [], best: [], starts: [] };
  let gap = true;
  for (let frame = start; frame < stop;) {
    const x = (times[frame] - from) * scale;
    const end = wide ? from + (Math.floor(x) + 1) / scale : -Infinity;  // of the pixel
    let low = Infinity, high = -Infinity, sum = 0, count = 0, wins = 0;
    const starts = gap || tracks.isGap(frame);  // Within a pixel a gap is not seen.
    do {
      const value = values[frame - first];
      if (value !== MISSING) {
        if (value < low) low = value;
        if (value > high) high = value;
        sum += value;
        count++;
        if (best[frame - first] === number) wins++;
      }
      frame++;
    } while (frame < stop && times[frame] < end);
    if (!count) { gap = true; continue; }
    buckets.x.push(wide ? Math.floor(x) + 0.5 : x);
    buckets.low.push(low / UNIT);
    buckets.high.push(high / UNIT);
    buckets.mean.push(sum / count / UNIT);
    buckets.best.push(wins > 0 && 2 * wins >= count);
    buckets.starts.push(starts);
    gap = false;
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
