/** Keys that stand for something to do, outside of fields; each has a button or a link too. */

export const SHORTCUTS = ["/", "n", "j", "k", "?"] as const;
export type Shortcut = (typeof SHORTCUTS)[number];

// Where the layout has no Latin letters, the place of the key counts.
const BY_PLACE: Readonly<Record<string, Shortcut>> = { Slash: "/", KeyN: "n", KeyJ: "j", KeyK: "k" };
const FIELDS = "input, textarea, select, [contenteditable]";
const DIALOGS = ".modal.show, .offcanvas.show, .dropdown-menu.show";

type Press = Pick<KeyboardEvent, "key" | "code" | "shiftKey" | "ctrlKey" | "altKey" | "metaKey">;

/** Returns what a key stands for; with Ctrl, Alt or Meta it is the browser's. */
export function shortcutOf(press: Press): Shortcut | null {
  if (press.ctrlKey || press.altKey || press.metaKey) return null;
  const written = SHORTCUTS.find((each) => each === press.key);
  if (written) return written;
  if (/^[\x20-\x7e]$/.test(press.key) && press.code !== "Slash") return null;
  const placed = BY_PLACE[press.code];
  return placed === "/" && press.shiftKey ? "?" : (placed ?? null);
}

/** Whether keys are meant for what has the focus: a field, or a dialog. */
export function isTaken(target: EventTarget | null): boolean {
  const isField = target instanceof Element && target.closest(FIELDS) !== null;
  return isField || document.querySelector(DIALOGS) !== null;
}

/** Does what can be done by the screen itself; help is another's business. */
export function act(shortcut: Shortcut): boolean {
  switch (shortcut) {
    case "/":
      return focus(document.querySelector<HTMLElement>("[role=search] input"));
    case "n": {
      const link = document.querySelector<HTMLElement>("[data-shortcut=n]");
      focus(link); // it goes with its screen: then the next one's heading has the focus
      link?.click();
      return link !== null;
    }
    case "j":
      return move(1);
    case "k":
      return move(-1);
    case "?":
      return false;
  }
}

function focus(element: HTMLElement | null | undefined): boolean {
  element?.focus();
  return element !== null && element !== undefined;
}

/** Moves the focus to the row after or before; Enter opens what it is on. */
function move(by: 1 | -1): boolean {
  const rows = [...document.querySelectorAll<HTMLElement>("main tbody tr")];
  const heads = rows.flatMap((row) => row.querySelector<HTMLElement>("th a, th button") ?? []);
  const at = heads.findIndex((each) => each.closest("tr")?.contains(document.activeElement));
  return focus(heads[at < 0 ? 0 : Math.min(Math.max(at + by, 0), heads.length - 1)]);
}
