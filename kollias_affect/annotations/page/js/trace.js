// What was recorded so far, as it counts: what is recorded again replaces what was there.

import { lowerBound } from "./shared/search.js";

export class Trace {
  // `times` and `values` (one list a dimension) of an earlier visit.
  constructor({ times = [], values = [] } = {}) {
    this.times = [...times];
    this.rows = this.times.map((_, i) => values.map((one) => one[i]));
    this.last = null;
  }

  // The next sample starts a new segment.
  begin() {
    this.last = null;
  }

  add(time, values) {
    const start = this.last === null ? lowerBound(this.times, time) : lowerBound(this.times, this.last) + 1;
    let stop = start;
    while (stop < this.times.length && this.times[stop] <= time) stop++;
    this.times.splice(start, stop - start, time);
    this.rows.splice(start, stop - start, [...values]);
    this.last = time;
  }

  // Series of each dimension in a window, for a chart.
  between(from, to, dimensions) {
    const start = Math.max(0, lowerBound(this.times, from) - 1), stop = lowerBound(this.times, to);
    const times = this.times.slice(start, stop), rows = this.rows.slice(start, stop);
    return Array.from({ length: dimensions }, (_, i) => ({ times, values: rows.map((row) => row[i]) }));
  }
}
