
// What every annotators' app does with its queue: goes through it, finds it anew, narrows it by filters, comments, takes
// back. An app begins with its first filters, shows (show) what look() has brought, puts acts into the log (decide), and
// says what a draft of a comment is kept under (id).

const OF_DELIVERY = ["emotion", "speed", "pitch", "volume"];

const key = (keys, word, run, when = true, bar = true, holds = false) => ({ keys, word, run, when, bar, holds });
const figure = (x) => x?.toFixed(3) ?? "–";
const row = (cell, ...texts) => h("tr", {}, texts.map((text) => h(cell, {}, text)));
const heads = (...words) => row("th", ...words.map((word) => desk.t(word)));

// Inline cues as words of their own; a doubled brace is a brace.
const cued = (text) => {
  const cue = (name, value) => {
    const kind = ["cue", ...OF_DELIVERY].find((kind) => `${kind}_${name}` in desk.start.words);
    return h("em", { class: "cue" }, kind ? desk.t(`${kind}_${name}`) : name, value && name === "pause" && ` ${value} s`);
  };
  return text.split(/(\{\{|\}\}|\{[a-z_]+(?::[\d.e-]+)?\})/).filter(Boolean).map((part) => {
    if (part === "{{" || part === "}}") return part[0];
    const [, name, value] = part.match(/^\{([a-z_]+):?(.*)\}$/) ?? [];
    return name ? cue(name, value) : part;
  });
};

const queueing = {
  title: "title",
  name: () => "",
  arrived() {},

  async begin(answer, first) {
    const { n, filters } = desk.kept("place") ?? { filters: { ...first } };
    Object.assign(this, answer, { filters, body: null });
    await this.find(n);
  },

  sought() {
    return this.filters;
  },

  async find(wanted) {
    this.queue = await desk.call("find", this.sought());
    if (wanted !== undefined && !this.queue.includes(wanted)) this.queue.unshift(wanted);
    this.at = Math.max(this.queue.indexOf(wanted), 0);
    await this.show();
  },

  async look() {
    const n = this.queue[this.at];
    this.shown = n === undefined ? null : await desk.call("show", { n });
    if (this.shown) this.progress = this.shown.progress;
    desk.keep("place", { n, filters: this.filters });
  },

  async go(at) {
    if (at < 0 || at > this.queue.length || (at === this.queue.length && !this.shown)) return;
    this.at = at;
    await this.show();
    this.arrived();
  },

  took({ progress }) {
    this.progress = progress;
  },

  async undo() {
    const undone = await desk.call("undo");
    if (undone.n === undefined) return desk.say(desk.t("nothing_to_undo"));
    this.took(undone);
    if (!this.queue.includes(undone.n)) this.queue.splice(this.at, 0, undone.n);
    this.at = this.queue.indexOf(undone.n);
    await this.show();
    return desk.say(desk.t("said_undo", { what: desk.t(undone.verdict), name: this.name() }));
  },

  askComment() {
    const draft = desk.draft("comment", this.id());
    const text = h("textarea", { id: "comment-text", rows: 5, value: draft.get() ?? "", oninput: () => draft.set(text.value) });
    const send = async () => {
      const comment = text.value.trim();
      if (!comment) return;
      desk.close();
      await this.decide({ verdict: "comment", comment });
      draft.clear();
    };
    const save = { keys: ["Ctrl+Enter"], word: "save", run: send };
    desk.open(desk.t("comment_title", { name: this.name() }), h("div", {}, text, desk.button(save)), [save]);
    text.focus();
  },

  // Keys, in the order in which they stand in the bar and in the help

  going(...onward) {
    return [
      key(["u", "Ctrl+z"], "undo", () => this.undo()),
      key([...onward, "j", "ArrowDown"], "next", () => this.go(this.at + 1), true, true, true),
      key(["k", "ArrowUp"], "previous", () => this.go(this.at - 1), true, true, true),
    ];
  },

  reading(panes, when, ...onward) {
    const turn = (share) => () => panes.forEach((pane) => pane.scrollBy(0, share * pane.clientHeight));
    const field = desk.root.getRootNode().activeElement;
    return [
      key([...onward, "PageDown"], "page_down", turn(0.8), when, false, true),
      key(["PageUp"], "page_up", turn(-0.8), when, false, true),
      key(["f"], "refresh", () => this.find(), true, false),
      key(["g"], "agreement", () => this.agreement(), true, false),
      key(["Escape"], "leave_field", () => field.blur(), Boolean(field), false),
    ];
  },

  // What is on the page

  filter(name, options, read = (value) => value) {
    const onchange = (event) => {
      this.filters[name] = read(event.target.value);
      event.target.blur();
      desk.act(() => this.find());
    };
    const option = ([value, text]) => h("option", { value, selected: read(value) === this.filters[name] }, text);
    const said = { title: desk.t(name), ariaLabel: desk.t(name) };
    return h("select", { id: `filter-${name}`, ...said, onchange }, options.map(option));
  },

  search() {
    let pause = 0;
    const look = () => {
      clearTimeout(pause);
      pause = 0;
      this.filters.search = field.value;
      desk.act(() => this.find());
    };
    const field = h("input", {
      type: "search", id: "search", placeholder: desk.t("search_in"), value: this.filters.search, oncompositionend: look,
      oninput: (event) => {
        clearTimeout(pause);
        if (!event.isComposing) pause = setTimeout(look, 120);
      },
      onblur: () => pause && look(), // before any key that follows
      onkeydown: (event) => event.key === "Enter" && !event.isComposing && field.blur(),
    });
    return field;
  },

  header() {
    const { by, total, once, twice, disputed } = this.progress;
    const width = total ? (100 * by[desk.who]) / total : 0;
    const each = Object.entries(by).map(([who, n]) => `${who} ${n}`).join("\n");
    return [
      h(
        "div", { class: "progress" }, h("div", { class: "bar" }, h("i", { style: `width: ${width}%` })),
        h("span", { id: "mine" }, desk.t("mine", { n: by[desk.who], total: total.toLocaleString() })),
        h("span", { id: "everybody", title: each }, desk.t("everybody", { once, twice })),
        disputed !== undefined && h("span", { id: "disputes" }, desk.t("disputes", { n: disputed })),
      ),
      h("button", { class: "quiet", onclick: () => desk.act(() => this.agreement()) }, desk.t("agreement")),
    ];
  },

  drawEmpty(tag = "p") {
    return h(tag, { class: "empty" }, desk.t(this.queue.length ? "queue_done" : "nothing_found"));
  },

  async agreement() {
    if (!this.anytime && !this.progress.by[desk.who]) return desk.say(desk.t("agreement_first"));
    return desk.open(desk.t("agreement"), this.drawAgreement(await desk.call("agreement")));
  },

  drawAgreement({ alpha, units, pairs }) {
    const rows = pairs.map((p) => row("td", p.a, p.b, p.units, p.same, figure(p.kappa)));
    return h(
      "div", { class: "figures" }, h("p", { class: "figure" }, h("b", { id: "alpha" }, figure(alpha)), desk.t("alpha")),
      h("p", { class: "note" }, desk.t("alpha_says", { units })),
      rows.length > 0 && h("table", {}, heads("annotator", "annotator", "both_judged", "judged_alike", "kappa"), rows),
    );
  },
};
