
// The comparison of replies: who the persona is at the left, the dialogue above, and below it the two replies.

const STATUSES = ["todo", "all", "picked", "skipped"];
const PICKS = ["left", "right", "tie", "both_bad"];
const PLAIN = ["neutral", "medium", "normal"];
const OF_DELIVERY = ["emotion", "speed", "pitch", "volume"];

const app = {
  title: "title",
  sound: new Audio(),

  async enter(answer) {
    const { n, filters } = desk.kept("place") ?? { filters: { status: "todo", language: "" } };
    Object.assign(this, answer, { filters, body: null, folded: desk.kept("folded") ?? false });
    await this.find(n);
  },

  async find(wanted) {
    this.queue = await desk.call("find", this.filters);
    if (wanted !== undefined && !this.queue.includes(wanted)) this.queue.unshift(wanted);
    this.at = Math.max(this.queue.indexOf(wanted), 0);
    await this.show();
  },

  async show() {
    this.hush();
    const n = this.queue[this.at];
    this.shown = n === undefined ? null : await desk.call("show", { n });
    if (this.shown) this.progress = this.shown.progress;
    desk.keep("place", { n, filters: this.filters });
    if (!this.body) return;
    desk.redraw();
    this.talk.scrollTop = this.talk.scrollHeight; // what the replies answer stands last
    for (const pane of this.pair.querySelectorAll(".reply")) pane.scrollTop = 0;
  },

  async go(at) {
    if (at < 0 || at > this.queue.length || (at === this.queue.length && !this.shown)) return;
    this.at = at;
    await this.show();
  },

  // What is on the page

  build() {
    const status = STATUSES.map((name) => [name, desk.t(`status_${name}`)]);
    const language = [["", desk.t("any_language")], ...this.languages.map((name) => [name, desk.t(name)])];
    this.place = h("span", { class: "place" });
    const filters = [this.filter("status", status), this.languages.length > 1 && this.filter("language", language)];
    this.card = h("aside");
    this.scene = h("p", { class: "scene" });
    this.talk = h("ol", { class: "talk" });
    this.pair = h("section", { class: "pair" });
    this.views = h("div", { class: "views" });
    const top = h("div", { class: "top" }, this.scene, h("div", { class: "filters" }, this.place, filters));
    this.body = h("main", { class: "compare" }, this.card, h("article", {}, top, this.talk, this.pair, this.views));
    return this.body;
  },

  filter(name, options) {
    const onchange = (event) => {
      this.filters[name] = event.target.value;
      event.target.blur();
      desk.act(() => this.find());
    };
    const option = ([value, text]) => h("option", { value, selected: value === this.filters[name] }, text);
    const said = { title: desk.t(name), ariaLabel: desk.t(name) };
    return h("select", { id: `filter-${name}`, ...said, onchange }, options.map(option));
  },

  redraw() {
    const { shown, at, queue } = this;
    this.body.classList.toggle("folded", this.folded || !shown);
    this.place.textContent = shown ? desk.t("place", { at: at + 1, n: queue.length.toLocaleString() }) : "";
    this.card.replaceChildren(...(shown && !this.folded ? this.drawCard() : []));
    this.scene.replaceChildren(...(shown ? this.drawScene() : []));
    this.talk.replaceChildren(...(shown ? shown.turns.map((turn, n) => this.drawTurn(turn, n)) : [this.drawEmpty()]));
    this.pair.replaceChildren(...(shown ? shown.replies.map((reply, n) => this.drawReply(reply, PICKS[n])) : []));
    this.views.replaceChildren(...(shown ? this.drawViews() : []));
  },

  drawEmpty() {
    return h("li", { class: "empty" }, desk.t(this.queue.length ? "queue_done" : "nothing_found"));
  },

  drawCard() {
    const { card, language } = this.shown;
    const text = h("div", { class: "prose", lang: language }, card || desk.t("no_card"));
    return [h("h3", {}, desk.t("persona")), text];
  },

  drawScene() {
    const { scene } = this.shown;
    if (!scene) return [];
    const word = (factor) => scene[factor][desk.language];
    const said = ["relationship", "domain", "tone"].map(word).filter(Boolean).join(" · ");
    return [said, h("b", {}, word("delivery") && desk.t("spoken", { how: word("delivery") }))];
  },

  drawTurn(turn, n) {
    const mine = /persona|assistant/.test(turn.role);
    const lines = h("p", { lang: this.shown.language }, this.said(turn.text));
    const play = turn.sound && this.speaker("hear_turn", () => this.play([n]));
    const head = h("h4", {}, desk.t(turn.role), this.drawDelivery(turn.delivery), play);
    return h("li", { class: mine ? "turn mine" : "turn", "data-turn": n }, head, lines);
  },

  drawReply(reply, side) {
    const picked = this.shown.mine.pick === side ? "picked" : "";
    const key = this.keys().find((key) => key.word === side);
    const play = this.shown.sound && this.speaker(`hear_${side}`, () => this.play([side]));
    const head = h("h4", {}, desk.keycap(key.keys[0]), desk.t(side), this.drawDelivery(reply.delivery), play);
    const text = h("p", { lang: this.shown.language }, this.said(reply.text));
    return h("div", { class: `reply ${picked}`, id: `reply-${side}` }, head, text);
  },

  // Inline cues as words of their own; a doubled brace is a brace.
  said(text) {
    const cue = (name, value) => {
      const kind = ["cue", ...OF_DELIVERY].find((kind) => `${kind}_${name}` in desk.start.words);
      return h("em", { class: "cue" }, kind ? desk.t(`${kind}_${name}`) : name, value && name === "pause" && ` ${value} s`);
    };
    return text.split(/(\{\{|\}\}|\{[a-z_]+(?::[\d.e-]+)?\})/).filter(Boolean).map((part) => {
      if (part === "{{" || part === "}}") return part[0];
      const [, name, value] = part.match(/^\{([a-z_]+):?(.*)\}$/) ?? [];
      return name ? cue(name, value) : part;
    });
  },

  drawDelivery(delivery) {
    const words = OF_DELIVERY.filter((kind) => delivery?.[kind] && !PLAIN.includes(delivery[kind]));
    return words.length > 0 && h("small", {}, desk.listed(words.map((kind) => desk.t(`${kind}_${delivery[kind]}`))));
  },

  drawViews() {
    const { mine, others } = this.shown;
    const view = (name, { pick, comments }) => h(
      "p", { class: "view" }, h("b", {}, name), pick && h("span", { class: "verdict" }, desk.t(pick)), comments.map((comment) => h("q", {}, comment)),
    );
    const theirs = Object.entries(others ?? {}).map(([who, each]) => view(who, each));
    const alone = mine.pick && theirs.length === 0 && h("p", { class: "note" }, desk.t("nobody_else"));
    return [(mine.pick || mine.comments.length > 0) && view(desk.who, mine), ...theirs, alone].filter(Boolean);
  },

  header() {
    const { by, total, once, twice } = this.progress;
    const width = total ? (100 * by[desk.who]) / total : 0;
    const each = Object.entries(by).map(([who, n]) => `${who} ${n}`).join("\n");
    return [
      h(
        "div", { class: "progress" }, h("div", { class: "bar" }, h("i", { style: `width: ${width}%` })),
        h("span", { id: "mine" }, desk.t("mine", { n: by[desk.who], total: total.toLocaleString() })),
        h("span", { id: "everybody", title: each }, desk.t("everybody", { once, twice })),
      ),
      h("button", { class: "quiet", onclick: () => desk.act(() => this.agreement()) }, desk.t("agreement")),
    ];
  },

  // What one can do

  keys() {
    const there = Boolean(this.shown);
    const heard = there && this.shown.sound;
    const talk = there ? this.shown.turns.flatMap((turn, n) => (turn.sound ? [n] : [])) : [];
    const field = desk.root.getRootNode().activeElement;
    const key = (keys, word, run, when = true, bar = true, holds = false) => ({ keys, word, run, when, bar, holds });
    const pick = (keys, word) => key(keys, word, () => this.decide({ verdict: "chosen", pick: word }), there);
    return [
      pick(["ArrowLeft", "1"], "left"),
      pick(["ArrowRight", "2"], "right"),
      pick(["t", "3"], "tie"),
      pick(["b", "4"], "both_bad"),
      key(["s"], "skip", () => this.decide({ verdict: "skip" }), there),
      key(["c"], "comment", () => this.askComment(), there),
      key(["u", "Ctrl+z"], "undo", () => this.undo()),
      key(["j", "ArrowDown"], "next", () => this.go(this.at + 1), true, true, true),
      key(["k", "ArrowUp"], "previous", () => this.go(this.at - 1), true, true, true),
      key(["p"], "card", () => this.fold(), there),
      key(["q"], "hear_left", () => this.play(["left"]), heard),
      key(["w"], "hear_right", () => this.play(["right"]), heard),
      key(["e"], "hear_talk", () => this.play(talk), talk.length > 0),
      key([" ", "PageDown"], "page_down", () => this.turnPage(0.8), there, false, true),
      key(["PageUp"], "page_up", () => this.turnPage(-0.8), there, false, true),
      key(["f"], "refresh", () => this.find(), true, false),
      key(["g"], "agreement", () => this.agreement(), true, false),
      key(["Escape"], "leave_field", () => field.blur(), Boolean(field), false),
    ];
  },

  fold() {
    this.folded = !this.folded;
    desk.keep("folded", this.folded);
    desk.redraw();
  },

  turnPage(share) {
    for (const pane of [this.talk, this.card]) pane.scrollBy(0, share * pane.clientHeight);
  },

  async decide(act) {
    const { progress } = await desk.call("decide", { n: this.shown.n, ...act });
    this.progress = progress;
    desk.say(desk.t(`said_${act.pick ?? act.verdict}`));
    await (act.verdict === "comment" ? this.show() : this.go(this.at + 1));
  },

  async undo() {
    const undone = await desk.call("undo");
    if (undone.n === undefined) return desk.say(desk.t("nothing_to_undo"));
    if (!this.queue.includes(undone.n)) this.queue.splice(this.at, 0, undone.n);
    await this.go(this.queue.indexOf(undone.n));
    return desk.say(desk.t("said_undo", { what: desk.t(undone.verdict) }));
  },

  askComment() {
    const draft = desk.draft("comment", this.shown.pair_id);
    const oninput = () => draft.set(text.value);
    const text = h("textarea", { id: "comment-text", rows: 5, value: draft.get() ?? "", oninput });
    const send = async () => {
      const comment = text.value.trim();
      if (!comment) return;
      desk.close();
      await this.decide({ verdict: "comment", comment });
      draft.clear();
    };
    const save = { keys: ["Ctrl+Enter"], word: "save", run: send };
    desk.open(desk.t("comment_title"), h("div", {}, text, desk.button(save)), [save]);
    text.focus();
  },

  agreement() {
    return this.progress.by[desk.who] ? desk.showAgreement() : desk.say(desk.t("agreement_first"));
  },

  // Sounds: one after the other, until another is asked for

  speaker(word, run) {
    const onclick = (event) => {
      event.currentTarget.blur();
      desk.act(run);
    };
    return h("button", { type: "button", class: "quiet speaker", title: desk.t(word), ariaLabel: desk.t(word), onclick }, "▶");
  },

  hush() {
    this.sound.onended = null;
    this.sound.pause();
    for (const node of this.body?.querySelectorAll(".heard") ?? []) node.classList.remove("heard");
  },

  async play([what, ...rest]) {
    this.hush();
    if (what === undefined) return;
    const at = typeof what === "number" ? `[data-turn="${what}"]` : `#reply-${what}`;
    this.body.querySelector(at).classList.add("heard");
    this.sound.src = `data:audio/flac;base64,${await desk.call("hear", { n: this.shown.n, what })}`;
    this.sound.onended = () => desk.act(() => this.play(rest));
    await this.sound.play().catch(() => desk.say(desk.t("no_sound"), true));
  },
};
