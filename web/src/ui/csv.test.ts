import { expect, test } from "vitest";

import { csvOf, separatorOf } from "./csv";

const withoutMark = (text: string) => text.replace("\ufeff", "");

test("a table begins with the mark by which spreadsheets know UTF-8", () => {
  expect(csvOf([["Анна"]], ",")).toBe("\ufeffАнна\r\n");
});

test("a cell with a separator, a quote or a line break stands in quotes", () => {
  const rows = [["a,b", 'say "hi"', "two\nlines", "a;b", ""]];
  expect(withoutMark(csvOf(rows, ","))).toBe('"a,b","say ""hi""","two\nlines",a;b,\r\n');
  expect(withoutMark(csvOf(rows, ";"))).toBe('a,b;"say ""hi""";"two\nlines";"a;b";\r\n');
});

test("nothing is a formula", () => {
  expect(withoutMark(csvOf([["=1+1", "+7", "-1", "@a", "1-1"]], ","))).toBe("'=1+1,'+7,'-1,'@a,1-1\r\n");
});

test("Russian tables have semicolons between their cells", () => {
  expect([separatorOf("ru"), separatorOf("en")]).toEqual([";", ","]);
});
