// The server's clock as the page knows it. It runs on while nothing comes, so that ages grow and old rows turn grey
// even when the dashboard itself has stopped.
const clock = (globalThis.orderbookClock ??= {serverMs: null, at: 0})

function nowMs() {
  return clock.serverMs === null ? null : clock.serverMs + (performance.now() - clock.at)
}

function lasting(ms) {
  const s = Math.max(0, Math.floor(ms / 1000))
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`
  return `${Math.floor(s / 3600)} h ${String(Math.floor(s / 60) % 60).padStart(2, "0")} min`
}

function ageText(row) {
  const now = nowMs()
  if (row.seen_ms === null || now === null) return "age unknown"
  const age = Math.max(0, now - row.seen_ms)
  return age < 10000 ? `${(age / 1000).toFixed(1)} s` : lasting(age)
}

function isCurrent(row) {
  const now = nowMs()
  return row.current && now !== null && now <= row.expires_ms
}

function sinceText(row) {
  const now = nowMs()
  if (row.since_ms === null || now === null) return ""
  return `for ${row.since_open ? "over " : ""}${lasting(now - row.since_ms)}`
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}

function make(tag, field, parent) {
  const node = document.createElement(tag)
  if (field) { node.dataset.field = field; node.className = field }
  parent.append(node)
  return node
}

// Redraw on the given changes and twice a second for what depends on the time alone; stops when the part is removed.
function keepDrawn(model, names, draw) {
  const timer = setInterval(draw, 500)
  model.on(names, draw)
  model.on("remove", () => clearInterval(timer))
  draw()
}
