/**
 * Returns the HTML of a mail as this page may show it: its structure, without what runs or is fetched.
 *
 * The frame it is shown in runs nothing either; but what this page's policy forbids would be reported.
 */
export function shownHtml(html: string): string {
  const read = new DOMParser().parseFromString(html, "text/html");
  read.querySelectorAll("script, style, link, iframe, object, embed, base, meta, form").forEach((each) => each.remove());
  for (const element of read.querySelectorAll("*")) {
    for (const { name } of [...element.attributes]) {
      if (name !== "alt" && name !== "title" && name !== "colspan" && name !== "rowspan") element.removeAttribute(name);
    }
    if (element.tagName === "IMG") element.replaceWith(`[${element.getAttribute("alt") ?? "img"}]`);
  }
  return read.body.innerHTML;
}
