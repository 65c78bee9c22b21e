// The page's script, part 3 of 10: one export as a card, and the list of cards.

const STATES = { done: "done", now: "now", failed: "ended here", ahead: "" };

/** One labelled line of a card; it is hidden while there is nothing in it. */
function fact(label, ...values) {
  const row = h("div", {}, h("dt", {}, label), h("dd", {}, ...values));
  row.hidden = true;
  return row;
}

class CardView {
  constructor(model, card, root) {
    this.model = model;
    this.root = root;
    this.label = h("span", { class: "iew-sandbox" });
    this.title = h("strong", { class: "iew-card-title" });
    this.status = h("span", { class: "iew-status", role: "status" });
    this.cancel = h(
      "button",
      { type: "button", class: "iew-quiet", onclick: () => this.stop() },
      "Cancel",
    );
    this.steps = h("ol", { class: "iew-steps", "aria-label": "Steps of the export" });
    this.detail = h("p", { class: "iew-detail" });
    this.progress = h("progress", { "aria-label": "Download" });
    this.problem = h("p", { class: "iew-problem", role: "alert" });
    this.identifier = h("code", { class: "iew-identifier" });
    this.time = h("span", { class: "iew-time" });
    this.rows = h("ul", { class: "iew-rows" });
    this.path = h("span", { class: "iew-path" });
    this.expires = h("span", { class: "iew-time" });
    this.source = h("span", {});
    const copyPath = copyButton(() => this.card.path, "Copy the file's path");
    this.facts = {
      identifier: fact(
        "Job",
        this.identifier,
        copyButton(() => this.card.identifier, "Copy the job identifier"),
      ),
      time: fact("Time", this.time),
      source: fact("Token", this.source),
      rows: fact("Rows", this.rows),
      path: fact("File", this.path, copyPath),
      expires: fact("Kept", this.expires),
    };
    for (const row of [this.facts.time, this.facts.expires]) row.classList.add("iew-clock");
    this.preview = h("details", { class: "iew-first-rows" });
    this.preview.addEventListener("click", () => (this.touched = true));
    this.pictures = new PicturesView(() =>
      send(this.model, { do: "pictures", number: this.card.number }, this.root),
    );
    this.codeText = h("code", {});
    this.code = codeLine(this.codeText, "Copy the line that gives the data");
    this.element = h(
      "article",
      { class: "iew-card", tabindex: "-1" },
      h(
        "div",
        { class: "iew-card-head" },
        h("div", { class: "iew-name" }, this.title, this.label),
        h("div", { class: "iew-end" }, this.status, this.cancel),
      ),
      this.steps,
      this.progress,
      this.detail,
      this.problem,
      h("dl", { class: "iew-facts" }, ...Object.values(this.facts)),
      this.pictures.element,
      this.preview,
      this.code,
    );
    this.update(card);
  }

  stop() {
    if (this.cancel.getAttribute("aria-disabled") === "true") return;
    send(this.model, { do: "cancel", number: this.card.number }, this.root);
  }

  update(card) {
    this.card = card;
    this.element.dataset.tone = card.tone;
    this.element.setAttribute("aria-label", `Export ${card.title} ${card.identifier}`);
    say(this.label, card.label);
    say(this.title, card.title);
    say(this.status, card.status);
    say(this.detail, card.detail);
    say(this.problem, card.problem);
    this.cancel.hidden = !card.can_cancel;
    this.cancel.textContent = card.canceling ? "Canceling …" : "Cancel";
    this.cancel.setAttribute("aria-disabled", String(Boolean(card.canceling)));
    this.updateFacts(card);
    this.updateSteps(card.steps);
    this.updateProgress(card);
    say(this.codeText, card.code);
    this.code.hidden = !card.code;
    this.pictures.update(card.tone === "good" && card.rows.some(([name]) => name === "receipt"));
    if (!this.unmasked) this.drawPreview(card.preview);
    this.tick();
  }

  updateFacts(card) {
    say(this.identifier, card.identifier);
    say(this.path, card.path);
    say(this.source, card.source && `from ${card.source}`);
    const rows = JSON.stringify(card.rows);
    if (rows !== this.rowsKey)
      this.rows.replaceChildren(
        ...card.rows.map(([name, number]) =>
          h("li", {}, `${name}\u00a0`, h("b", {}, number.toLocaleString("en"))),
        ),
      );
    this.rowsKey = rows;
    this.facts.identifier.hidden = !card.identifier;
    this.facts.path.hidden = !card.path;
    this.facts.source.hidden = !card.source;
    this.facts.rows.hidden = card.rows.length === 0;
  }

  updateSteps(steps) {
    const key = JSON.stringify(steps);
    if (key === this.stepsKey) return;
    this.stepsKey = key;
    this.steps.replaceChildren(
      ...steps.map(([name, state]) =>
        h(
          "li",
          { "data-state": state, "aria-current": state === "now" ? "step" : null },
          h("span", { class: "iew-step" }, name),
          h("span", { class: "iew-unseen" }, ` ${STATES[state]}`),
        ),
      ),
    );
  }

  updateProgress(card) {
    this.progress.hidden = card.tone !== "running" || !card.received;
    if (card.expected) {
      this.progress.max = card.expected;
      this.progress.value = card.received;
    } else this.progress.removeAttribute("value");
  }

  /** The first rows, masked until asked for. Unmasked ones come by message only. */
  drawPreview(preview) {
    const key = JSON.stringify(preview);
    if (key === this.previewKey) return;
    this.previewKey = key;
    this.preview.hidden = !preview || preview.rows.length === 0;
    if (this.preview.hidden) return;
    const label = preview.masked ? "Show names and e-mails" : "Mask names and e-mails";
    const message = { do: "preview", number: this.card.number, masked: !preview.masked };
    const ask = () => send(this.model, message, this.root);
    const focused = this.preview.contains(this.preview.getRootNode().activeElement);
    const button = h("button", { type: "button", class: "iew-quiet", onclick: ask }, label);
    this.preview.replaceChildren(
      h("summary", {}, `First ${preview.rows.length} deliveries`),
      scrollTable("First deliveries", preview.heads, h("tbody", {}, ...preview.rows.map(tableRow))),
      button,
    );
    if (focused) button.focus();
  }

  /** Show what the clock changes; the kernel's clock counts, not the browser's. */
  tick(now = this.now ?? this.card.started_at) {
    this.now = now;
    const { card } = this;
    const said = [duration((card.finished_at ?? now) - card.started_at)];
    if (card.tone === "running" && card.next_ask_at)
      said.push(
        card.next_ask_at - now >= 0.5
          ? `${card.queued ? "next try" : "asking again"} in ${duration(card.next_ask_at - now)}`
          : card.queued
            ? "trying now"
            : "asking now",
      );
    say(this.time, said.join(", "));
    this.facts.time.hidden = false;
    const kept = card.tone === "good" && card.expires_at ? card.expires_at - now : null;
    say(
      this.expires,
      kept === null
        ? ""
        : kept > 0
          ? `at Intercom for another ${duration(kept)}; the file stays`
          : "no longer at Intercom; the file stays",
    );
    this.facts.expires.hidden = kept === null;
  }
}

/** Keep one CardView per export, in the order that Python gives. */
function cardList(model, element, root) {
  const views = new Map();
  let offset = 0;
  const now = () => Date.now() / 1000 - offset;
  // The kernel's clock comes with each update, and once more in answer to this page's hello.
  const set = () => (offset = Date.now() / 1000 - (model.get("clock") || Date.now() / 1000));
  const draw = () => {
    const cards = model.get("cards");
    const wanted = new Set(cards.map((card) => card.number));
    for (const [number, view] of views)
      if (!wanted.has(number)) {
        view.element.remove();
        views.delete(number);
      }
    cards.forEach((card, index) => {
      let view = views.get(card.number);
      if (!view) views.set(card.number, (view = new CardView(model, card, root)));
      else view.update(card);
      view.tick(now());
      // The newest shows its pictures and first rows; what the reader has opened or closed stays.
      if (!view.touched) view.preview.open = index === 0;
      if (!view.pictures.touched) view.pictures.element.open = index === 0;
      if (element.children[index] !== view.element)
        element.insertBefore(view.element, element.children[index] ?? null);
    });
  };
  set();
  draw();
  const heard = ({ preview, pictures, problem, number, show, view: asked }) => {
    const view = views.get(show ?? number);
    if (!view) return;
    if (show !== undefined && asked === root.id && isHere(root)) {
      view.element.scrollIntoView({ block: "nearest" });
      view.element.focus();
    }
    if (pictures) view.pictures.draw(pictures, problem);
    if (preview) {
      view.unmasked = !preview.masked;
      view.drawPreview(preview);
    }
  };
  model.on("change:clock", set);
  model.on("change:cards", draw);
  model.on("msg:custom", heard);
  const timer = setInterval(() => {
    if (element.closest(".iew-gone")) return;
    for (const view of views.values()) view.tick(now());
  }, 1000);
  return () => {
    clearInterval(timer);
    model.off("change:clock", set);
    model.off("change:cards", draw);
    model.off("msg:custom", heard);
  };
}
