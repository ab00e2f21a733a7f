// The list of inputs: videos first, then pictures.

import { h } from "./shared/elements.js";
import { addressOf } from "./source.js";
import { clock, counted } from "./texts.js";

const MANY = 8;  // inputs from which on a filter is offered

export class List {
  constructor(entries, open) {
    this.items = entries.map((entry) => this.item(entry, open));
    this.filter = h("input", { type: "search", placeholder: "Filter", "aria-label": "Filter the inputs", oninput: () => this.hide() });
    this.groups = [["video", "Videos"], ["image", "Images"]].map(([kind, title]) => {
      const items = this.items.filter(({ entry }) => entry.kind === kind);
      return items.length ? h("section", {}, h("h2", {}, `${title} · ${items.length}`), h("ul", {}, items.map((item) => item.element))) : false;
    });
  }

  get elements() {
    return [this.items.length > MANY && this.filter, ...this.groups].filter(Boolean);
  }

  item(entry, open) {
    const button = h("button", { type: "button", onclick: () => open(entry) },
      thumbnail(entry), h("span", { class: "words" }, h("span", { class: "name" }, entry.name), h("small", { class: "muted" }, facts(entry))));
    return { entry, button, element: h("li", {}, button) };
  }

  hide() {
    const wanted = this.filter.value.toLowerCase();
    for (const { entry, element } of this.items) element.hidden = !entry.name.toLowerCase().includes(wanted);
  }

  mark(entry) {
    for (const item of this.items) {
      if (item.entry === entry) {
        item.button.setAttribute("aria-current", "true");
        item.element.scrollIntoView({ block: "nearest" });
      } else item.button.removeAttribute("aria-current");
    }
  }
}

function thumbnail({ kind, media }) {
  if (kind !== "image" || media[0]?.href === undefined) return false;
  const picture = h("img", { class: "thumbnail", loading: "lazy", alt: "", src: addressOf(media[0]) });
  picture.addEventListener("error", () => picture.remove());
  return picture;
}

function facts({ kind, duration, people }) {
  const number = people.length;
  if (kind === "image") return number ? counted(number, "face") : "no face";
  return `${clock(duration, 0)} · ${number ? counted(number, "person", "people") : "no face"}`;
}
