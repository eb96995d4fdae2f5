/* A log that grows: follows its end only while the reader is there, and never holds more than LIMIT lines. */

const LIMIT = 500;
const NEAR = 24;

export function attach(log) {
  const scroll = log.querySelector(".log-scroll");
  const lines = log.querySelector(".log-lines");
  const follow = log.querySelector("[data-log-follow]");
  let following = true;

  const toEnd = () => { scroll.scrollTop = scroll.scrollHeight; };
  const atEnd = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR;

  function setFollowing(value) {
    following = value;
    follow.hidden = value;
  }

  scroll.addEventListener("scroll", () => setFollowing(atEnd()), { passive: true });
  follow.addEventListener("click", () => {
    setFollowing(true);
    toEnd();
  });

  new MutationObserver(() => {
    if (!following) return;
    // Lines are only dropped while nobody reads them.
    while (lines.childElementCount > LIMIT + 1) lines.firstElementChild.remove();
    // One link is on the Tab key's way; the arrows lead to the others.
    lines.querySelector("a[data-link]")?.removeAttribute("tabindex");
    toEnd();
  }).observe(lines, { childList: true });
  // Whoever came to a line wants to see that one.
  const wanted = location.hash && lines.querySelector(":target");
  if (wanted) {
    setFollowing(false);
    wanted.scrollIntoView({ block: "center" });
  } else toEnd();
}
