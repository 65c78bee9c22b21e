// The page's script, part 6 of 7: the form above the cards.

const DATES = ["first", "last", "observed"];
const FIELDS = [...DATES, "zone", "every"];

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

/** Tie a sentence to a field, or take it away. */
function sayError({ input, error }, text) {
  say(error, text);
  if (text) {
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", error.id);
  } else {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
  }
}

/** Where a token is kept better than in a page. */
function betterWays() {
  return h(
    "p",
    {},
    "Best set the environment variable ",
    h("code", {}, "INTERCOM_ACCESS_TOKEN"),
    " before the kernel starts, or keep it in a keyring. What is typed here is checked, used by " +
      "this session only, and saved nowhere.",
  );
}

class FormView {
  constructor(model, root) {
    this.model = model;
    this.root = root;
    this.listeners = [];
    this.turn = this.answered = 0;
    this.build();
    this.wire();
  }

  build() {
    const zones = h("datalist", { id: unique("zones") });
    this.zones = zones;
    this.first = field("From", h("input", { type: "date", required: true }), "first day");
    this.last = field("To", h("input", { type: "date", required: true }), "last day, included");
    this.observed = field("Count opens until", h("input", { type: "date" }));
    this.zone = field(
      "Time zone",
      h("input", { type: "text", list: zones.id, spellcheck: "false", autocomplete: "off" }),
    );
    this.every = field("Split", h("select"), "a long range");
    this.ownZone = h("button", {
      type: "button",
      class: "iew-link",
      onclick: () => this.takeOwnZone(),
    });
    this.zone.element.append(this.ownZone);
    this.button = h(
      "button",
      { type: "button", class: "iew-primary", onclick: () => this.export() },
      "Export",
    );
    this.workspace = h("div", { class: "iew-workspace" });
    this.access = h("div", { class: "iew-access", hidden: true });
    this.presets = h("div", { class: "iew-presets", role: "group", "aria-label": "Ranges" });
    this.preview = h("dl", { class: "iew-preview", "aria-label": "What will be asked for" });
    this.alertTitle = h("strong", {});
    this.alertText = h("span", {});
    this.alertActions = h("div", { class: "iew-actions" });
    this.alert = h(
      "div",
      { class: "iew-alert" },
      h("p", { role: "alert" }, this.alertTitle, " ", this.alertText),
      this.alertActions,
    );
    this.codeText = h("code", {});
    const same = this.model.get("by_magic")
      ? "The same as code"
      : "The same from Python, where session is the one that this form was made with";
    this.code = h(
      "div",
      { class: "iew-line" },
      h("span", { class: "iew-muted" }, same),
      codeLine(this.codeText, "Copy the line"),
    );
    this.cards = h("section", { class: "iew-cards", "aria-label": "Exports" });
    this.queue = new QueueView(this.model);
    this.log = new LogView(this.model);
    this.root.append(
      h("div", { class: "iew-head" }, h("h3", {}, "Intercom export"), this.workspace),
      h(
        "p",
        { class: "iew-about" },
        "Who got your outbound messages, opened, clicked, replied or bounced; not the text of " +
          "messages or conversations.",
      ),
      this.access,
      this.presets,
      h(
        "div",
        { class: "iew-fields" },
        this.first.element,
        this.last.element,
        this.observed.element,
        this.zone.element,
        this.every.element,
        zones,
      ),
      this.preview,
      h("div", { class: "iew-submit" }, this.button, this.code),
      this.alert,
      this.queue.element,
      this.cards,
      this.log.element,
    );
  }

  wire() {
    this.on(["windows"], () => this.drawWindows());
    this.on(FIELDS, () => this.drawFields());
    this.on(["errors"], () => this.drawErrors());
    this.on(["busy"], () => this.drawButton());
    this.on(["alert"], () => this.drawAlert());
    this.on(["workspace"], () => this.drawWorkspace());
    this.on(["presets", "preset"], () => this.drawPresets());
    this.on(["zones"], () => this.drawZones());
    this.on(["preview"], () => this.drawPreview());
    this.on(["code"], () => this.drawCode());
    this.on(["queue", "lost"], () => this.queue.draw());
    this.on(["log_rows"], () => this.log.draw());
    this.heard = (message) => this.hear(message);
    this.model.on("msg:custom", this.heard);
    for (const name of FIELDS) {
      const { input } = this[name];
      input.addEventListener("input", () => this.send("edit"));
      input.addEventListener("blur", () => this.send("edit", { left: [name] }));
      input.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && !event.repeat && input !== this.every.input) this.export();
      });
    }
  }

  on(names, draw) {
    for (const name of names) {
      const event = `change:${name}`;
      this.model.on(event, draw);
      this.listeners.push([event, draw]);
    }
    draw();
  }

  destroy() {
    for (const [event, draw] of this.listeners) this.model.off(event, draw);
    this.model.off("msg:custom", this.heard);
  }

  // What the page says, and what it hears --------------------------------------

  /** What the fields hold, and what the browser could not read of them. */
  fields() {
    const unreadable = {};
    for (const name of DATES) {
      const { input } = this[name];
      if (input.validity.badInput) unreadable[name] = "This is not a real date";
      else if (input.value.length > 10) unreadable[name] = "A year has four digits";
    }
    return {
      first: this.first.input.value,
      last: this.last.input.value,
      observed: this.observed.input.value,
      zone: this.zone.input.value.trim(),
      every: this.every.input.value,
      unreadable,
    };
  }

  /** Messages are numbered: until the last is answered, what Python echoes is older. */
  send(what, more = {}) {
    this.turn += 1;
    send(this.model, { do: what, turn: this.turn, ...this.fields(), ...more }, this.root);
  }

  hear({ focus, answered, turn, view }) {
    if (view !== this.root.id) return;
    if (focus && isHere(this.root)) this[focus].input.focus();
    if (answered === "export") this.waiting = false;
    if (turn) this.answered = Math.max(this.answered, turn);
    if (answered) this.drawFields();
    this.drawButton();
  }

  /** Ask once; the button is free again when Python has answered, however busy it is. */
  export() {
    if (this.waiting || this.model.get("busy")) return;
    this.waiting = true;
    this.drawButton();
    this.send("export");
  }

  /** A preset replaces whatever is in the fields, also what can't be read. */
  preset(name) {
    for (const { input } of [this.first, this.last]) input.value = "";
    this.turn += 1;
    send(this.model, { do: "preset", turn: this.turn, name }, this.root);
  }

  /** Take the zone that the workspace's own reports are in. */
  takeOwnZone() {
    this.zone.input.value = this.model.get("workspace").timezone;
    this.send("edit", { left: ["zone"] });
    this.zone.input.focus();
  }

  /** Do what a button of the alert says; exporting again takes the fields as they are now. */
  act(message) {
    if (message.do === "export") this.export();
    else send(this.model, message, this.root);
  }

  // Drawing ---------------------------------------------------------------------

  drawButton() {
    const busy = this.waiting || this.model.get("busy");
    this.button.setAttribute("aria-disabled", String(Boolean(busy)));
    this.button.textContent = busy ? "Submitting …" : "Export";
  }

  /**
   * Show what Python holds, but never over what is being typed or was just typed; nor over what
   * can't be read, unless Python has a day to put in its place.
   */
  drawFields() {
    this.drawOwnZone();
    if (this.answered < this.turn) return;
    const active = this.root.getRootNode().activeElement;
    for (const name of FIELDS) {
      const { input } = this[name];
      const value = this.model.get(name) ?? "";
      const unreadable = input.validity.badInput || (input.type === "date" && input.value.length > 10);
      if (input.value !== value && input !== active && (value || !unreadable)) input.value = value;
    }
  }

  drawOwnZone() {
    const { timezone } = this.model.get("workspace");
    const other = timezone && timezone !== this.model.get("zone");
    say(this.ownZone, other ? `Use the workspace's, ${timezone}` : "");
  }

  drawZones() {
    this.zones.replaceChildren(
      ...this.model.get("zones").map((name) => h("option", { value: name })),
    );
  }

  drawWindows() {
    this.every.input.replaceChildren(
      ...this.model.get("windows").map(([value, title]) => h("option", { value }, title)),
    );
  }

  drawErrors() {
    const errors = this.model.get("errors");
    for (const name of FIELDS) sayError(this[name], errors[name]);
  }

  drawAlert() {
    const { title, text, actions = [] } = this.model.get("alert");
    say(this.alertTitle, title);
    say(this.alertText, text);
    this.alert.hidden = !title;
    const dismiss = { label: "Dismiss", do: "dismiss" };
    this.alertActions.replaceChildren(
      ...[...actions, dismiss].map(({ label, ...message }) =>
        h("button", { type: "button", onclick: () => this.act(message) }, label),
      ),
    );
  }

  drawPresets() {
    const chosen = this.model.get("preset");
    const names = this.model.get("presets");
    if (this.presets.children.length !== names.length)
      this.presets.replaceChildren(
        ...names.map(([name, title]) =>
          h(
            "button",
            { type: "button", class: "iew-quiet", onclick: () => this.preset(name) },
            title,
          ),
        ),
      );
    names.forEach(([name], index) =>
      this.presets.children[index].setAttribute("aria-pressed", String(name === chosen)),
    );
  }

  drawPreview() {
    const preview = this.model.get("preview");
    const rows = [
      ["Range", preview.days && `${preview.days}: ${preview.local}`],
      ["UTC", preview.utc],
      ["Unix seconds", preview.unix],
      ["Daylight saving", preview.daylight],
      ["Windows", preview.windows],
      ["Counted", preview.counted],
    ].filter(([, value]) => value);
    this.preview.hidden = rows.length === 0;
    this.preview.replaceChildren(
      ...rows.map(([name, value]) =>
        h(
          "div",
          {},
          h("dt", {}, name),
          h("dd", {}, value, value === preview.counted ? this.explanation() : null),
        ),
      ),
    );
  }

  /** Where it is shown why a month's numbers change: a link, if the notebook is at hand. */
  explanation() {
    const href = addressOf(this.model, this.model.get("explanation"));
    const name = "3_why_june_changes.ipynb";
    if (!href) return ` It is shown in the project's notebook ${name}.`;
    const link = h("a", { href, target: "_blank", rel: "noopener" }, "See it in a notebook");
    return h("span", {}, " ", link, ".");
  }

  drawCode() {
    say(this.codeText, this.model.get("code"));
    this.code.hidden = !this.model.get("code");
  }

  drawWorkspace() {
    const known = this.model.get("workspace");
    this.workspace.dataset.sandbox = String(Boolean(known.sandbox));
    this.workspace.hidden = known.state === "missing";
    this.access.hidden = known.state !== "missing";
    this.drawOwnZone();
    if (known.state === "missing") {
      this.drawAccess(known);
      if (isHere(this.root) && (known.tries || known.known !== undefined)) this.token.input.focus();
      return;
    }
    this.token = null;
    this.access.replaceChildren();
    if (known.state === "known") {
      const details = [
        known.sandbox ? "no token needed" : known.region.toUpperCase(),
        known.source ? `token from ${known.source}` : "",
      ];
      this.workspace.replaceChildren(
        h("strong", {}, known.name),
        h("small", {}, ` ${details.filter(Boolean).join(" · ")}`),
      );
    } else if (known.state === "unknown") {
      const again = () => send(this.model, { do: "identify" }, this.root);
      this.workspace.replaceChildren(
        `${known.text} `,
        h("button", { type: "button", class: "iew-quiet", onclick: again }, "Try again"),
      );
    } else this.workspace.replaceChildren("Looking for your workspace …");
  }

  /** A field for a token: it goes by message, never into a trait, and is emptied at once. */
  drawAccess({ why, text, known }) {
    if (this.token) {
      sayError(this.token, text);
      this.useToken.textContent = "Use my workspace";
      return;
    }
    this.token = field("Access token", h("input", { type: "password", autocomplete: "off" }));
    const use = () => {
      const token = this.token.input.value;
      this.token.input.value = "";
      if (!token) {
        this.token.input.focus();
        return;
      }
      this.useToken.textContent = "Checking …";
      send(this.model, { do: "token", token }, this.root);
    };
    this.token.input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.repeat) use();
    });
    this.useToken = h("button", { type: "button", onclick: use }, "Use my workspace");
    const other = (label, what) =>
      h(
        "button",
        { type: "button", onclick: () => send(this.model, { do: what }, this.root) },
        label,
      );
    sayError(this.token, text);
    const caution = h("p", { class: "iew-caution", id: unique("caution"), hidden: true });
    say(caution, this.model.get("caution"));
    if (!text && !caution.hidden) this.token.input.setAttribute("aria-describedby", caution.id);
    this.access.replaceChildren(
      h("strong", {}, `Whose workspace? ${why ?? ""}`),
      caution,
      ...(caution.hidden ? [betterWays()] : []),
      h(
        "div",
        { class: "iew-token" },
        this.token.element,
        this.useToken,
        known ? other("Keep the present one", "identify") : null,
        other("Try the sandbox", "sandbox"),
      ),
    );
  }
}
