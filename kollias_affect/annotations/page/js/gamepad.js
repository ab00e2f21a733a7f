// Gamepads and joysticks: calibration, and the value of an axis.

export const DEFAULTS = {
  axes: [1, 0],          // of the value (or arousal), and of valence in the plane
  invert: [true, false], // pushing a stick away gives -1
  deadZone: 0.08,
  centre: [0, 0],
  least: [-1, -1],
  greatest: [1, 1],
  mark: 0,               // button that marks events
};

// Value in [-1, 1] of a raw axis: 0 within the dead zone around the centre, linear on each side.
export function normalise(raw, calibration, which) {
  const centre = calibration.centre[which];
  const end = raw >= centre ? calibration.greatest[which] : calibration.least[which];
  const reach = Math.abs(end - centre);
  if (reach < 1e-6) return 0;
  const share = Math.min(1, Math.abs(raw - centre) / reach);
  const dead = calibration.deadZone;
  const size = share <= dead ? 0 : (share - dead) / (1 - dead);
  const sign = (raw >= centre ? 1 : -1) * (calibration.invert[which] ? -1 : 1);
  return size === 0 ? 0 : sign * size;
}

export function pads() {
  if (!navigator.getGamepads) return [];
  return Array.from(navigator.getGamepads()).filter((pad) => pad && pad.connected);
}

export function padOf(id) {
  const all = pads();
  return all.find((pad) => pad.id === id) ?? null;
}

const key = (id) => `kollias:gamepad:${id}`;

export function loadCalibration(id) {
  try {
    return { ...structuredClone(DEFAULTS), ...JSON.parse(localStorage.getItem(key(id)) ?? "{}") };
  } catch {
    return structuredClone(DEFAULTS);
  }
}

export function saveCalibration(id, calibration) {
  localStorage.setItem(key(id), JSON.stringify(calibration));
}
