// What every annotators' app shares: the page's frame, the keyboard, two languages, who is at work, calls to Python.
//
// An app is an object `app`, which the desk calls: title (a phrase), enter(answer) when somebody begins, build() for the
// page's body, redraw() for what is in it, header() for nodes of the top bar, and keys() for a list of { keys, word, run,
// when, bar, holds }: the keys, a phrase for them, what they do, whether they do it now, whether the bar below shows
// them, whether they may be held down. The desk runs one act at a time, and nothing counts before Python has confirmed
// it. Text from data is only ever put in as text, never as HTML.

const h = (tag, props = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child || child === 0));
  return node;
};

const KEYCAPS = {
  ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→", Enter: "↵", " ": "␣", Escape: "Esc", PageDown: "PgDn", PageUp: "PgUp",
  "Ctrl+Enter": "Ctrl ↵", "Ctrl+z": "Ctrl Z", "Alt+p": "Alt P",
};
const WIDE = { "、": "/", "／": "/", "？": "?" }; // what an input method makes of these keys

let desk;

class Desk {
  constructor(model, el) {
    desk = this;
    this.model = model;
    this.start = model.get("start");
    this.language = sessionStorage.getItem("language") || this.start.language || this.browsers;
    this.waiting = new Map();
    this.asked = 0;
    this.turn = Promise.resolve();
    this.layers = [];
    this.ready = false;
    this.root = h("div", { class: "desk", popover: "manual", onkeydown: (event) => event.stopPropagation() });
    this.saying = h("div", { class: "saying", role: "status" });
    el.append(this.root);
    this.root.showPopover(); // above all of the notebook's own page
    model.on("msg:custom", (message) => this.waiting.get(message.id)?.(message));
    this.onkeydown = (event) => this.keydown(event);
    window.addEventListener("keydown", this.onkeydown, true);
    this.frame();
    const who = sessionStorage.getItem("who") || this.start.who;
    this.act(() => (who ? this.enter(who) : this.askWho()));
  }

  leave() {
    window.removeEventListener("keydown", this.onkeydown, true);
  }

  // Words

  get browsers() {
    return navigator.language.startsWith("zh") ? "zh" : "en";
  }

  t(phrase, values = {}) {
    const words = this.start.words[phrase]?.[this.language] ?? phrase;
    return words.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  }

  listed(words) {
    return words.join(this.language === "zh" ? "、" : ", ");
  }

  switchLanguage() {
    this.language = this.language === "zh" ? "en" : "zh";
    sessionStorage.setItem("language", this.language);
    this.frame();
  }

  // Calls: Python says at once that it has heard, and later what it found. A server that died does neither, and one
  // that was started again does not know this page: then the page starts again too.

  call(name, args = {}) {
    const id = ++this.asked;
    return new Promise((resolve, reject) => {
      const lost = () => reject(new Error("lost"));
      const deaf = setTimeout(lost, 4000);
      const watch = setInterval(() => this.alive().catch(lost), 1500);
      this.waiting.set(id, (message) => {
        clearTimeout(deaf);
        if (message.heard) return;
        clearInterval(watch);
        this.waiting.delete(id);
        if ("error" in message) reject(new Error(message.error));
        else resolve(message.answer);
      });
      this.model.send({ id, call: name, with: args });
    });
  }

  async alive() {
    const answer = await fetch(new URL("health", document.baseURI), { signal: AbortSignal.timeout(3000) });
    if (!answer.ok) throw new Error("lost");
  }

  act(run) {
    const failed = (error) => (error.message === "lost" ? this.lost() : this.say(error.message, true));
    this.turn = this.turn.then(() => this.hush()).then(run).catch(failed);
    return this.turn;
  }

  lost() {
    this.say(this.t("lost"), true);
    setInterval(() => this.alive().then(() => location.reload(), () => {}), 1000);
    return new Promise(() => {}); // nothing more is done on this page
  }

  // A tab keeps its place over a reload. Drafts outlive the browser: what is half written when it dies is there again.

  kept(what) {
    return JSON.parse(sessionStorage.getItem(`${what} ${this.who}`));
  }

  keep(what, value) {
    sessionStorage.setItem(`${what} ${this.who}`, JSON.stringify(value));
  }

  draft(kind, on) {
    const key = `${kind} ${this.who} ${on}`;
    return {
      get: () => JSON.parse(localStorage.getItem(key)),
      set: (value) => localStorage.setItem(key, JSON.stringify(value)),
      clear: () => localStorage.removeItem(key),
    };
  }

  // Keyboard: heard at the window, so that no focus takes it away; asleep while an input method composes or a field
  // is typed in. An act that is held down is done once.

  keydown(event) {
    if (event.isComposing || event.keyCode === 229) return;
    const target = event.composedPath()[0];
    const at = (selector) => target.matches?.(selector);
    const name = this.nameOf(event);
    if (at("input, textarea, select") && !/^(Escape|Ctrl\+Enter|Alt\+.*)$/.test(name)) return;
    if (/^(Enter| )$/.test(name) && at("button, summary")) return;
    const bound = this.bound(name);
    if (!bound && (name.length > 1 || name === " ")) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.repeat && !bound?.holds) return;
    this.act(() => this.bound(name)?.run(name)); // looked up again: the act before it may have changed what it means
  }

  nameOf(event) {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.ctrlKey || event.metaKey) return `Ctrl+${key}`;
    if (event.altKey) return `Alt+${event.code.replace("Key", "").toLowerCase()}`;
    return WIDE[key] ?? key;
  }

  keys() {
    const layer = this.layers.at(-1);
    if (layer) return [...layer.keys, { keys: ["Escape"], word: "close", when: this.ready, run: () => this.close() }];
    if (!this.ready) return [];
    return [
      ...app.keys(),
      { keys: ["l"], word: "other_language", run: () => this.switchLanguage() },
      { keys: ["?"], word: "all_keys", bar: true, run: () => this.help() },
    ];
  }

  live() {
    return this.keys().filter((key) => key.when ?? true);
  }

  bound(name) {
    return this.live().find((key) => key.keys.includes(name));
  }

  // The frame

  frame() {
    this.root.lang = this.language === "zh" ? "zh-CN" : "en";
    this.head = h("header");
    this.foot = h("footer");
    const body = this.ready ? app.build() : h("main", { class: "waiting" }, this.t("waiting"));
    this.root.replaceChildren(this.head, body, this.foot, this.saying);
    this.redraw();
  }

  redraw() {
    if (this.ready) app.redraw();
    const quiet = (id, text, onclick) => h("button", { class: "quiet", id, onclick }, text);
    this.head.replaceChildren(
      h("h1", {}, this.t(app.title)),
      ...(this.ready ? app.header() : []),
      quiet("language", this.language === "zh" ? "English" : "中文", () => this.switchLanguage()),
      ...(this.who ? [quiet("who", this.who, () => this.askWho())] : []),
    );
    this.drawFoot();
  }

  drawFoot() {
    this.foot.replaceChildren(...this.live().filter((key) => key.bar).map((key) => this.button(key)));
  }

  button(key) {
    const props = { type: "button", class: "key", id: `do-${key.word}`, onclick: this.clicked(() => key.run(key.keys[0])) };
    return h("button", props, this.keycap(key.keys[0]), this.t(key.word));
  }

  clicked(run) {
    return (event) => {
      event.currentTarget.blur();
      this.act(run);
    };
  }

  keycap(name) {
    return h("kbd", {}, KEYCAPS[name] ?? name.toUpperCase());
  }

  say(text, stays = false) {
    clearTimeout(this.silence);
    this.saying.textContent = text;
    this.saying.className = stays ? "saying shown stays" : "saying shown";
    if (!stays) this.silence = setTimeout(() => (this.saying.className = "saying"), 2600);
  }

  hush() {
    this.saying.classList.remove("shown");
  }

  open(title, body, keys = []) {
    const props = { tabIndex: -1, oncancel: (event) => event.preventDefault() };
    const node = h("dialog", props, h("h2", {}, title), body);
    this.layers.push({ node, keys });
    this.root.append(node);
    node.showModal();
    node.focus(); // not a button: Enter would press it
  }

  close() {
    this.layers.pop()?.node.remove();
    this.drawFoot();
  }

  help() {
    const caps = (key) => h("span", {}, key.keys.map((name) => this.keycap(name)));
    const rows = this.live().map((key) => h("div", {}, caps(key), this.t(key.word)));
    this.open(this.t("all_keys"), h("div", { class: "keys" }, rows, h("p", { class: "note" }, this.t("keys_sleep"))));
  }

  // Who is at work

  askWho() {
    const enter = (who) => {
      this.close();
      const again = (error) => {
        this.askWho();
        throw error;
      };
      this.act(() => this.enter(who).catch(again));
    };
    const onsubmit = (event) => {
      event.preventDefault();
      enter(name.value);
    };
    const name = h("input", { id: "name", maxLength: 40, value: this.who ?? "", autocomplete: "off" });
    const known = this.start.known.map((who) => h("button", { type: "button", onclick: () => enter(who) }, who));
    const form = h(
      "form", { onsubmit }, h("p", {}, this.t("who_why")), h("label", { htmlFor: "name" }, this.t("who_name")), name,
      known.length > 0 && h("p", { class: "known" }, this.t("who_known"), known),
      h("button", { class: "main" }, this.t("who_enter")),
    );
    this.open(this.t("who_title"), form);
    name.focus();
  }

  async enter(who) {
    const answer = await this.call("enter", { who });
    this.who = answer.who;
    sessionStorage.setItem("who", this.who);
    await app.enter(answer);
    this.ready = true;
    this.frame();
  }
}

export default {
  render({ model, el }) {
    const opened = new Desk(model, el);
    return () => opened.leave();
  },
};
