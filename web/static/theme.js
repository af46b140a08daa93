// Sets the language and dark or light before the first paint; the policy of the page allows no inline script.
(function () {
  function kept(name) {
    try {
      return localStorage.getItem("mailings." + name);
    } catch (error) {
      return null;
    }
  }
  var root = document.documentElement;
  var theme = kept("theme");
  var isDark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.bsTheme = isDark ? "dark" : "light";
  var wanted = kept("language") || (navigator.language || "en").slice(0, 2);
  root.lang = wanted === "ru" ? "ru" : "en";
})();
