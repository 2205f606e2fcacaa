
// The review of seeds: a queue at the left, the seed in the middle, traits and verdicts at the right.

const ROW = 58; // px: a row of the queue; only those in sight are drawn
const ORDERS = ["flagged", "disputed", "given"];
const STATUSES = ["todo", "all", "approve", "reject", "skip", "edit", "disputed"];
const FIRST = { search: "", status: "todo", flag: "", language: "", order: "flagged" };
const UNSETTLED = { ...FIRST, status: "disputed", order: "given" };
const judged = (mark) => /approve|reject/.test(mark ?? "");

const app = {
  ...drawing,
  ...editing,
  title: "title",

  async enter(answer) {
    const { n, filters, settling } = desk.kept("place") ?? { filters: { ...FIRST }, settling: false };
    Object.assign(this, answer, { marks: new Map(answer.marks), revealed: new Set(), filters, settling, body: null });
    await this.find(n);
  },

  // The queue: found anew when it is asked for, never by a decision

  async find(wanted) {
    this.queue = await desk.call("find", this.settling ? UNSETTLED : this.filters);
    if (wanted !== undefined && !this.queue.includes(wanted)) this.queue.unshift(wanted);
    this.at = Math.max(this.queue.indexOf(wanted), 0);
    await this.show();
  },

  async show() {
    const n = this.queue[this.at];
    this.shown = n === undefined ? null : await desk.call("show", { n });
    if (this.shown) this.progress = this.shown.progress;
    this.form = null;
    desk.keep("place", { n, filters: this.filters, settling: this.settling });
    if (!this.body) return;
    desk.redraw();
    this.page.scrollTop = 0;
  },

  async go(at) {
    if (at < 0 || at > this.queue.length || (at === this.queue.length && !this.shown)) return;
    this.at = at;
    await this.show();
  },

  onward() {
    const skipping = !this.settling && this.filters.status === "todo";
    let at = this.at + 1;
    while (skipping && judged(this.marks.get(this.queue[at]))) at += 1;
    return this.go(at);
  },

  // What is on the page

  build() {
    let pause = 0;
    const look = () => {
      clearTimeout(pause);
      pause = 0;
      this.filters.search = search.value;
      desk.act(() => this.find());
    };
    const search = h("input", {
      type: "search", id: "search", placeholder: desk.t("search_in"), value: this.filters.search,
      oncompositionend: look,
      oninput: (event) => {
        clearTimeout(pause);
        if (!event.isComposing) pause = setTimeout(look, 120);
      },
      onblur: () => pause && look(), // before any key that follows
      onkeydown: (event) => event.key === "Enter" && !event.isComposing && search.blur(),
    });
    const filters = [
      this.filter("status", STATUSES.map((status) => [status, desk.t(`status_${status}`)])),
      this.filter("order", ORDERS.map((order) => [order, desk.t(`order_${order}`)])),
      this.filter("flag", [["", desk.t("any_flag")], ...this.kinds.map((kind) => [kind, this.named([kind])])]),
      this.filter("language", [["", desk.t("any_language")], ["zh", desk.t("zh")], ["en", desk.t("en")]]),
    ];
    this.filterBox = h("div", { class: "filters" }, search, filters);
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

  header() {
    const { by, total, once, twice, disputed } = this.progress;
    const mine = by[desk.who];
    const width = total ? (100 * mine) / total : 0;
    const each = Object.entries(by).map(([who, n]) => `${who} ${n}`).join("\n");
    return [
      h(
        "div", { class: "progress" }, h("div", { class: "bar" }, h("i", { style: `width: ${width}%` })),
        h("span", { id: "mine" }, desk.t("mine", { n: mine, total: total.toLocaleString() })),
        h("span", { id: "everybody", title: each }, desk.t("everybody", { once, twice })),
        h("span", { id: "disputes" }, desk.t("disputes", { n: disputed })),
      ),
      h("button", { class: "quiet", onclick: () => desk.act(() => desk.showAgreement()) }, desk.t("agreement")),
    ];
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
    const field = desk.root.getRootNode().activeElement;
    const approve = settle ? { verdict: "settle", settled: "approve" } : { verdict: "approve" };
    const key = (keys, word, run, when = true, bar = true, holds = false) => ({ keys, word, run, when, bar, holds });
    return [
      key(["Enter", " "], "reveal", () => this.reveal(), there && this.hidden),
      key(["a"], settle ? "settle_approve" : "approve", () => this.decide(approve), read),
      key(["r"], settle ? "settle_reject" : "reject", () => this.askReason(), read),
      key(["e"], "edit", () => this.openForm(), read),
      key(["c"], "comment", () => this.askComment(), read),
      key(["s"], "skip", () => this.decide({ verdict: "skip" }), there && !settle),
      key(["u", "Ctrl+z"], "undo", () => this.undo()),
      key(["j", "ArrowDown"], "next", () => this.go(this.at + 1), true, true, true),
      key(["k", "ArrowUp"], "previous", () => this.go(this.at - 1), true, true, true),
      key(["/"], "search", () => desk.root.querySelector("#search").select(), !this.settling),
      key(["m"], this.settling ? "leave_settling" : "settle", () => this.turn(!this.settling)),
      key([" ", "PageDown"], "page_down", () => this.turnPage(0.8), read, false, true),
      key(["PageUp"], "page_up", () => this.turnPage(-0.8), read, false, true),
      key(["f"], "refresh", () => this.find(), true, false),
      key(["g"], "agreement", () => desk.showAgreement(), true, false),
      key(["Escape"], "leave_field", () => field.blur(), Boolean(field), false),
      key(Object.keys(this.versions), "choose_version", (n) => this.choose(Number(n)), this.versions.length > 0, false),
    ];
  },

  reveal() {
    this.revealed.add(this.shown.n);
    desk.redraw();
  },

  turn(settling) {
    this.settling = settling;
    return this.find();
  },

  turnPage(share) {
    for (const pane of [this.page, this.side]) pane.scrollBy(0, share * pane.clientHeight);
  },

  async choose(n) {
    this.shown = await desk.call("show", { n: this.shown.n, version: this.versions[n] });
    desk.redraw();
  },

  // Whether it was taken: an edit may be none that leaves a seed.
  async decide(act) {
    const { n, seed, version } = this.shown;
    const done = await desk.call("decide", { n, version, ...act });
    if (done.unfit) {
      const { kind, about } = done.unfit;
      desk.say(desk.t(kind, { about: kind === "twice" ? this.label(about) : about }), true);
      return false;
    }
    this.took(done);
    desk.say(desk.t(`said_${act.verdict}`, { name: seed.name || seed.seed_id }));
    const stays = ["edit", "comment"].includes(act.verdict) || (this.settling && judged(act.verdict));
    await (stays ? this.show() : this.onward());
    return true;
  },

  took({ n, mark, progress }) {
    this.marks.set(n, mark);
    this.progress = progress;
  },

  async undo() {
    const undone = await desk.call("undo");
    if (undone.n === undefined) return desk.say(desk.t("nothing_to_undo"));
    this.took(undone);
    if (!this.queue.includes(undone.n)) this.queue.splice(this.at, 0, undone.n);
    await this.go(this.queue.indexOf(undone.n));
    const [id, name] = this.rows[undone.n];
    return desk.say(desk.t("said_undo", { what: desk.t(undone.verdict), name: name || id }));
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

  askComment() {
    const draft = desk.draft("comment", this.shown.seed.seed_id);
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
    desk.open(desk.t("comment_title", { name: this.shown.seed.name }), h("div", {}, text, desk.button(save)), [save]);
    text.focus();
  },
};
