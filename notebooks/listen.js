
// Hearing clips: the words and the sound in the middle, three questions below; and at the right, once they are
// answered, what was wanted beside what was measured and what others heard.

const STATUSES = ["todo", "all", "heard", "skipped"];
KEYCAPS.Backspace = "⌫";
const FIRST = { search: "", status: "todo", language: "", engine: "", emotion: "", failing: false };

const app = {
  ...drawing,
  title: "title",
  sound: new Audio(),

  async enter(answer) {
    const { n, filters } = desk.kept("place") ?? { filters: { ...FIRST } };
    Object.assign(this, answer, { filters, body: null, shown: null, picture: null, loud: 0 });
    this.asked = Object.keys(this.questions);
    await this.find(n);
  },

  async find(wanted) {
    this.queue = await desk.call("find", this.filters);
    if (wanted !== undefined && !this.queue.includes(wanted)) this.queue.unshift(wanted);
    this.at = Math.max(this.queue.indexOf(wanted), 0);
    await this.show();
  },

  async show() {
    const n = this.queue[this.at];
    const heard = this.shown?.n === n && this.picture; // the same clip, which is playing perhaps
    if (!heard) this.hush();
    this.shown = n === undefined ? null : await desk.call("show", { n });
    if (!heard) this.picture = this.shown && (await this.load(n));
    if (this.shown) this.progress = this.shown.progress;
    this.answers = this.done ? this.shown.mine.heard : (this.draft?.get() ?? {});
    this.asking = this.asked.find((question) => !(question in this.answers)) ?? null;
    desk.keep("place", { n, filters: this.filters });
    if (!this.body) return;
    desk.redraw();
    this.side.scrollTop = 0;
  },

  async load(n) {
    try {
      const { sound, ...picture } = await desk.call("hear", { n });
      this.sound.src = `data:audio/flac;base64,${sound}`;
      return picture;
    } catch (error) {
      if (error.message === "lost") throw error;
      desk.say(error.message, true);
      return null;
    }
  },

  async go(at) {
    if (at < 0 || at > this.queue.length || (at === this.queue.length && !this.shown)) return;
    this.at = at;
    await this.show();
    if (this.picture && !this.done) this.play();
  },

  get done() {
    return Boolean(this.shown && "told" in this.shown);
  },

  get draft() {
    return this.shown && desk.draft("heard", this.shown.utterance_id);
  },

  // What is on the page

  build() {
    const all = (name, values, phrase) => [["", desk.t(`any_${name}`)], ...values.map((value) => [value, phrase(value)])];
    const { language, engine, emotion } = this.choices;
    const filters = [
      this.filter("status", STATUSES.map((name) => [name, desk.t(`status_${name}`)])),
      this.filter("failing", [["", desk.t("any_gate")], ["yes", desk.t("only_failing")]], (value) => value === "yes"),
      language.length > 1 && this.filter("language", all("language", language, (name) => desk.t(name))),
      engine.length > 1 && this.filter("engine", all("engine", engine, (name) => name)),
      this.filter("emotion", all("emotion", emotion, (name) => desk.t("wanted_mood", { mood: desk.t(`emotion_${name}`) }))),
    ];
    this.place = h("span", { class: "place" });
    const top = h("div", { class: "filters" }, this.place, this.search(), filters);
    this.page = h("section", { class: "page" });
    this.ask = h("section", { class: "ask" });
    this.views = h("div", { class: "views" });
    this.side = h("aside");
    this.body = h("main", { class: "listen" }, h("article", {}, top, this.page, this.ask, this.views), this.side);
    return this.body;
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

  redraw() {
    const { shown, at, queue } = this;
    this.place.textContent = shown ? desk.t("place", { at: at + 1, n: queue.length.toLocaleString() }) : "";
    this.page.replaceChildren(...(shown ? this.drawClip() : [this.drawEmpty()]));
    this.ask.replaceChildren(...(shown ? this.asked.map((question) => this.drawQuestion(question)) : []));
    this.views.replaceChildren(...(shown ? this.drawComments() : []));
    this.side.replaceChildren(...(shown ? this.drawSide() : []));
    this.follow();
  },

  drawEmpty() {
    return h("p", { class: "empty" }, desk.t(this.queue.length ? "queue_done" : "nothing_found"));
  },

  drawQuestion(question) {
    const asking = question === this.asking && !this.done;
    const chip = (value, n) => {
      const key = this.digit(question, n);
      const chosen = this.answers[question] === value;
      const onclick = (event) => {
        event.currentTarget.blur();
        desk.act(() => this.answer(question, value));
      };
      const props = { type: "button", class: chosen ? "chip chosen" : "chip", disabled: this.done, ariaPressed: chosen, onclick };
      return h("button", { ...props, id: `${question}-${value}` }, asking && desk.keycap(key), desk.t(`${question}_${value}`));
    };
    const chips = h("div", { class: "chips" }, this.questions[question].map(chip));
    return h("div", { class: asking ? "question now" : "question", id: `ask-${question}` }, h("h3", {}, desk.t(question)), chips);
  },

  drawComments() {
    const { mine, aware } = this.shown;
    const note = aware && !this.done && h("p", { class: "note" }, desk.t("aware"));
    return [...mine.comments.map((comment) => h("q", {}, comment)), note].filter(Boolean);
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

  digit(question, n) {
    return this.questions[question][n] === "unclear" ? "0" : `${n + 1}`;
  },

  keys() {
    const { asking, done } = this;
    const there = Boolean(this.shown);
    const field = desk.root.getRootNode().activeElement;
    const key = (keys, word, run, when = true, bar = true, holds = false) => ({ keys, word, run, when, bar, holds });
    const answers = there && !done && asking ? this.questions[asking] : [];
    const ready = there && !done && !asking;
    return [
      key([" "], "play", () => this.toggle(), Boolean(this.picture)),
      ...answers.map((value, n) => key([this.digit(asking, n)], `${asking}_${value}`, () => this.answer(asking, value), true, false)),
      key(["Backspace"], "back", () => this.back(), there && !done && Object.keys(this.answers).length > 0),
      key(["Enter"], "save", () => this.decide({ verdict: "heard", heard: this.answers }), ready),
      key(["s"], "skip", () => this.decide({ verdict: "skip" }), there && !done),
      key(["c"], "comment", () => this.askComment(), there),
      key(["u", "Ctrl+z"], "undo", () => this.undo()),
      key(done ? ["Enter", "j", "ArrowDown"] : ["j", "ArrowDown"], "next", () => this.go(this.at + 1), true, true, true),
      key(["k", "ArrowUp"], "previous", () => this.go(this.at - 1), true, true, true),
      key(["/"], "search", () => desk.root.querySelector("#search").select()),
      key(["PageDown"], "page_down", () => this.side.scrollBy(0, 0.8 * this.side.clientHeight), done, false, true),
      key(["PageUp"], "page_up", () => this.side.scrollBy(0, -0.8 * this.side.clientHeight), done, false, true),
      key(["f"], "refresh", () => this.find(), true, false),
      key(["g"], "agreement", () => this.agreement(), true, false),
      key(["Escape"], "leave_field", () => field.blur(), Boolean(field), false),
    ];
  },

  answer(question, value) {
    this.answers = { ...this.answers, [question]: value };
    this.draft.set(this.answers);
    this.asking = this.asked.find((each) => !(each in this.answers)) ?? null;
    desk.redraw();
  },

  back() {
    const last = this.asked.filter((question) => question in this.answers).at(-1);
    const { [last]: _, ...answers } = this.answers;
    this.answers = answers;
    this.draft.set(answers);
    this.asking = last;
    desk.redraw();
  },

  async decide(act) {
    const { draft } = this;
    const { progress } = await desk.call("decide", { n: this.shown.n, ...act });
    this.progress = progress;
    if (act.verdict === "heard") draft.clear();
    desk.say(desk.t(`said_${act.verdict}`));
    await (act.verdict === "skip" ? this.go(this.at + 1) : this.show());
  },

  async undo() {
    const undone = await desk.call("undo");
    if (undone.n === undefined) return desk.say(desk.t("nothing_to_undo"));
    if (!this.queue.includes(undone.n)) this.queue.splice(this.at, 0, undone.n);
    this.at = this.queue.indexOf(undone.n);
    await this.show();
    return desk.say(desk.t("said_undo", { what: desk.t(undone.verdict) }));
  },

  askComment() {
    const draft = desk.draft("comment", this.shown.utterance_id);
    const text = h("textarea", { id: "comment-text", rows: 5, value: draft.get() ?? "", oninput: () => draft.set(text.value) });
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

  async agreement() {
    if (!this.progress.by[desk.who]) return desk.say(desk.t("agreement_first"));
    const { people, machine } = await desk.call("agreement");
    return desk.open(desk.t("agreement"), this.drawAgreement(people, machine));
  },

  // The sound, and the line that follows it

  toggle() {
    if (this.sound.paused) this.play();
    else this.hush();
  },

  play(from = 0) {
    this.sound.currentTime = from;
    this.sound.play().then(() => this.follow(), (error) => error.name === "NotSupportedError" && desk.say(desk.t("no_sound"), true));
  },

  hush() {
    this.sound.pause();
  },

  follow() {
    const line = this.page.querySelector(".at");
    if (!line) return;
    line.style.left = `${(100 * this.sound.currentTime) / this.picture.seconds}%`;
    line.hidden = this.sound.paused;
    if (!this.sound.paused) requestAnimationFrame(() => this.follow());
  },
};
