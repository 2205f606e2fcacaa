
// The comparison of replies: who the persona is at the left, the dialogue above, and below it the two replies.

const STATUSES = ["todo", "all", "picked", "skipped"];
const PICKS = ["left", "right", "tie", "both_bad"];
const PLAIN = ["neutral", "medium", "normal"];

const app = {
  ...queueing,
  sound: new Audio(),
  id: () => app.shown.pair_id,

  async enter(answer) {
    this.folded = desk.kept("folded") ?? false;
    await this.begin(answer, { status: "todo", language: "" });
  },

  async show() {
    this.hush();
    await this.look();
    if (!this.body) return;
    desk.redraw();
    this.talk.scrollTop = this.talk.scrollHeight; // what the replies answer stands last
    for (const pane of this.pair.querySelectorAll(".reply")) pane.scrollTop = 0;
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

  redraw() {
    const { shown, at, queue } = this;
    this.body.classList.toggle("folded", this.folded || !shown);
    this.place.textContent = shown ? desk.t("place", { at: at + 1, n: queue.length.toLocaleString() }) : "";
    this.card.replaceChildren(...(shown && !this.folded ? this.drawCard() : []));
    this.scene.replaceChildren(...(shown ? this.drawScene() : []));
    this.talk.replaceChildren(...(shown ? shown.turns.map((turn, n) => this.drawTurn(turn, n)) : [this.drawEmpty("li")]));
    this.pair.replaceChildren(...(shown ? shown.replies.map((reply, n) => this.drawReply(reply, PICKS[n])) : []));
    this.views.replaceChildren(...(shown ? this.drawViews() : []));
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
    const lines = h("p", { lang: this.shown.language }, cued(turn.text));
    const play = turn.sound && this.speaker("hear_turn", () => this.play([n]));
    const head = h("h4", {}, desk.t(turn.role), this.drawDelivery(turn.delivery), play);
    return h("li", { class: mine ? "turn mine" : "turn", "data-turn": n }, head, lines);
  },

  drawReply(reply, side) {
    const picked = this.shown.mine.pick === side ? "picked" : "";
    const key = this.keys().find((key) => key.word === side);
    const play = this.shown.sound && this.speaker(`hear_${side}`, () => this.play([side]));
    const head = h("h4", {}, desk.keycap(key.keys[0]), desk.t(side), this.drawDelivery(reply.delivery), play);
    const text = h("p", { lang: this.shown.language }, cued(reply.text));
    return h("div", { class: `reply ${picked}`, id: `reply-${side}` }, head, text);
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

  // What one can do

  keys() {
    const there = Boolean(this.shown);
    const heard = there && this.shown.sound;
    const talk = there ? this.shown.turns.flatMap((turn, n) => (turn.sound ? [n] : [])) : [];
    const pick = (keys, word) => key(keys, word, () => this.decide({ verdict: "chosen", pick: word }), there);
    return [
      pick(["ArrowLeft", "1"], "left"),
      pick(["ArrowRight", "2"], "right"),
      pick(["t", "3"], "tie"),
      pick(["b", "4"], "both_bad"),
      key(["s"], "skip", () => this.decide({ verdict: "skip" }), there),
      key(["c"], "comment", () => this.askComment(), there),
      ...this.going(),
      key(["p"], "card", () => this.fold(), there),
      key(["q"], "hear_left", () => this.play(["left"]), heard),
      key(["w"], "hear_right", () => this.play(["right"]), heard),
      key(["e"], "hear_talk", () => this.play(talk), talk.length > 0),
      ...this.reading([this.talk, this.card], there, " "),
    ];
  },

  fold() {
    this.folded = !this.folded;
    desk.keep("folded", this.folded);
    desk.redraw();
  },

  async decide(act) {
    this.took(await desk.call("decide", { n: this.shown.n, ...act }));
    desk.say(desk.t(`said_${act.pick ?? act.verdict}`));
    await (act.verdict === "comment" ? this.show() : this.go(this.at + 1));
  },

  // Sounds: one after the other, until another is asked for

  speaker(word, run) {
    const said = { title: desk.t(word), ariaLabel: desk.t(word) };
    return h("button", { type: "button", class: "quiet speaker", ...said, onclick: desk.clicked(run) }, "▶");
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
