"use strict";
// Draws every plot of the page in the colours of the page, and again when the colour scheme changes.
(function () {
  const figures = JSON.parse(document.getElementById("plots").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  function template() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = {
      gridcolor: colour("--line"), linecolor: colour("--line"), zerolinecolor: colour("--line"),
      automargin: true, ticks: "outside", tickcolor: colour("--line"), ticklen: 4,
      title: { standoff: 8, font: { size: 12 } }
    };
    return { layout: {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: style.fontFamily, size: 12, color: colour("--soft") },
      hoverlabel: { bgcolor: colour("--card"), bordercolor: colour("--line"), align: "left",
        font: { family: "ui-monospace, monospace", size: 12, color: colour("--text") } },
      margin: { l: 56, r: 16, t: 12, b: 48 },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--line"), activecolor: colour("--soft") },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
      xaxis: axis, yaxis: axis
    } };
  }

  function draw() {
    const shared = template();
    for (const [name, figure] of Object.entries(figures)) {
      const layout = Object.assign({}, figure.layout, { template: shared });
      const place = document.getElementById("plot-" + name);
      Plotly.react(place, figure.data, layout, {
        responsive: true, displaylogo: false, displayModeBar: place.classList.contains("small") ? false : "hover",
        modeBarButtonsToRemove: ["select2d", "lasso2d"]
      });
    }
  }

  draw();
  dark.addEventListener("change", draw);
})();
