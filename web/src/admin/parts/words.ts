/** The words that these screens share come with the first of them. */
import "./parts.css";

import { addWords } from "../../words";
import en from "../../words/parts.en.json";
import ru from "../../words/parts.ru.json";

addWords({ en, ru });
