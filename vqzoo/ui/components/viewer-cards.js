// --- a card for each picture ---

function newFrame(label) {
  const frame = make("div", { className: "vq-frame" });
  const canvas = make("canvas", {});
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  frame.append(canvas);
  listen(frame);
  return { frame, canvas };
}

function newCard(picture) {
  const name = make("strong", { textContent: picture.name, title: picture.tip ? `${picture.name}: ${picture.tip}` : picture.name });
  const save = make("a", { textContent: "PNG", title: `Save ${picture.name} as a lossless PNG`, href: "#" });
  save.setAttribute("aria-label", save.title);
  save.download = `${picture.name.replace(/[^\w.-]+/g, "-")}.png`;
  const detail = make("span", {}), image = newFrame(picture.name);
  const value = make("span", { className: "vq-value", hidden: true }), share = make("div", { className: "vq-share" });
  image.frame.append(value);
  const body = make("div", { className: "vq-body" }, image.frame);
  const card = make("figure", { className: "vq-card" }, make("figcaption", {}, name, save, detail), body);
  save.addEventListener("click", () => { save.href = image.canvas.toDataURL(); }); // what is drawn when it is clicked
  if (picture.of) {
    body.append(share);
    return { card, image: image.canvas, share, detail, value };
  }
  const error = newFrame(`absolute error of ${picture.name}`);
  error.frame.classList.add("vq-error");
  body.append(error.frame, share);
  return { uri: picture.uri, card, image: image.canvas, error: error.canvas, share, detail, value, pixels: null };
}

async function load(entry) {
  const picture = new Image();
  picture.src = entry.uri;
  await picture.decode();
  for (const canvas of [entry.image, entry.error]) resize(canvas, picture.naturalWidth, picture.naturalHeight);
  const context = entry.image.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  entry.pixels = context.getImageData(0, 0, entry.image.width, entry.image.height);
}

function resize(canvas, width, height) {
  canvas.width = width;
  canvas.height = height;
  canvas.closest(".vq-frame").style.aspectRatio = `${width} / ${height}`;
}
