const CUT_OFF_MS = 5000
const ASK_EVERY_MS = 2000

export function render({model}) {
  const root = document.createElement("div")
  root.className = "notices"
  const list = make("div", "list", root)
  list.setAttribute("role", "status")
  const cutOff = {
    kind: "blind", part: "dashboard", title: "This page is cut off from the dashboard",
    detail: "Nothing on it is updated. It loads again by itself when the dashboard answers.", since: "", logs: "dashboard",
  }
  let shown = "", asking = false, lost = false
  const title = document.title

  // Only a page whose connection is really gone is loaded again, and only once the dashboard answers.
  async function ask() {
    if (asking) return
    asking = true
    try {
      const answer = await fetch(new URL("liveness", document.baseURI), {cache: "no-store"})
      if (answer.ok && lost) location.reload()
    } catch { lost = true }
    setTimeout(() => { asking = false }, ASK_EVERY_MS)
  }

  const listen = () => {
    clock.serverMs = model.now_ms
    clock.at = performance.now()
  }
  if (model.now_ms) listen()
  model.on("now_ms", listen)
  for (const page of globalThis.Bokeh?.documents ?? []) page.on_event("connection_lost", () => { lost = true })

  keepDrawn(model, ["notices", "now_ms"], () => {
    const silentMs = clock.serverMs === null ? 0 : performance.now() - clock.at
    const isCutOff = lost || silentMs > CUT_OFF_MS
    if (isCutOff) ask()
    const all = isCutOff ? [cutOff, ...model.notices] : model.notices
    document.body.dataset.blind = String(all.some((notice) => notice.kind === "blind"))
    const feed = all.find((notice) => notice.kind === "feed")
    document.title = feed ? `${feed.title} | ${title}` : title
    const time = document.getElementById("now")
    if (time && clock.serverMs !== null) setText(time, `${new Date(nowMs()).toISOString().slice(11, 19)} UTC`)
    const wanted = JSON.stringify(all)
    if (wanted === shown) return
    shown = wanted
    list.replaceChildren()
    for (const notice of all) {
      const node = make("div", "notice", list)
      node.dataset.kind = notice.kind; node.dataset.part = notice.part
      make("b", "title", node).textContent = notice.title
      make("span", "detail", node).textContent = notice.detail
      if (notice.since) make("span", "since", node).textContent = `Since ${notice.since}.`
      if (notice.logs) make("span", "logs", node).textContent = `Look at the logs of: ${notice.logs}.`
    }
  })
  return root
}
