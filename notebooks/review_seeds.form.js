
// The form in which a seed is edited: its prose, and tables of traits, opinions and limits. Each key stroke is kept as
// a draft until the edit is saved.

const editing = {
  openForm() {
    const seed = this.shown.seed;
    const draft = desk.draft("edit", seed.seed_id);
    const kept = draft.get();
    const { prose, pins, opinions, emotional_limits } = structuredClone(seed);
    this.form = { draft, kept, seed: kept ?? { prose, pins, opinions, emotional_limits } };
    desk.redraw();
    this.page.scrollTop = 0;
    this.page.querySelector("#prose").focus({ preventScroll: true });
  },

  closeForm() {
    this.form = null;
    desk.redraw();
  },

  changed() {
    this.form.draft.set(this.form.seed);
  },

  discard() {
    this.form.draft.clear();
    this.openForm();
  },

  async save() {
    const { draft, seed } = this.form;
    if (await this.decide({ verdict: "edit", edit: seed })) draft.clear();
  },

  pinSelection() {
    const area = this.page.querySelector("#prose");
    const evidence = area.value.slice(area.selectionStart, area.selectionEnd).trim();
    if (!evidence) return;
    this.form.seed.pins.push({ ...this.newPin(), evidence });
    this.changed();
    desk.redraw();
    this.page.querySelector(".pins .item:last-of-type select").focus();
  },

  newPin() {
    const pinned = this.form.seed.pins.map((pin) => pin.dimension);
    const free = this.dimensions.find((d) => !pinned.includes(d.name)) ?? this.dimensions[0];
    return { dimension: free.name, value: free.values[0].name, evidence: "" };
  },

  formKeys() {
    return [
      { keys: ["Ctrl+Enter"], word: "save", bar: true, run: () => this.save() },
      { keys: ["Alt+p"], word: "pin_selection", bar: true, run: () => this.pinSelection() },
      { keys: ["Escape"], word: "cancel", bar: true, run: () => this.closeForm() },
    ];
  },

  drawForm() {
    const { seed, kept } = this.form;
    const choices = (list) => list.map((x) => [x.name, x.label[desk.language] || x.name]);
    const values = (pin) => choices(this.dimensions.find((d) => d.name === pin.dimension)?.values ?? []);
    const area = (name) => ({ name, rows: 2 });
    const traits = [{ name: "dimension", options: () => choices(this.dimensions) }, { name: "value", options: values }];
    const opinions = [{ name: "topic" }, area("stance"), { name: "strength", word: "strength_of", number: true }];
    const limits = ["trigger", "threshold", "reaction", "recovery"];
    const oninput = (event) => {
      seed.prose = event.target.value;
      this.changed();
    };
    const discard = h("button", { class: "quiet", onclick: () => this.discard() }, desk.t("discard_draft"));
    const buttons = this.formKeys().filter((key) => key.word !== "pin_selection").map((key) => desk.button(key));
    return [
      h("h2", {}, desk.t("edit_title", { name: this.shown.seed.name })),
      ...(kept ? [h("p", { class: "edited" }, desk.t("draft_back"), discard)] : []),
      h("label", { htmlFor: "prose" }, desk.t("prose")),
      h("textarea", { id: "prose", lang: this.shown.seed.language, rows: 9, value: seed.prose, oninput }),
      this.table("traits", "pins", [...traits, { name: "evidence" }], () => this.newPin()),
      h("p", { class: "note" }, desk.t("removed_trait")),
      this.table("opinions", "opinions", opinions, () => ({ topic: "", stance: "", strength: 0.5 })),
      this.table("limits", "emotional_limits", limits.map(area), () => Object.fromEntries(limits.map((f) => [f, ""]))),
      h("div", { class: "buttons" }, buttons),
    ];
  },

  table(title, field, columns, blank) {
    const rows = this.form.seed[field];
    const again = (change) => (event) => {
      change(event);
      this.changed();
      desk.redraw();
    };
    const caption = (column) => h("span", {}, desk.t(column.word ?? column.name));
    const item = (row, n) => h(
      "div", { class: "item" },
      columns.map((column) => h("label", {}, caption(column), this.input(row, column, again))),
      h("button", { class: "quiet", title: desk.t("remove"), onclick: again(() => rows.splice(n, 1)) }, "×"),
    );
    const add = h("button", { class: "quiet add", onclick: again(() => rows.push(blank())) }, "+ ", desk.t("add"));
    return h("section", { class: `items ${field}` }, h("h3", {}, desk.t(title)), rows.map(item), add);
  },

  input(row, { name, options, rows, number }, again) {
    const props = { class: name, value: row[name] };
    if (options) {
      const onchange = again((event) => {
        row[name] = event.target.value;
        if (name === "dimension") row.value = this.dimensions.find((d) => d.name === row.dimension).values[0].name;
      });
      const option = ([value, text]) => h("option", { value, selected: value === row[name] }, text);
      return h("select", { ...props, onchange }, options(row).map(option));
    }
    const oninput = (event) => {
      row[name] = number ? event.target.valueAsNumber : event.target.value;
      this.changed();
    };
    if (rows) return h("textarea", { ...props, rows, oninput });
    return h("input", { ...(number ? { type: "number", min: 0, max: 1, step: 0.1 } : {}), ...props, oninput });
  },
};
