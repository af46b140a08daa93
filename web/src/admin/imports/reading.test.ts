import { expect, test } from "vitest";

import { declared, fieldOf } from "./columns";
import { cells, seeBytes, typeOf } from "./reading";

const utf8 = (text: string) => new TextEncoder().encode(text);

test("a table of people is read as they made it", () => {
  const seen = seeBytes(utf8('\ufeffТелефон;ФИО;Теги\r\n79161234567;"Иванова; Анна";vip\r\n'), true);
  expect(seen).toEqual({
    kind: "csv",
    charset: "utf-8",
    delimiter: ";",
    header: ["Телефон", "ФИО", "Теги"],
    rows: [["79161234567", "Иванова; Анна", "vip"]],
  });
  expect(seen.header.map(fieldOf)).toEqual(["phone", "full_name", "tags"]);
});

test("text that is no UTF-8 is read as Windows writes Russian", () => {
  const bytes = new Uint8Array([...utf8("phone,"), 0xe8, 0xec, 0xff, 0x0a]); // "имя"
  expect(seeBytes(bytes, true).header).toEqual(["phone", "имя"]);
});

test("a character that the end of the piece cuts in two does not change the charset", () => {
  const bytes = utf8("phone,имя\n79161234567,я");
  expect(seeBytes(bytes.subarray(0, bytes.length - 1), false).charset).toBe("utf-8");
});

test("a row that is cut off is not shown", () => {
  expect(seeBytes(utf8("phone\n79161234567\n7916"), false).rows).toEqual([["79161234567"]]);
});

test("quotes keep delimiters, line breaks and quotes", () => {
  expect(cells('a,"b\n,""c"""\n\n\nd,e', ",", 9)).toEqual([["a", 'b\n,"c"'], ["d", "e"]]);
});

test("lines of JSON have the columns of all of them", () => {
  const seen = seeBytes(utf8('{"phone":"7916"}\n{"phone":"7917","tags":["a"]}\n'), true);
  expect([seen.kind, seen.header, seen.rows]).toEqual([
    "ndjson",
    ["phone", "tags"],
    [["7916", ""], ["7917", '["a"]']],
  ]);
});

test("what is packed is known by its first bytes", () => {
  expect(seeBytes(new Uint8Array([0x50, 0x4b, 3, 4]), true).kind).toBe("packed");
  expect(typeOf("Clients.XLSX")).toContain("spreadsheetml");
  expect(typeOf("clients")).toBe("application/octet-stream");
});

test("only what the names do not say is declared, and what nobody knows is passed over", () => {
  const header = ["Телефон", "Имя", "Бонусы", "Код", "reason"];
  expect(declared(header, ["phone", "name_part", "", "external_id", ""])).toEqual({
    Бонусы: null,
    Код: "external_id",
  });
});
