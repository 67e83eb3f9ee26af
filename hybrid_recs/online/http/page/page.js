// Connects the parts of the page; the address names the item that is shown.

import { byId, reducedMotion } from "./dom.js";
import { figures } from "./figures.js";
import { find } from "./find.js";
import { showItem } from "./item.js";
import { session } from "./session.js";

const itemInAddress = () => new URLSearchParams(location.search).get("item") || null;
const visitor = session(open);

// A person opened an item: show it and add it to the session.
async function open(id, answerId) {
  history.pushState(null, "", `?item=${encodeURIComponent(id)}`);
  byId("item-title").focus({ preventScroll: true });
  if (byId("item").getBoundingClientRect().top < 0)
    byId("item").scrollIntoView({ behavior: reducedMotion() ? "auto" : "smooth" });
  const item = await showItem(id, open);
  if (item) visitor.add(item, answerId);
}

const reload = () => showItem(itemInAddress(), open);

find(open);
figures(reload); // another generation has other lists
reload();
addEventListener("popstate", reload);
addEventListener("reload", reload);
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
    reload();
  }
});
