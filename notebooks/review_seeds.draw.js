
// How a seed looks: its text with the evidence marked, what is flagged, its traits, and what annotators think of it.

const drawing = {
  drawSeed() {
    if (!this.shown) return [this.drawEmpty()];
    const seed = this.shown.seed;
    const licence = seed.licence === "unknown" ? desk.t("no_licence") : seed.licence;
    const meta = [seed.seed_id, desk.t(seed.language), desk.t(seed.author_kind), seed.source, licence].filter(Boolean);
    const top = [
      h("h2", { lang: seed.language }, seed.name || seed.seed_id),
      h("p", { class: "meta" }, meta.join(" · ")),
    ];
    return [...top, ...(this.hidden ? [this.drawWarning(seed)] : this.drawText(seed))].filter(Boolean);
  },

  drawWarning(seed) {
    const kinds = this.named([...new Set(seed.flags.map((flag) => flag.kind))]);
    return h(
      "div", { class: "warning" }, h("h3", {}, desk.t("warning_title")), h("p", {}, desk.t("warning_text", { kinds })),
      desk.button(this.keys().find((key) => key.word === "reveal")),
    );
  },

  drawText(seed) {
    const bold = (text) => h("b", {}, this.said(text));
    const plain = (text) => h("span", {}, this.said(text));
    const flag = (f) => h("li", {}, h("b", {}, this.named([f.kind])), f.detail, this.drawTwin(f.evidence));
    const opinion = (o) => h("li", {}, bold(o.topic), plain(o.stance), this.dots(o.strength));
    const rate = (c) => h("small", {}, desk.t("at_most", { n: c.at_most }));
    const phrase = (c) => h("li", {}, bold(c.text), plain(c.trigger), rate(c));
    const clause = (word, text) => text && h("span", {}, h("em", {}, desk.t(word)), this.said(text));
    const clauses = (l) => ["threshold", "reaction", "recovery"].map((word) => clause(word, l[word]));
    const limit = (l) => h("li", { class: "limit" }, bold(l.trigger), clauses(l));
    const part = (word, items) => items.length > 0
      && h("section", { lang: seed.language }, h("h3", {}, desk.t(word)), h("ul", { class: word }, items));
    const whole = (text) => (text ? [h("li", {}, this.said(text))] : []);
    return [
      seed.flags.length > 0 && h("ul", { class: "flags" }, seed.flags.map(flag)),
      this.shown.version && h("p", { class: "edited" }, desk.t("version_of", { who: this.shown.version })),
      h("div", { class: "prose", lang: seed.language }, this.shown.pieces.map((piece, n) => this.drawPiece(piece, n))),
      part("opinions", seed.opinions.map(opinion)),
      part("catchphrases", seed.catchphrases.map(phrase)),
      part("limits", seed.emotional_limits.map(limit)),
      part("style", whole(seed.style)),
      part("voice", whole(seed.voice)),
    ];
  },

  drawPiece(piece, n) {
    const { pins, flags } = this.shown.seed;
    if (!piece.pins.length && !piece.flags.length) return piece.text;
    const next = this.shown.pieces[n + 1];
    const ends = piece.pins.filter((pin) => !next?.pins.includes(pin)).map((pin) => pin + 1);
    const traits = piece.pins.map((pin) => `${pins[pin].dimension}=${pins[pin].value}`);
    const props = {
      class: `${piece.pins.length ? "pin" : ""} ${piece.flags.length ? "flag" : ""}`,
      title: [...traits, ...piece.flags.map((flag) => this.named([flags[flag].kind]))].join("\n"),
      ...this.lighting(piece.pins),
    };
    return h("mark", props, piece.text, ends.length > 0 && h("sup", {}, ends.join(" ")));
  },

  // A field's text, with the words that raised a flag marked.
  said(text) {
    const flag = this.shown.seed.flags.find((f) => f.evidence && text.includes(f.evidence));
    if (!flag) return [text];
    const at = text.indexOf(flag.evidence);
    const mark = h("mark", { class: "flag", title: this.named([flag.kind]) }, flag.evidence);
    return [text.slice(0, at), mark, ...this.said(text.slice(at + flag.evidence.length))];
  },

  drawTwin(id) {
    const twin = this.shown.twins[id];
    if (!twin) return null;
    return h("details", {}, h("summary", {}, `${twin.name} · ${id}`), h("p", { lang: twin.language }, twin.prose));
  },

  dots(strength) {
    const full = Math.round(strength * 5);
    const title = desk.t("strength", { x: strength });
    return h("small", { class: "dots", title }, "●".repeat(full), h("i", {}, "●".repeat(5 - full)));
  },

  // A trait and its evidence light up together.
  lighting(pins) {
    const light = (lit) => () => {
      for (const node of this.body.querySelectorAll("[data-pins]")) {
        const here = node.dataset.pins.split(" ");
        node.classList.toggle("lit", lit.some((pin) => here.includes(String(pin))));
      }
    };
    return { "data-pins": pins.join(" "), onmouseenter: light(pins), onmouseleave: light([]) };
  },

  named(kinds) {
    return desk.listed(kinds.map((kind) => desk.t(`flag_${kind}`)));
  },

  label(dimension, value) {
    const known = this.dimensions.find((d) => d.name === dimension);
    const named = value === undefined ? known : known?.values.find((v) => v.name === value);
    return named?.label[desk.language] || value || dimension;
  },

  drawSide() {
    const seed = this.shown.seed;
    const trait = (p, n) => h(
      "li", { class: "trait", title: `${p.dimension}=${p.value}`, ...this.lighting([n]) }, h("sup", {}, n + 1),
      h("span", {}, h("em", {}, this.label(p.dimension)), h("b", {}, this.label(p.dimension, p.value)),
        h("q", { lang: seed.language }, p.evidence)),
      h("small", {}, desk.t(`by_${p.by}`)),
    );
    const open = seed.withheld.map((dimension) => h("span", { title: dimension }, this.label(dimension)));
    const why = { title: desk.t("withheld_why") };
    return [
      ...this.drawViews(),
      h("h3", {}, desk.t("traits")),
      seed.pins.length ? h("ol", {}, seed.pins.map(trait)) : h("p", { class: "note" }, desk.t("no_traits")),
      ...(open.length ? [h("h3", why, desk.t("withheld")), h("p", { class: "open", ...why }, open)] : []),
    ];
  },

  drawViews() {
    const { mine, others, settled, disputed } = this.shown;
    const view = (name, j) => h(
      "div", { class: `view ${j.verdict}` }, name && h("b", {}, name),
      h("span", { class: "verdict" }, desk.t(`verdict_${j.verdict}`)),
      j.reason && h("span", {}, desk.t(`reason_${j.reason}`)), j.comments.map((comment) => h("p", {}, comment)), j.edit && this.drawEdit(j.edit),
    );
    const note = (word) => h("p", { class: "note" }, desk.t(word));
    const theirs = Object.entries(others ?? {}).map(([who, j]) => view(who, j));
    const said = mine.verdict || mine.edit || mine.comments.length;
    return [
      h("h3", {}, desk.t("my_verdict")),
      said ? view("", mine) : note("none_yet"),
      h("h3", {}, desk.t("others"), disputed && h("small", { class: "disputed" }, desk.t("disputed"))),
      ...(theirs.length ? theirs : [note(others ? "nobody_else" : "others_hidden")]),
      ...(settled ? [h("h3", {}, desk.t("settled")), view("", settled)] : []),
      ...this.drawVersions(),
    ];
  },

  drawEdit(edit) {
    const names = { emotional_limits: "limits", pins: "traits" };
    const fields = desk.listed(Object.keys(edit).map((field) => desk.t(names[field] ?? field)));
    const row = (values) => Object.values(values).join(" · ");
    const text = (value) => (Array.isArray(value) ? value.map(row).join("\n") : value);
    const changed = Object.values(edit).map((value) => h("pre", {}, text(value)));
    return h("details", {}, h("summary", {}, desk.t("edit_in", { fields })), changed);
  },

  drawVersions() {
    const option = (who, n) => {
      const chosen = who === this.shown.version ? "chosen" : "";
      const props = { class: `version ${chosen}`, onclick: () => desk.act(() => this.choose(n)) };
      return h("button", props, desk.keycap(String(n)), desk.t(who ? "version_of" : "version_original", { who }));
    };
    return this.versions.length ? [h("h3", {}, desk.t("version_title")), ...this.versions.map(option)] : [];
  },
};
