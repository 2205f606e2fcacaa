
// The review of seeds: a queue at the left, the seed in the middle, traits and verdicts at the right.

const ROW = 58; // px: a row of the queue; only those in sight are drawn
const ORDERS = ["flagged", "disputed", "given"];
const STATUSES = ["todo", "all", "approve", "reject", "skip", "edit", "disputed"];
const FIRST = { search: "", status: "todo", flag: "", language: "", order: "flagged" };
const UNSETTLED = { ...FIRST, status: "disputed", order: "given" };
const judged = (mark) => /approve|reject/.test(mark ?? "");

const app = {
  ...queueing,
  ...drawing,
  ...editing,
  anytime: true, // agreement is shown to whoever asks
  id: () => app.shown.seed.seed_id,
  name: () => app.shown.seed.name || app.id(),

  async enter(answer) {
    const settling = desk.kept("settling") ?? false;
    Object.assign(this, { revealed: new Set(), settling });
    await this.begin({ ...answer, marks: new Map(answer.marks) }, FIRST);
  },

  sought() {
    return this.settling ? UNSETTLED : this.filters;
  },

  async show() {
    await this.look();
    this.form = null;
    if (!this.body) return;
    desk.redraw();
    this.page.scrollTop = 0;
  },

  onward() {
    const skipping = !this.settling && this.filters.status === "todo";
    let at = this.at + 1;
    while (skipping && judged(this.marks.get(this.queue[at]))) at += 1;
    return this.go(at);
  },

  // What is on the page

  build() {
    const filters = [
      this.filter("status", STATUSES.map((status) => [status, desk.t(`status_${status}`)])),
      this.filter("order", ORDERS.map((order) => [order, desk.t(`order_${order}`)])),
      this.filter("flag", [["", desk.t("any_flag")], ...this.kinds.map((kind) => [kind, this.named([kind])])]),
      this.filter("language", [["", desk.t("any_language")], ["zh", desk.t("zh")], ["en", desk.t("en")]]),
    ];
    this.filterBox = h("div", { class: "filters" }, this.search(), filters);
    const how = h("p", { class: "note" }, desk.t("settle_how"));
    this.settleBox = h("div", { class: "filters" }, h("h2", {}, desk.t("settle")), how);
    this.count = h("div", { class: "found" });
    this.spacer = h("div");
    this.list = h("div", { class: "list", role: "listbox", onscroll: () => this.drawRows() }, this.spacer);
    this.page = h("article");
    this.side = h("aside");
    const nav = h("nav", {}, h("div", {}, this.filterBox, this.settleBox), this.count, this.list);
    this.body = h("main", { class: "review" }, nav, this.page, this.side);
    return this.body;
  },

  redraw() {
    this.filterBox.hidden = this.settling;
    this.settleBox.hidden = !this.settling;
    this.body.classList.toggle("editing", Boolean(this.form));
    this.drawQueue();
    this.page.replaceChildren(...(this.form ? this.drawForm() : this.drawSeed()));
    this.side.replaceChildren(...(this.shown && !this.form && !this.hidden ? this.drawSide() : []));
  },

  drawQueue() {
    const top = this.at * ROW;
    const seen = this.list.clientHeight;
    this.spacer.style.height = `${this.queue.length * ROW}px`;
    if (top < this.list.scrollTop) this.list.scrollTop = top;
    else if (top + ROW > this.list.scrollTop + seen) this.list.scrollTop = top + ROW - seen;
    this.count.textContent = desk.t("found", { n: this.queue.length.toLocaleString() });
    this.drawRows();
  },

  drawRows() {
    const first = Math.max(0, Math.floor(this.list.scrollTop / ROW) - 4);
    const seen = this.queue.slice(first, first + Math.ceil(this.list.clientHeight / ROW) + 8);
    this.spacer.replaceChildren(...seen.map((n, i) => this.drawRow(n, first + i)));
  },

  drawRow(n, at) {
    const [id, name, language, excerpt, kinds] = this.rows[n];
    const mark = this.marks.get(n) ?? "";
    const now = at === this.at;
    const props = {
      class: `row ${mark} ${now ? "now" : ""}`, style: `top: ${at * ROW}px`, role: "option", ariaSelected: now,
      title: desk.listed(mark.split(" ").filter(Boolean).map((word) => desk.t(`status_${word}`))),
      onclick: () => desk.act(() => this.go(at)),
    };
    return h(
      "div", props, h("i", { class: "mark" }), h("b", { lang: language }, name || id),
      kinds.length > 0 && h("small", { class: "count", title: this.named(kinds) }, kinds.length),
      h("span", { lang: language }, excerpt || desk.t("may_distress")),
    );
  },

  get hidden() {
    return this.shown?.distressing && !this.revealed.has(this.shown.n);
  },

  get canSettle() {
    return this.settling && this.shown?.others !== undefined;
  },

  // Whose edits there are to choose from when settling; "" is the text as written.
  get versions() {
    if (!this.canSettle) return [];
    const edits = Object.entries({ [desk.who]: this.shown.mine, ...this.shown.others }).filter(([, j]) => j.edit);
    return edits.length ? ["", ...edits.map(([who]) => who)] : [];
  },

  // What one can do

  keys() {
    if (this.form) return this.formKeys();
    const there = Boolean(this.shown);
    const read = there && !this.hidden;
    const settle = this.canSettle;
    const approve = settle ? { verdict: "settle", settled: "approve" } : { verdict: "approve" };
    return [
      key(["Enter", " "], "reveal", () => this.reveal(), there && this.hidden),
      key(["a"], settle ? "settle_approve" : "approve", () => this.decide(approve), read),
      key(["r"], settle ? "settle_reject" : "reject", () => this.askReason(), read),
      key(["e"], "edit", () => this.openForm(), read),
      key(["c"], "comment", () => this.askComment(), read),
      key(["s"], "skip", () => this.decide({ verdict: "skip" }), there && !settle),
      ...this.going(),
      key(["/"], "search", () => desk.root.querySelector("#search").select(), !this.settling),
      key(["m"], this.settling ? "leave_settling" : "settle", () => this.turn(!this.settling)),
      ...this.reading([this.page, this.side], read, " "),
      key(Object.keys(this.versions), "choose_version", (n) => this.choose(Number(n)), this.versions.length > 0, false),
    ];
  },

  reveal() {
    this.revealed.add(this.shown.n);
    desk.redraw();
  },

  turn(settling) {
    this.settling = settling;
    desk.keep("settling", settling);
    return this.find();
  },

  async choose(n) {
    this.shown = await desk.call("show", { n: this.shown.n, version: this.versions[n] });
    desk.redraw();
  },

  // Whether it was taken: an edit may be none that leaves a seed.
  async decide(act) {
    const { n, version } = this.shown;
    const done = await desk.call("decide", { n, version, ...act });
    if (done.unfit) {
      const { kind, about } = done.unfit;
      desk.say(desk.t(kind, { about: kind === "twice" ? this.label(about) : about }), true);
      return false;
    }
    this.took(done);
    desk.say(desk.t(`said_${act.verdict}`, { name: this.name() }));
    const stays = ["edit", "comment"].includes(act.verdict) || (this.settling && judged(act.verdict));
    await (stays ? this.show() : this.onward());
    return true;
  },

  took({ n, mark, progress }) {
    this.marks.set(n, mark);
    this.progress = progress;
  },

  askReason() {
    const act = this.canSettle ? { verdict: "settle", settled: "reject" } : { verdict: "reject" };
    const draft = desk.draft("reject", this.shown.seed.seed_id);
    const oninput = () => draft.set(note.value);
    const note = h("input", { placeholder: desk.t("note"), value: draft.get() ?? "", oninput });
    const send = async (reason) => {
      desk.close();
      await this.decide({ ...act, reason, comment: note.value.trim() });
      draft.clear();
    };
    const key = (reason, n) => ({ keys: [String(n + 1)], word: `reason_${reason}`, run: () => send(reason) });
    const keys = this.reasons.map(key);
    const onsubmit = (event) => {
      event.preventDefault();
      desk.act(() => send("other"));
    };
    const buttons = h("div", { class: "reasons" }, keys.map((key) => desk.button(key)));
    const form = h("form", { onsubmit }, h("p", { class: "note" }, desk.t("reject_note")), buttons, note);
    const write = { keys: ["n"], word: "write_note", run: () => note.focus() };
    desk.open(desk.t("reject_title", { name: this.shown.seed.name }), form, [...keys, write]);
  },
};
