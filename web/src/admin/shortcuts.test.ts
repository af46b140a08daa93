import { beforeEach, expect, test } from "vitest";

import { act, isTaken, shortcutOf } from "./shortcuts";

const press = (key: string, code = "", more: object = {}) => ({
  key,
  code,
  shiftKey: false,
  ctrlKey: false,
  altKey: false,
  metaKey: false,
  ...more,
});

test.each([
  [press("n", "KeyN"), "n"],
  [press("т", "KeyN"), "n"], // a Russian layout
  [press("/", "Digit7", { shiftKey: true }), "/"], // a German one
  [press("?", "Slash", { shiftKey: true }), "?"],
  [press(",", "Slash", { shiftKey: true }), "?"],
  [press(".", "Slash"), "/"],
  [press("b", "KeyN"), null], // what is written counts
  [press("n", "KeyN", { ctrlKey: true }), null],
  [press("n", "KeyN", { metaKey: true }), null],
  [press("Enter", "Enter"), null],
])("a key stands for what is written on it, else for its place", (given, wanted) => {
  expect(shortcutOf(given)).toBe(wanted);
});

beforeEach(() => {
  document.body.innerHTML = `
    <main><form role="search"><input id="q"></form>
    <table><tbody><tr><th><a href="#1" id="one">1</a></th></tr><tr><th><a href="#2" id="two">2</a></th></tr></tbody></table>
    </main>`;
});

const focused = () => document.activeElement?.id;

test("rows are gone through from the first to the last, and back", () => {
  const seen = (["j", "j", "j", "k", "k"] as const).map((key) => act(key) && focused());
  expect(seen).toEqual(["one", "two", "two", "one", "one"]);
});

test("what begins something new has the focus when it is pressed by its key", () => {
  const pressed: (string | undefined)[] = [];
  document.body.insertAdjacentHTML("beforeend", '<button id="new" data-shortcut="n"></button>');
  document.getElementById("new")!.addEventListener("click", () => pressed.push(focused()));
  expect(act("n")).toBe(true);
  expect(pressed).toEqual(["new"]);
});

test("keys are the field's that has the focus, and the dialog's that is open", () => {
  expect(act("/") && focused()).toBe("q");
  expect(isTaken(document.activeElement)).toBe(true);
  expect(isTaken(document.body)).toBe(false);
  document.body.insertAdjacentHTML("beforeend", '<div class="modal show"></div>');
  expect(isTaken(document.body)).toBe(true);
});

test("what a screen has not is left to the browser", () => {
  document.body.innerHTML = "";
  expect((["/", "n", "j", "k"] as const).map((key) => act(key))).toEqual([false, false, false, false]);
});
