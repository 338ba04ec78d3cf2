export function render({model}) {
  const root = document.createElement("div")
  root.className = "lead"
  const name = make("div", "name", root)
  const symbol = make("h2", "symbol", name), venue = make("small", "venue", name)
  const said = make("div", "said", root)
  const pressure = make("strong", "pressure", said), since = make("span", "since", said)
  const values = make("dl", "", root)
  const value = (field, title) => {
    const pair = make("div", "", values)
    make("dt", "", pair).textContent = title
    return make("dd", field, pair)
  }
  const imbalance = value("imbalance_text", "Imbalance"), mid = value("mid", "Mid"), spread = value("spread", "Spread, bps")
  const usual = value("usual_spread", "Usual spread"), age = value("age", "Newest record")
  const belief = make("p", "belief", root), state = make("b", "state", belief)
  const verdict = make("b", "verdict", belief), ground = make("span", "ground", belief)
  const alert = make("p", "alert", root)
  const proof = make("dl", "proof", root), evidence = []
  const spans = make("div", "spans", root)
  spans.setAttribute("role", "group"); spans.setAttribute("aria-label", "Minutes shown")
  for (const minutes of model.spans) {
    const button = make("button", "", spans)
    button.type = "button"; button.textContent = `${minutes} min`; button.dataset.minutes = minutes
    button.addEventListener("click", () => model.send_msg({span: String(minutes)}))
  }

  function prove() {
    model.proof.forEach(({name, words, against}, place) => {
      if (!evidence[place]) {
        const node = make("div", "", proof)
        evidence[place] = {node, name: make("dt", "", node), words: make("dd", "", node)}
      }
      const parts = evidence[place]
      parts.node.dataset.evidence = name; parts.node.classList.toggle("against", against)
      setText(parts.name, name); setText(parts.words, words)
    })
    for (const parts of evidence.splice(model.proof.length)) parts.node.remove()
  }

  keepDrawn(model, ["row", "proof", "span_minutes"], () => {
    for (const button of spans.children) button.setAttribute("aria-pressed", String(Number(button.dataset.minutes) === model.span_minutes))
    const row = model.row
    prove()
    root.classList.toggle("nothing", !row.symbol)
    document.body.dataset.selected = String(Boolean(row.symbol))
    if (!row.symbol) { setText(verdict, "No symbol is followed yet."); return }
    const current = isCurrent(row)
    root.classList.toggle("old", !current)
    root.classList.toggle("none", row.imbalance === null)
    root.dataset.side = row.side
    setText(symbol, row.symbol); setText(venue, row.venue)
    setText(pressure, row.pressure); setText(since, current ? sinceText(row) : "")
    setText(imbalance, row.imbalance_text); setText(mid, row.mid); setText(spread, row.spread); setText(usual, row.usual_spread)
    setText(age, ageText(row))
    const lapsed = row.current && !current
    setText(state, row.trust); root.dataset.trust = row.trust
    setText(verdict, lapsed ? "Do not believe it" : row.verdict)
    setText(ground, `: ${lapsed ? "nothing new has come" : row.ground}.`)
    setText(alert, row.alert_text ? `Alert: ${row.alert_text}` : ""); alert.dataset.severity = row.alert
  })
  return root
}
