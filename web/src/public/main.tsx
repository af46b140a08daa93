import "bootstrap/dist/css/bootstrap.min.css";
import "../ui/ui.css";

import { createRoot } from "react-dom/client";

import { begin } from "../words";
import publicEn from "../words/public.en.json";
import publicRu from "../words/public.ru.json";
import uiEn from "../words/ui.en.json";
import uiRu from "../words/ui.ru.json";
import { Page } from "./Page";

void begin({ en: { ...uiEn, ...publicEn }, ru: { ...uiRu, ...publicRu } }).then(() => {
  createRoot(document.getElementById("root")!).render(<Page />);
});
