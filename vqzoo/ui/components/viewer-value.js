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
