// Zoom into traces, and show one lead alone. A view is a first and a last sample; all traces share it.
document.querySelectorAll("figure.traces").forEach((figure) => {
  const last = Number(figure.dataset.samples);
  const rate = Number(figure.dataset.rate);
  const least = Math.max(8, last / 100);
  let [from, to] = [0, last];
  const show = (first, end) => {
    const wide = Math.min(last, Math.max(least, end - first));
    from = Math.min(Math.max(0, first), last - wide);
    to = from + wide;
    figure.querySelectorAll("svg").forEach((svg) => {
      const tall = svg.getAttribute("viewBox").split(" ")[3];
      svg.setAttribute("viewBox", `${from} 0 ${wide} ${tall}`);
    });
    figure.querySelector("output").value = `${(from / rate).toFixed(2)} to ${(to / rate).toFixed(2)} s`;
  };
  const choose = () => {
    const [title, lead] = ["window", "lead"].map((name) => figure.querySelector(`[name=${name}]`).value);
    figure.querySelectorAll("[data-window]").forEach((each) => { each.hidden = each.dataset.window !== title; });
    figure.querySelectorAll("[data-lead]").forEach((each) => { each.hidden = lead !== "" && each.dataset.lead !== lead; });
    figure.classList.toggle("alone", lead !== "" || figure.querySelector("[name=lead]").length === 2);
  };
  const scaled = (factor) => { const half = factor * (to - from) / 2; show((from + to) / 2 - half, (from + to) / 2 + half); };
  const moved = (share) => { const by = share * (to - from); show(from + by, to + by); };
  const acts = { "zoom in": () => scaled(0.5), "zoom out": () => scaled(2), earlier: () => moved(-0.5),
    later: () => moved(0.5), "whole window": () => show(0, last) };
  figure.addEventListener("click", (event) => { if (event.target.name in acts) { acts[event.target.name](); } });
  figure.addEventListener("change", choose);
  let start = null;
  const sample = (event) => {
    const box = event.target.closest("svg").getBoundingClientRect();
    return from + (to - from) * (event.clientX - box.left) / box.width;
  };
  figure.addEventListener("pointerdown", (event) => { start = event.target.closest("svg") ? sample(event) : null; });
  figure.addEventListener("pointerup", (event) => {
    if (start !== null && event.target.closest("svg")) {
      const ends = [start, sample(event)].sort((a, b) => a - b);
      if (ends[1] - ends[0] > 0.02 * (to - from)) { show(...ends); }
    }
    start = null;
  });
  figure.querySelector("p.screen").hidden = false;
  choose();
  show(0, last);
});
