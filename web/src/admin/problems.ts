import { addWords } from "../words";
import en from "../words/problems.en.json";
import ru from "../words/problems.ru.json";

addWords({ en, ru });
