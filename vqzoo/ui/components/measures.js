// The rows of a comparison; codecs are folded behind the models whose bits they have. `element`, `props` and `watch`
// are Gradio's. A click on a heading sorts; nothing is asked of the server.
const root = element.querySelector(".ms");
const opened = new Set(); // names of the models whose codecs are shown
let sort = { column: null, up: true };

function make(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// A column's numbers have one number of digits behind the point.
function show(cell, digits) {
  const fixed = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return cell === null ? "" : typeof cell === "number" ? cell.toLocaleString("en", fixed) : cell;
}

const digits = (rows, column) =>
  Math.max(0, ...rows.map((cells) => cells[column]).filter((cell) => typeof cell === "number").map((cell) => (String(cell).split(".")[1] || "").length));

const number = (cell) => Number(String(cell).replace(/[,%]/g, ""));

function compareBy({ column, up }) {
  return (one, two) => {
    const [a, b] = [one[column], two[column]];
    const [x, y] = [number(a), number(b)];
    const known = (value, cell) => cell !== null && cell !== "" && !Number.isNaN(value);
    if (known(x, a) && known(y, b)) return up ? x - y : y - x;
    if (known(x, a) !== known(y, b)) return known(x, a) ? -1 : 1;
    return (up ? 1 : -1) * String(a).localeCompare(String(b));
  };
}

function head({ text, tip }, column) {
  const button = make("button", { type: "button", textContent: text, title: tip });
  if (sort.column === column) button.dataset.order = sort.up ? "↑" : "↓";
  button.addEventListener("click", () => {
    sort = { column, up: sort.column === column ? !sort.up : true };
    render();
    root.querySelectorAll("thead button")[column].focus();
  });
  const cell = make("th", { scope: "col", title: tip, className: column ? "ms-number" : "" }, button);
  cell.setAttribute("aria-sort", sort.column !== column ? "none" : sort.up ? "ascending" : "descending");
  return cell;
}

function row(cells, codecs, isCodec, fixed) {
  const [name] = cells;
  const first = make("th", { scope: "row", title: (props.value.tips || {})[name] || name }, name);
  if (codecs.length) {
    const open = opened.has(name);
    const fold = make("button", { type: "button", className: "ms-fold", textContent: `${open ? "−" : "+"} ${codecs.length} codecs` });
    fold.setAttribute("aria-expanded", String(open));
    fold.setAttribute("aria-label", `codecs at the bits of ${name}`);
    fold.addEventListener("click", () => {
      open ? opened.delete(name) : opened.add(name);
      render();
      root.querySelector(`[aria-label="codecs at the bits of ${name}"]`).focus();
    });
    first.append(fold);
  }
  return make("tr", { className: isCodec ? "ms-codec" : "" }, first, ...cells.slice(1).map((cell, i) => make("td", { className: "ms-number", textContent: show(cell, fixed[i + 1]) })));
}

function render() {
  const { heads = [], rows = [], behind = {} } = props.value || {};
  const folded = new Set(Object.values(behind).flat());
  const ordered = sort.column === null ? rows : [...rows].sort(compareBy(sort));
  const models = ordered.filter((cells) => !folded.has(cells[0]));
  root.querySelector("thead tr").replaceChildren(...heads.map(head));
  const fixed = heads.map((_, column) => digits(rows, column));
  root.querySelector("tbody").replaceChildren(...models.flatMap((cells) => {
    const codecs = ordered.filter((each) => (behind[cells[0]] || []).includes(each[0]));
    return [row(cells, codecs, false, fixed), ...(opened.has(cells[0]) ? codecs.map((each) => row(each, [], true, fixed)) : [])];
  }));
}

let order = "";
watch("value", () => {
  const next = JSON.stringify((props.value || {}).order || "");
  if (next !== order) sort = { column: null, up: true }; // another order was chosen above
  order = next;
  render();
});
render();
