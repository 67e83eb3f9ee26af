// Puts the parts together; the address says which item is looked at.

import { byId, still } from "./dom.js";
import { figures } from "./figures.js";
import { find } from "./find.js";
import { showItem } from "./item.js";
import { session } from "./session.js";

const addressed = () => new URLSearchParams(location.search).get("item") || null;
const visitor = session(open);

// A person opened an item: it is looked at, and becomes part of the session.
async function open(id, from) {
  history.pushState(null, "", `?item=${encodeURIComponent(id)}`);
  byId("item-title").focus({ preventScroll: true });
  if (byId("item").getBoundingClientRect().top < 0)
    byId("item").scrollIntoView({ behavior: still() ? "auto" : "smooth" });
  const item = await showItem(id, open);
  if (item) visitor.add(item, from);
}

const again = () => showItem(addressed(), open);

find(open);
figures(again); // another generation has other lists
again();
addEventListener("popstate", again);
addEventListener("again", again);
document.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  const plain = !(event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.defaultPrevented);
  if (!link || !plain) return;
  if (link.closest("#figures")) {
    event.preventDefault();
    open(new URL(link.href).searchParams.get("item"));
  } else if (link.classList.contains("mark")) {
    event.preventDefault();
    history.pushState(null, "", "./");
    again();
  }
});
