import { addWords } from "../words";
import en from "../words/details.en.json";
import ru from "../words/details.ru.json";

addWords({ en, ru });
