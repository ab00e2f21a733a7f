// Choice and calibration of the device.

import { post } from "../api.js";
import { button, field, h, replace, select, t, toast } from "../dom.js";
import { Control, createDevice, DEVICES } from "../devices.js";
import { loadCalibration, padOf, pads, saveCalibration } from "../gamepad.js";
import { createScale } from "../slider.js";

export async function deviceView(app) {
  const { settings } = app.session;
  const control = new Control(settings.dimension === "both" ? 2 : 1, settings.mode === "bounded");
  const scale = createScale(settings.dimension, control);
  const panel = h("div", { class: "grow" });
  const stage = h("div", { class: "card stage" }, panel, scale.element);
  let device = null, calibrating = null, running = true;

  function use(kind) {
    device?.stop();
    calibrating = null;
    device = createDevice(kind, control, scale.pad, stage);
    device.start();
    if (kind === "gamepad") {
      calibrating = calibration(control, () => use("gamepad"));
      replace(panel, calibrating.element);
    } else replace(panel, h("p", {}, t(`device.${kind}.help`)));
  }

  async function choose(kind) {
    try {
      app.session = await post("api/session/settings", { ...app.session.settings, device: kind });
      use(kind);
    } catch (error) { toast(error.message); }
  }

  let last = performance.now();
  const tick = (now) => {
    if (!running) return;
    device?.update(Math.min(0.1, (now - last) / 1000));
    last = now;
    calibrating?.update();
    scale.show();
    requestAnimationFrame(tick);
  };
  const element = h("div", {},
    h("section", { class: "card row wrap" }, h("h1", { class: "grow" }, t("nav.device")),
      field("login.device", select(DEVICES.map((d) => [d, t(`device.${d}`)]), settings.device, choose, { name: "device" })),
      button("to_videos", () => app.go("videos"), { class: "primary" })),
    h("p", { class: "muted" }, t("device.text")), stage);
  use(settings.device);
  requestAnimationFrame(tick);
  return { element, title: t("nav.device"), leave: () => { running = false; device?.stop(); } };
}

// Steps of a gamepad: press a button, rest, move to both ends; then axis, dead zone and button.
function calibration(control, again) {
  const element = h("div");
  let id = pads()[0]?.id ?? null, settings = null, collecting = null;
  const bars = h("div", { class: "bars" });

  function show() {
    if (!navigator.getGamepads) { replace(element, h("p", {}, t("gamepad.insecure"))); return; }
    if (id === null) {
      replace(element, h("p", { class: "prompt", role: "status" }, t("gamepad.press")), h("p", { class: "muted" }, t("gamepad.press_help")));
      return;
    }
    settings = loadCalibration(id);
    const names = padOf(id)?.axes.map((_, i) => [String(i), t("gamepad.axis_number", { n: i })]) ?? [];
    const save = () => { saveCalibration(id, settings); again(); };
    const axes = control.plane ? [0, 1] : [0];
    replace(element,
      h("p", { role: "status" }, t("gamepad.found", { id })),
      h("p", {}, t("gamepad.steps")),
      h("div", { class: "row wrap" },
        button("gamepad.centre", () => collect("centre", save), { name: "centre" }),
        button("gamepad.range", () => collect("range", save), { name: "range" }),
        h("span", { id: "calibrating", role: "status", class: "muted" })),
      axes.map((which) => h("div", { class: "row wrap" },
        field(which === 0 ? (control.plane ? "gamepad.axis_arousal" : "gamepad.axis") : "gamepad.axis_valence",
          select(names, String(settings.axes[which]), (value) => { settings.axes[which] = Number(value); save(); }, { name: `axis${which}` })),
        h("label", { class: "check" }, h("input", { type: "checkbox", checked: settings.invert[which], name: `invert${which}`, onchange: (event) => { settings.invert[which] = event.target.checked; save(); } }), t("gamepad.invert")))),
      field("gamepad.dead_zone", h("input", { type: "range", name: "dead", min: "0", max: "0.4", step: "0.01", value: String(settings.deadZone), onchange: (event) => { settings.deadZone = Number(event.target.value); save(); } })),
      h("div", { class: "row wrap" }, h("span", {}, t("gamepad.mark", { n: settings.mark })),
        button("gamepad.choose_mark", () => collect("mark", save), { name: "mark" })),
      bars);
  }

  // Collects raw values for a while: the centre at rest, the range in movement, or a button.
  function collect(kind, save) {
    const start = padOf(id);
    collecting = {
      kind, save, until: performance.now() + { centre: 1000, range: 3000, mark: 10000 }[kind],
      sums: start.axes.map(() => 0), n: 0, least: [...start.axes], greatest: [...start.axes],
    };
    document.getElementById("calibrating").textContent = t(`gamepad.collect_${kind}`);
  }

  function update() {
    if (id === null) {
      const found = pads()[0];
      if (found) { id = found.id; again(); }
      return;
    }
    const pad = padOf(id);
    if (!pad) { replace(bars, h("p", { class: "prompt" }, t("gamepad.unplugged"))); return; }
    replace(bars, pad.axes.map((raw, i) => h("label", { class: "progress" }, t("gamepad.axis_number", { n: i }), h("meter", { min: -1, max: 1, value: raw }))));
    if (!collecting) return;
    const pressed = pad.buttons.findIndex((one) => one.pressed);
    if (collecting.kind === "mark" && pressed >= 0) { settings.mark = pressed; finish(); return; }
    pad.axes.forEach((raw, i) => {
      collecting.sums[i] += raw;
      collecting.least[i] = Math.min(collecting.least[i], raw);
      collecting.greatest[i] = Math.max(collecting.greatest[i], raw);
    });
    collecting.n += 1;
    if (performance.now() >= collecting.until) finish();
  }

  function finish() {
    const { kind, sums, n, least, greatest, save } = collecting;
    collecting = null;
    if (kind === "centre") settings.centre = settings.axes.map((axis) => sums[axis] / n);
    if (kind === "range") {
      // In one dimension, the axis that moved most is the one that the annotator means.
      const moved = least.map((low, i) => greatest[i] - low);
      if (!control.plane) settings.axes[0] = moved.indexOf(Math.max(...moved));
      settings.axes.forEach((axis, which) => {
        if (moved[axis] < 0.2) return;
        settings.least[which] = Math.min(least[axis], settings.centre[which] - 0.1);
        settings.greatest[which] = Math.max(greatest[axis], settings.centre[which] + 0.1);
      });
    }
    save();
  }

  show();
  return { element, update };
}
