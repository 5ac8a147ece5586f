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
