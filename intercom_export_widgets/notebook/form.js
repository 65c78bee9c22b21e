// Collects and shows; every rule is Python's. Text goes in by textContent only.

/** Make an element: attributes, then children; strings become text nodes. */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

let count = 0;
const unique = (name) => `iew-${name}-${++count}`;

/** Seconds in words, as Python's progress.duration has them. */
function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

/** Show text in an element, and hide the element if there is none. */
function say(element, text) {
  if (element.textContent !== (text || "")) element.textContent = text || "";
  element.hidden = !text;
}

/** A button that copies text and says that it has. */
function copyButton(text, label) {
  const button = h("button", { type: "button", class: "iew-quiet", "aria-label": label }, "Copy");
  button.addEventListener("click", async () => {
    const value = text();
    try {
      await navigator.clipboard.writeText(value);
    } catch {
      const area = h("textarea", { style: "position:fixed;opacity:0" });
      area.value = value;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  return button;
}

/** Send a message to the kernel; where there is none any more, tell the page. */
function send(model, message) {
  try {
    model.send(message);
  } catch {
    for (const page of document.querySelectorAll(".iew"))
      if (page.model === model) page.classList.add("iew-gone");
  }
}

/** What stands above a page whose kernel is gone. */
const deadNotice = () =>
  h(
    "p",
    { class: "iew-dead", role: "alert" },
    "The kernel behind this is gone, and nothing here works any more. Run the cell again; " +
      "exports that were under way can be taken up: %intercom_export attach, and the identifier on the card.",
  );

/** A table that scrolls inside its place, reachable by keyboard. */
function scrollTable(label, heads, rows) {
  return h(
    "div",
    { class: "iew-scroll", tabindex: "0", role: "region", "aria-label": label },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((cell) => h("td", {}, cell))))),
    ),
  );
}

/* ---- One export as a card -------------------------------------------------- */

class CardView {
  constructor(model, card) {
    this.model = model;
    this.label = h("span", { class: "iew-sandbox" });
    this.title = h("strong", { class: "iew-card-title" });
    this.identifier = h("code", { class: "iew-identifier" });
    this.copy = copyButton(() => this.card.identifier, "Copy the job identifier");
    this.status = h("span", { class: "iew-status", role: "status" });
    this.steps = h("ol", { class: "iew-steps", "aria-label": "Steps of the export" });
    this.detail = h("p", { class: "iew-detail" });
    this.progress = h("progress", { "aria-label": "Download" });
    this.time = h("span", { class: "iew-time" });
    this.problem = h("p", { class: "iew-problem", role: "alert" });
    this.rows = h("p", { class: "iew-rows" });
    this.preview = h("div", { class: "iew-first-rows" });
    this.path = h("p", { class: "iew-path" });
    this.codeText = h("code", {});
    this.code = h(
      "div",
      { class: "iew-code" },
      this.codeText,
      copyButton(() => this.card.code, "Copy the line that gives the data"),
    );
    this.cancel = h(
      "button",
      { type: "button", class: "iew-quiet", onclick: () => this.stop() },
      "Cancel",
    );
    this.element = h(
      "article",
      { class: "iew-card" },
      h(
        "div",
        { class: "iew-card-head" },
        this.label,
        this.title,
        h("span", { class: "iew-name" }, this.identifier, this.copy),
        h("span", { class: "iew-end" }, this.status, this.cancel),
      ),
      this.steps,
      this.progress,
      h("div", { class: "iew-line" }, this.detail, this.time),
      this.problem,
      this.rows,
      this.path,
      this.preview,
      this.code,
    );
    this.update(card);
  }

  stop() {
    this.cancel.disabled = true;
    send(this.model, { do: "cancel", number: this.card.number });
    setTimeout(() => (this.cancel.disabled = false), 4000);
  }

  update(card) {
    this.card = card;
    this.element.dataset.tone = card.tone;
    this.element.setAttribute("aria-label", `Export ${card.title} ${card.identifier}`);
    say(this.label, card.label);
    say(this.title, card.title);
    say(this.identifier, card.identifier);
    this.copy.hidden = !card.identifier;
    say(this.status, card.status);
    say(this.detail, card.detail);
    say(this.problem, card.problem);
    say(this.rows, card.rows.map(([name, rows]) => `${name}\u00a0${rows.toLocaleString("en")}`).join(" · "));
    say(this.path, card.path || (card.source && `Token from ${card.source}`));
    say(this.codeText, card.code);
    this.code.hidden = !card.code;
    this.cancel.hidden = !card.can_cancel;
    this.updateSteps(card.steps);
    this.updatePreview(card.preview);
    this.progress.hidden = card.tone !== "running" || !card.received;
    if (card.expected) {
      this.progress.max = card.expected;
      this.progress.value = card.received;
    } else this.progress.removeAttribute("value");
    this.tick();
  }

  updateSteps(steps) {
    const key = JSON.stringify(steps);
    if (key === this.stepsKey) return;
    this.stepsKey = key;
    this.steps.replaceChildren(
      ...steps.map(([name, state]) =>
        h("li", { "data-state": state, "aria-current": state === "now" ? "step" : null }, name),
      ),
    );
  }

  /** The first rows, masked until asked for. Unmasked ones come by message only. */
  updatePreview(preview) {
    if (this.unmasked) return;
    this.drawPreview(preview);
  }

  drawPreview(preview) {
    const key = JSON.stringify(preview);
    if (key === this.previewKey) return;
    this.previewKey = key;
    this.preview.hidden = !preview || preview.rows.length === 0;
    if (this.preview.hidden) return;
    const label = preview.masked ? "Show names and e-mails" : "Mask names and e-mails";
    const ask = () =>
      send(this.model, { do: "preview", number: this.card.number, masked: !preview.masked });
    this.preview.replaceChildren(
      h(
        "div",
        { class: "iew-line" },
        h("span", { class: "iew-muted" }, `First ${preview.rows.length} deliveries`),
        h("button", { type: "button", class: "iew-quiet", onclick: ask }, label),
      ),
      scrollTable("First deliveries", preview.heads, preview.rows),
    );
  }

  /** Show what the clock changes; the kernel's clock counts, not the browser's. */
  tick(now = this.now ?? this.card.started_at) {
    this.now = now;
    const { card } = this;
    const said = [duration((card.finished_at ?? now) - card.started_at)];
    if (card.tone === "running" && card.next_ask_at)
      said.push(`asking again in ${duration(card.next_ask_at - now)}`);
    if (card.tone === "good" && card.expires_at > now)
      said.push(`Intercom keeps it for ${duration(card.expires_at - now)}`);
    say(this.time, said.join(" · "));
  }
}

/** Keep one CardView per export, in the order that Python gives. */
function cardList(model, element) {
  const views = new Map();
  let offset = 0;
  const now = () => Date.now() / 1000 - offset;
  const draw = () => {
    offset = Date.now() / 1000 - (model.get("clock") || Date.now() / 1000);
    const cards = model.get("cards");
    const wanted = new Set(cards.map((card) => card.number));
    for (const [number, view] of views)
      if (!wanted.has(number)) {
        view.element.remove();
        views.delete(number);
      }
    cards.forEach((card, index) => {
      let view = views.get(card.number);
      if (!view) views.set(card.number, (view = new CardView(model, card)));
      else view.update(card);
      view.tick(now());
      if (element.children[index] !== view.element)
        element.insertBefore(view.element, element.children[index] ?? null);
    });
  };
  draw();
  const heard = ({ preview, number }) => {
    const view = preview && views.get(number);
    if (!view) return;
    view.unmasked = !preview.masked;
    view.drawPreview(preview);
  };
  model.on("change:cards", draw);
  model.on("msg:custom", heard);
  const timer = setInterval(() => {
    if (element.closest(".iew-gone")) return;
    for (const view of views.values()) if (view.card.tone === "running") view.tick(now());
  }, 1000);
  return () => {
    clearInterval(timer);
    model.off("change:cards", draw);
    model.off("msg:custom", heard);
  };
}

/* ---- The form -------------------------------------------------------------- */

/** A labelled field with a place for its error. */
function field(label, input, hint) {
  const error = h("p", { class: "iew-error", role: "alert", id: unique("error"), hidden: true });
  input.id = unique("field");
  return {
    input,
    error,
    element: h(
      "div",
      { class: "iew-field" },
      h("label", { for: input.id }, label, hint ? h("small", {}, ` ${hint}`) : null),
      input,
      error,
    ),
  };
}

class FormView {
  constructor(model, root) {
    this.model = model;
    this.root = root;
    this.listeners = [];
    this.turn = this.answered = 0;
    this.heard = ({ focus, answered, turn }) => {
      if (focus) this[focus].input.focus();
      if (answered === "export") this.waiting = false;
      if (turn) this.answered = Math.max(this.answered, turn);
      if (answered) this.drawFields();
      this.drawButton();
    };
    this.first = field("From", h("input", { type: "date", required: true }), "first day");
    this.last = field("To", h("input", { type: "date", required: true }), "last day, included");
    const zones = h("datalist", { id: unique("zones") });
    this.zone = field(
      "Time zone",
      h("input", { type: "text", list: zones.id, spellcheck: "false", autocomplete: "off" }),
    );
    this.button = h(
      "button",
      { type: "button", class: "iew-primary", onclick: () => this.export() },
      "Export",
    );
    this.workspace = h("div", { class: "iew-workspace" });
    this.presets = h("div", { class: "iew-presets", role: "group", "aria-label": "Ranges" });
    this.preview = h("dl", { class: "iew-preview", "aria-label": "What will be asked for" });
    this.alertText = h("p", { role: "alert" });
    this.alertActions = h("div", { class: "iew-actions" });
    this.alert = h("div", { class: "iew-alert" }, this.alertText, this.alertActions);
    this.codeText = h("code", {});
    this.code = h(
      "div",
      { class: "iew-code" },
      h("span", { class: "iew-code-label" }, "The same as code"),
      this.codeText,
      copyButton(() => model.get("code"), "Copy the magic line"),
    );
    this.cards = h("section", { class: "iew-cards", "aria-label": "Exports" });
    this.log = h("details", { class: "iew-log" });
    root.append(
      h(
        "header",
        {},
        h("h3", {}, "Intercom export"),
        this.workspace,
      ),
      h(
        "p",
        { class: "iew-about" },
        "Who received your outbound messages, and who opened, clicked, replied or bounced. " +
          "It is not the text of messages or conversations. " +
          "Messages sent in the range are included, and what people did with them until its last day.",
      ),
      this.presets,
      h(
        "div",
        { class: "iew-fields" },
        this.first.element,
        this.last.element,
        this.zone.element,
        zones,
        h("div", { class: "iew-submit" }, this.button),
      ),
      this.preview,
      this.alert,
      this.code,
      this.cards,
      this.log,
    );
    this.zones = zones;
    this.wire();
  }

  on(names, draw) {
    for (const name of names) {
      const event = `change:${name}`;
      this.model.on(event, draw);
      this.listeners.push([event, draw]);
    }
    draw();
  }

  wire() {
    this.on(["first", "last", "zone"], () => this.drawFields());
    this.on(["errors"], () => this.drawErrors());
    this.on(["busy"], () => this.drawButton());
    this.on(["alert"], () => this.drawAlert());
    this.on(["workspace"], () => this.drawWorkspace());
    this.on(["presets"], () => this.drawPresets());
    this.on(["zones"], () =>
      this.zones.replaceChildren(...this.model.get("zones").map((name) => h("option", { value: name }))),
    );
    this.on(["preview"], () => this.drawPreview());
    this.on(["code"], () => {
      say(this.codeText, this.model.get("code"));
      this.code.hidden = !this.model.get("code");
    });
    this.on(["log_rows"], () => this.drawLog());
    this.model.on("msg:custom", this.heard);
    for (const name of ["first", "last", "zone"]) {
      const { input } = this[name];
      input.addEventListener("input", () => this.send("edit"));
      input.addEventListener("blur", () => this.send("edit", { left: [name] }));
      input.addEventListener("keydown", (event) => {
        if (event.key === "Enter") this.export();
      });
    }
  }

  destroy() {
    for (const [event, draw] of this.listeners) this.model.off(event, draw);
    this.model.off("msg:custom", this.heard);
  }

  /** What the fields hold, and what the browser could not read of them. */
  fields() {
    const unreadable = {};
    for (const name of ["first", "last"]) {
      const { input } = this[name];
      if (input.validity.badInput) unreadable[name] = "This is not a real date";
      else if (input.value.length > 10) unreadable[name] = "A year has four digits";
    }
    return {
      first: this.first.input.value,
      last: this.last.input.value,
      zone: this.zone.input.value.trim(),
      unreadable,
    };
  }

  /** Messages are numbered: until the last is answered, what Python echoes is older. */
  send(what, more = {}) {
    this.turn += 1;
    send(this.model, { do: what, turn: this.turn, ...this.fields(), ...more });
  }

  /** Ask once; the button is free again when Python has answered, however busy it is. */
  export() {
    if (this.waiting || this.model.get("busy")) return;
    this.waiting = true;
    this.drawButton();
    this.send("export");
  }

  drawButton() {
    const busy = this.waiting || this.model.get("busy");
    this.button.setAttribute("aria-disabled", String(Boolean(busy)));
    this.button.textContent = busy ? "Submitting …" : "Export";
  }

  /** Show what Python holds, but never over what is being typed or was just typed. */
  drawFields() {
    if (this.answered < this.turn) return;
    const active = this.root.getRootNode().activeElement;
    for (const name of ["first", "last", "zone"]) {
      const { input } = this[name];
      const value = this.model.get(name) ?? "";
      if (input.value !== value && input !== active && !input.validity.badInput)
        input.value = value;
    }
  }

  drawErrors() {
    const errors = this.model.get("errors");
    for (const name of ["first", "last", "zone"]) {
      const { input, error } = this[name];
      say(error, errors[name]);
      if (errors[name]) {
        input.setAttribute("aria-invalid", "true");
        input.setAttribute("aria-describedby", error.id);
      } else {
        input.removeAttribute("aria-invalid");
        input.removeAttribute("aria-describedby");
      }
    }
  }

  drawAlert() {
    const { text, actions = [] } = this.model.get("alert");
    say(this.alertText, text);
    this.alert.hidden = !text;
    this.alertActions.replaceChildren(
      ...actions.map(({ label, ...message }) =>
        h("button", { type: "button", onclick: () => this.act(message) }, label),
      ),
    );
  }

  /** A preset replaces whatever is in the fields, also what can't be read. */
  preset(name) {
    for (const { input } of [this.first, this.last]) input.value = "";
    this.turn += 1;
    send(this.model, { do: "preset", turn: this.turn, name });
  }

  /** Do what a button of the alert says; exporting again takes the fields as they are now. */
  act(message) {
    if (message.do === "export") this.export();
    else send(this.model, message);
  }

  drawPresets() {
    this.presets.replaceChildren(
      ...this.model.get("presets").map(([name, title]) =>
        h(
          "button",
          {
            type: "button",
            class: "iew-quiet",
            onclick: () => this.preset(name),
          },
          title,
        ),
      ),
    );
  }

  drawPreview() {
    const preview = this.model.get("preview");
    const rows = [
      ["Days", preview.days],
      ["Local", preview.local],
      ["UTC", preview.utc],
      ["Unix seconds", preview.unix],
      ["Daylight saving", preview.daylight],
    ].filter(([, value]) => value);
    this.preview.hidden = rows.length === 0;
    this.preview.replaceChildren(
      ...rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value)))),
    );
  }

  drawWorkspace() {
    const known = this.model.get("workspace");
    this.workspace.dataset.sandbox = String(Boolean(known.sandbox));
    if (known.state === "known") {
      const details = [
        known.sandbox ? "no token needed" : known.region,
        known.source ? `token from ${known.source}` : "",
      ];
      this.workspace.replaceChildren(
        h("strong", {}, known.name),
        h("small", {}, ` ${details.filter(Boolean).join(" · ")}`),
      );
    } else if (known.state === "missing") this.workspace.replaceChildren(...this.tokenField(known));
    else this.workspace.replaceChildren(known.text ?? "Looking for your workspace …");
  }

  /** A field for a token: it goes by message, never into a trait, and is emptied at once. */
  tokenField(known) {
    const input = h("input", { type: "password", autocomplete: "off", id: unique("token") });
    const use = () => {
      const token = input.value;
      input.value = "";
      if (token) send(this.model, { do: "token", token });
    };
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") use();
    });
    return [
      h("p", { class: known.text ? "iew-error" : null }, known.text || "No access token was found."),
      h(
        "p",
        {},
        "Better than typing it: set the environment variable ",
        h("code", {}, "INTERCOM_ACCESS_TOKEN"),
        ", or keep it in a keyring. What is typed here is used by this session only, and saved nowhere.",
      ),
      h(
        "div",
        { class: "iew-token" },
        h("label", { for: input.id }, "Access token"),
        input,
        h("button", { type: "button", onclick: use }, "Use my workspace"),
        this.model.get("sandbox_offered")
          ? h("button", { type: "button", onclick: () => send(this.model, { do: "sandbox" }) }, "Try the sandbox")
          : null,
      ),
    ];
  }

  drawLog() {
    const rows = this.model.get("log_rows");
    const heads = this.model.get("log_heads");
    this.log.hidden = rows.length === 0;
    this.log.replaceChildren(
      h("summary", {}, `Session log: ${rows.length} ${rows.length === 1 ? "job" : "jobs"}`),
      scrollTable("Session log", heads, rows),
      h("p", { class: "iew-about" }, "As a DataFrame: ", h("code", {}, "log = %intercom_export log")),
    );
  }
}

/* ---- Entry ----------------------------------------------------------------- */

function render({ model, el }) {
  const root = h("div", { class: "iew", "data-kind": model.get("kind") });
  // JupyterLab's shortcuts would cut the cell when `x` is pressed on a button.
  root.addEventListener("keydown", (event) => event.stopPropagation());
  root.model = model;
  root.append(deadNotice());
  el.append(root);
  // Sent again when the kernel comes or goes: a message that can't be sent tells which.
  const hello = () => send(model, { do: "hello" });
  hello();
  model.on("comm_live_update", hello);
  if (model.get("kind") !== "form") {
    const cards = h("div", {});
    root.append(cards);
    const stop = cardList(model, cards);
    return () => {
      model.off("comm_live_update", hello);
      stop();
    };
  }
  const form = new FormView(model, root);
  const stopCards = cardList(model, form.cards);
  return () => {
    model.off("comm_live_update", hello);
    form.destroy();
    stopCards();
  };
}

export default { render };
