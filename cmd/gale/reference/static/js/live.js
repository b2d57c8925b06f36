// Follows a channel: new packets come over the hub, the chart counts them by
// the second. What the hub cannot give again is fetched from the API, so that
// the list has no gap: every packet has a number, and none is shown twice.
import { connect } from "/hub.js";

const list = document.getElementById("packets");
const stateLine = document.getElementById("state");
const { topic, live, api, rate } = list.dataset;
const maxRows = 200;
let last = Number(list.dataset.last);

// --- the list ---

function cell(row, text, child) {
  const td = row.insertCell();
  const to = child ? td.appendChild(document.createElement(child)) : td;
  to.textContent = text;
  return to;
}

function rowOf(packet) {
  const row = document.createElement("tr");
  row.dataset.id = packet.id;
  row.className = "fresh";
  const at = new Date(packet.created_at);
  const time = cell(row, at.toISOString().slice(11, 19), "time");
  time.dateTime = time.title = packet.created_at;
  cell(row, packet.kind);
  cell(row, packet.sender);
  cell(row, JSON.stringify(packet.payload), "code");
  return row;
}

let waiting = [];
let painting = false;

function paint() {
  painting = false;
  const rows = document.createDocumentFragment();
  for (const packet of waiting.slice(-maxRows)) rows.prepend(rowOf(packet));
  waiting = [];
  list.prepend(rows);
  while (list.rows.length > maxRows) list.deleteRow(-1);
  const empty = document.getElementById("empty");
  if (empty) empty.remove();
}

function show(packet) {
  if (packet.id <= last) return;
  last = packet.id;
  count(packet.created_at, 1);
  waiting.push(packet);
  if (waiting.length > 4 * maxRows) waiting = waiting.slice(-maxRows);
  if (!painting) {
    painting = true;
    requestAnimationFrame(paint);
  }
}

// --- what was missed ---

let catching = false;
let held = []; // what the hub brings while older packets are being fetched

async function catchUp() {
  if (catching) return;
  catching = true;
  try {
    let cursor = "";
    // Ten thousand packets are more than anybody reads; beyond, begin anew.
    for (let page = 0; page < 10; page++) {
      const query = cursor ? "cursor=" + encodeURIComponent(cursor) : "after=" + last;
      if (!cursor && last === 0) break;
      const answer = await fetch(`${api}?limit=1000&${query}`, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error("status " + answer.status);
      const { items, next } = await answer.json();
      items.forEach(show);
      cursor = next;
      if (!cursor) break;
    }
    if (cursor) location.reload();
  } catch (err) {
    setTimeout(catchUp, 2000 + Math.random() * 2000);
  } finally {
    catching = false;
    const packets = held;
    held = [];
    packets.forEach(show);
  }
}

function receive(packet) {
  if (catching) held.push(packet);
  else show(packet);
}

// --- the chart ---

const width = 120;
const now = () => Math.floor(Date.now() / 1000);
let times = [], counts = [], chart = null, clockSkew = 0;

function slide() {
  const from = now() - clockSkew - width + 1;
  while (times.length && times[0] < from) {
    times.shift();
    counts.shift();
  }
  for (let t = times.length ? times[times.length - 1] + 1 : from; t < from + width; t++) {
    times.push(t);
    counts.push(0);
  }
}

function count(at, n) {
  slide();
  const i = Math.floor(Date.parse(at) / 1000) - times[0];
  if (i >= 0 && i < counts.length) counts[i] += n;
}

function draw() {
  slide();
  chart.setData([times, counts]);
}

async function startChart() {
  const box = document.getElementById("chart");
  const answer = await fetch(rate, { headers: { Accept: "application/json" } });
  if (!answer.ok) return;
  const first = await answer.json();
  // The server's clock gives packets their time; follow it, not the reader's.
  clockSkew = now() - (first.from + first.counts.length - 1);
  times = first.counts.map((_, i) => first.from + i);
  counts = first.counts;
  box.hidden = false;
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--pico-muted-color").trim();
  const line = style.getPropertyValue("--pico-primary").trim();
  const grid = style.getPropertyValue("--pico-muted-border-color").trim();
  const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
  chart = new uPlot({
    width: box.clientWidth, height: 150, legend: { show: false }, cursor: { show: false },
    scales: { y: { range: (u, min, max) => [0, Math.max(max, 4) * 1.1] } },
    axes: [axis, { ...axis, size: 44 }],
    series: [{}, { stroke: line, width: 2, fill: line + "22", points: { show: false } }],
  }, [times, counts], box);
  new ResizeObserver(() => chart.setSize({ width: box.clientWidth, height: 150 })).observe(box);
  draw();
  setInterval(draw, 1000);
}

// --- the connection ---

const words = {
  connecting: ["Connecting …", "lost"],
  open: ["Live", "live"],
  waiting: ["Disconnected, trying again …", "lost"],
  closed: ["Not following", "lost"],
};

function showState(state) {
  const [text, kind] = words[state];
  stateLine.hidden = false;
  stateLine.textContent = text;
  stateLine.className = "state " + kind;
}

const hub = connect(live);
showState(hub.state);
hub.onstate = state => {
  showState(state);
  if (state === "open") catchUp();
};
hub.subscribe(topic, receive, { lost: catchUp, failed: () => showState("closed") });
window.addEventListener("load", startChart);
