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
