// Dimension, identifier and device: what the annotator chooses first.

import { post } from "../api.js";
import { field, h, select, t, toast } from "../dom.js";
import { DEVICES } from "../devices.js";

export async function loginView(app) {
  const { config } = app;
  const form = { dimension: config.dimensions[0], mode: config.modes[0], device: "keyboard", role: "annotator", playlist: config.playlists[0] };
  try {
    Object.assign(form, JSON.parse(localStorage.getItem("kollias:login") ?? "{}"));
  } catch { /* The defaults stay. */ }
  if (!config.dimensions.includes(form.dimension)) form.dimension = config.dimensions[0];
  if (!config.modes.includes(form.mode)) form.mode = config.modes[0];
  if (!config.playlists.includes(form.playlist)) form.playlist = config.playlists[0];
  const set = (name) => (value) => { form[name] = value; };
  const name = h("input", { name: "name", required: true, maxlength: "64", autocomplete: "username", "data-focus": true, value: form.name ?? "" });

  async function submit(event) {
    event.preventDefault();
    form.name = name.value.trim();
    try {
      app.setSession(await post("api/session", form));
    } catch (error) {
      toast(error.message);
      return;
    }
    const { name: remembered, dimension, mode, device, playlist } = form;
    localStorage.setItem("kollias:login", JSON.stringify({ name: remembered, dimension, mode, device, playlist }));
    app.go(form.device === "gamepad" ? "device" : "videos");
  }

  const element = h("form", { class: "card narrow", onsubmit: submit },
    h("h1", {}, t("login.title")),
    h("p", { class: "muted" }, t("login.text")),
    choice("dimension", config.dimensions, form),
    field("login.name", name),
    field("login.device", select(DEVICES.map((d) => [d, t(`device.${d}`)]), form.device, set("device"), { name: "device" })),
    config.modes.length > 1 && field("login.mode", select(config.modes.map((m) => [m, t(`mode.${m}`)]), form.mode, set("mode"), { name: "mode" })),
    config.playlists.length > 0 && field("login.playlist", select(config.playlists.map((p) => [p, p]), form.playlist, set("playlist"), { name: "playlist" })),
    field("login.role", select(["annotator", "expert"].map((r) => [r, t(`role.${r}`)]), "annotator", set("role"), { name: "role" })),
    h("button", { class: "primary", type: "submit" }, t("login.submit")));
  return { element, title: t("login.title") };
}

// The dimensions as large buttons; "both" is the plane.
function choice(name, options, form) {
  return h("fieldset", { class: "choice" }, h("legend", {}, t("login.dimension")),
    options.map((option) => h("label", {},
      h("input", { type: "radio", name, value: option, checked: form[name] === option, onchange: () => { form[name] = option; } }),
      h("span", {}, h("b", {}, t(`dimension.${option}`)), h("small", {}, t(`dimension.${option}.about`))))));
}
