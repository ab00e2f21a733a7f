// Numbers and counts as texts.

export function signed(value) {
  const digits = Math.abs(value).toFixed(2);
  return Number(digits) === 0 ? digits : (value < 0 ? "−" : "+") + digits;
}

export const counted = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

// 75.31 as 1:15.31, 3675.31 as 1:01:15.31.
export function clock(time, digits = 2) {
  const unit = 10 ** digits;
  const ticks = Math.floor(time * unit + 1e-6);
  const whole = Math.floor(ticks / unit);
  const two = (number) => String(number).padStart(2, "0");
  const minutes = Math.floor(whole / 60) % 60, hours = Math.floor(whole / 3600);
  const rest = digits ? `.${String(ticks % unit).padStart(digits, "0")}` : "";
  return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(whole % 60)}${rest}`;
}

const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

// Seconds between marks of a time axis that has room for so many.
export const stepOf = (length, room) => STEPS.find((step) => length / step <= room) ?? 7200;
