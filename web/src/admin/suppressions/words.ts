import { addWords } from "../../words";
import en from "../../words/suppressions.en.json";
import ru from "../../words/suppressions.ru.json";

addWords({ en, ru });
