// Chips of the chosen models, and a drawer with all of them. `element`, `props`, `watch` and `trigger` are Gradio's.
// Every click is seen at once; the server is told when the clicks pause.
const PAUSE = 500; // milliseconds
const root = element.querySelector(".pk");
const part = (name) => root.querySelector(`.pk-${name}`);
const drawer = part("drawer"), opener = part("open"), search = root.querySelector("#search");
let chosen = [], timer = null;

function models() {
  return (props.value.groups || []).flatMap((group) => group.models);
}

function make(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function chip({ name, tip }) {
  const remove = make("button", { type: "button", textContent: "×", title: `Remove ${name}` });
  remove.setAttribute("aria-label", `remove ${name}`);
  remove.addEventListener("click", () => {
    const next = remove.closest("li").nextElementSibling;
    choose(chosen.filter((each) => each !== name));
    (next && root.querySelector(`[aria-label="${next.querySelector("button").getAttribute("aria-label")}"]`) || opener).focus();
  });
  return make("li", {}, make("span", { textContent: name, title: tip }), remove);
}

function draw() {
  const known = new Map(models().map((model) => [model.name, model]));
  part("chips").replaceChildren(...chosen.filter((name) => known.has(name)).map((name) => chip(known.get(name))));
  for (const box of root.querySelectorAll(".models input")) box.checked = chosen.includes(box.value);
  part("count").textContent = `${chosen.length} of ${known.size} models`;
  filter();
}

function choose(names) {
  chosen = names;
  props.value = { ...props.value, chosen };
  draw();
  document.dispatchEvent(new CustomEvent("vqzoo-chosen", { detail: chosen }));
  clearTimeout(timer);
  timer = setTimeout(() => trigger("input"), PAUSE);
}

// Ticked models stay in sight during a search.
function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const label of root.querySelectorAll(".models label")) {
    const text = `${label.textContent} ${label.title}`.toLowerCase();
    label.hidden = !label.firstChild.checked && !words.every((word) => text.includes(word));
  }
  for (const group of root.querySelectorAll(".models")) group.hidden = !group.querySelector("label:not([hidden])");
}

function row({ name, tip }) {
  const box = make("input", { type: "checkbox", value: name });
  box.addEventListener("change", () => choose(box.checked ? [...chosen, name] : chosen.filter((each) => each !== name)));
  return make("label", { title: tip }, box, make("span", { textContent: name }));
}

function render() {
  const { groups = [], chosen: names = [] } = props.value || {};
  chosen = [...names];
  part("groups").replaceChildren(...groups.map((group) =>
    make("fieldset", { className: "models", id: group.id }, make("legend", { textContent: group.label }), ...group.models.map(row))));
  draw();
}

function open(shown) {
  drawer.hidden = !shown;
  opener.setAttribute("aria-expanded", String(shown));
  (shown ? search : opener).focus();
}

opener.addEventListener("click", () => open(drawer.hidden));
part("close").addEventListener("click", () => open(false));
part("none").addEventListener("click", () => choose([]));
search.addEventListener("input", filter);
drawer.addEventListener("keydown", (event) => { if (event.key === "Escape") open(false); });
document.addEventListener("vqzoo-asked", () => clearTimeout(timer)); // by the button, with what is ticked now
watch("value", render);
render();
