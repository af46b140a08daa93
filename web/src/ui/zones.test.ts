import { expect, test } from "vitest";

import { zoneLabel, zones } from "./zones";

const WINTER = new Date("2026-01-15T12:00:00Z");
const SUMMER = new Date("2026-07-15T12:00:00Z");

test.each([
  ["Europe/Moscow", WINTER, "en", "Moscow, GMT+3"],
  ["Europe/Moscow", WINTER, "ru", "Москва, Санкт-Петербург, GMT+3"],
  ["Asia/Novosibirsk", WINTER, "ru", "Новосибирск, GMT+7"],
  ["Europe/Berlin", WINTER, "ru", "Berlin, GMT+1"],
  ["Europe/Berlin", SUMMER, "ru", "Berlin, GMT+2"],
  ["Asia/Kolkata", WINTER, "en", "Kolkata, GMT+5:30"],
  ["America/Argentina/Buenos_Aires", WINTER, "en", "Buenos Aires, GMT-3"],
])("%s at %s is offered in %s as %s", (zone, at, language, label) => {
  expect(zoneLabel(zone, at, language)).toBe(label);
});

test("every zone that is offered has a label, and UTC is among them once", () => {
  const all = zones();
  expect(all.filter((each) => !/^.+, GMT/.test(zoneLabel(each, WINTER, "ru")))).toEqual([]);
  expect(all.filter((each) => each === "UTC")).toEqual(["UTC"]);
});
