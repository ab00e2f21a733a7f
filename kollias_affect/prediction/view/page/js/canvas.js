// Canvases that are sharp on every display, and colours of the stylesheet.

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// Clears a canvas and returns its context and size in CSS pixels, `null` where it is not shown.
export function cleared(canvas) {
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (!width || !height) return null;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  return { context, width, height };
}

const CLASSES = ["neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise"];
const OTHERS = ["other1", "other2", "other3", "other4"];

// Name of the colour of an output; outputs that are no expressions share four colours.
export function colourOf(name, number) {
  return ["valence", "arousal", ...CLASSES].includes(name) ? name : OTHERS[number % OTHERS.length];
}
