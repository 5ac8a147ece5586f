// Shows a photograph under the cells of one grid of indices. The value is what `tokens_value` of vqzoo/views makes.
// `element`, `props`, `watch` and `trigger` are Gradio's. Two canvases: the photograph with its cells, and on top of it
// the cell that is pointed at, so that moving draws next to nothing.
const root = element.querySelector(".tk");
const stage = root.querySelector(".tk-stage");
const base = root.querySelector(".tk-base");
const top = root.querySelector(".tk-top");
const by = root.querySelector(".tk-by");
const strength = root.querySelector(".tk-strength");
const read = root.querySelector(".tk-read");
const HINT = read.textContent;
let shown = null; // the value, unpacked
let at = null; // the cell that is pointed at: row * columns + column

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
}

// Black, violet, orange, white: as errors are drawn.
const STOPS = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 220]];
function ramp(t) {
  const place = Math.min(Math.max(t, 0), 1) * (STOPS.length - 1);
  const low = Math.min(Math.floor(place), STOPS.length - 2);
  const rgb = STOPS[low].map((value, i) => Math.round(value + (STOPS[low + 1][i] - value) * (place - low)));
  return `rgb(${rgb.join(",")})`;
}

function figure(number) {
  return number >= 1000 ? Math.round(number).toLocaleString("en") : String(Number(number.toPrecision(4)));
}

// [place of a cell] -> colour, and what stands at both ends of the scale
function colours() {
  const { indices, distances, farthest, of, here, test, testTotal } = shown;
  const counts = (list) => {
    const [least, most] = list.reduce(([low, high], each) => [Math.min(low, each), Math.max(high, each)], [Infinity, 1]);
    const low = Math.log1p(least), span = Math.log1p(most) - low || 1;
    const ends = [least.toLocaleString("en"), `${most.toLocaleString("en")} times`];
    return { colour: (cell) => ramp((Math.log1p(list[of[cell]]) - low) / span), ends };
  };
  if (by.value === "distance") {
    return { colour: (cell) => ramp(distances[cell] / 65535), ends: ["0", figure(farthest)] };
  }
  if (by.value === "here") return counts(here);
  if (by.value === "test" && test) return counts(test);
  if (by.value === "index") { // golden angle: neighbours in number are far apart in hue
    return { colour: (cell) => `hsl(${(indices[cell] * 137.508) % 360} 75% ${45 + 18 * ((indices[cell] * 0.618034) % 1)}%)`, ends: null };
  }
  return null;
}

function box(cell) {
  const [rows, columns] = shown.shape;
  const [height, width] = shown.covers.map((side, i) => side / shown.size[i]);
  const row = Math.floor(cell / columns), column = cell % columns;
  const x = (place) => Math.round(place / columns * width * base.width);
  const y = (place) => Math.round(place / rows * height * base.height);
  return [x(column), y(row), x(column + 1) - x(column), y(row + 1) - y(row)];
}

function draw() {
  if (!shown || !shown.image) return;
  const context = base.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(shown.image, 0, 0, base.width, base.height);
  const filled = colours();
  const scale = root.querySelector(".tk-scale");
  scale.hidden = !filled || !filled.ends;
  if (filled && filled.ends) {
    [root.querySelector(".tk-low").textContent, root.querySelector(".tk-high").textContent] = filled.ends;
  }
  const cells = shown.indices.length;
  if (filled) {
    context.globalAlpha = Number(strength.value) / 100;
    for (let cell = 0; cell < cells; cell++) {
      context.fillStyle = filled.colour(cell);
      context.fillRect(...box(cell));
    }
    context.globalAlpha = 1;
  }
  if (box(0)[2] >= 10) {
    context.strokeStyle = "rgba(0,0,0,0.35)";
    context.lineWidth = 1;
    for (let cell = 0; cell < cells; cell++) {
      const [x, y, width, height] = box(cell);
      context.strokeRect(x + 0.5, y + 0.5, width, height);
    }
  }
  if (shown.picked !== null) {
    for (const [colour, line] of [["#000", 5], ["#fff", 2.5]]) {
      context.strokeStyle = colour;
      context.lineWidth = line;
      for (let cell = 0; cell < cells; cell++) {
        if (shown.indices[cell] !== shown.picked) continue;
        const [x, y, width, height] = box(cell);
        context.strokeRect(x + 1.5, y + 1.5, width - 3, height - 3);
      }
    }
  }
}

function point(cell) {
  at = cell;
  const context = top.getContext("2d");
  context.clearRect(0, 0, top.width, top.height);
  if (cell === null) {
    read.textContent = shown ? HINT : "";
    return;
  }
  const [x, y, width, height] = box(cell);
  for (const [colour, line] of [["#000", 6], ["#ffd400", 3]]) {
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.strokeRect(x + 1, y + 1, width - 2, height - 2);
  }
  const columns = shown.shape[1], used = shown.of[cell];
  const test = shown.test === null ? "" :
    `, ${shown.test[used].toLocaleString("en")} times on the test split (${(100 * shown.test[used] / shown.testTotal).toPrecision(2)} %)`;
  read.textContent =
    `Row ${Math.floor(cell / columns) + 1}, column ${cell % columns + 1}${shown.label ? `, ${shown.label}` : ""}: codevector ` +
    `${shown.indices[cell].toLocaleString("en")} of ${shown.codebookSize.toLocaleString("en")}. Distance ` +
    `${figure(shown.distances[cell] / 65535 * shown.farthest)}, length of the codevector ${figure(shown.norms[used])}. ` +
    `Chosen ${shown.here[used].toLocaleString("en")} of ${shown.indices.length.toLocaleString("en")} times here${test}.`;
}

function cellUnder(event) {
  const frame = stage.getBoundingClientRect();
  const [rows, columns] = shown.shape;
  const [height, width] = shown.covers.map((side, i) => side / shown.size[i]);
  const column = Math.floor((event.clientX - frame.left) / frame.width / width * columns);
  const row = Math.floor((event.clientY - frame.top) / frame.height / height * rows);
  return Math.min(Math.max(row, 0), rows - 1) * columns + Math.min(Math.max(column, 0), columns - 1);
}

function pick() {
  if (at === null) return;
  const columns = shown.shape[1];
  shown.picked = shown.indices[at];
  draw();
  trigger("select", { row: Math.floor(at / columns), column: at % columns, index: shown.picked });
}

function keys(event) {
  if (!shown) return;
  const [rows, columns] = shown.shape;
  const row = at === null ? 0 : Math.floor(at / columns), column = at === null ? 0 : at % columns;
  const moves = {
    ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1], ArrowUp: [row - 1, column], ArrowDown: [row + 1, column],
    Home: [row, 0], End: [row, columns - 1],
  };
  if (event.key === "Enter" || event.key === " ") pick();
  else if (moves[event.key] && at === null) point(0);
  else if (moves[event.key]) {
    const [toRow, toColumn] = moves[event.key];
    point(Math.min(Math.max(toRow, 0), rows - 1) * columns + Math.min(Math.max(toColumn, 0), columns - 1));
  } else return;
  event.preventDefault();
}

async function render() {
  const value = props.value && props.value.uri ? props.value : null;
  root.hidden = !value;
  if (!value) { shown = null; return; }
  const unpacked = {
    ...value,
    indices: value.bytes === 4 ? new Uint32Array(bytes(value.indices)) : new Uint16Array(bytes(value.indices)),
    distances: new Uint16Array(bytes(value.distances)),
  };
  const places = new Map(value.used.map((index, place) => [index, place]));
  unpacked.of = Uint32Array.from(unpacked.indices, (index) => places.get(index));
  const image = new Image();
  image.src = value.uri;
  shown = unpacked;
  await image.decode();
  if (shown !== unpacked) return;
  shown.image = image;
  const [height, width] = value.size;
  stage.style.aspectRatio = `${width} / ${height}`;
  // Whole pixels of the photograph, about as many as a screen has.
  const times = Math.max(1, Math.round(1200 / Math.max(height, width)));
  for (const canvas of [base, top]) {
    canvas.width = width * times;
    canvas.height = height * times;
  }
  by.querySelector('[value="test"]').disabled = value.test === null;
  if (value.test === null && by.value === "test") by.value = "index";
  if (at !== null && at >= shown.indices.length) at = null;
  draw();
  point(at);
  root.dataset.ready = `${value.shape.join("x")} ${value.picked === null ? "none" : value.picked}`;
}

stage.addEventListener("pointermove", (event) => { if (shown) point(cellUnder(event)); });
stage.addEventListener("click", (event) => { if (shown) { point(cellUnder(event)); pick(); } });
stage.addEventListener("keydown", keys);
by.addEventListener("change", draw);
strength.addEventListener("input", draw);
watch("value", render);
render();
