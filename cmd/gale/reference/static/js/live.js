// Follows a channel: new packets come over the hub, the chart counts them by
// the second. The hub goes on where the page was made; what it cannot give
// again is fetched from the API. Ids grow, so that no packet is shown twice.
import { connect } from "/hub.js";

const list = document.getElementById("packets");
const older = document.getElementById("older");
const stateLine = document.getElementById("state");
const { topic, live, api, rate, epoch, offset } = list.dataset;
const maxRows = 200;
let last = Number(list.dataset.last);

// --- the list ---

let waiting = [];
let painting = false;

function rowOf(packet, fresh) {
  const row = document.createElement("tr");
  row.dataset.id = packet.id;
  if (fresh) row.className = "fresh";
  const at = new Date(packet.created_at);
  const time = document.createElement("time");
  time.dateTime = packet.created_at;
  time.title = at.toUTCString();
  time.textContent = at.toISOString().slice(11, 19);
  const code = document.createElement("code");
  code.textContent = JSON.stringify(packet.payload);
  for (const content of [time, packet.kind, packet.sender, code]) row.insertCell().append(content);
  return row;
}

function paint() {
  painting = false;
  const rows = document.createDocumentFragment();
  const fresh = waiting.length < 20; // a flood would only flicker
  for (const packet of waiting.slice(-maxRows)) rows.prepend(rowOf(packet, fresh));
  waiting = [];
  list.prepend(rows);
  document.getElementById("empty")?.remove();
  if (list.rows.length <= maxRows) return;
  while (list.rows.length > maxRows) list.deleteRow(-1);
  older.href = "?before=" + list.rows[maxRows - 1].dataset.id;
  older.hidden = false;
}

function show(packet) {
  if (packet.id <= last) return false;
  last = packet.id;
  waiting.push(packet);
  if (waiting.length > 4 * maxRows) waiting = waiting.slice(-maxRows); // nobody looks: no frames are drawn
  if (!painting) {
    painting = true;
    requestAnimationFrame(paint);
  }
  return true;
}

function receive(packet) {
  if (!catching) {
    if (show(packet)) count(packet.created_at);
    return;
  }
  held.push(packet);
  if (held.length > 2 * maxRows) held = held.slice(-maxRows);
}

// --- what was missed ---

let catching = false;
let again = false;
let held = []; // what the hub brings meanwhile: the newest that fill the list

const pause = ms => new Promise(done => setTimeout(done, ms));

async function get(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw Object.assign(new Error(`${url}: ${answer.status}`), { gone: answer.status < 500 && answer.status !== 429 });
  return answer.json();
}

// The newest packets fill the list, so that one request is enough however many
// were missed. A loss during the request makes another one necessary.
async function catchUp() {
  again = true;
  if (catching) return;
  catching = true;
  while (again) {
    again = false;
    try {
      const { items } = await get(`${api}?limit=${maxRows}`);
      items.reverse().forEach(show);
      await loadChart();
    } catch (err) {
      if (err.gone) {
        hub.close();
        return;
      }
      again = true;
    }
    if (again) await pause(1000 + Math.random() * 1000);
  }
  catching = false;
  const packets = held;
  held = [];
  packets.forEach(receive);
}

// --- the chart, in the server's time, which is that of the packets ---

const width = 120; // seconds
const height = 150;
let times = [], counts = [], chart = null, ahead = 0;

const now = () => Math.floor(Date.now() / 1000) - ahead;

function slide() {
  const from = now() - width + 1;
  while (times.length && times[0] < from) {
    times.shift();
    counts.shift();
  }
  for (let t = times.length ? times[times.length - 1] + 1 : from; t < from + width; t++) {
    times.push(t);
    counts.push(0);
  }
}

function count(at) {
  slide();
  const i = Math.floor(Date.parse(at) / 1000) - times[0];
  if (i >= 0 && i < counts.length) counts[i]++;
}

async function loadChart() {
  const { from, counts: loaded } = await get(rate);
  ahead += now() - (from + loaded.length - 1);
  times = loaded.map((_, i) => from + i);
  counts = loaded;
  draw();
}

function draw() {
  if (!chart) return;
  slide();
  // The present second is not full yet: it would look like a fall.
  chart.setData([times.slice(0, -1), counts.slice(0, -1)]);
}

function startChart() {
  const box = document.getElementById("chart");
  const style = getComputedStyle(document.documentElement);
  const color = name => () => style.getPropertyValue(name).trim(); // follows a change of the colour scheme
  const line = color("--pico-primary"), rule = { stroke: color("--pico-muted-border-color"), width: 1 };
  const axis = { stroke: color("--pico-muted-color"), grid: rule, ticks: rule };
  chart = new uPlot({
    width: box.clientWidth, height, padding: [8, 32, 0, 0], legend: { show: false }, cursor: { show: false },
    scales: { y: { range: (u, min, max) => [0, Math.max(max, 4) * 1.1] } },
    axes: [
      { ...axis, size: 32, space: 80, values: (u, at) => at.map(t => new Date(t * 1000).toISOString().slice(11, 19)) },
      { ...axis, size: 44 },
    ],
    series: [{}, { stroke: line, width: 2, fill: () => line() + "22", points: { show: false } }],
  }, [times, counts], box);
  new ResizeObserver(() => chart.setSize({ width: box.clientWidth, height })).observe(box);
  loadChart().catch(() => {}); // it then begins empty
  setInterval(draw, 1000);
}

// --- the connection ---

const words = { open: "Live", waiting: "Disconnected", closed: "Not following" };

// The text, which is read aloud, changes only when there is news: that the
// page connects, or tries again, is none.
function showState(state) {
  const text = words[state];
  if (!text || text === stateLine.textContent) return;
  stateLine.textContent = text;
  stateLine.className = state === "open" ? "state live" : "state lost";
  if (state !== "open") watching.textContent = "";
}

const watching = document.getElementById("watching");

function showPresence({ connections }) {
  watching.textContent = connections ? connections + " watching" : "";
}

startChart();
const hub = connect(live);
hub.onstate = showState;
hub.subscribe(topic, receive, {
  from: { epoch, offset: Number(offset) },
  lost: catchUp,
  presence: showPresence,
  failed: () => hub.close(),
});
