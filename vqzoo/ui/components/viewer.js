// Shows pictures of one size side by side, and two of them in one place: one zoom and pan for all, and each one's
// absolute error against the first on one scale. The value is {pictures: [{name, uri, caption, tip}], note}; in place of
// a uri, `of` holds the numbers of two pictures before it, whose difference is shown. Optional: `behind`, the names of the
// codecs that are folded behind each model; `waiting`, names that are being computed; `stamp`, when it was asked for.
// `element`, `props` and `watch` are Gradio's. Errors are computed here, from the very bytes that are shown.
const root = element.querySelector(".vq-viewer");
const find = (name) => root.querySelector(`.vq-${name}`);
const cards = find("cards"), stage = find("stage"), beside = find("beside"), divider = find("divider");
const scaleInput = find("scale"), errorsInput = find("errors");
const picks = [find("one"), find("two")];
const LOUPE = 17, MOST = 64; // pixels in the loupe; pixels of the screen that a pixel of the picture has at most
const BAR = 80; // pixels of the page: the bar that stays in sight above
const view = { scale: null, x: 0, y: 0 };
const limits = { heat: { value: 64, min: 8, max: 255 }, tolerance: { value: 16, min: 0, max: 64 } };
const unfolded = new Map(); // name of a model whose codecs are shown -> true
let shown = []; // [{name, uri, card, image, error, pixels, of}], in the order of the value; `of` holds two others
let mode = "all", split = 0.5, second = false, held = false, timer = null, loupe = false;

function make(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// --- zoom and pan: view.scale is pixels of the screen for a pixel of the picture, null to fit; view.x and view.y are
// the pixel of the picture in the middle of a frame ---

const sharp = () => window.devicePixelRatio || 1;
const size = () => [shown[0]?.image.width || 1, shown[0]?.image.height || 1];
const main = () => (mode === "all" ? cards.querySelector(".vq-card:not(.vq-waiting) .vq-frame") : mode === "two" ? beside.firstChild : stage);

// Of a frame: pixels of the page for a pixel of the picture, and where the picture begins.
function placing(frame) {
  const [width, height] = size(), [wide, high] = [frame.clientWidth, frame.clientHeight];
  const scale = view.scale === null ? Math.min(wide / width, high / height) : view.scale / sharp();
  const from = (room, length, middle) =>
    length * scale <= room ? (room - length * scale) / 2 : Math.min(0, Math.max(room - length * scale, room / 2 - middle * scale));
  return { scale, left: from(wide, width, view.x), top: from(high, height, view.y), wide, high };
}

// To the nearest pixel of the screen, or a pixel of the picture would be smeared over two; browsers do that for frames.
const snapped = (at) => Math.round(at * sharp()) / sharp();

function place() {
  const frames = [...root.querySelectorAll(".vq-frame")].filter((frame) => frame.clientWidth);
  const placed = frames.map((frame) => [frame, placing(frame)]);
  for (const [frame, { scale, left, top }] of placed) {
    for (const canvas of frame.querySelectorAll("canvas:not(.vq-loupe)")) {
      canvas.style.transform = `translate(${snapped(left)}px, ${snapped(top)}px) scale(${scale})`;
      canvas.style.imageRendering = scale * sharp() < 1 ? "auto" : "pixelated";
    }
  }
  const now = main();
  if (now?.clientWidth) {
    const scale = placing(now).scale * sharp();
    find("zoom").textContent = `${Math.round(scale * 100).toLocaleString("en")} %`;
    root.dataset.scale = String(scale);
  }
  root.classList.toggle("vq-zoomed", view.scale !== null);
  find("fit").setAttribute("aria-pressed", String(view.scale === null));
  for (const button of root.querySelectorAll(".vq-true")) button.setAttribute("aria-pressed", String(view.scale === Number(button.value)));
}

// The pixel of the picture at a point of a frame, in pixels of the page from its corner.
function pixelAt(frame, x, y) {
  const { scale, left, top } = placing(frame);
  return [(x - left) / scale, (y - top) / scale];
}

function zoomTo(scale, frame = main(), x = frame.clientWidth / 2, y = frame.clientHeight / 2) {
  const now = placing(frame), fit = Math.min(now.wide / size()[0], now.high / size()[1]) * sharp();
  const [column, row] = pixelAt(frame, x, y);
  const next = scale === null ? null : Math.min(MOST, Math.max(Math.min(fit, 1), scale));
  view.scale = next;
  if (next !== null) moveTo(column + (now.wide / 2 - x) * sharp() / next, row + (now.high / 2 - y) * sharp() / next, frame);
  else place();
}

const zoomBy = (factor, ...where) => { const frame = where[0] || main(); zoomTo(placing(frame).scale * sharp() * factor, ...where); };

function moveTo(x, y, frame = main()) {
  const { scale, wide, high } = placing(frame), [width, height] = size();
  const inside = (middle, room, length) =>
    length * scale <= room ? length / 2 : Math.min(length - room / scale / 2, Math.max(room / scale / 2, middle));
  view.x = inside(x, wide, width);
  view.y = inside(y, high, height);
  place();
}

function moveBy(right, down) {
  const { scale, wide, high } = placing(main());
  moveTo(view.x + right * wide / scale, view.y + down * high / scale);
}

function within(frame, event) {
  const box = frame.getBoundingClientRect();
  return [event.clientX - box.left - frame.clientLeft, event.clientY - box.top - frame.clientTop];
}

function listen(frame) {
  const fingers = new Map();
  frame.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY / 300), frame, ...within(frame, event));
    point(frame, event);
  }, { passive: false });
  frame.addEventListener("pointerdown", (event) => {
    if (event.target === divider) return;
    frame.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event);
  });
  frame.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (before) drag(frame, [...fingers.values()].find((finger) => finger.pointerId !== event.pointerId), before, event);
    if (before) fingers.set(event.pointerId, event);
    point(frame, event);
  });
  frame.addEventListener("pointerleave", unpoint);
  for (const end of ["pointerup", "pointercancel"]) frame.addEventListener(end, (event) => fingers.delete(event.pointerId));
  frame.addEventListener("dblclick", () => zoomTo(null));
}

function drag(frame, other, before, event) {
  const { scale } = placing(frame);
  const part = other ? 2 : 1;
  if (other) {
    const away = (finger) => Math.hypot(finger.clientX - other.clientX, finger.clientY - other.clientY) || 1;
    const middle = { clientX: (event.clientX + other.clientX) / 2, clientY: (event.clientY + other.clientY) / 2 };
    zoomBy(away(event) / away(before), frame, ...within(frame, middle));
  }
  moveTo(view.x - (event.clientX - before.clientX) / scale / part, view.y - (event.clientY - before.clientY) / scale / part, frame);
}

// --- the pixel under the pointer: its values in every picture, and a loupe around it ---

let pointing = null;

function point(frame, event) {
  if (event.pointerType === "touch" && !loupe) return;
  if (!pointing) requestAnimationFrame(() => { const at = pointing; pointing = null; if (at) read(at.frame, at.x, at.y); });
  const [x, y] = within(frame, event);
  pointing = { frame, x, y };
}

function unpoint() {
  pointing = null;
  for (const each of root.querySelectorAll(".vq-value, .vq-loupe")) each.hidden = true;
}

const rgb = (entry, column, row) => [...entry.pixels.data.subarray(4 * (row * entry.pixels.width + column), 4 * (row * entry.pixels.width + column) + 3)];

function valueOf(entry, column, row) {
  const pair = entry.of || [entry, shown[0]];
  if (!pair[0].pixels || !pair[1].pixels) return "";
  const [one, two] = pair.map((each) => rgb(each, column, row));
  const off = one.reduce((sum, value, i) => sum + Math.abs(value - two[i]), 0) / 3;
  if (entry.of) return `differ by ${off.toFixed(1)}`;
  return one.join(" ") + (entry === shown[0] ? "" : ` · off by ${off.toFixed(1)}`);
}

function read(frame, x, y) {
  const [column, row] = pixelAt(frame, x, y).map(Math.floor), [width, height] = size();
  if (column < 0 || row < 0 || column >= width || row >= height) return unpoint();
  const [one, two] = pair();
  const put = (target, text) => { target.hidden = !text; target.textContent = text; };
  shown.forEach((entry, i) => {
    if (!entry.value || !entry.card.isConnected) return;
    put(entry.value, `${i ? "" : `${column}, ${row}: `}${valueOf(entry, column, row)}`);
    if (mode === "all") enlarge(entry.image, entry.image.parentElement, column, row);
  });
  if (mode === "all" || !one || !two) return;
  const text = (entry) => valueOf(entry, column, row);
  if (mode === "two") {
    [one, two].forEach((entry, i) => {
      put(beside.children[i].querySelector(".vq-value"), `${column}, ${row}: ${text(entry)}`);
      enlarge(entry.image, beside.children[i], column, row);
    });
    return;
  }
  put(stage.querySelector(".vq-value"), `${column}, ${row}: ${text(one)} | ${text(two)}`);
  const right = mode === "blink" ? second : x > split * stage.clientWidth;
  enlarge((right ? two : one).image, stage, column, row);
}

function enlarge(canvas, frame, column, row) {
  let glass = frame.querySelector(".vq-loupe");
  if (!loupe || !frame.clientWidth) { if (glass) glass.hidden = true; return; }
  if (!glass) frame.append(glass = make("canvas", { className: "vq-loupe", width: LOUPE * 8 * 2, height: LOUPE * 8 * 2 }));
  glass.setAttribute("aria-hidden", "true");
  glass.hidden = false;
  const context = glass.getContext("2d"), cell = glass.width / LOUPE, half = (LOUPE - 1) / 2;
  context.imageSmoothingEnabled = false;
  context.fillStyle = "#888";
  context.fillRect(0, 0, glass.width, glass.height);
  context.drawImage(canvas, column - half, row - half, LOUPE, LOUPE, 0, 0, glass.width, glass.height);
  for (const [colour, grow] of [["#000", 1], ["#fff", 3]]) {
    context.strokeStyle = colour;
    context.lineWidth = 2;
    context.strokeRect(half * cell - grow, half * cell - grow, cell + 2 * grow, cell + 2 * grow);
  }
  const { scale, left, top, wide, high } = placing(frame), side = 140;
  const beyond = (at, room) => (at + 16 + side < room ? at + 16 : Math.max(0, at - 16 - side));
  glass.style.left = `${beyond(left + column * scale, wide)}px`;
  glass.style.top = `${beyond(top + row * scale, high)}px`;
}

function toggleLoupe() {
  loupe = !loupe;
  find("loupe-on").setAttribute("aria-pressed", String(loupe));
  root.classList.toggle("vq-loupes", loupe);
  unpoint();
}

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
  return Boolean(target.closest?.(fields) || (target.closest?.(controls) && !/^[a-z0-9?+=-]$/.test(key) && key !== "Escape"));
}

function onKey(event) {
  if (!root.isConnected) return document.removeEventListener("keydown", onKey);
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || owned(event) || !shown.length) return;
  const large = root.classList.contains("vq-window");
  if (!(large || over()) || !root.offsetParent && !large) return;
  if (event.key === "Escape" && large) fill(false);
  else if (event.key === " " && mode === "blink") { if (!event.repeat) { held = true; showSecond(!second); } }
  else if (event.key === " " && mode !== "all") swap();
  else if (/^[1-9]$/.test(event.key)) showNumber(Number(event.key));
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

// --- a card for each picture ---

function newFrame(label) {
  const frame = make("div", { className: "vq-frame" });
  const canvas = make("canvas", {});
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  frame.append(canvas);
  listen(frame);
  return { frame, canvas };
}

function newCard(picture) {
  const name = make("strong", { textContent: picture.name, title: picture.tip ? `${picture.name}: ${picture.tip}` : picture.name });
  const save = make("a", { textContent: "PNG", title: `Save ${picture.name} as a lossless PNG`, href: picture.uri || "#" });
  save.setAttribute("aria-label", save.title);
  save.download = `${picture.name.replace(/[^\w.-]+/g, "-")}.png`;
  const detail = make("span", {}), image = newFrame(picture.name);
  const value = make("span", { className: "vq-value", hidden: true }), share = make("div", { className: "vq-share" });
  image.frame.append(value);
  const body = make("div", { className: "vq-body" }, image.frame);
  const card = make("figure", { className: "vq-card" }, make("figcaption", {}, name, save, detail), body);
  if (picture.of) { // drawn anew with every change of the scale, so that only the click knows what to save
    save.addEventListener("click", () => { save.href = image.canvas.toDataURL(); });
    body.append(share);
    return { card, image: image.canvas, share, detail, value };
  }
  const error = newFrame(`absolute error of ${picture.name}`);
  error.frame.classList.add("vq-error");
  body.append(error.frame, share);
  return { uri: picture.uri, card, image: image.canvas, error: error.canvas, share, detail, value, pixels: null };
}

async function load(entry) {
  const picture = new Image();
  picture.src = entry.uri;
  await picture.decode();
  for (const canvas of [entry.image, entry.error]) resize(canvas, picture.naturalWidth, picture.naturalHeight);
  const context = entry.image.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  entry.pixels = context.getImageData(0, 0, entry.image.width, entry.image.height);
}

function resize(canvas, width, height) {
  canvas.width = width;
  canvas.height = height;
  canvas.closest(".vq-frame").style.aspectRatio = `${width} / ${height}`;
}

// --- errors ---

// Black, violet, orange, white: brighter is always worse.
const STOPS = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 220]];
function colour(t) {
  const at = Math.min(Math.max(t, 0), 1) * (STOPS.length - 1);
  const low = Math.min(Math.floor(at), STOPS.length - 2);
  return STOPS[low].map((value, i) => value + (STOPS[low + 1][i] - value) * (at - low));
}

// An error is the mean over the three channels of a pixel, looked up by their sum.
function palette(how, limit) {
  const found = new Uint32Array(766);
  const pixel = new Uint8ClampedArray(found.buffer);
  for (let sum = 0; sum < found.length; sum++) {
    const over = sum / 3 > limit ? 255 : 0;
    pixel.set([...(how === "heat" ? colour(sum / 3 / limit) : [over, over, over]).map(Math.round), 255], 4 * sum);
  }
  return found;
}

// Returns the share of pixels whose error is over the limit, or null where there is nothing to compare yet.
function drawDifference(canvas, one, two, colours, limit) {
  if (!one.pixels || !two.pixels || one.pixels.data.length !== two.pixels.data.length) return null;
  const context = canvas.getContext("2d");
  const map = context.createImageData(canvas.width, canvas.height);
  const out = new Uint32Array(map.data.buffer);
  const a = one.pixels.data, b = two.pixels.data;
  let over = 0;
  for (let i = 0, n = 0; i < a.length; i += 4, n++) {
    const sum = Math.abs(a[i] - b[i]) + Math.abs(a[i + 1] - b[i + 1]) + Math.abs(a[i + 2] - b[i + 2]);
    if (sum > 3 * limit) over++;
    out[n] = colours[sum];
  }
  context.putImageData(map, 0, 0);
  return over / out.length;
}

const kind = () => (errorsInput.value === "tolerance" ? "tolerance" : "heat");

function drawDifferences() {
  const how = kind(), limit = limits[how].value;
  find("limit").textContent = how === "heat" ? `${limit} / 255 or more` : `more than ${limit} / 255`;
  root.classList.toggle("vq-no-errors", errorsInput.value === "off");
  root.classList.toggle("vq-tolerance", how === "tolerance");
  const colours = palette(how, limit);
  for (const entry of shown.slice(1)) {
    const pair = entry.of || [entry, shown[0]];
    const drawn = entry.drawn || {}; // in another order there is nothing to draw anew
    if (drawn.how === how && drawn.limit === limit && drawn.one === pair[0].pixels && drawn.two === pair[1].pixels) continue;
    const share = drawDifference(entry.of ? entry.image : entry.error, ...pair, colours, limit);
    entry.share.textContent = how === "heat" || share === null ? "" : `${(share * 100).toFixed(1)} % of pixels off by more`;
    entry.drawn = share === null ? null : { how, limit, one: pair[0].pixels, two: pair[1].pixels };
  }
}

function chooseErrors() {
  const limit = limits[kind()];
  [scaleInput.min, scaleInput.max] = [limit.min, limit.max];
  scaleInput.value = limit.value;
  scaleInput.setAttribute("aria-label", kind() === "heat" ? "error shown as the brightest" : "largest error that passes");
  drawDifferences();
}

errorsInput.addEventListener("change", chooseErrors);
scaleInput.addEventListener("input", () => {
  limits[kind()].value = Number(scaleInput.value);
  drawDifferences();
});

// --- two pictures, large: beside each other, a border between them, or one after the other ---

function choose(name) {
  if (name !== "all" && mode === "all" && shown.length) setTimeout(() => root.scrollIntoView({ block: "start" }));
  mode = name;
  second = false;
  for (const button of root.querySelectorAll(".vq-mode")) button.setAttribute("aria-pressed", String(button.value === mode));
  find("pair").hidden = mode === "all";
  root.dataset.mode = mode;
  tick();
  drawPair();
  place();
}

const pair = () => picks.map((pick) => shown.find((entry) => entry.name === pick.value));

function copy(entry, canvas, label) {
  if (!entry || !entry.image.width) return;
  resize(canvas, entry.image.width, entry.image.height);
  canvas.getContext("2d").drawImage(entry.image, 0, 0);
  canvas.setAttribute("aria-label", label);
}

function drawPair() {
  if (mode === "all" || !shown.length) return;
  const sides = pair(), label = (i) => `${i ? "right" : "left"}: ${sides[i]?.name}`;
  if (mode === "two" && !beside.children.length) {
    beside.append(...picks.map((_, i) => {
      const { frame } = newFrame("");
      frame.append(make("span", { className: `vq-tag vq-left` }), make("span", { className: "vq-value", hidden: true }));
      return frame;
    }));
  }
  if (mode === "two") [...beside.children].forEach((frame, i) => {
    copy(sides[i], frame.querySelector("canvas"), label(i));
    frame.querySelector(".vq-tag").textContent = sides[i]?.name || "";
  });
  else stage.querySelectorAll(".vq-layer canvas").forEach((canvas, i) => copy(sides[i], canvas, label(i)));
  placePair();
  arrange();
}

// As large as the window allows: portraits beside each other, wide pictures one above the other.
function arrange() {
  const [width, height] = size(), wide = find("pair").clientWidth, large = root.classList.contains("vq-window");
  const above = (mode === "two" ? beside : stage).getBoundingClientRect().top - root.getBoundingClientRect().top + root.scrollTop;
  const high = Math.max(240, window.innerHeight - above - (large ? 12 : BAR)), ratio = width / height;
  stage.style.maxWidth = `${high * ratio}px`;
  const columns = Math.min((wide - 8) / 2, high * ratio) >= Math.min(wide, (high - 8) / 2 * ratio);
  beside.style.gridTemplateColumns = columns ? "1fr 1fr" : "1fr";
  for (const frame of beside.children) frame.style.maxWidth = `${(columns ? high : (high - 8) / 2) * ratio}px`;
  place();
}

function placePair() {
  const top = find("top");
  top.style.clipPath = mode === "slider" ? `inset(0 0 0 ${split * 100}%)` : "none";
  top.style.visibility = mode === "blink" && !second ? "hidden" : "visible";
  divider.style.left = `${split * 100}%`;
  divider.setAttribute("aria-valuenow", String(Math.round(split * 100)));
  stage.querySelector(".vq-left").textContent = mode === "blink" ? picks[second ? 1 : 0].value : picks[0].value;
  stage.querySelector(".vq-right").textContent = mode === "blink" ? "" : picks[1].value;
}

function splitAt(share) {
  split = Math.min(1, Math.max(0, share));
  placePair();
}

function showSecond(which) {
  second = which;
  placePair();
}

function swap() {
  [picks[0].value, picks[1].value] = [picks[1].value, picks[0].value];
  drawPair();
}

function tick() {
  clearInterval(timer);
  const rate = Number(find("rate").value);
  find("per-second").textContent = `${rate} a second`;
  if (mode !== "blink" || !find("auto").checked) return;
  timer = setInterval(() => {
    if (!root.isConnected) clearInterval(timer);
    else if (!document.hidden) showSecond(!second);
  }, 1000 / rate);
}

function offer() {
  const names = sequence().filter((entry) => entry.uri || entry.of).map((entry) => entry.name);
  picks.forEach((pick, i) => {
    const before = pick.value;
    pick.replaceChildren(...names.map((name) => new Option(name, name)));
    pick.value = pick.dataset.chosen && names.includes(before) ? before : names[i ? names.length - 1 : 0];
  });
}

listen(stage);
divider.addEventListener("pointerdown", (event) => { divider.setPointerCapture(event.pointerId); });
divider.addEventListener("pointermove", (event) => {
  if (divider.hasPointerCapture(event.pointerId)) splitAt(within(stage, event)[0] / stage.clientWidth);
});
divider.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -0.02, ArrowRight: 0.02, Home: -1, End: 1 }[event.key];
  if (!step) return;
  event.preventDefault();
  splitAt(split + step);
});
for (const button of root.querySelectorAll(".vq-mode")) button.addEventListener("click", () => choose(button.value));
for (const pick of picks) pick.addEventListener("change", () => { pick.dataset.chosen = "yes"; drawPair(); });
find("swap").addEventListener("click", () => showSecond(!second));
for (const name of ["auto", "rate"]) find(name).addEventListener("input", tick);

// --- the value ---

const value = () => props.value || { pictures: [], note: "" };

// The pictures in their order, without the codecs that are folded behind a model.
function sequence() {
  const behind = value().behind || {}, folded = new Set(Object.values(behind).flat());
  return shown.flatMap((entry) => {
    if (folded.has(entry.name)) return [];
    const open = unfolded.has(entry.name) ? behind[entry.name] || [] : [];
    return [entry, ...shown.filter((each) => open.includes(each.name))];
  });
}

function fold(entry, codecs) {
  entry.fold?.remove();
  entry.fold = null;
  const best = shown.find((each) => each.name === codecs[0]);
  if (!best) return;
  const open = unfolded.has(entry.name);
  const quality = best.detail.textContent.match(/[-\d.,]+ dB/);
  entry.fold = make("button", {
    type: "button", className: "vq-fold",
    textContent: `${open ? "−" : "+"} ${codecs.length} codecs at these bits, best ${best.name.split(" at ")[0]}${quality ? `: ${quality[0]}` : ""}`,
  });
  entry.fold.setAttribute("aria-expanded", String(open));
  entry.fold.addEventListener("click", () => {
    open ? unfolded.delete(entry.name) : unfolded.set(entry.name, true);
    lay();
    entry.fold.focus();
  });
  entry.card.lastChild.append(entry.fold);
}

// A place for each model that is being computed.
function waiting(name) {
  const frame = make("div", { className: "vq-frame", textContent: "waiting" });
  frame.style.aspectRatio = size().join(" / ");
  return make("figure", { className: "vq-card vq-waiting" }, make("figcaption", {}, make("b", { textContent: name }), make("span", { textContent: "to be computed" })), make("div", { className: "vq-body" }, frame));
}

function lay(more = value().waiting || []) {
  const behind = value().behind || {}, codecs = new Set(Object.values(behind).flat());
  for (const entry of shown) {
    fold(entry, behind[entry.name] || []);
    entry.card.classList.toggle("vq-codec", codecs.has(entry.name));
  }
  cards.replaceChildren(...sequence().map((entry) => entry.card), ...more.map(waiting));
  offer();
  place();
}

async function render() {
  find("note").textContent = value().note || "";
  const pictures = value().pictures || [];
  const known = new Map(shown.filter((entry) => !entry.of).map((entry) => [`${entry.name} ${entry.uri}`, entry]));
  const next = pictures.map((picture) => {
    const entry = known.get(`${picture.name} ${picture.uri}`) || { ...newCard(picture), name: picture.name };
    entry.detail.textContent = picture.caption;
    return entry;
  });
  pictures.forEach((picture, i) => { if (picture.of) next[i].of = picture.of.map((number) => next[number]); });
  const other = !next.length || !shown.length || next[0] !== shown[0];
  shown = next;
  find("empty").hidden = next.length > 0;
  await Promise.all(next.filter((entry) => entry.uri && !entry.pixels).map(load));
  if (shown !== next) return;
  if (other) Object.assign(view, { scale: null, x: size()[0] / 2, y: size()[1] / 2 });
  for (const entry of next.filter((entry) => entry.of)) {
    resize(entry.image, entry.of[0].image.width, entry.of[0].image.height);
  }
  renew();
  lay();
  drawDifferences();
  drawPair();
  root.dataset.ready = String(sequence().length);
}

// --- what is old: pictures of another photograph or of other models than are chosen now, until the new ones come ---

let asked = 0; // when the last pictures were asked for
const follows = Boolean(element.closest("#viewer"));
const around = element.closest("#results");

function old(which, text) {
  root.dataset.old = which;
  if (around) around.dataset.old = which;
  find("old").textContent = text;
  find("old").hidden = false;
}

function renew() {
  if ((value().stamp || 0) < asked) return;
  delete root.dataset.old;
  if (around) delete around.dataset.old;
  find("old").hidden = true;
  for (const entry of shown) entry.card.classList.remove("vq-gone");
}

function onChosen({ detail: names }) {
  if (!shown.length) return;
  const behind = value().behind || {}, models = new Set([shown[0].name, ...names, ...names.flatMap((name) => behind[name] || [])]);
  old("some", "Not of the models that are ticked now: the new ones are on their way.");
  for (const entry of shown) entry.card.classList.toggle("vq-gone", !models.has(entry.name));
  lay(names.filter((name) => !shown.some((entry) => entry.name === name)));
}

function onAsked({ detail: { stamp, why } }) {
  asked = stamp;
  if (why === "photograph") old("all", "Of the photograph before: the new one is on its way.");
  if (why === "nothing") old("all", "Of the photograph before: choose another one.");
  const box = root.getBoundingClientRect();
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (why !== "models" && (box.top > window.innerHeight * 0.6 || box.bottom < 0)) {
    (around || root).scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
  }
}

if (follows) {
  document.addEventListener("vqzoo-chosen", onChosen);
  document.addEventListener("vqzoo-asked", onAsked);
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#examples button")) old("all", "Of the photograph before: the new one is on its way.");
  });
}

find("in").addEventListener("click", () => zoomBy(2));
find("out").addEventListener("click", () => zoomBy(1 / 2));
find("fit").addEventListener("click", () => zoomTo(null));
for (const button of root.querySelectorAll(".vq-true")) button.addEventListener("click", () => zoomTo(Number(button.value)));
find("loupe-on").addEventListener("click", toggleLoupe);
find("full").addEventListener("click", () => fill());
find("help").addEventListener("click", () => find("keys").showModal());
new ResizeObserver(() => requestAnimationFrame(arrange)).observe(root);
watch("value", render);
chooseErrors();
choose("all");
render();
