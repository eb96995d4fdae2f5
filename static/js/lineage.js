/* The picture of a lineage: larger and smaller, moved by dragging, and still where one clicked.
   Without this it scrolls, and every node is a link. */

const LEAST = 0.3;
const MOST = 2;
let scale = 1; // stays while parts of the page are swapped
let kept = null; // the node that was clicked, and where it stood

export function attach(root) {
  const frame = root.querySelector("[data-lineage]");
  if (!frame) return;
  const svg = frame.querySelector("svg");
  const width = svg.viewBox.baseVal.width;
  const height = svg.viewBox.baseVal.height;

  function size(value) {
    const middle = { x: frame.scrollLeft + frame.clientWidth / 2, y: frame.scrollTop + frame.clientHeight / 2 };
    const before = svg.width.baseVal.value / width;
    scale = Math.min(MOST, Math.max(LEAST, value));
    svg.setAttribute("width", Math.round(width * scale));
    svg.setAttribute("height", Math.round(height * scale));
    frame.scrollLeft = (middle.x / before) * scale - frame.clientWidth / 2;
    frame.scrollTop = (middle.y / before) * scale - frame.clientHeight / 2;
  }

  const tools = root.querySelector("[data-lineage-zoom]");
  tools.hidden = false;
  tools.addEventListener("click", (event) => {
    const button = event.target.closest("[data-zoom]");
    if (!button) return;
    const by = Number(button.dataset.zoom);
    size(by ? scale * by : Math.min(frame.clientWidth / width, frame.clientHeight / height, 1));
  });

  let from = null;
  frame.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button || event.target.closest("a")) return;
    from = { x: event.clientX + frame.scrollLeft, y: event.clientY + frame.scrollTop };
    frame.setPointerCapture(event.pointerId);
    frame.classList.add("is-dragged");
  });
  frame.addEventListener("pointermove", (event) => {
    if (from) frame.scrollTo(from.x - event.clientX, from.y - event.clientY);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    frame.addEventListener(end, () => {
      from = null;
      frame.classList.remove("is-dragged");
    });
  }

  // What is clicked stays under the pointer, however much comes beside it.
  frame.addEventListener("click", (event) => {
    const node = event.target.closest("[data-node]");
    if (node) kept = { id: node.dataset.node, at: node.getBoundingClientRect() };
  });

  if (scale !== 1) size(scale);
  const node = kept && frame.querySelector(`[data-node="${CSS.escape(kept.id)}"]`);
  if (node) {
    const now = node.getBoundingClientRect();
    frame.scrollLeft += now.left - kept.at.left;
    frame.scrollTop += now.top - kept.at.top;
  } else {
    const start = frame.querySelector(".lin-start");
    if (start) {
      const place = start.getBoundingClientRect();
      const own = frame.getBoundingClientRect();
      frame.scrollLeft += place.left + place.width / 2 - own.left - own.width / 2;
      frame.scrollTop += place.top + place.height / 2 - own.top - own.height / 2;
    }
  }
  kept = null;
}
