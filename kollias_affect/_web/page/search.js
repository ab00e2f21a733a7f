// Places in sorted times.

export function lowerBound(times, time) {
  let low = 0, high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < time) low = middle + 1; else high = middle;
  }
  return low;
}

// Index of the last sample at or before a time, or -1.
export function indexAt(times, time) {
  return lowerBound(times, time + 1e-6) - 1;
}
