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
