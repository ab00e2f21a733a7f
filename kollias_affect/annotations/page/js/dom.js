// Elements and texts.

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

// Element with properties (`class`, `on...`, attributes) and children (elements or texts).
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name === "className" ? "class" : name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== false));
  return element;
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

export function replace(parent, ...children) {
  parent.replaceChildren(...children.flat(Infinity).filter((c) => c !== null && c !== false));
}

let hiding = 0;
export function toast(text) {
  const place = document.getElementById("toast");
  place.textContent = text;
  place.className = "shown";
  clearTimeout(hiding);
  hiding = setTimeout(() => { place.className = ""; place.textContent = ""; }, 8000);
}

export function seconds(value) {
  const whole = Math.floor(value);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}.${Math.floor((value % 1) * 10)}`;
}

export function percent(share) {
  return `${Math.floor(share * 100)} %`;
}
