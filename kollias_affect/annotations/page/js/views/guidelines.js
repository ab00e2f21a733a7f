// The owner's guidelines.

import { button, h, t } from "../dom.js";

export async function guidelinesView(app) {
  const text = h("article", { class: "card guidelines" });
  text.innerHTML = app.config.guidelines;  // made by the server; HTML of the owner's file is escaped
  text.append(h("p", {}, button("to_videos", () => app.go("videos"), { class: "primary" })));
  return { element: text, title: t("nav.guidelines") };
}
