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
