// The page's script, part 1 of 10: making elements, saying, copying, sending.
// The parts are joined in order into one module. The page collects and shows; every rule is
// Python's. Text goes in by textContent only.

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

// Each model has a module of its own, and so its own count: a word of chance tells them apart.
const chance = Math.random().toString(36).slice(2);
let count = 0;
const unique = (name) => `iew-${name}-${chance}-${++count}`;

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

/** Say something to whoever listens rather than looks. */
function announce(element, text) {
  const region = element.closest(".iew")?.querySelector(".iew-live");
  if (region) region.textContent = text;
}

/** Put text on the clipboard; return whether it is there. */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h("textarea", { style: "position:fixed;opacity:0" });
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }
}

/** A button that copies text and says whether it has. */
function copyButton(text, label) {
  const button = h(
    "button",
    { type: "button", class: "iew-quiet iew-copy", "aria-label": label, title: label },
    "Copy",
  );
  button.addEventListener("click", async () => {
    const copied = await copyText(text());
    button.focus();
    button.textContent = copied ? "Copied" : "Not copied";
    button.setAttribute("aria-label", button.textContent);
    announce(button, copied ? "Copied to the clipboard." : "The browser did not let it be copied.");
    setTimeout(() => {
      button.textContent = "Copy";
      button.setAttribute("aria-label", label);
      announce(button, "");
    }, 1500);
  });
  return button;
}

/** A line of code with its button. */
function codeLine(code, label) {
  return h("div", { class: "iew-code" }, code, copyButton(() => code.textContent, label));
}

/** Whether the reader is in this page, or nowhere: only then may the focus be moved. */
function isHere(root) {
  const active = root.getRootNode().activeElement;
  return !active || active === document.body || root.contains(active);
}

/** Send a message to the kernel; where there is none any more, tell the page. */
function send(model, message, root) {
  try {
    model.send({ ...message, view: root?.id });
  } catch {
    for (const page of document.querySelectorAll(".iew")) if (page.model === model) die(page);
  }
}

/** Let a page look as dead as it is: nothing can be pressed but what copies. */
function die(page) {
  page.classList.add("iew-gone");
  for (const control of page.querySelectorAll("input, select, button:not(.iew-copy)"))
    control.disabled = true;
}

/** What stands above a page whose kernel is gone. */
const deadNotice = (model) =>
  h(
    "p",
    { class: "iew-dead", role: "alert" },
    "The kernel behind this is gone, and nothing here works any more. Run the cell again; exports that were " +
      `under way can be taken up: ${model.get("by_magic") ? "%intercom_export attach" : "session.attach"}, ` +
      "and the identifier on the card.",
  );

/**
 * The address of a file that lies so from the notebook that is shown; none where no Jupyter
 * server says where that is, or where the file is outside of what it serves.
 */
function addressOf(model, relative) {
  const shown = model.widget_manager?.context?.path;
  const config = document.getElementById("jupyter-config-data")?.textContent;
  if (!relative || !shown || !config) return null;
  const parts = shown.split(":").pop().split("/").slice(0, -1);
  for (const part of relative.split("/")) {
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return null;
  }
  const { baseUrl = "/", appName } = JSON.parse(config);
  const app = appName === "JupyterLab" ? "lab/tree" : "notebooks";
  return `${baseUrl}${app}/${parts.map(encodeURIComponent).join("/")}`;
}

/** A table that scrolls inside its place, reachable by keyboard. */
function scrollTable(label, heads, body) {
  return h(
    "div",
    { class: "iew-scroll", tabindex: "0", role: "region", "aria-label": label },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))),
      body,
    ),
  );
}

const tableRow = (cells) => h("tr", {}, ...cells.map((cell) => h("td", {}, cell)));
