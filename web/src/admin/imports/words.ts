import { addWords } from "../../words";
import en from "../../words/imports.en.json";
import ru from "../../words/imports.ru.json";

addWords({ en, ru });
