// All annotators of a person over each other (paper C, figure 9), and the expert's choice.

import { get, post } from "../api.js";
import { COLOURS, drawChart } from "../chart.js";
import { button, field, h, percent, replace, select, t, toast } from "../dom.js";

export async function compareView(app, video, person, dimension) {
  const query = new URLSearchParams({ video, person, dimension });
  return new Comparison(app, video, person, dimension, await get(`api/compare?${query}`)).view();
}

class Comparison {
  constructor(app, video, person, dimension, found) {
    Object.assign(this, { app, key: { video, person, dimension }, found });
    const mine = found.choices.find((choice) => choice.name === app.session.name);
    this.chosen = new Set(mine?.takes ?? found.proposed);
    this.hidden = new Set();
    this.span = "all";
    this.video = h("video", { src: `media/${video}`, preload: "auto", controls: true });
    this.video.addEventListener("error", () => toast(t("error.playback")));
    this.chart = h("canvas", { class: "chart tall", role: "img", "aria-label": t("expert.chart"), onclick: (event) => { this.video.currentTime = this.chart.timeAt(event.clientX); } });
    this.count = h("span", { role: "status" });
    this.build();
    this.running = true;
    const tick = () => { if (this.running) { this.show(); requestAnimationFrame(tick); } };
    requestAnimationFrame(tick);
  }

  build() {
    const { found, app, key } = this;
    this.submit = button("expert.accept", () => this.choose(), { class: "primary", name: "accept" });
    this.element = h("section", { class: "card" },
      h("div", { class: "row wrap" },
        h("h1", { class: "grow" }, t("expert.title", { name: found.name, dimension: t(`dimension.${key.dimension}`) })),
        field("expert.window", select([["all", t("expert.whole")], ["60", t("expert.seconds", { n: 60 })], ["20", t("expert.seconds", { n: 20 })]], this.span, (value) => { this.span = value; }))),
      h("div", { class: "columns" },
        h("div", { class: "screen" }, this.video),
        h("section", {}, h("h2", {}, t("expert.traces")), this.legend(),
          !app.config.read_only && h("div", { class: "row wrap" }, this.submit, this.count),
          found.choices.map((choice) => h("p", { class: "muted" }, t("expert.choice", { name: choice.name, takes: choice.takes.map((uid) => this.nameOf(uid)).join(", ") }))))),
      this.chart,
      h("h2", {}, t("expert.correlations")),
      h("p", { class: "muted" }, t("expert.correlations_help", { share: percent(found.shared) })),
      this.matrix());
    this.counted();
  }

  nameOf(uid) {
    return this.found.takes.find((take) => take.take === uid)?.annotator ?? uid;
  }

  legend() {
    return h("ul", { class: "list" }, this.found.takes.map((take, i) => h("li", { class: "row wrap" },
      h("span", { class: "swatch", "aria-hidden": "true" }, swatch(COLOURS[i % COLOURS.length])),
      h("label", { class: "check grow" }, h("input", {
        type: "checkbox", name: "chosen", value: take.take, checked: this.chosen.has(take.take), disabled: this.app.config.read_only,
        onchange: (event) => { event.target.checked ? this.chosen.add(take.take) : this.chosen.delete(take.take); this.counted(); },
      }), `${take.annotator} · ${percent(take.covered)} · ${t(`state.${take.state}`)}`),
      h("label", { class: "check" }, h("input", { type: "checkbox", checked: true, onchange: (event) => { event.target.checked ? this.hidden.delete(i) : this.hidden.add(i); } }), t("expert.show")),
      button("videos.replay", () => this.app.go("review", take.take), { class: "plain" }))));
  }

  counted() {
    const { fewest, most } = this.found;
    const n = this.chosen.size;
    this.submit.disabled = n < fewest || n > most;
    replace(this.count, t("expert.count", { n, fewest, most }));
  }

  matrix() {
    const { takes, correlations } = this.found;
    if (!correlations.length) return h("p", { class: "muted" }, t("expert.nothing_shared"));
    const cell = (value) => h("td", { class: value === null ? "muted" : `level${Math.max(0, Math.floor(value * 4.999))}` }, value === null ? t("expert.constant") : value.toFixed(2));
    return h("div", { class: "scroll-x" }, h("table", { class: "matrix" },
      h("thead", {}, h("tr", {}, h("td"), takes.map((take) => h("th", { scope: "col" }, take.annotator)))),
      h("tbody", {}, takes.map((take, i) => h("tr", {}, h("th", { scope: "row" }, take.annotator), correlations[i].map(cell))))));
  }

  async choose() {
    try {
      await post("api/choices", { ...this.key, takes: [...this.chosen] });
      toast(t("expert.stored"));
      this.app.refresh();
    } catch (error) { toast(error.message); }
  }

  show() {
    const { found } = this;
    const now = this.video.currentTime;
    const span = this.span === "all" ? found.duration : Math.min(Number(this.span), found.duration);
    const from = this.span === "all" ? 0 : Math.max(0, Math.min(found.duration - span, now - span / 2));
    const series = found.traces.map((values, i) => ({ times: found.times, values: this.hidden.has(i) ? [] : values, colour: COLOURS[i % COLOURS.length], width: this.chosen.has(found.takes[i].take) ? 3 : 1.5 }));
    drawChart(this.chart, { series, from, to: from + span, bounded: found.takes.every((take) => take.mode === "bounded"), playhead: now });
  }

  view() {
    return { element: this.element, title: this.found.name, leave: () => { this.running = false; this.video.pause(); } };
  }
}

function swatch(colour) {
  const element = h("i");
  element.style.background = colour;
  return element;
}
