import i18next from "i18next";
import { initReactI18next } from "react-i18next";

export type Language = "en" | "ru";

export const LANGUAGES: readonly Language[] = ["en", "ru"];
const KEPT = "mailings.language";

/** The language of the page: `theme.js` has chosen it before anything was drawn. */
export function language(): Language {
  return document.documentElement.lang === "ru" ? "ru" : "en";
}

/** Speaks the page's language from now on; `words` are the texts of both, one tree of keys. */
export async function begin(words: Record<Language, object>): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: language(),
    fallbackLng: false,
    resources: { en: { translation: words.en }, ru: { translation: words.ru } },
    interpolation: { escapeValue: false }, // React does
    react: { bindI18nStore: "added" }, // what was shown without words that come later is shown with them
  });
}

/** Adds the words of a screen, which come with its code. */
export function addWords(words: Record<Language, object>): void {
  for (const each of LANGUAGES) i18next.addResourceBundle(each, "translation", words[each], true);
}

export function speak(wanted: Language): void {
  document.documentElement.lang = wanted;
  keep(KEPT, wanted);
  void i18next.changeLanguage(wanted);
}

/** Keeps a choice of this browser; where storage is forbidden it holds until the page is closed. */
export function keep(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // no storage, no memory
  }
}
