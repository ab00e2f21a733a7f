// The application: session, routes, header.

import { get, post } from "./api.js";
import { button, h, replace, setTexts, t, toast } from "./dom.js";
import { Outbox } from "./outbox.js";
import { annotateView } from "./views/annotate.js";
import { compareView } from "./views/compare.js";
import { deviceView } from "./views/device.js";
import { guidelinesView } from "./views/guidelines.js";
import { loginView } from "./views/login.js";
import { reviewView } from "./views/review.js";
import { videosView } from "./views/videos.js";
import { watchView } from "./views/watch.js";

const VIEWS = {
  login: loginView, videos: videosView, guidelines: guidelinesView, device: deviceView,
  watch: watchView, annotate: annotateView, review: reviewView, compare: compareView,
};

// What every view receives: `config`, `session`, `outbox`, and functions.
const app = { config: null, session: null, outbox: null, go, setSession, refresh: route };
let leave = () => {};
let shown = 0;

function go(...parts) {
  const target = `#/${parts.map(encodeURIComponent).join("/")}`;
  if (location.hash === target) route();
  else location.hash = target;
}

function setSession(session) {
  if (app.outbox) app.outbox.close();
  app.session = session;
  app.outbox = null;
  if (session && !app.config.read_only) {
    app.outbox = new Outbox(app.config.store, session.name);
    app.outbox.addEventListener("changed", showStatus);
    app.outbox.addEventListener("refused", (event) => toast(event.detail.message));
    app.outbox.addEventListener("logged_out", () => { toast(t("error.logged_out")); setSession(null); go("login"); });
  }
}

async function route() {
  const number = ++shown;
  const [name, ...parts] = location.hash.slice(2).split("/").map(decodeURIComponent);
  const chosen = !app.session ? "login" : VIEWS[name] ? name : "videos";
  leave();
  leave = () => {};
  const main = document.getElementById("main");
  showHeader(chosen);
  replace(main, h("p", { class: "muted" }, t("loading")));
  try {
    const view = await VIEWS[chosen](app, ...parts);
    if (number !== shown) { view.leave?.(); return; }
    replace(main, view.element);
    leave = view.leave ?? (() => {});
    document.title = `${view.title} – ${t("app.title")}`;
    view.shown?.();
    (main.querySelector("[data-focus]") ?? main).focus({ preventScroll: true });
  } catch (error) {
    if (error.status === 401) { setSession(null); go("login"); return; }
    if (error.status === undefined) throw error;
    replace(main, h("div", { class: "card narrow" }, h("p", {}, error.message),
      button("again", route), " ", button("to_videos", () => go("videos"))));
  }
}

function showHeader(view) {
  const header = document.getElementById("header");
  const link = (name, key) => h("a", {
    href: `#/${name}`, "aria-current": view === name ? "page" : null,
  }, t(key));
  replace(header,
    h("strong", { class: "brand" }, t("app.title")),
    app.session && h("nav", { "aria-label": t("nav.label") },
      link("videos", "nav.videos"), link("guidelines", "nav.guidelines"),
      !app.config.read_only && link("device", "nav.device")),
    h("span", { class: "spacer" }),
    app.session && h("span", { id: "status", class: "status", role: "status" }),
    app.session && !app.config.read_only && h("span", { class: "muted" },
      `${app.session.name}${app.session.role === "expert" ? ` (${t("role.expert")})` : ""}`),
    app.session && !app.config.read_only && button("nav.logout", logOut, { class: "plain" }),
    app.config.read_only && h("span", { class: "muted" }, t("nav.read_only")));
  showStatus();
}

function showStatus() {
  const place = document.getElementById("status");
  if (!place || !app.outbox) return;
  const waiting = app.outbox.waiting();
  const [text, state] = app.outbox.failures > 0 ? [t("status.unreachable", { n: waiting }), "bad"]
    : waiting > 2 ? [t("status.saving"), "busy"] : [t("status.saved"), "good"];
  if (place.textContent !== text) place.textContent = text;
  place.dataset.state = state;
}

async function logOut() {
  if (app.outbox?.waiting()) { toast(t("error.waiting")); return; }
  try {
    await post("api/session/end");
  } catch (error) {
    if (error.status !== 401) { toast(error.message); return; }
  }
  setSession(null);
  go("login");
}

async function start() {
  setTexts(await (await fetch("texts.json")).json());
  const skip = document.getElementById("skip");
  skip.textContent = t("nav.skip");
  skip.addEventListener("click", (event) => { event.preventDefault(); document.getElementById("main").focus(); });
  app.config = await get("api/config");
  setSession((await get("api/session")).session);
  window.addEventListener("hashchange", route);
  window.addEventListener("beforeunload", (event) => { if (app.outbox?.failures) event.preventDefault(); });
  await route();
  document.body.dataset.ready = "true";
}

start().catch((error) => { document.getElementById("main").textContent = error.message; });
