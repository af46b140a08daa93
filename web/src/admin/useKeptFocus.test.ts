import { afterEach, beforeEach, expect, test } from "vitest";

import { keepFocus } from "./useKeptFocus";

let end: () => void;

beforeEach(() => {
  document.body.innerHTML = `<main><h1>A mailing</h1><p data-said></p><button>Save</button><button>Other</button></main>`;
  end = keepFocus();
});

afterEach(() => {
  end();
  document.body.innerHTML = "";
});

const button = () => document.querySelector("button")!;
const observed = () => new Promise((resolve) => setTimeout(resolve));

test("the heading has the focus when what had it is gone", async () => {
  button().focus();
  button().remove();
  await observed();
  expect(document.activeElement?.tagName).toBe("H1");
});

test("what came of it has the focus before the heading", async () => {
  button().focus();
  document.querySelector("[data-said]")!.textContent = "Saved.";
  button().remove();
  await observed();
  expect(document.activeElement?.textContent).toBe("Saved.");
});

test("what an open dialog has of the focus stays in it until it is closed", async () => {
  const dialog = Object.assign(document.createElement("div"), { className: "modal", innerHTML: "<button>Stop</button>" });
  document.body.append(dialog);
  dialog.querySelector("button")!.focus();
  document.querySelector("[data-said]")!.textContent = "Stopped.";
  dialog.querySelector("button")!.remove();
  await observed();
  expect(document.activeElement).toBe(document.body);
  dialog.remove();
  await observed();
  expect(document.activeElement?.textContent).toBe("Stopped.");
});

test("what was switched off meanwhile has it again", async () => {
  const own = button();
  own.focus();
  own.disabled = true;
  own.blur(); // as browsers do
  await observed();
  own.disabled = false;
  await observed();
  expect(document.activeElement).toBe(own);
});

test("who leaves a button for nothing is left alone", async () => {
  const own = button();
  own.focus();
  own.blur();
  await observed();
  document.querySelector("h1")!.textContent = "Another";
  await observed();
  expect(document.activeElement).toBe(document.body);
});

test("what came of it has the focus that the heading had for want of it", async () => {
  button().focus();
  button().remove();
  await observed();
  expect(document.activeElement?.tagName).toBe("H1");
  document.querySelector("[data-said]")!.textContent = "Saved.";
  await observed();
  expect(document.activeElement?.textContent).toBe("Saved.");
});
