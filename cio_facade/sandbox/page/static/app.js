// What htmx cannot do: dark and light, keys, pausing the stream, and keeping its list short.
(() => {
  "use strict";
  const root = document.documentElement;
  const find = (selector) => document.querySelector(selector);

  // Dark and light: as the system has it, until somebody chooses. Chosen before anything is drawn.
  const remembered = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const remember = (theme) => { try { localStorage.setItem("theme", theme); } catch { /* it holds for this page */ } };
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  if (remembered()) root.dataset.theme = remembered();

  function showTheme() {
    find("#theme").setAttribute("aria-pressed", String(isDark()));
  }
  function switchTheme() {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember(root.dataset.theme);
    showTheme();
  }

  // The stream: the connection of htmx, up to where it got, and whether it is paused.
  let connection = null;
  let cursor = null;
  let feed = null;
  const pulse = (text) => { if (find("#pulse")) find("#pulse").textContent = text; };

  function setPaused(paused) {
    const button = find("#pause");
    button.setAttribute("aria-pressed", String(paused));
    button.textContent = paused ? "Resume" : "Pause";
    if (paused) {
      feed.remove();
      connection?.reader?.cancel();
      pulse("paused");
      return;
    }
    // A new connection goes on where the old one was.
    const address = new URL(feed.getAttribute("hx-sse:connect"), location.href);
    if (cursor) address.searchParams.set("after", cursor);
    feed = feed.cloneNode();
    feed.setAttribute("hx-sse:connect", address.pathname + address.search);
    find("#main").append(feed);
    htmx.process(feed);
  }

  // Of a list that grows at its head the last are taken off, and "older" goes on from the last that is left.
  function shorten(list) {
    const most = Number(list.dataset.most);
    if (list.children.length <= most) return;
    while (list.children.length > most) list.lastElementChild.remove();
    const rows = list.querySelectorAll("[data-id]");
    const older = find("#older");
    const address = new URL(older.href);
    address.searchParams.set("before", rows[rows.length - 1].dataset.id);
    older.href = address;
    older.hidden = false;
    find("#first")?.remove();
  }

  function listen() {
    feed = find("#feed");
    if (!feed) return;
    find("#pause").hidden = false;
    find("#pause").addEventListener("click", () => setPaused(feed.isConnected));
    document.addEventListener("htmx:sse:after:connection", (event) => { connection = event.detail.connection; });
    document.addEventListener("htmx:sse:error", () => pulse("the sandbox does not answer; trying again"));
    document.addEventListener("htmx:sse:after:message", (event) => {
      cursor = event.detail.message.id || cursor;
      shorten(find("#calls"));
    });
  }

  // Keys: rows are walked in the list that says so.
  function walk(step) {
    const links = [...document.querySelectorAll("[data-rows] > * > :first-child a, [data-rows] > li > a")];
    if (!links.length) return;
    const row = document.activeElement.closest("[data-rows] > *");
    const now = links.findIndex((link) => row?.contains(link));
    const next = now < 0 ? 0 : Math.min(Math.max(now + step, 0), links.length - 1);
    links[next].focus({ preventScroll: true });
    links[next].scrollIntoView({ block: "nearest" });
  }
  const keys = {
    "/": () => (find("[data-filter]") ?? find("main input"))?.focus(),
    "?": () => find("#keys").showModal(),
    j: () => walk(1),
    k: () => walk(-1),
    ArrowDown: () => walk(1),
    ArrowUp: () => walk(-1),
    d: switchTheme,
    p: () => find("#pause")?.click(),
  };
  function press(event) {
    const field = event.target.closest("input, select, textarea, [contenteditable]");
    if (event.key === "Escape" && field) field.blur();
    if (field || event.ctrlKey || event.metaKey || event.altKey || find("dialog[open]")) return;
    if (event.key.startsWith("Arrow") && !event.target.closest("[data-rows]")) return;
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const id of ["theme", "help"]) find(`#${id}`).hidden = false;
    showTheme();
    system.addEventListener("change", showTheme);
    find("#theme").addEventListener("click", switchTheme);
    find("#help").addEventListener("click", () => find("#keys").showModal());
    document.addEventListener("keydown", press);
    listen();
  });
})();
