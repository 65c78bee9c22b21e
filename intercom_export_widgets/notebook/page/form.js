// The page's script, part 9 of 10: the form above the cards.

const DATES = ["first", "last", "observed"];
const FIELDS = [...DATES, "zone", "every"];

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
    this.access = new AccessView(this.model, this.root);
    this.presets = h("div", { class: "iew-presets", role: "group", "aria-label": "Ranges" });
    this.preview = new PreviewView(this.model);
    this.alert = new AlertView(this.model, (message) => this.act(message));
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
      this.access.element,
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
      this.preview.element,
      h("div", { class: "iew-submit" }, this.button, this.code),
      this.alert.element,
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
    this.on(["alert"], () => this.alert.draw());
    this.on(["workspace"], () => this.drawWorkspace());
    this.on(["presets", "preset"], () => this.drawPresets());
    this.on(["zones"], () => this.drawZones());
    this.on(["preview"], () => this.preview.draw());
    this.on(["code"], () => this.drawCode());
    this.on(["queue", "queue_more", "lost"], () => this.queue.draw());
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

  drawCode() {
    say(this.codeText, this.model.get("code"));
    this.code.hidden = !this.model.get("code");
  }

  drawWorkspace() {
    const known = this.model.get("workspace");
    this.workspace.dataset.sandbox = String(Boolean(known.sandbox));
    this.workspace.hidden = known.state === "missing";
    this.drawOwnZone();
    this.access.draw(known);
    if (known.state === "missing") return;
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
}
