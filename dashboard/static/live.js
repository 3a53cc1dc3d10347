// What htmx leaves open: saying changes aloud, showing a lost connection, pausing, keeping opened details open.
// The page works without this file; it only makes the live one kinder.
(function () {
  "use strict";
  var live = document.getElementById("live");
  if (!live) return;
  var announce = document.getElementById("announce");
  var lost = document.getElementById("lost");
  var pause = document.getElementById("pause");
  var opened = [];

  function sayChange() {
    var said = live.querySelector("[data-say]");
    var text = said ? said.getAttribute("data-say") : "";
    // Written only when it differs: a live region that is rewritten is read out again.
    if (announce && text && announce.textContent !== text) announce.textContent = text;
  }

  function show(isLost) {
    if (lost) lost.hidden = !isLost;
    document.body.classList.toggle("is-lost", isLost);
  }

  function isPaused() {
    return pause && pause.getAttribute("aria-pressed") === "true";
  }

  function refresh() {
    window.htmx.trigger(live, "refresh");
  }

  document.body.addEventListener("htmx:beforeRequest", function (event) {
    if (event.target === live && isPaused()) event.preventDefault();
  });
  document.body.addEventListener("htmx:beforeSwap", function () {
    opened = Array.prototype.map.call(live.querySelectorAll("details[open][id]"), function (e) { return e.id; });
  });
  document.body.addEventListener("htmx:afterSettle", function () {
    opened.forEach(function (id) {
      var details = document.getElementById(id);
      if (details) details.open = true;
    });
    sayChange();
  });
  document.body.addEventListener("htmx:afterRequest", function (event) {
    if (event.target === live) show(!event.detail.successful);
  });
  // The line is broken: ask once. The answer, or its absence, says whether the server is still there.
  document.body.addEventListener("htmx:sseError", refresh);
  document.addEventListener("visibilitychange", function () {
    if (!document.hidden) refresh();
  });

  if (pause) {
    pause.hidden = false;
    pause.addEventListener("click", function () {
      pause.setAttribute("aria-pressed", isPaused() ? "false" : "true");
      if (!isPaused()) refresh();
    });
  }
  sayChange();
})();
