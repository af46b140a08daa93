import { addWords } from "../../words";
import en from "../../words/form.en.json";
import ru from "../../words/form.ru.json";

addWords({ en, ru });
