import { addWords } from "../../words";
import en from "../../words/operations.en.json";
import ru from "../../words/operations.ru.json";

addWords({ en, ru });
