// --- keys, while the pointer or the focus is on the pictures ---

function fill(on = !root.classList.contains("vq-window")) {
  root.classList.toggle("vq-window", on);
  find("full").setAttribute("aria-pressed", String(on));
  arrange();
}

function showNumber(number) {
  const entry = sequence()[number - 1];
  if (!entry) return;
  if (mode === "all") { picks[0].value = shown[0].name; choose("blink"); }
  picks[1].value = entry.name;
  picks[1].dataset.chosen = "yes";
  drawPair();
  if (mode === "blink") showSecond(true);
}

function nextErrors() {
  const values = [...errorsInput.options].map((option) => option.value);
  errorsInput.value = values[(values.indexOf(errorsInput.value) + 1) % values.length];
  chooseErrors();
}

const KEYS = {
  "+": () => zoomBy(1.5), "=": () => zoomBy(1.5), "-": () => zoomBy(1 / 1.5), "0": () => zoomTo(null),
  ArrowLeft: () => moveBy(-0.1, 0), ArrowRight: () => moveBy(0.1, 0), ArrowUp: () => moveBy(0, -0.1), ArrowDown: () => moveBy(0, 0.1),
  a: () => choose("all"), t: () => choose("two"), s: () => choose("slider"), b: () => choose("blink"),
  l: toggleLoupe, f: () => fill(), e: nextErrors, "?": () => find("keys").showModal(),
};

const over = () => root.matches(":hover") || root.contains(document.activeElement);

// Whether a key belongs to the control that has the focus: fields take all of them, buttons no letters.
function owned({ target, key }) {
  const fields = "input:not([type=range], [type=checkbox]), select, textarea, dialog, [contenteditable], [role=combobox]";
  const controls = "input, button, a, summary, [role=slider], [role=tab]";
  return Boolean(target.closest?.(fields) || (target.closest?.(controls) && !(key.length === 1 && /[a-z0-9?+=-]/.test(key)) && key !== "Escape"));
}

function onKey(event) {
  if (!root.isConnected) return document.removeEventListener("keydown", onKey);
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || owned(event) || !shown.length) return;
  const large = root.classList.contains("vq-window");
  if (!(large || over()) || !root.offsetParent && !large) return;
  if (event.key === "Escape" && large) fill(false);
  else if (event.key === " " && mode === "blink") { if (!event.repeat) { held = true; showSecond(!second); } }
  else if (event.key === " " && mode !== "all") swap();
  else if (event.key.length === 1 && /[1-9]/.test(event.key)) showNumber(Number(event.key));
  else if (KEYS[event.key]) KEYS[event.key]();
  else return;
  event.preventDefault();
}

document.addEventListener("keydown", onKey);
document.addEventListener("keyup", (event) => {
  if (event.key !== " " || !held) return;
  held = false;
  showSecond(!second);
});
