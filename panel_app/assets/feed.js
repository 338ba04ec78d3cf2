export function render({model}) {
  const root = document.createElement("ol")
  root.className = "feed"
  const empty = document.createElement("p")
  empty.className = "empty"; empty.textContent = "No alert has been seen."
  const items = new Map()

  function item(row) {
    if (items.has(row.alert_id)) return items.get(row.alert_id)
    const node = document.createElement("li")
    node.dataset.alert = row.alert_id; node.tabIndex = 0
    const choose = () => model.send_msg({symbol: node.dataset.symbol})
    node.addEventListener("click", choose)
    node.addEventListener("keydown", (event) => { if (event.key === "Enter") choose() })
    const parts = {node}
    for (const field of ["time", "symbol", "severity", "rule", "status", "duration", "peak", "venue", "reason"]) parts[field] = make("span", field, node)
    items.set(row.alert_id, parts)
    return parts
  }

  keepDrawn(model, ["rows"], () => {
    const now = nowMs()
    const kept = new Set()
    let place = 0
    for (const row of model.rows) {
      const parts = item(row)
      kept.add(row.alert_id)
      parts.node.dataset.symbol = row.symbol; parts.node.dataset.severity = row.severity; parts.node.dataset.side = row.side
      parts.node.classList.toggle("active", row.active)
      for (const field of ["time", "symbol", "severity", "status", "peak", "reason"]) setText(parts[field], row[field])
      setText(parts.rule, row.side === "none" ? row.rule : `${row.rule}, ${row.side} side`)
      setText(parts.venue, row.venue)
      parts.time.title = `${row.day} UTC`
      setText(parts.duration, row.running_since_ms !== null && now !== null ? lasting(now - row.running_since_ms) : row.duration)
      if (root.children[place] !== parts.node) root.insertBefore(parts.node, root.children[place] ?? null)
      place += 1
    }
    for (const [id, parts] of items) if (!kept.has(id)) { parts.node.remove(); items.delete(id) }
    if (items.size === 0) root.append(empty); else empty.remove()
  })
  return root
}
