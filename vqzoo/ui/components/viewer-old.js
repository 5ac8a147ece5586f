// --- what is old: pictures of another photograph or of other models than are chosen now, until the new ones come ---

const OLD = "Of the photograph as it was before: the new pictures are on their way.";
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
  if (why === "photograph") old("all", OLD);
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
    if (event.target.closest?.("#examples button")) old("all", OLD);
  });
}
