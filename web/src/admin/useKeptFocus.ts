import { useEffect } from "react";

const OFF = ":disabled";
const DIALOG = ".modal, .offcanvas";

/**
 * Keeps the focus on the screen. When what has it is gone, a verb that is possible no more or a form that was saved, what
 * came of it gets the focus (`data-said`) and is scrolled to, or the screen's heading; what was switched off only meanwhile
 * gets it back.
 */
export function useKeptFocus(): void {
  useEffect(keepFocus, []);
}

/** Begins to keep it; returns how that is ended. */
export function keepFocus(): () => void {
  let had: Element | null = null;
  const entered = ({ target }: FocusEvent) => {
    had = target as Element;
  };
  const left = ({ target }: FocusEvent) => {
    // a browser may say so of what is about to be removed, too
    queueMicrotask(() => {
      const isThere = (target as Element).isConnected && !(target as Element).matches(OFF);
      if (had === target && isThere && isLost()) had = null; // as somebody pressed beside it
    });
  };
  const changed = new MutationObserver(() => {
    const said = [...document.querySelectorAll("main [data-said]")].find((each) => each.textContent);
    // the heading has it for want of something better
    if (said && document.activeElement === document.querySelector("main h1") && !document.querySelector(DIALOG)) return focus(said, true);
    if (!had || !isLost()) return;
    if (had.isConnected && !had.matches(OFF)) return focus(had);
    if (document.querySelector(DIALOG)) return; // the focus stays in it
    if (said) focus(said, true);
    else if (!had.isConnected) focus(document.querySelector("main h1"));
  });
  document.addEventListener("focusin", entered);
  document.addEventListener("focusout", left);
  changed.observe(document.body, { childList: true, subtree: true, attributeFilter: ["disabled"] });
  return () => {
    document.removeEventListener("focusin", entered);
    document.removeEventListener("focusout", left);
    changed.disconnect();
  };
}

/** Whether nothing has the focus. */
function isLost(): boolean {
  return document.activeElement === null || document.activeElement === document.body;
}

function focus(element: Element | null, isShown = false): void {
  if (!(element instanceof HTMLElement)) return;
  if (!element.matches("a[href], button, input, select, textarea, [tabindex]")) element.tabIndex = -1;
  element.focus({ preventScroll: !isShown });
}
