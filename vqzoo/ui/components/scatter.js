// The codevectors of a codebook as points. The value is what `map_value` of vqzoo/views makes. `element`, `props`,
// `watch` and `trigger` are Gradio's. One canvas holds the points, the other the one that is pointed at.
const root = element.querySelector(".sc");
const stage = root.querySelector(".sc-stage");
const base = root.querySelector(".sc-base");
const top = root.querySelector(".sc-top");
const read = root.querySelector(".sc-read");
const methods = root.querySelector(".sc-methods");
const unused = root.querySelector(".sc-unused");
const csv = root.querySelector(".sc-csv");
const HINT = "Point at a codevector, or go from one to the next with the arrow keys.";
let shown = null; // the value, unpacked
let method = "PCA";
let at = null; // place of the point that is pointed at

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
}

function place(point) {
  const margin = 14 * scale(), side = base.width - 2 * margin, places = shown.places[method];
  return [margin + places[2 * point] / 65535 * side, margin + (1 - places[2 * point + 1] / 65535) * side];
}

function scale() {
  return base.width / stage.clientWidth || 1;
}

function draw() {
  if (!shown || !stage.clientWidth) return;
  const text = getComputedStyle(root).color;
  base.width = base.height = top.width = top.height = Math.round(stage.clientWidth * Math.min(2, window.devicePixelRatio || 1));
  const context = base.getContext("2d"), unit = scale();
  const low = Math.log1p(shown.least), span = Math.log1p(shown.most) - low || 1;
  context.strokeStyle = "#d64545";
  context.lineWidth = 1.6 * unit;
  if (unused.checked) {
    context.beginPath();
    shown.counts.forEach((count, point) => {
      if (count) return;
      const [x, y] = place(point), arm = 3.2 * unit;
      context.moveTo(x - arm, y - arm); context.lineTo(x + arm, y + arm);
      context.moveTo(x - arm, y + arm); context.lineTo(x + arm, y - arm);
    });
    context.globalAlpha = 0.9;
    context.stroke();
  }
  context.fillStyle = "#7c6cf0";
  for (const point of [...shown.order].reverse()) { // the most used on top
    if (!shown.counts[point]) continue;
    const share = (Math.log1p(shown.counts[point]) - low) / span, [x, y] = place(point);
    context.globalAlpha = 0.35 + 0.6 * share;
    context.beginPath();
    context.arc(x, y, (1.8 + 3.4 * share) * unit, 0, 7);
    context.fill();
  }
  context.globalAlpha = 1;
  context.strokeStyle = text;
  for (let point = 0; point < shown.here.length; point++) {
    if (!shown.here[point]) continue;
    const [x, y] = place(point);
    context.beginPath();
    context.arc(x, y, 5.6 * unit, 0, 7);
    context.stroke();
  }
  mark();
}

function mark() {
  const context = top.getContext("2d"), unit = scale();
  context.clearRect(0, 0, top.width, top.height);
  const picked = shown.indices.indexOf(shown.picked === null ? -1 : shown.picked);
  for (const [point, colour] of [[picked, "#e8590c"], [at === null ? -1 : at, "#ffd400"]]) {
    if (point < 0) continue;
    const [x, y] = place(point);
    for (const [ink, line] of [["#000", 5], [colour, 3]]) {
      context.strokeStyle = ink;
      context.lineWidth = line * unit;
      context.beginPath();
      context.arc(x, y, 8.5 * unit, 0, 7);
      context.stroke();
    }
  }
}

function point(to) {
  at = to;
  mark();
  if (to === null) { read.textContent = HINT; return; }
  read.textContent = `Codevector ${shown.indices[to].toLocaleString("en")}: ${shown.counts[to].toLocaleString("en")} times on ` +
    `${shown.of}${shown.of === "this image" ? "" : `, ${shown.here[to].toLocaleString("en")} times in this image`}.`;
}

function nearest(event) {
  const frame = stage.getBoundingClientRect();
  const x = (event.clientX - frame.left) * scale(), y = (event.clientY - frame.top) * scale();
  let best = null, least = (24 * scale()) ** 2;
  for (let each = 0; each < shown.indices.length; each++) {
    if (!unused.checked && !shown.counts[each]) continue;
    const [px, py] = place(each), distance = (px - x) ** 2 + (py - y) ** 2;
    if (distance < least) { least = distance; best = each; }
  }
  return best;
}

function pick() {
  if (at === null) return;
  shown.picked = shown.indices[at];
  mark();
  trigger("select", { index: shown.picked });
}

function keys(event) {
  if (!shown) return;
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (event.key === "Enter" || event.key === " ") pick();
  else if (step) {
    const order = unused.checked ? shown.order : shown.order.filter((each) => shown.counts[each]);
    const now = at === null ? -1 : order.indexOf(at);
    point(order[Math.min(Math.max(now + step, 0), order.length - 1)]);
  } else return;
  event.preventDefault();
}

function choose(name) {
  method = name;
  for (const button of methods.children) button.setAttribute("aria-pressed", String(button.value === name));
  draw();
}

// Places in the codevectors' own units for PCA, in shares of the map for the others, which have none.
function table() {
  const names = Object.keys(shown.maps);
  const columns = names.flatMap((name) => [`${name} x`, `${name} y`]);
  const lines = [["index", `times on ${shown.of}`, "times in this image", ...columns].join(",")];
  for (let each = 0; each < shown.indices.length; each++) {
    const places = names.flatMap((name) => [0, 1].map((axis) => {
      const share = shown.places[name][2 * each + axis] / 65535;
      return (name === "PCA" ? shown.origin[axis] + share * shown.side : share).toPrecision(6);
    }));
    lines.push([shown.indices[each], shown.counts[each], shown.here[each], ...places].join(","));
  }
  return lines.join("\n") + "\n";
}

function render() {
  const value = props.value && props.value.maps ? props.value : null;
  root.hidden = !value;
  if (!value) { shown = null; return; }
  const places = Object.fromEntries(Object.entries(value.maps).map(([name, text]) => [name, new Uint16Array(bytes(text))]));
  const order = value.counts.map((_, each) => each).sort((a, b) => value.counts[b] - value.counts[a]);
  const same = shown && shown.name === value.name;
  const used = order.filter((each) => value.counts[each]);
  const most = used.length ? value.counts[used[0]] : 1, least = used.length ? value.counts[used[used.length - 1]] : 1;
  shown = { ...value, places, order, most, least, indices: new Uint32Array(bytes(value.indices)) };
  methods.replaceChildren(...Object.keys(places).map((name) => {
    const button = document.createElement("button");
    button.type = "button";
    button.value = button.textContent = name;
    button.addEventListener("click", () => choose(name));
    return button;
  }));
  root.querySelector(".sc-note").textContent = value.note;
  const dead = value.counts.length - used.length;
  root.querySelector(".sc-dead").textContent = `never used on ${value.of}: ${dead.toLocaleString("en")} of ${value.counts.length.toLocaleString("en")}`;
  csv.download = `${value.name}.csv`;
  csv.title = `Save the coordinates as ${csv.download}`;
  at = same ? at : null;
  choose(places[method] ? method : "PCA");
  point(at);
  root.dataset.ready = `${value.name} ${value.picked === null ? "none" : value.picked}`;
}

csv.addEventListener("click", () => { csv.href = URL.createObjectURL(new Blob([table()], { type: "text/csv" })); });
stage.addEventListener("pointermove", (event) => { if (shown) point(nearest(event)); });
stage.addEventListener("click", (event) => { if (shown) { point(nearest(event)); pick(); } });
stage.addEventListener("keydown", keys);
unused.addEventListener("change", draw);
new ResizeObserver(draw).observe(stage);
watch("value", render);
render();
