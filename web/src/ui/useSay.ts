import { useTranslation } from "react-i18next";

/** Makes words of a key and its values. */
export type Say = (key: string, values?: Record<string, unknown>) => string;

/** Returns the words of the page for what makes text without knowing React. */
export function useSay(): Say {
  const { t } = useTranslation();
  return (key, values = {}) => t(key, values);
}
