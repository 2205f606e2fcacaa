
// What a clip looks like, and what was wanted of it beside what came out.

const TICKS = [50, 75, 100, 150, 200, 300, 400, 600, 800]; // Hz
const OF_TAG = { sigh: "cue", laugh: "cue", breath: "cue", gasp: "cue", cough: "cue", throat_clear: "cue", pause: "cue" };
const SCALED = ["speed", "pitch", "volume"];
const MARKS = { true: "✓", false: "✗", null: "·" };

const svg = (tag, attributes, ...children) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.flat());
  return node;
};

const drawing = {
  drawClip() {
    const { language, text, told } = this.shown;
    const words = h("p", { class: "words", lang: language }, told ? cued(told.text_tagged) : text);
    return [words, this.picture && this.drawPicture(this.picture)].filter(Boolean);
  },

  drawPicture(picture) {
    const onclick = (event) => {
      const box = event.currentTarget.getBoundingClientRect();
      this.play(((event.clientX - box.left) / box.width) * picture.seconds);
    };
    const at = h("i", { class: "at", hidden: true });
    const strips = h("div", { class: "strips", onclick }, this.drawPitch(picture), this.drawWave(picture), this.drawPlaces(picture), at);
    const step = [0.1, 0.25, 0.5, 1, 2, 5, 10, 30].find((s) => picture.seconds / s <= 12) ?? 60;
    const seconds = Array.from({ length: Math.floor(picture.seconds / step) + 1 }, (_, n) => n * step);
    const tick = (s) => h("span", { style: `left: ${(100 * s) / picture.seconds}%` }, `${+s.toFixed(2)}`);
    return h("figure", {}, strips, h("div", { class: "seconds" }, seconds.map(tick), h("b", {}, "s")));
  },

  // Two octaves around the middle at least, so that a voice that hardly moves looks like one.
  drawPitch({ pitch, seconds }) {
    if (!pitch.length) return h("div", { class: "pitch" }, h("p", { class: "note" }, desk.t("no_pitch")));
    const hz = pitch.map(([, f0]) => f0).sort((a, b) => a - b);
    const middle = Math.log2(hz[hz.length >> 1]);
    const low = Math.min(middle - 1, Math.log2(hz[0]) - 0.1);
    const high = Math.max(middle + 1, Math.log2(hz.at(-1)) + 0.1);
    const y = (f0) => 100 - (100 * (Math.log2(f0) - low)) / (high - low);
    const points = pitch.map(([t, f0], n) => {
      const starts = n === 0 || t - pitch[n - 1][0] > 0.015;
      return `${starts ? "M" : "L"}${((1000 * t) / seconds).toFixed(1)} ${y(f0).toFixed(2)}`;
    });
    const shown = TICKS.filter((f0) => y(f0) > 3 && y(f0) < 97);
    const line = (f0) => svg("line", { x1: 0, x2: 1000, y1: y(f0), y2: y(f0) });
    const label = (f0) => h("span", { style: `top: ${y(f0)}%` }, `${f0} Hz`);
    const curve = svg("path", { d: points.join("") });
    const lines = svg("svg", { viewBox: "0 0 1000 100", preserveAspectRatio: "none" }, shown.map(line), curve);
    return h("div", { class: "pitch", title: desk.t("pitch_track") }, lines, shown.map(label));
  },

  drawWave({ peaks }) {
    const most = Math.max(...peaks, 0.01);
    const up = peaks.map((peak, n) => `L${n} ${50 - (48 * peak) / most}`);
    const down = peaks.map((peak, n) => `L${n} ${50 + (48 * peak) / most}`).reverse();
    const wave = svg("path", { d: `M0 50${up.join("")}${down.join("")}Z` });
    const box = { viewBox: `0 0 ${peaks.length - 1 || 1} 100`, preserveAspectRatio: "none" };
    return h("div", { class: "wave", title: desk.t("waveform") }, svg("svg", box, wave));
  },

  // Where sounds were put and pauses found; not before the verdict.
  drawPlaces({ seconds }) {
    const { told } = this.shown;
    if (!told) return [];
    const place = (kind, from, to, ...label) => {
      const style = `left: ${(100 * from) / seconds}%; width: ${(100 * (to - from)) / seconds}%`;
      return h("div", { class: `stretch ${kind}`, style }, ...label);
    };
    const sounds = told.made_events.map((e) => place("sound", e.start_s, e.end_s, h("em", { class: "cue" }, desk.t(`cue_${e.type}`))));
    return [...(told.meas_pauses ?? []).map((p) => place("silence", p.start_s, p.end_s)), ...sounds];
  },

  // What was wanted beside what came

  drawSide() {
    const { told } = this.shown;
    if (!told) return [h("h3", {}, desk.t("wanted_measured")), h("p", { class: "note" }, desk.t("blind_first"))];
    return [h("h3", {}, desk.t("wanted_measured")), this.drawTags(told), ...this.drawOthers(), ...this.drawWords(told)];
  },

  drawTags(told) {
    const heads = ["", "wanted", "measured", "you"].map((word) => h("th", {}, word && desk.t(word)));
    const row = ({ tag, wanted, obeyed, by, value, neutral, heard }) => {
      const measured = value === null ? null : this.figure(tag, wanted, value, told);
      const usual = SCALED.includes(tag) && neutral !== null && this.figure(tag, wanted, neutral, told).replace(/ .+/, "");
      const mine = heard !== undefined && heard !== null && desk.t(`${tag}_${heard}`);
      const props = { class: `tag ${MARKS[obeyed] === "✓" ? "obeyed" : obeyed === false ? "missed" : ""}`, title: desk.t("by", { by: this.judge(by) }) };
      return h(
        "tr", props, h("th", {}, h("i", {}, MARKS[obeyed]), desk.t(tag in OF_TAG ? "sound" : `tag_${tag}`)),
        h("td", {}, this.value(tag, wanted)), h("td", {}, measured ?? "–", usual && h("small", {}, desk.t("usually", { usual }))), h("td", {}, mine || ""),
      );
    };
    return h("table", { class: "tags" }, h("tr", {}, heads), told.tags.map(row));
  },

  judge(by) {
    return `by_${by}` in desk.start.words ? desk.t(`by_${by}`) : by || desk.t("by_listener");
  },

  value(tag, wanted) {
    const kind = tag in OF_TAG ? "cue" : tag === "emotion_prosody" ? "emotion" : tag;
    if (tag === "pause") return `${desk.t("cue_pause")} ${wanted} s`;
    return `${kind}_${wanted}` in desk.start.words ? desk.t(`${kind}_${wanted}`) : wanted;
  },

  figure(tag, wanted, value, told) {
    if (tag === "speed") return desk.t(told.meas_rate_unit === "characters/s" ? "characters_s" : "syllables_s", { n: value.toFixed(1) });
    if (tag === "pitch") return `${Math.round(value)} Hz`;
    if (tag === "pause") return `${value.toFixed(2)} s`;
    if (tag === "volume" && wanted !== "whisper") return `${value.toFixed(1)} LUFS`.replace("-", "−");
    return `${Math.round(100 * value)} %`;
  },

  drawOthers() {
    const others = Object.entries(this.shown.others);
    const view = ([who, { heard, blind, comments }]) => h(
      "p", { class: "view" }, h("b", {}, who), desk.listed(this.asked.map((question) => desk.t(`${question}_${heard[question]}`))),
      !blind && h("small", {}, desk.t("not_blind")), comments.map((comment) => h("q", {}, comment)),
    );
    return [h("h3", {}, desk.t("others")), ...(others.length ? others.map(view) : [h("p", { class: "note" }, desk.t("nobody_else"))])];
  },

  drawWords(told) {
    const { language, mine } = this.shown;
    const share = told.qc_error_rate === null ? "" : desk.t("error_rate", { share: Math.round(100 * told.qc_error_rate) });
    const fact = (word, ...said) => h("p", { class: "fact" }, h("b", {}, desk.t(word)), ...said);
    return [
      h("h3", {}, desk.t("clip")),
      told.qc_pass === false && h("p", { class: "shut" }, desk.t("fails", { gates: desk.listed(told.qc_reasons.map((gate) => desk.t(`gate_${gate}`))) })),
      !mine.blind && h("p", { class: "note" }, desk.t("mine_not_blind")),
      told.want_instruction && fact("direction", told.want_instruction),
      told.qc_asr_text !== null && fact("recognised", h("span", { lang: language }, told.qc_asr_text), share && h("small", {}, share)),
      told.qc_mos !== null && fact("mos", told.qc_mos.toFixed(2)),
      fact("voice", `${told.made_engine} · ${told.made_voice}`),
    ].filter(Boolean);
  },

  drawAgreement({ people, machine }) {
    const alphas = Object.entries(people).map(([question, { units, alpha }]) => h(
      "p", { class: "figure", id: `alpha-${question}` }, h("b", {}, figure(alpha)), desk.t(question), h("small", {}, desk.t("judged_twice", { n: units })),
    ));
    const pairs = Object.entries(people).flatMap(([question, found]) => found.pairs.map((p) => row("td", desk.t(question), `${p.a} · ${p.b}`, p.units, p.same, figure(p.kappa))));
    const beside = Object.entries(machine).map(([question, { pairs: [p] }]) => row("td", desk.t(`machine_${question}`), p?.units ?? 0, p?.same ?? 0, figure(p?.kappa)));
    return h(
      "div", { class: "figures" }, h("p", { class: "note" }, desk.t("alphas_say")), h("div", { class: "alphas" }, alphas),
      pairs.length > 0 && h("table", { id: "pairs" }, heads("question", "annotator", "both_judged", "judged_alike", "kappa"), pairs),
      h("h3", {}, desk.t("beside_machine")), h("p", { class: "note" }, desk.t("machine_says")),
      h("table", { id: "machine" }, heads("tag", "both_judged", "judged_alike", "kappa"), beside),
    );
  },
};
