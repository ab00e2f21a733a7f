// The slider of one dimension, or the plane of both.

import { h, t } from "./dom.js";

export const NAMES = {
  valence: ["scale.valence.low", "scale.valence.high"],
  arousal: ["scale.arousal.low", "scale.arousal.high"],
};

export function createScale(dimension, control) {
  return dimension === "both" ? plane(control) : slider(dimension, control);
}

function slider(dimension, control) {
  const [low, high] = NAMES[dimension];
  const thumb = h("div", { class: "thumb" });
  const number = h("output", { class: "number" });
  const track = h("div", {
    class: "track", role: "slider", tabindex: "0", "aria-orientation": "vertical",
    "aria-label": t(`dimension.${dimension}`), "aria-valuemin": "-1", "aria-valuemax": "1",
  }, h("div", { class: "zero" }), thumb);
  const element = h("div", { class: "slider" },
    h("span", { class: "end" }, control.bounded ? `+1 ${t(high)}` : t("scale.up")),
    track,
    h("span", { class: "end" }, control.bounded ? `−1 ${t(low)}` : t("scale.down")),
    number);
  const show = announcing(track, () => {
    const value = control.values[0];
    thumb.style.top = `${50 - 50 * squeezed(value, control)}%`;
    number.textContent = signed(value);
    return signed(value);
  });
  show();
  return { element, pad: track, show };
}

function plane(control) {
  const thumb = h("div", { class: "thumb" });
  const number = h("output", { class: "number" });
  const label = (className, key) => h("span", { class: `end ${className}` }, t(key));
  const pad = h("div", {
    class: "plane", role: "application", tabindex: "0", "aria-label": t("dimension.both"),
  }, h("div", { class: "zero" }), h("div", { class: "zero upright" }),
  label("top", NAMES.arousal[1]), label("bottom", NAMES.arousal[0]),
  label("left", NAMES.valence[0]), label("right", NAMES.valence[1]), thumb);
  const element = h("div", { class: "slider" }, pad, number);
  const show = announcing(pad, () => {
    const [valence, arousal] = control.values;
    thumb.style.left = `${50 + 50 * squeezed(valence, control)}%`;
    thumb.style.top = `${50 - 50 * squeezed(arousal, control)}%`;
    number.textContent = t("scale.both", { valence: signed(valence), arousal: signed(arousal) });
    return number.textContent;
  });
  show();
  return { element, pad, show };
}

// Without bounds, the thumb approaches the ends and never reaches them.
function squeezed(value, control) {
  return control.bounded ? value : Math.tanh(value / 2);
}

export function signed(value) {
  return `${value < -0.005 ? "−" : value > 0.005 ? "+" : ""}${Math.abs(value).toFixed(2)}`;
}

// Moves the thumb at every call, but tells screen readers at most twice a second.
function announcing(element, draw) {
  let last = 0;
  return () => {
    const text = draw();
    const now = performance.now();
    if (now - last < 500) return;
    last = now;
    element.setAttribute("aria-valuenow", parseFloat(text.replace("−", "-")) || 0);
    element.setAttribute("aria-valuetext", text);
  };
}
