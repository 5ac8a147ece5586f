// Shows pictures of one size side by side: one zoom and pan for all of them, and each one's absolute error against the
// first on one shared scale. The value is {pictures: [{name, uri, caption}], note}; in place of a uri, `of` holds the
// places of two pictures before it, whose difference is shown. `element`, `props` and `watch` are Gradio's. Errors and
// differences are computed here, from the very bytes that are shown.
const root = element.querySelector(".vq-viewer");
const cards = root.querySelector(".vq-cards");
const scaleInput = root.querySelector(".vq-scale");
const errorsInput = root.querySelector(".vq-errors");
const view = { zoom: 1, x: 0, y: 0 };
let shown = []; // [{name, uri, card, image, error, pixels, of}], in the order of the value; `of` holds two others

function place() {
  for (const canvas of cards.querySelectorAll("canvas")) {
    canvas.style.transform = `translate(${view.x * 100}%, ${view.y * 100}%) scale(${view.zoom})`;
  }
  root.querySelector(".vq-zoom").textContent = `${view.zoom.toFixed(view.zoom < 10 ? 1 : 0)}×`;
}

function zoomTo(zoom, x = 0.5, y = 0.5) {
  zoom = Math.min(32, Math.max(1, zoom));
  const ratio = zoom / view.zoom;
  view.x = x - (x - view.x) * ratio;
  view.y = y - (y - view.y) * ratio;
  view.zoom = zoom;
  clampAndPlace();
}

function clampAndPlace() {
  view.x = Math.min(0, Math.max(1 - view.zoom, view.x));
  view.y = Math.min(0, Math.max(1 - view.zoom, view.y));
  place();
}

function listen(frame) {
  frame.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = frame.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width;
    const y = (event.clientY - box.top) / box.height;
    zoomTo(view.zoom * Math.exp(-event.deltaY / 300), x, y);
  }, { passive: false });
  frame.addEventListener("pointerdown", (event) => {
    frame.setPointerCapture(event.pointerId);
    frame.onpointermove = (move) => {
      view.x += move.movementX / frame.clientWidth;
      view.y += move.movementY / frame.clientHeight;
      clampAndPlace();
    };
  });
  const stop = () => { frame.onpointermove = null; };
  frame.addEventListener("pointerup", stop);
  frame.addEventListener("pointercancel", stop);
  frame.addEventListener("dblclick", () => zoomTo(1));
}

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
  save.href = picture.uri || "#";
  save.download = `${picture.name.replace(/[^\w.-]+/g, "-")}.png`;
  detail.textContent = picture.caption;
  caption.append(name, save, detail);
  const image = newFrame(picture.name);
  card.append(caption, image.frame);
  if (picture.of) { // drawn anew with every change of the scale, so that only the click knows what to save
    save.addEventListener("click", () => { save.href = image.canvas.toDataURL(); });
    return { card, image: image.canvas };
  }
  const error = newFrame(`absolute error of ${picture.name}`);
  error.frame.classList.add("vq-error");
  card.append(error.frame);
  return { uri: picture.uri, card, image: image.canvas, error: error.canvas, pixels: null };
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

// Black, violet, orange, white: brighter is always worse.
const STOPS = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 220]];
function colour(t) {
  const at = Math.min(Math.max(t, 0), 1) * (STOPS.length - 1);
  const low = Math.min(Math.floor(at), STOPS.length - 2);
  return STOPS[low].map((value, i) => value + (STOPS[low + 1][i] - value) * (at - low));
}

function drawDifference(canvas, one, two, limit) {
  if (!one.pixels || !two.pixels || one.pixels.data.length !== two.pixels.data.length) return;
  const context = canvas.getContext("2d");
  const map = context.createImageData(canvas.width, canvas.height);
  const a = one.pixels.data, b = two.pixels.data;
  for (let i = 0; i < a.length; i += 4) {
    const error = (Math.abs(a[i] - b[i]) + Math.abs(a[i + 1] - b[i + 1]) + Math.abs(a[i + 2] - b[i + 2])) / 3;
    const [red, green, blue] = colour(error / limit);
    map.data[i] = red; map.data[i + 1] = green; map.data[i + 2] = blue; map.data[i + 3] = 255;
  }
  context.putImageData(map, 0, 0);
}

function drawDifferences() {
  const limit = Number(scaleInput.value);
  root.querySelector(".vq-limit").textContent = `${limit} / 255 or more`;
  root.classList.toggle("vq-no-errors", !errorsInput.checked);
  for (const entry of shown.slice(1)) {
    if (entry.of) drawDifference(entry.image, ...entry.of, limit);
    else drawDifference(entry.error, entry, shown[0], limit);
  }
}

async function render() {
  const value = props.value || { pictures: [], note: "" };
  root.querySelector(".vq-note").textContent = value.note || "";
  const pictures = value.pictures || [];
  const same = (entry, picture) => entry && entry.uri === picture.uri && entry.name === picture.name && !entry.of;
  const next = pictures.map((picture, i) => (same(shown[i], picture) ? shown[i] : { ...newCard(picture), name: picture.name }));
  pictures.forEach((picture, i) => { if (picture.of) next[i].of = picture.of.map((place) => next[place]); });
  if (!next.length || !shown.length || next[0] !== shown[0]) { view.zoom = 1; view.x = 0; view.y = 0; }
  shown = next;
  cards.replaceChildren(...next.map((entry) => entry.card));
  await Promise.all(next.filter((entry) => entry.uri && !entry.pixels).map(load));
  if (shown !== next) return;
  for (const entry of next.filter((entry) => entry.of)) {
    resize(entry.image, entry.of[0].image.width, entry.of[0].image.height);
  }
  drawDifferences();
  place();
  root.dataset.ready = String(next.length);
}

root.querySelector(".vq-in").addEventListener("click", () => zoomTo(view.zoom * 2));
root.querySelector(".vq-out").addEventListener("click", () => zoomTo(view.zoom / 2));
root.querySelector(".vq-fit").addEventListener("click", () => zoomTo(1));
scaleInput.addEventListener("input", drawDifferences);
errorsInput.addEventListener("change", drawDifferences);
watch("value", render);
render();
