// Shows pictures of one size side by side, and two of them in one place: one zoom and pan for all, and each one's
// absolute error against the first on one scale. The value is {pictures: [{name, uri, caption}], note}; in place of a
// uri, `of` holds the places of two pictures before it, whose difference is shown. `element`, `props` and `watch` are
// Gradio's. Errors and differences are computed here, from the very bytes that are shown.
const root = element.querySelector(".vq-viewer");
const find = (name) => root.querySelector(`.vq-${name}`);
const cards = find("cards"), stage = find("stage"), divider = find("divider");
const scaleInput = find("scale"), errorsInput = find("errors");
const picks = [find("one"), find("two")];
const view = { zoom: 1, x: 0, y: 0 };
const limits = { heat: { value: 64, min: 8, max: 255 }, tolerance: { value: 16, min: 0, max: 64 } };
let shown = []; // [{name, uri, card, image, error, pixels, of}], in the order of the value; `of` holds two others
let mode = "all", split = 0.5, second = false, timer = null;

// --- zoom and pan: view.x and view.y are shares of a frame's sides ---

function place() {
  for (const canvas of root.querySelectorAll("canvas")) {
    canvas.style.transform = `translate(${view.x * 100}%, ${view.y * 100}%) scale(${view.zoom})`;
  }
  find("zoom").textContent = `${view.zoom.toFixed(view.zoom < 10 ? 1 : 0)}×`;
  root.classList.toggle("vq-zoomed", view.zoom > 1);
}

function zoomTo(zoom, x = 0.5, y = 0.5) {
  zoom = Math.min(32, Math.max(1, zoom));
  const ratio = zoom / view.zoom;
  view.zoom = zoom;
  moveTo(x - (x - view.x) * ratio, y - (y - view.y) * ratio);
}

function moveTo(x, y) {
  view.x = Math.min(0, Math.max(1 - view.zoom, x));
  view.y = Math.min(0, Math.max(1 - view.zoom, y));
  place();
}

function within(frame, x, y) {
  const box = frame.getBoundingClientRect();
  return [(x - box.left) / box.width, (y - box.top) / box.height];
}

function listen(frame) {
  const fingers = new Map();
  frame.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomTo(view.zoom * Math.exp(-event.deltaY / 300), ...within(frame, event.clientX, event.clientY));
  }, { passive: false });
  frame.addEventListener("pointerdown", (event) => {
    if (event.target === divider) return;
    frame.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event);
  });
  frame.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const others = [...fingers.values()].filter((finger) => finger.pointerId !== event.pointerId);
    fingers.set(event.pointerId, event);
    const moved = [(event.clientX - before.clientX) / frame.clientWidth, (event.clientY - before.clientY) / frame.clientHeight];
    if (others.length) {
      const [other] = others;
      const away = (finger) => Math.hypot(finger.clientX - other.clientX, finger.clientY - other.clientY) || 1;
      const middle = within(frame, (event.clientX + other.clientX) / 2, (event.clientY + other.clientY) / 2);
      zoomTo(view.zoom * away(event) / away(before), ...middle);
      moveTo(view.x + moved[0] / 2, view.y + moved[1] / 2);
    } else {
      moveTo(view.x + moved[0], view.y + moved[1]);
    }
  });
  for (const end of ["pointerup", "pointercancel"]) frame.addEventListener(end, (event) => fingers.delete(event.pointerId));
  frame.addEventListener("dblclick", () => zoomTo(1));
}

const KEYS = {
  "+": () => zoomTo(view.zoom * 1.5), "=": () => zoomTo(view.zoom * 1.5), "-": () => zoomTo(view.zoom / 1.5),
  "0": () => zoomTo(1),
  ArrowLeft: () => moveTo(view.x + 0.1, view.y), ArrowRight: () => moveTo(view.x - 0.1, view.y),
  ArrowUp: () => moveTo(view.x, view.y + 0.1), ArrowDown: () => moveTo(view.x, view.y - 0.1),
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (KEYS[event.key]) KEYS[event.key]();
  else if ((event.key === " " || event.key === "b") && mode === "blink") showSecond(true);
  else return;
  event.preventDefault();
}

for (const part of [cards, stage]) {
  part.addEventListener("keydown", (event) => { if (event.target === part) onKey(event); });
  part.addEventListener("keyup", (event) => {
    if ((event.key === " " || event.key === "b") && mode === "blink") showSecond(false);
  });
}

// --- a card for each picture ---

function newFrame(label) {
  const frame = document.createElement("div");
  frame.className = "vq-frame";
  const canvas = document.createElement("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  frame.append(canvas);
  listen(frame);
  return { frame, canvas };
}

function newCard(picture) {
  const card = document.createElement("figure");
  card.className = "vq-card";
  const caption = document.createElement("figcaption");
  const name = document.createElement("strong");
  const save = document.createElement("a");
  const detail = document.createElement("span");
  name.textContent = name.title = picture.name;
  save.textContent = "PNG";
  save.title = `Save ${picture.name} as a lossless PNG`;
  save.setAttribute("aria-label", save.title);
  save.href = picture.uri || "#";
  save.download = `${picture.name.replace(/[^\w.-]+/g, "-")}.png`;
  detail.textContent = picture.caption;
  caption.append(name, save, detail);
  const image = newFrame(picture.name);
  card.append(caption, image.frame);
  const share = document.createElement("div");
  share.className = "vq-share";
  if (picture.of) { // drawn anew with every change of the scale, so that only the click knows what to save
    save.addEventListener("click", () => { save.href = image.canvas.toDataURL(); });
    card.append(share);
    return { card, image: image.canvas, share, detail };
  }
  const error = newFrame(`absolute error of ${picture.name}`);
  error.frame.classList.add("vq-error");
  card.append(error.frame, share);
  return { uri: picture.uri, card, image: image.canvas, error: error.canvas, share, detail, pixels: null };
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
  canvas.parentElement.style.aspectRatio = `${width} / ${height}`;
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

// --- two in one place: a slider between them, or one after the other ---

function choose(name) {
  mode = name;
  second = false;
  for (const button of root.querySelectorAll(".vq-mode")) button.setAttribute("aria-pressed", String(button.value === mode));
  find("pair").hidden = mode === "all";
  root.dataset.mode = mode;
  tick();
  drawPair();
}

function drawPair() {
  if (mode === "all" || !shown.length) return;
  const [one, two] = picks.map((pick) => shown.find((entry) => entry.name === pick.value));
  stage.querySelectorAll("canvas").forEach((canvas, i) => {
    const entry = [one, two][i];
    if (!entry || !entry.image.width) return;
    resize(canvas, entry.image.width, entry.image.height);
    canvas.getContext("2d").drawImage(entry.image, 0, 0);
    canvas.setAttribute("aria-label", `${i ? "right" : "left"}: ${entry.name}`);
    stage.style.aspectRatio = `${canvas.width} / ${canvas.height}`;
    stage.style.maxWidth = `${70 * canvas.width / canvas.height}vh`;
  });
  placePair();
  place();
}

function placePair() {
  const top = find("top");
  top.style.clipPath = mode === "slider" ? `inset(0 0 0 ${split * 100}%)` : "none";
  top.style.visibility = mode === "blink" && !second ? "hidden" : "visible";
  divider.style.left = `${split * 100}%`;
  divider.setAttribute("aria-valuenow", String(Math.round(split * 100)));
  find("left").textContent = mode === "blink" ? picks[second ? 1 : 0].value : picks[0].value;
  find("right").textContent = mode === "blink" ? "" : picks[1].value;
}

function splitAt(share) {
  split = Math.min(1, Math.max(0, share));
  placePair();
}

function showSecond(which) {
  second = which;
  placePair();
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
  const names = shown.filter((entry) => entry.uri || entry.of).map((entry) => entry.name);
  picks.forEach((pick, i) => {
    const before = pick.value;
    pick.replaceChildren(...names.map((name) => new Option(name, name)));
    pick.value = names.includes(before) ? before : names[i ? names.length - 1 : 0];
  });
}

listen(stage);
divider.addEventListener("pointerdown", (event) => { divider.setPointerCapture(event.pointerId); });
divider.addEventListener("pointermove", (event) => {
  if (divider.hasPointerCapture(event.pointerId)) splitAt(within(stage, event.clientX, 0)[0]);
});
divider.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -0.02, ArrowRight: 0.02, Home: -1, End: 1 }[event.key];
  if (!step) return;
  event.preventDefault();
  splitAt(split + step);
});
for (const button of root.querySelectorAll(".vq-mode")) button.addEventListener("click", () => choose(button.value));
for (const pick of picks) pick.addEventListener("change", drawPair);
find("swap").addEventListener("click", () => showSecond(!second));
for (const name of ["auto", "rate"]) find(name).addEventListener("input", tick);

// --- the value ---

async function render() {
  const value = props.value || { pictures: [], note: "" };
  find("note").textContent = value.note || "";
  const pictures = value.pictures || [];
  const known = new Map(shown.filter((entry) => !entry.of).map((entry) => [`${entry.name} ${entry.uri}`, entry]));
  const next = pictures.map((picture) => {
    const entry = known.get(`${picture.name} ${picture.uri}`) || { ...newCard(picture), name: picture.name };
    entry.detail.textContent = picture.caption;
    return entry;
  });
  pictures.forEach((picture, i) => { if (picture.of) next[i].of = picture.of.map((place) => next[place]); });
  if (!next.length || !shown.length || next[0] !== shown[0]) { view.zoom = 1; view.x = 0; view.y = 0; }
  shown = next;
  cards.replaceChildren(...next.map((entry) => entry.card));
  find("empty").hidden = next.length > 0;
  await Promise.all(next.filter((entry) => entry.uri && !entry.pixels).map(load));
  if (shown !== next) return;
  for (const entry of next.filter((entry) => entry.of)) {
    resize(entry.image, entry.of[0].image.width, entry.of[0].image.height);
  }
  drawDifferences();
  offer();
  drawPair();
  place();
  root.dataset.ready = String(next.length);
}

find("in").addEventListener("click", () => zoomTo(view.zoom * 2));
find("out").addEventListener("click", () => zoomTo(view.zoom / 2));
find("fit").addEventListener("click", () => zoomTo(1));
watch("value", render);
chooseErrors();
choose("all");
render();
