
// Hearing clips: the words and the sound in the middle, three questions below; and at the right, once they are
// answered, what was wanted beside what was measured and what others heard.

const STATUSES = ["todo", "all", "heard", "skipped"];
KEYCAPS.Backspace = "⌫";
const FIRST = { search: "", status: "todo", language: "", engine: "", emotion: "", failing: false };

const app = {
  ...queueing,
  ...drawing,
  sound: new Audio(),
  id: () => app.shown.utterance_id,

  async enter(answer) {
    Object.assign(this, { shown: null, picture: null, asked: Object.keys(answer.questions) });
    await this.begin(answer, FIRST);
  },

  async show() {
    const n = this.queue[this.at];
    const heard = this.shown?.n === n && this.picture; // the same clip, which is playing perhaps
    if (!heard) this.hush();
    await this.look();
    if (!heard) this.picture = this.shown && (await this.load(n));
    this.answers = this.done ? this.shown.mine.heard : (this.draft?.get() ?? {});
    this.asking = this.asked.find((question) => !(question in this.answers)) ?? null;
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

  arrived() {
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

  redraw() {
    const { shown, at, queue } = this;
    this.place.textContent = shown ? desk.t("place", { at: at + 1, n: queue.length.toLocaleString() }) : "";
    this.page.replaceChildren(...(shown ? this.drawClip() : [this.drawEmpty()]));
    this.ask.replaceChildren(...(shown ? this.asked.map((question) => this.drawQuestion(question)) : []));
    this.views.replaceChildren(...(shown ? this.drawComments() : []));
    this.side.replaceChildren(...(shown ? this.drawSide() : []));
    this.follow();
  },

  drawQuestion(question) {
    const asking = question === this.asking && !this.done;
    const chip = (value, n) => {
      const key = this.digit(question, n);
      const chosen = this.answers[question] === value;
      const onclick = desk.clicked(() => this.answer(question, value));
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

  // What one can do

  digit(question, n) {
    return this.questions[question][n] === "unclear" ? "0" : `${n + 1}`;
  },

  keys() {
    const { asking, done } = this;
    const there = Boolean(this.shown);
    const answers = there && !done && asking ? this.questions[asking] : [];
    const ready = there && !done && !asking;
    return [
      key([" "], "play", () => this.toggle(), Boolean(this.picture)),
      ...answers.map((value, n) => key([this.digit(asking, n)], `${asking}_${value}`, () => this.answer(asking, value), true, false)),
      key(["Backspace"], "back", () => this.back(), there && !done && Object.keys(this.answers).length > 0),
      key(["Enter"], "save", () => this.decide({ verdict: "heard", heard: this.answers }), ready),
      key(["s"], "skip", () => this.decide({ verdict: "skip" }), there && !done),
      key(["c"], "comment", () => this.askComment(), there),
      ...this.going(...(done ? ["Enter"] : [])),
      key(["/"], "search", () => desk.root.querySelector("#search").select()),
      ...this.reading([this.side], done),
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
    this.took(await desk.call("decide", { n: this.shown.n, ...act }));
    if (act.verdict === "heard") draft.clear();
    desk.say(desk.t(`said_${act.verdict}`));
    await (act.verdict === "skip" ? this.go(this.at + 1) : this.show());
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
