// What htmx cannot do: dark and light, keys, times as of now, pausing the stream, and keeping its list short.
(() => {
  "use strict";
  const root = document.documentElement;
  const find = (selector) => document.querySelector(selector);

  const remembered = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const remember = (name, value) => { try { localStorage.setItem(name, value); } catch { /* it holds for this page */ } };

  // Dark and light: as the system has it, until somebody chooses. Chosen before anything is drawn.
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  if (remembered("theme")) root.dataset.theme = remembered("theme");

  function showTheme() {
    find("#theme").setAttribute("aria-pressed", String(isDark()));
  }
  function switchTheme() {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember("theme", root.dataset.theme);
    showTheme();
  }

  // Times that are told by how long ago they were, as the server words them, and by its clock.
  const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const REFRESHED = 5000;
  let ahead = 0;

  function ago(time) {
    const seconds = Math.trunc((Date.now() - ahead - Date.parse(time)) / 1000);
    const [name, length] = UNITS.find((unit) => Math.abs(seconds) >= unit[1]) ?? [];
    if (!name) return "just now";
    const told = `${Math.floor(Math.abs(seconds) / length)} ${name}`;
    return seconds > 0 ? `${told} ago` : `in ${told}`;
  }
  function keepTime() {
    ahead = Date.now() - Date.parse(document.body.dataset.now);
    setInterval(() => {
      for (const time of document.querySelectorAll("time[data-ago]")) time.textContent = ago(time.dateTime);
    }, REFRESHED);
  }

  // The stream: the connection of htmx, up to where it got, and whether it is paused.
  let connection = null;
  let cursor = null;
  let feed = null;
  const AGAIN = 2000;
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
    connect();
  }

  // A new connection goes on where the old one was.
  function connect() {
    const address = new URL(feed.getAttribute("hx-sse:connect"), location.href);
    if (cursor) address.searchParams.set("after", cursor);
    feed.remove();
    feed = feed.cloneNode();
    feed.setAttribute("hx-sse:connect", address.pathname + address.search);
    find("#main").append(feed);
    htmx.process(feed);
  }

  // htmx tries again where a connection is lost, but not where none was made.
  function connectLater() {
    pulse("the sandbox does not answer; trying again");
    const tried = feed;
    setTimeout(() => { if (tried === feed && feed.isConnected) connect(); }, AGAIN);
  }

  // Of a list that grows at its head the last are taken off, and "older" goes on from the last that is left. What
  // somebody reads, or has marked, is let stand longer: what is above it grows, and it stays where it is.
  function shorten(list) {
    const isMarked = list.contains(document.activeElement);
    const isRead = isMarked || list.getBoundingClientRect().top < 0;
    const most = Number(list.dataset.most) * (isRead ? 10 : 1);
    if (list.children.length <= most) return;
    while (list.children.length > most) list.lastChild.remove();
    if (isMarked && !list.contains(document.activeElement)) walk(1); // to the newest: nothing is marked any more
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
    for (const failure of ["htmx:error", "htmx:response:error"]) {
      document.addEventListener(failure, (event) => { if (event.target === feed) connectLater(); });
    }
    document.addEventListener("htmx:sse:error", () => pulse("the sandbox does not answer; trying again"));
    document.addEventListener("htmx:sse:after:message", (event) => {
      cursor = event.detail.message.id || cursor;
      shorten(find("#calls"));
    });
  }

  // A page that asks again by itself says where nobody answers any more.
  function watchAnswers() {
    const tell = (event, isAway) => { if (event.target !== feed) find("#away").hidden = !isAway; };
    document.addEventListener("htmx:error", (event) => tell(event, true));
    document.addEventListener("htmx:after:request", (event) => tell(event, event.detail.ctx.response.status >= 500));
  }

  // Keys: rows are walked in the list that says so.
  function walk(step) {
    const links = [...document.querySelectorAll("[data-rows] > *")].map((row) => row.querySelector("a")).filter(Boolean);
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
  // Who speaks to the machine, or whose hand is not steady, types letters unmeant: they can be switched off.
  const areKeysOn = () => find("#single-keys").checked;
  function showKeys() {
    for (const element of document.querySelectorAll("[data-key]")) {
      if (areKeysOn()) element.setAttribute("aria-keyshortcuts", element.dataset.key);
      else element.removeAttribute("aria-keyshortcuts");
    }
  }
  function keepKeys() {
    const box = find("#single-keys");
    box.checked = remembered("keys") !== "off";
    showKeys();
    box.addEventListener("change", () => { remember("keys", box.checked ? "on" : "off"); showKeys(); });
  }
  function press(event) {
    const field = event.target.closest("input, select, textarea, [contenteditable]");
    if (event.key === "Escape" && field) field.blur();
    if (field || event.ctrlKey || event.metaKey || event.altKey || find("dialog[open]")) return;
    if (event.key.startsWith("Arrow") && !event.target.closest("[data-rows]")) return;
    if (!keys[event.key] || (event.key.length === 1 && !areKeysOn())) return;
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
    keepKeys();
    keepTime();
    listen();
    watchAnswers();
  });
})();
