// The page: a picture or the webcam, two marks for the eyes, and the outputs as bars.

import { Network, crop } from "./network.js";

const find = (id) => document.getElementById(id);
const picture = find("picture"), cropped = find("crop"), pen = picture.getContext("2d");
const eyes = [{ x: 0.42, y: 0.4 }, { x: 0.58, y: 0.4 }]; // shares of the picture's sides
let network, source, busy = false, dragged = null;

const inPixels = ({ x, y }) => ({ x: x * picture.width, y: y * picture.height });

function draw() {
  if (!source) return;
  pen.drawImage(source, 0, 0, picture.width, picture.height);
  for (const { x, y } of eyes.map(inPixels)) {
    const radius = Math.max(5, picture.width / 90);
    for (const [colour, width] of [["#141414", 5], ["#e69f00", 2]]) {
      pen.strokeStyle = colour; pen.lineWidth = width;
      pen.beginPath(); pen.arc(x, y, radius, 0, 2 * Math.PI); pen.stroke();
    }
  }
}

async function predict() {
  if (!source || !network || busy) return;
  busy = true;
  try {
    const scale = { x: widthOf(source) / picture.width, y: heightOf(source) / picture.height };
    const [right, left] = eyes.map(inPixels)
      .map(({ x, y }) => ({ x: x * scale.x, y: y * scale.y })).sort((a, b) => a.x - b.x);
    const pixels = crop(source, right, left, cropped);
    const start = performance.now();
    const outputs = await network.run(pixels);
    show(outputs);
    window.outputs = outputs;
    find("status").textContent = `${(performance.now() - start).toFixed(1)} ms for a face.`;
  } finally {
    busy = false;
  }
}

function show(outputs) {
  const rows = Object.values(outputs).flatMap((values) => Object.entries(values));
  find("outputs").replaceChildren(...rows.map(([name, value]) => {
    const row = document.createElement("tr"), bar = document.createElement("meter");
    bar.min = name === "valence" || name === "arousal" ? -1 : 0;
    bar.value = value;
    for (const content of [name, bar, value.toFixed(2)]) row.insertCell().append(content);
    return row;
  }));
}

const widthOf = (image) => image.videoWidth || image.width;
const heightOf = (image) => image.videoHeight || image.height;

function use(image) {
  source = image;
  const scale = Math.min(1, 640 / Math.max(widthOf(image), heightOf(image)));
  picture.width = Math.round(widthOf(image) * scale);
  picture.height = Math.round(heightOf(image) * scale);
}

find("file").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  if (!file) return;
  stop();
  try {
    use(await createImageBitmap(file));
    draw();
    await predict();
  } catch (error) {
    find("status").textContent = `This picture cannot be read: ${error.message}`;
  }
});

let stream = null;
function stop() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
}

find("webcam").addEventListener("click", async () => {
  try {
    stop();
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640 } });
  } catch (error) {
    find("status").textContent = `There is no webcam for this page: ${error.message}`;
    return;
  }
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = stream;
  await video.play();
  use(video);
  const mine = stream;
  const next = async () => {
    if (stream !== mine) return;
    await predict();
    draw();
    requestAnimationFrame(next);
  };
  next();
});

const at = (event) => {
  const box = picture.getBoundingClientRect();
  return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
};
picture.addEventListener("pointerdown", (event) => {
  const { x, y } = at(event);
  const distances = eyes.map((eye) => Math.hypot(eye.x - x, eye.y - y));
  dragged = eyes[distances[0] <= distances[1] ? 0 : 1];
  picture.setPointerCapture(event.pointerId);
  Object.assign(dragged, { x, y });
  draw();
});
picture.addEventListener("pointermove", (event) => {
  if (dragged) { Object.assign(dragged, at(event)); draw(); }
});
picture.addEventListener("pointerup", async () => { dragged = null; draw(); await predict(); });

try {
  network = await Network.load("model.onnx");
  cropped.width = cropped.height = network.size;
  find("status").textContent = "Ready. Nothing leaves this machine.";
} catch (error) {
  find("status").textContent = error.message;
}
