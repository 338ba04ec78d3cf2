export function render({model}) {
  const root = document.createElement("table")
  root.className = "ladder"
  const head = make("tr", "", make("thead", "", root))
  for (const text of ["Bid quantity", "Bid", "Ask", "Ask quantity"]) make("th", "", head).textContent = text
  const body = make("tbody", "", root)
  keepDrawn(model, ["levels", "current"], () => {
    root.classList.toggle("old", !model.current)
    while (body.children.length > model.levels.length) body.lastChild.remove()
    model.levels.forEach((level, place) => {
      let row = body.children[place]
      if (!row) {
        row = make("tr", "", body)
        for (const field of ["bid_quantity", "bid_price", "ask_price", "ask_quantity"]) make("td", field, row)
      }
      const [bidQuantity, bid, ask, askQuantity] = row.children
      setText(bidQuantity, level.bid_quantity); setText(bid, level.bid_price)
      setText(ask, level.ask_price); setText(askQuantity, level.ask_quantity)
      row.style.setProperty("--bid-share", `${100 * level.bid_share}%`)
      row.style.setProperty("--ask-share", `${100 * level.ask_share}%`)
    })
  })
  return root
}
