// Texts, and elements with texts.

import { h } from "./shared/elements.js";

export { h, percent, replace, seconds } from "./shared/elements.js";

let texts = {};

export function setTexts(loaded) {
  texts = loaded;
  document.documentElement.lang = texts["page.language"];
}

// Text of a key, with {names} replaced.
export function t(key, values = {}) {
  const text = texts[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export function button(key, onclick, properties = {}) {
  return h("button", { type: "button", onclick, ...properties }, t(key));
}

export function field(key, control) {
  return h("label", { class: "field" }, h("span", {}, t(key)), control);
}

export function select(options, chosen, onchange, properties = {}) {
  const element = h("select", { onchange: () => onchange(element.value), ...properties },
    options.map(([value, label]) => h("option", { value }, label)));
  element.value = chosen;
  return element;
}

let hiding = 0;
export function toast(text) {
  const place = document.getElementById("toast");
  place.textContent = text;
  place.className = "shown";
  clearTimeout(hiding);
  hiding = setTimeout(() => { place.className = ""; place.textContent = ""; }, 8000);
}
