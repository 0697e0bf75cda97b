"""The pages' own script, and nothing else is run on them. Without it all of them work. No I/O."""

# Times in the reader's own zone and words, with the date where it is not today; without this they are the host's. Of a
# page that grows a time is complete when something follows it.
_TIMES = """
const shown = new WeakSet()
const show = (time) => {
  const at = new Date(time.dateTime)
  const isToday = at.toDateString() == new Date().toDateString()
  const told = time.textContent
  const text = at.toLocaleString([], isToday ? {timeStyle: "medium"} : {dateStyle: "medium", timeStyle: "medium"})
  const staysAgo = time.classList.contains("ago") && isToday
  time.textContent = staysAgo ? told : text
  time.title = staysAgo ? text : told
}
const look = () => {
  for (const time of document.getElementsByTagName("time")) {
    if (!shown.has(time) && (document.readyState != "loading" || time.nextSibling)) {
      shown.add(time)
      show(time)
    }
  }
}
new MutationObserver(look).observe(document, {childList: true, subtree: true})
addEventListener("DOMContentLoaded", look)
"""

# A page of something that goes on says with which query it is asked again (data-again). The answer has its title, its
# icon, what each part with an id has become, and of an output what is new. A connection is held for no longer than one
# answer takes. The longer nothing happens, the less is asked: from once a second to once in half a minute; nothing by a
# tab that nobody sees, and no more once the answer says no query.
_AGAIN = """
let timer, isAsking = false, changed = 0
const isPressed = () => document.querySelector("main [id]:active")
const goesOn = (page) => page.querySelector("[data-again]")
const take = (page) => {
  const printed = page.querySelector("pre")
  if (printed?.firstChild || page.title != document.title) {
    changed = performance.now()
  }
  while (printed?.firstChild) {
    document.querySelector("pre").append(printed.firstChild)
  }
  for (const part of page.querySelectorAll("main [id]")) {
    const before = document.getElementById(part.id)
    if (before && !before.isEqualNode(part)) {
      const focused = before.querySelector("a:focus")?.getAttribute("href")
      before.replaceChildren(...part.childNodes)
      before.querySelector(`a[href="${focused}"]`)?.focus()
    }
  }
  document.title = page.title
  document.querySelector("link[rel=icon]").href = page.querySelector("link[rel=icon]").href
  goesOn(document).replaceWith(goesOn(page) ?? "")
}
const ask = async () => {
  if (isAsking || !goesOn(document)) {
    return
  }
  isAsking = true
  try {
    const address = location.origin + location.pathname + goesOn(document).dataset.again
    const answer = await fetch(address, {headers: {Accept: "text/html"}})
    if (answer.ok && !isPressed()) {
      take(new DOMParser().parseFromString(await answer.text(), "text/html"))
    } else if (!answer.ok && answer.status < 500 && answer.status != 429) {
      goesOn(document).remove()
    }
  } catch {
    // There is no network for now.
  }
  isAsking = false
  wait()
}
const wait = () => {
  clearTimeout(timer)
  if (goesOn(document) && !document.hidden) {
    timer = setTimeout(ask, Math.min(Math.max((performance.now() - changed) / 10, 1000), 30000))
  }
}
addEventListener("DOMContentLoaded", wait)
document.addEventListener("visibilitychange", () => document.hidden ? wait() : ask())
"""

# Who clicks twice means one run. After a moment it is another wish: a browser may have been stopped meanwhile.
_ONCE = """
let sent = -Infinity
addEventListener("submit", (event) => {
  if (performance.now() - sent < 5000) {
    event.preventDefault()
  } else {
    sent = performance.now()
  }
})
"""

SCRIPT = _TIMES + _AGAIN + _ONCE
