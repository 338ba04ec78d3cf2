export function render({model}) {
  const root = document.createElement("div")
  root.className = "overview"
  const tools = make("div", "tools", root)
  const found = make("input", "", tools)
  found.type = "search"; found.placeholder = "Find a symbol"; found.setAttribute("aria-label", "Find a symbol")
  const label = make("label", "", tools)
  label.append("Order ")
  const order = make("select", "", label)
  for (const [value, text] of [["listed", "as listed"], ["pressure", "strongest pressure"], ["age", "oldest record"], ["symbol", "symbol"]]) {
    const option = make("option", "", order); option.value = value; option.textContent = text
  }
  const table = make("div", "table", root)
  table.setAttribute("role", "table")
  const head = make("div", "head", table)
  head.setAttribute("role", "row")
  for (const [field, text] of [["symbol", "Symbol"], ["mid", "Mid"], ["pressure", "Who presses"], ["gauge", "asks  |  bids"],
                               ["imbalance_text", "Imbal."], ["spread", "Spread bps"], ["trust", "Book"], ["age", "Age"], ["alert", "Alert"]]) {
    const cell = make("span", "", head)
    cell.className = field; cell.textContent = text; cell.setAttribute("role", "columnheader")
  }
  const body = make("div", "body", table)
  const empty = make("p", "empty", root)
  empty.textContent = "No symbol is followed yet: waiting for the ingest to choose its symbols."
  const lines = new Map()

  function line(symbol) {
    if (lines.has(symbol)) return lines.get(symbol)
    const node = document.createElement("div")
    node.className = "row"; node.dataset.symbol = symbol; node.tabIndex = 0; node.setAttribute("role", "row")
    const choose = () => model.send_msg({symbol})
    node.addEventListener("click", choose)
    node.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose() } })
    const parts = {node, listed: lines.size}
    const name = make("span", "symbol", node)
    parts.symbol = make("b", "", name); parts.venue = make("small", "venue", name)
    parts.mid = make("span", "mid", node)
    const words = make("span", "pressure", node)
    parts.pressure = make("b", "words", words); parts.since = make("small", "since", words)
    const gauge = make("span", "gauge", node)
    for (const level of [-model.high, -model.medium, 0, model.medium, model.high]) {
      const tick = make("i", "", gauge)
      tick.className = level === 0 ? "zero" : "tick"; tick.style.left = `${50 + 50 * level}%`
    }
    parts.bar = make("i", "", gauge); parts.bar.className = "bar"
    parts.imbalance_text = make("span", "imbalance_text", node)
    parts.spread = make("span", "spread", node)
    const trust = make("span", "trust", node)
    parts.trust = make("b", "state", trust); parts.reason = make("small", "reason", trust)
    parts.age = make("span", "age", node)
    parts.alert = make("span", "alert", node)
    for (const cell of node.children) cell.setAttribute("role", "cell")
    body.append(node)
    lines.set(symbol, parts)
    return parts
  }

  function fill(parts, row) {
    parts.row = row
    setText(parts.symbol, row.symbol); setText(parts.venue, row.venue); setText(parts.mid, row.mid)
    setText(parts.pressure, row.pressure); setText(parts.imbalance_text, row.imbalance_text)
    setText(parts.spread, row.spread); setText(parts.trust, row.trust); setText(parts.reason, row.reason)
    parts.reason.title = row.reason
    setText(parts.alert, row.alert_text); parts.alert.dataset.severity = row.alert
    parts.node.classList.toggle("none", row.imbalance === null)
    parts.node.dataset.side = row.side; parts.node.dataset.trust = row.trust
    const x = row.imbalance ?? 0
    parts.bar.style.left = `${x < 0 ? 50 + 50 * x : 50}%`
    parts.bar.style.width = `${50 * Math.abs(x)}%`
  }

  function age(parts) {
    if (!parts.row) return
    const current = isCurrent(parts.row)
    parts.node.classList.toggle("old", !current)
    setText(parts.age, ageText(parts.row) + (current && parts.row.quiet ? ", quiet" : ""))
    setText(parts.since, current ? sinceText(parts.row) : "")
  }

  function arrange() {
    const wanted = found.value.trim().toUpperCase()
    const all = [...lines.values()]
    const keys = {
      listed: (p) => p.listed,
      pressure: (p) => -Math.abs(isCurrent(p.row) ? p.row.imbalance ?? 0 : 0),
      age: (p) => p.row.seen_ms ?? 0,
      symbol: (p) => p.row.symbol,
    }
    const key = keys[order.value]
    all.sort((a, b) => { const x = key(a), y = key(b); return x < y ? -1 : x > y ? 1 : a.listed - b.listed })
    all.forEach((parts, place) => {
      if (body.children[place] !== parts.node) body.insertBefore(parts.node, body.children[place] ?? null)
      parts.node.hidden = !parts.row.symbol.includes(wanted)
    })
    table.hidden = lines.size === 0; empty.hidden = lines.size > 0
    tools.hidden = lines.size <= 10
    root.classList.toggle("many", lines.size > 10)
  }

  function draw() {
    for (const parts of lines.values()) {
      age(parts)
      const chosen = parts.row?.symbol === model.selected
      parts.node.classList.toggle("selected", chosen)
      parts.node.setAttribute("aria-selected", String(chosen))
    }
  }

  function take() {
    const before = lines.size
    for (const row of model.changes) fill(line(row.symbol), row)
    if (lines.size !== before) keep()
    draw()
  }

  // A row may come before the list that names its symbol, or after it: rows go only when a list comes without them.
  function keep() {
    const places = new Map(model.listed.map((symbol, place) => [symbol, place]))
    for (const [symbol, parts] of lines) parts.listed = places.get(symbol) ?? lines.size
    arrange()
  }

  function relist() {
    const listed = new Set(model.listed)
    for (const [symbol, parts] of lines) if (!listed.has(symbol)) { parts.node.remove(); lines.delete(symbol) }
    keep()
  }

  // Rows keep still under the pointer: a moving order is settled every two seconds, not at every update.
  const settle = setInterval(() => { if (order.value !== "listed" && !body.matches(":hover")) arrange() }, 2000)
  model.on("remove", () => clearInterval(settle))
  found.addEventListener("input", arrange)
  order.addEventListener("change", arrange)
  model.on("changes", take)
  model.on("listed", relist)
  take()
  relist()
  keepDrawn(model, ["selected"], draw)
  model.send_msg({drawn: "all"})
  return root
}
